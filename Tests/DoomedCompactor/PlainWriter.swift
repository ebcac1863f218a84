// A compaction as hypaware does it: no lock, no sync, a crashed epoch's directory is used again.

import Glibc

struct PlainWriter {
  let partition: String

  static let steps = [
    "directory-made", "file-made", "file-closed", "committed", "cursor-prepared", "flipped",
    "retired",
  ]

  /// Copies the live generation's rows into a new one and makes that live. Returns what failed.
  func run(_ reached: (_ step: String, _ generation: String) -> Void) -> String? {
    let cursor = String(decoding: DoomedCompactor.read(partition + "/cursor.json"), as: UTF8.self)
    guard let epoch = Int(member("epoch", of: cursor) ?? "") else { return "cursor" }
    let table = member("tableDir", of: cursor)
    let old = table ?? "epoch=\(epoch)"
    let new = table == nil ? "epoch=\(epoch + 1)" : "table-\(milliseconds())"
    let path = partition + "/" + new
    let rows = DoomedCompactor.read("\(partition)/\(old)/data/rows.jsonl")
    guard !rows.isEmpty else { return "no rows in \(old)" }

    for directory in [path, path + "/data", path + "/metadata"] {
      guard mkdir(directory, 0o777) == 0 || errno == EEXIST else { return "mkdir \(errno)" }
    }
    reached("directory-made", new)
    let data = path + "/data/rows.jsonl"
    let temporary = "\(data).tmp.\(getpid()).\(milliseconds()).a1b2c3"
    guard write([], to: temporary) else { return "create \(errno)" }
    reached("file-made", new)
    guard write(rows, to: temporary), rename(temporary, data) == 0 else { return "rows \(errno)" }
    reached("file-closed", new)
    guard write(Array("{}\n".utf8), to: path + "/metadata/v1.metadata.json") else {
      return "metadata \(errno)"
    }
    reached("committed", new)

    let named = table == nil ? "" : ",\n  \"layout\": \"source-table\",\n  \"tableDir\": \"\(new)\""
    let previous = table == nil ? "\"previousEpoch\": \(epoch)" : "\"previousTableDir\": \"\(old)\""
    let text = """
      {
        "epoch": \(table == nil ? epoch + 1 : epoch),
        "rowCount": 100,
        "compaction": {
          \(previous)
        }\(named)
      }
      """
    let hex = String(UInt64.random(in: (1 << 44)..<(1 << 48)), radix: 16)
    let prepared = "\(partition)/cursor.json.\(getpid()).\(hex).tmp"
    guard write(Array(text.utf8), to: prepared) else { return "cursor \(errno)" }
    reached("cursor-prepared", new)
    guard rename(prepared, partition + "/cursor.json") == 0 else { return "flip \(errno)" }
    reached("flipped", new)
    // A sweep may have taken it already.
    _ = write(Array("2026-11-20T23:21:16.855Z".utf8), to: "\(partition)/\(old)/.retired")
    reached("retired", new)
    return nil
  }

  private func write(_ bytes: [UInt8], to path: String) -> Bool {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard file >= 0 else { return false }
    defer { close(file) }
    return bytes.isEmpty || Glibc.write(file, bytes, bytes.count) == bytes.count
  }

  /// What stands behind a member's name, up to the comma or the line's end; without quotes.
  private func member(_ name: String, of text: String) -> String? {
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2, parts[0].filter({ $0 != " " }) == "\"\(name)\"" else { continue }
      return String(parts[1].filter { !" ,\"".contains($0) })
    }
    return nil
  }

  private func milliseconds() -> Int {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
  }
}
