// What receipts have proved so far, kept over restarts: a journal that is only added to.

import OwnedDirectories
import ReapRules
import Synchronization

final class ReceiptBook: Sendable {
  private struct State {
    var proofs: [CandidatePath: CopyProof] = [:]
    /// How large the log was when it was seen last.
    var mark: LogMark?
    var journal: Descriptor?
    /// Bytes that were added to it.
    var added = 0
  }

  /// More than that is written anew, without what became of no use.
  private static let limit = 1 << 20

  private let file: FilePath
  /// How far the receipts were read.
  let position: FilePath
  private let state = Mutex(State())

  init(_ receipts: FilePath, root: FilePath) {
    let name = "receipts-" + Self.hash(root.bytes + [0] + receipts.bytes)
    let directory = reapdStateDirectory()
    file = directory.appending(name + ".journal")
    position = directory.appending(name + ".position")
    read()
  }

  /// FNV-1a: names a file, and protects nothing.
  private static func hash(_ bytes: [UInt8]) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return String(hash, radix: 16)
  }

  private func read() {
    state.withLock { state in
      try? forEachLine(ofFile: file.bytes) { line in
        if let proof = CopyProof(line: line) { return state.proofs[proof.path] = proof }
        if let mark = LogMark(line: line) { state.mark = mark }
      }
    }
  }

  var mark: LogMark? { state.withLock { $0.mark } }

  /// Since when a copy of the file, as it is now, is proved.
  func arrival(of path: CandidatePath, _ facts: FileStatus) -> Nanoseconds? {
    guard let proof = state.withLock({ $0.proofs[path] }),
      proof.fits(facts)
    else { return nil }
    return proof.arrival
  }

  /// Writes the journal anew, without what became of no use, and opens it. Only who follows the
  /// receipts does so.
  ///
  /// - Parameter isThere: whether a proof's file still is as it was.
  func begin(_ isThere: (CopyProof) -> Bool) throws(SystemError) {
    let proofs = state.withLock { Array($0.proofs.values) }
    let left = proofs.filter(isThere)
    try makeDirectories(file.parent?.text ?? "/")
    try state.withLock { state throws(SystemError) in
      state.proofs = Dictionary(uniqueKeysWithValues: left.map { ($0.path, $0) })
      try writeAnew(&state)
    }
  }

  private func writeAnew(_ state: inout State) throws(SystemError) {
    let text = state.proofs.values.flatMap(\.line) + (state.mark?.line ?? [])
    try replaceFile(file.bytes, with: text)
    let opened = try openForAppending(file)
    state.journal?.close()
    state.journal = opened
    state.added = 0
  }

  /// - Parameter mark: what comes behind it is later than it.
  /// - Returns: false where it is not written: it is good until the end of this process then.
  func note(_ proofs: [CopyProof], _ mark: LogMark?) -> Bool {
    state.withLock { state in
      for proof in proofs { state.proofs[proof.path] = proof }
      state.mark = mark
      guard let journal = state.journal else { return false }
      let text = proofs.flatMap(\.line) + (mark?.line ?? [])
      state.added += text.count
      guard state.added > Self.limit else { return writeOnce(text, to: journal) == text.count }
      return (try? writeAnew(&state)) != nil
    }
  }

  func forget(_ path: CandidatePath) { state.withLock { _ = $0.proofs.removeValue(forKey: path) } }

  func end() {
    state.withLock {
      $0.journal?.close()
      $0.journal = nil
    }
  }
}

/// How large a log was, kept over restarts.
struct LogMark: Equatable {
  let file: FileIdentity
  let mark: LogMarks<FileIdentity>.Mark

  init(_ file: FileIdentity, _ mark: LogMarks<FileIdentity>.Mark) {
    self.file = file
    self.mark = mark
  }

  /// A line of the journal: `mark <time> <size> <device> <inode> <birth, or ->`.
  var line: [UInt8] {
    let birth = file.birth.map { "\($0)" } ?? "-"
    return Array(
      "mark \(mark.time) \(mark.size) \(file.device) \(file.inode) \(birth)\n".utf8)
  }

  init?(line: some Sequence<UInt8>) {
    let words = Array(line).split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
    guard words.count == 6, words[0] == "mark", let time = Int64(words[1]),
      let size = Int64(words[2]), let device = UInt64(words[3]), let inode = UInt64(words[4]),
      words[5] == "-" || Int64(words[5]) != nil
    else { return nil }
    self.init(
      FileIdentity(device: device, inode: inode, birth: Int64(words[5])),
      .init(time: time, size: size))
  }
}

extension CopyProof {
  func fits(_ facts: FileStatus) -> Bool {
    fits(inode: facts.identity.inode, change: facts.change, size: facts.size)
  }
}

/// Where reapd keeps what it has to know after a restart.
func reapdStateDirectory() -> FilePath {
  let environment = Environment.current
  if let state = environment.path("XDG_STATE_HOME"), state.isAbsolute {
    return state.appending("reapd")
  }
  guard !isSuperuser, let home = environment.path("HOME"), home.isAbsolute else {
    return "/var/lib/reapd"
  }
  return home.appending(".local/state/reapd")
}
