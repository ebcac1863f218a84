// The writer that a drill kills: it owns directories in both ways, and watches over them.

import Glibc
import OwnedDirectories
import ReapRules

/// Makes one directory after the other and says each step, until it is killed.
///
/// It looks itself whether anything of its own was touched: what it lost, it says.
package struct DrillWriter {
  let root: String
  let grace: Int64
  /// Whether it keeps each directory for long: it is meant to live through the drill.
  let isResident: Bool
  /// Whether it was put into a cgroup in which it may take all of the memory.
  let mayExhaust: Bool
  private var random: SeededRandom

  /// The first word of the hidden command.
  static let word = drillWriterWord

  /// What starts such a writer, after the program's name.
  static func words(
    root: String, grace: Int64, seed: UInt64, isResident: Bool, mayExhaust: Bool
  ) -> [String] {
    [word, root, "\(grace)", "\(seed)", isResident ? "resident" : "", mayExhaust ? "oom" : ""]
  }

  /// - Parameter arguments: the program's own; nil where they are not what `words` gives.
  package init?(_ arguments: [String]) {
    guard arguments.count == 7, arguments[1] == Self.word, let grace = Int64(arguments[3]),
      let seed = UInt64(arguments[4])
    else { return nil }
    root = arguments[2]
    self.grace = grace
    random = SeededRandom(seed: seed)
    isResident = arguments[5] == "resident"
    mayExhaust = arguments[6] == "oom"
  }

  package mutating func run() -> Never {
    while true {
      if Bool.random(using: &random) { plain() } else { throughLibrary() }
      if isAskedToExhaust() { exhaustMemory() }
    }
  }

  /// mkdir, open, flock, as programs do that know nothing of this library.
  private mutating func plain() {
    let stamp = readClocks().wall / nanosecondsPerSecond
    let name = EntryName("spill_\(stamp)_\(random.next())")!
    let path = root + "/" + name.display
    let lockName = EntryName(SpillDirectory.lockName)!
    let start = readMonotonic()
    say(.will, name, "\(readClocks().wall)")
    do throws(SystemError) {
      let place = try openPlace(root)
      defer { place.close() }
      try makeDirectory(name, at: place)
      say(.made, name)
      linger()
      let directory = try openPlace(path)
      defer { directory.close() }
      let lock = try openLockFile(lockName, in: directory, isNew: false)
      say(.opened, name)
      linger()
      guard tryLock(lock, .flock) == .taken else {
        lock.close()
        return fail(name, since: start, "the lock of a new directory was taken: \(path)")
      }
      let isOurs: () -> Bool = {
        guard let there = try? status(of: lockName, at: directory) else { return false }
        return there.identity == (try? status(of: lock))?.identity
          && (try? status(ofPath: FilePath(path)))?.type == .directory
      }
      guard isOurs() else {
        lock.close()
        return fail(name, since: start, "the new directory is gone: \(path)")
      }
      say(.owned, name)
      let leaves = work(in: directory, name, isOurs)
      guard let leaves else { return lock.close() }
      if leaves {
        letGo(name) { lock.close() }
        return
      }
      defer { lock.close() }
      say(.removing, name)
      try unlink(lockName, at: directory, isDirectory: false)
      linger()
      for chunk in chunkNames.prefix(written) {
        try unlink(chunk, at: directory, isDirectory: false)
      }
      try unlink(name, at: place, isDirectory: true)
      say(.done, name)
    } catch {
      fail(name, since: start, error)
    }
  }

  private mutating func throughLibrary() {
    var name = EntryName("spill_0_0")!
    let spill: SpillDirectory
    do throws(SpillDirectoryError) {
      spill = try SpillDirectory(in: root) { step, made in
        if step == .named {
          name = made
          say(.will, made)
        }
      }
    } catch {
      if error.reason == .displaced || error.reason == .contended {
        return say(.lost, name, "\(error)")
      }
      return stick("\(error)")
    }
    say(.owned, name)
    guard let directory = try? openPlace(spill.path) else {
      say(.lost, name, "it cannot be opened")
      return spill.release()
    }
    let lock = Descriptor(number: spill.lockDescriptor)
    let path = spill.path + "/" + SpillDirectory.lockName
    let leaves = work(in: directory, name) {
      (try? status(ofPath: FilePath(path)))?.identity == (try? status(of: lock))?.identity
    }
    directory.close()
    guard let leaves else { return spill.release() }
    if leaves {
      let stamp = readClocks().wall
      say(.releasing, name, "\(stamp)")
      return spill.release()
    }
    say(.removing, name)
    do {
      try spill.remove()
      say(.done, name)
    } catch {
      say(.lost, name, "while its owner removed it: \(error)")
    }
  }

  private var written: Int = 0
  private let chunkNames = (0..<4).map { EntryName("chunk-\($0)")! }

  /// Writes chunks, and keeps the directory for a while; whether it is to be left behind
  /// afterwards, nil where it was lost.
  private mutating func work(
    in directory: Descriptor, _ name: EntryName, _ isOurs: () -> Bool
  ) -> Bool? {
    written = 0
    for chunk in chunkNames {
      guard isOurs() else { return lose(name) }
      do throws(SystemError) {
        let file = try openLockFile(chunk, in: directory, isNew: true)
        defer { file.close() }
        guard writeOnce([UInt8](repeating: 7, count: 4096), to: file) == 4096 else {
          throw SystemError("write", chunk.display)
        }
      } catch {
        if error.code == ENOENT { return lose(name) }
        stick("\(error)")
        return true
      }
      written += 1
      say(.chunk, name)
      pause(nanoseconds: Int64.random(in: 0...2_000_000, using: &random))
    }
    // Past the grace only the lock protects it.
    let keeps = isResident || Int.random(in: 0..<3, using: &random) == 0
    if keeps {
      let span = grace * 2 + Int64.random(in: 0...(isResident ? 4 * grace : grace), using: &random)
      let end = readMonotonic() + span
      while readMonotonic() < end {
        guard isOurs() else { return lose(name) }
        pause(nanoseconds: 5_000_000)
        if isAskedToExhaust() { exhaustMemory() }
      }
    }
    guard isOurs() else { return lose(name) }
    return keeps && Bool.random(using: &random)
  }

  /// Says that a living owner has lost its directory. Gives nil, which `work` returns then.
  private func lose(_ name: EntryName) -> Bool? {
    say(.lost, name, "it was taken away from its living owner")
    return nil
  }

  private func letGo(_ name: EntryName, _ release: () -> Void) {
    say(.releasing, name, "\(readClocks().wall)")
    release()
  }

  /// Up to an eighth of the grace: two of them are far from it.
  private mutating func linger() {
    pause(nanoseconds: Int64.random(in: 0...grace / 8, using: &random))
  }

  private func fail(_ name: EntryName, since start: Int64, _ error: SystemError) {
    if error.code == ENOENT {
      fail(name, since: start, "it was taken away from its living owner: \(error)")
    } else {
      stick("\(error)")
    }
  }

  /// A creation that took longer than the grace, on a machine that is too busy, is not protected.
  private func fail(_ name: EntryName, since start: Int64, _ what: String) {
    say(readMonotonic() - start < grace ? .lost : .late, name, what)
  }

  private func stick(_ what: String) {
    say(.stuck, EntryName("-")!, what)
    pause(nanoseconds: 100_000_000)
  }

  private func say(_ point: ExpectedState.Point, _ name: EntryName, _ detail: String = "") {
    reachedPoint(point.rawValue, detail.isEmpty ? name.display : name.display + " " + detail)
    if point != .releasing, isAskedToExhaust() { exhaustMemory() }
  }

  /// Whether the drill wants it to be killed for want of memory: it has written a line. Without
  /// a drill there is nothing to do.
  private func isAskedToExhaust() -> Bool {
    let input = Descriptor(number: STDIN_FILENO)
    guard isReadable(input) else { return false }
    guard readByte(input) != nil else { exit(0) }
    return mayExhaust
  }
}
