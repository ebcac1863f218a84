// Who has a log open, and how: the one question that /proc answers and a lease does not.

import CLinuxShims
import Glibc
package import ReapRules

/// Who has a file open besides a descriptor of this process, and whether those must be all. To be asked
/// of a file that somebody has open: where nobody is found, that one cannot be seen (a descriptor under
/// way in a socket, an overlay above).
///
/// Asked of a file that nobody has open, a lease answers for all processes; the walk through /proc sees
/// those of this PID namespace and below, and none that this user may not look at.
package func logHolders(of file: FileIdentity, except own: Descriptor) -> LogHolders {
  var found: [LogHolders.Holder] = []
  let sight = forEachUse(of: file) { pid, place, _ in
    guard pid != processID || !place.hasSuffix("/fd/\(own.number)") else { return }
    guard let use = use(at: place) else { return }
    let holder = LogHolders.Holder(pid: pid, use: use)
    if !found.contains(holder) { found.append(holder) }
  }
  return LogHolders(
    found: found, isWhole: sight == .whole && !found.isEmpty && isInInitialPidNamespace)
}

/// By the flags that fdinfo shows (proc_pid_fdinfo(5)). What is mapped is written at any offset. Nil
/// where it is open no more, or only as a place (O_PATH).
private func use(at place: String) -> LogHolders.Use? {
  guard let range = lastRange(of: "/fd/", in: place) else { return .writesAtOffset }
  let path = place[..<range.lowerBound] + "/fdinfo/" + place[range.upperBound...]
  guard let text = try? readWhole(String(path)), let flags = openFlags(text) else {
    return readLink(Array(place.utf8)) == nil ? nil : .writesAtOffset
  }
  guard flags & Int32(shim_O_PATH) == 0 else { return nil }
  if flags & O_ACCMODE == O_RDONLY { return .reads }
  return flags & O_APPEND != 0 ? .appends : .writesAtOffset
}

private func lastRange(of word: String, in text: String) -> Range<String.Index>? {
  var end = text.endIndex
  while end > text.startIndex {
    guard let start = text.index(end, offsetBy: -word.count, limitedBy: text.startIndex) else {
      return nil
    }
    if text[start..<end] == word { return start..<end }
    end = text.index(before: end)
  }
  return nil
}

/// The flags of an open file, from the text of its fdinfo.
func openFlags(_ info: [UInt8]) -> Int32? {
  let line = String(decoding: info, as: UTF8.self).split(separator: "\n")
    .first { $0.hasPrefix("flags:") }
  return line?.split(whereSeparator: { $0 == "\t" || $0 == " " }).last.flatMap {
    Int32($0, radix: 8)
  }
}
