// What came of each way in which an owner of scratch may show that it lives, in words.

struct ScratchAccount {
  let settings: ScratchSettings
  let evidence: Evidence

  var signs: [OwnersSign] {
    settings.ownedBy.map { way in
      switch way {
      case .lock(let path):
        OwnersSign(way: "lock " + place(path), found: foundLock)
      case .pidInName: OwnersSign(way: "pid in its name", found: foundProcess)
      case .pidInLink(let path, _):
        OwnersSign(way: "pid in link " + place(path), found: foundProcess)
      case .pidInFile(let file):
        OwnersSign(
          way: "pid in file " + place(file.path), found: foundProcess)
      case .open: OwnersSign(way: "open", found: foundUse)
      case .boot: OwnersSign(way: "boot", found: foundBoot)
      }
    }
  }

  private static let notAsked = "not asked: something else has decided before"

  /// As the rule has it, with the names filled in.
  private func place(_ path: ScratchPath) -> String {
    let name = String(decoding: settings.path(of: path, for: evidence.entry.name), as: UTF8.self)
    return switch path.place {
    case .itself: "of itself"
    case .inside: name
    case .beside: "../" + name
    }
  }

  private var foundLock: String {
    switch evidence.lock {
    case nil: Self.notAsked
    case .held?: "held, so its owner lives"
    case .taken?, .takenUnlinked?: "free, which proves that its owner is gone"
    case .missing?: "there is no such file, which says nothing"
    case .notAFile(let why)?: "a doubt: \(why) in its place"
    case .unreadable(let why)?, .unknown(let why)?: "a doubt: \(why)"
    }
  }

  private var foundProcess: String {
    switch evidence.ofKind.scratch?.process {
    case nil: Self.notAsked
    case .alive(let pid)?: "\(pid) lives, and may be its owner"
    case .dead(let pid)?:
      settings.trustPids
        ? "\(pid) has ended, or there is none: as pids are trusted, that proves its owner gone"
        : "\(pid) was seen to end, which proves that its owner is gone"
    case .nothing?:
      "no process is known to be the one that is meant, which proves nothing: it may live unseen, "
        + "in another PID namespace"
    case .unknown(let why)?: "a doubt: \(why)"
    }
  }

  private var foundUse: String {
    guard let inside = evidence.inside else { return Self.notAsked }
    switch inside.openness {
    case .open(let name): return "\(name) is open, so it is in use"
    case .unknown(let why): return "a doubt: \(why)"
    case .nothingOpen: break
    }
    switch evidence.life {
    case .used?: return evidence.life.map { "\($0.text), so it is in use" } ?? ""
    case .unknown(let why)?: return "a doubt: \(why)"
    case .nobody?, nil: break
    }
    let span = settings.quiet.map {
      "; unchanged for \(formatDuration($0)), it is condemned all the same"
    }
    return "nothing of it is open, which alone proves nothing" + (span ?? "")
  }

  private var foundBoot: String {
    guard case .at(let boot)? = evidence.ofKind.scratch?.boot else {
      return evidence.ofKind.scratch?.boot.map { "a doubt: \($0.text)" } ?? Self.notAsked
    }
    let booted = "the machine was booted at \(formatTime(boot))"
    guard let birth = evidence.clocks.birth else { return "a doubt: it has no birth time" }
    guard birth < boot else { return "it was made after \(booted), which says nothing" }
    guard let change = evidence.inside?.newestChange else { return Self.notAsked }
    return change < boot
      ? "it was made and last changed before \(booted), which proves that its owner is gone"
      : "it was changed after \(booted), which says nothing"
  }
}
