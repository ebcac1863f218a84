// A writer that appends, compacts and purges for as long as it is let, in the order of hypaware's
// steps: every directory on the way to a file is made before each write, data before metadata,
// metadata before the cursor. At any step it may stop itself, as a suspended program stands still.

import Glibc

struct LivelyWriter {
  let partition: String
  /// A file; once it is there, the writer ends.
  let end: String
  /// One step in so many is a stop.
  let stopEvery: Int
  private var rows: [Int] = []
  private var nextRow = 0
  private var live = "table"
  private var version = 0
  private var files: [String] = []
  /// Names of purged generations that count as purged once they are gone.
  private var journal: [String] = []
  private var random = SystemRandomNumberGenerator()

  init(partition: String, end: String, stopEvery: Int) {
    self.partition = partition
    self.end = end
    self.stopEvery = stopEvery
  }

  /// Works until it is told to end; returns how many rows there are then.
  mutating func run(_ say: (String) -> Void) -> Int {
    makeGeneration("table", rows: [])
    writeCursor(previous: nil)
    say("started")
    while !isToldToEnd {
      switch Int.random(in: 0..<4, using: &random) {
      case 0: replace(keeping: rows, isPurge: false)
      case 1: replace(keeping: rows.filter { _ in Bool.random(using: &random) }, isPurge: true)
      default: append()
      }
      // A purge is done when the old generation's name is gone.
      for name in journal where access("\(partition)/\(name)", F_OK) != 0 {
        unlink("\(partition)/.purge-cleanup/\(name).json")
        journal.removeAll { $0 == name }
        say("purged \(name)")
      }
      say("rows \(rows.count)")
    }
    return rows.count
  }

  private mutating func append() {
    let added = (0..<Int.random(in: 1...20, using: &random)).map { nextRow + $0 }
    nextRow += added.count
    let name = "data/part-\(nextRow).jsonl"
    write(lines(added), to: "\(live)/\(name)")
    step()
    files.append(name)
    rows += added
    commit()
    step()
    writeCursor(previous: nil)
  }

  private mutating func replace(keeping kept: [Int], isPurge: Bool) {
    let old = live
    let new = "table-\(milliseconds())"
    guard new != old else { return }
    makeGeneration(new, rows: kept)
    step()
    if isPurge {
      write(Array("{\"generation\":\"\(old)\"}".utf8), to: ".purge-cleanup/\(old).json")
      journal.append(old)
      step()
    }
    writeCursor(previous: old)
    step()
    // A sweep may have taken it already: then there is nothing to mark.
    if access("\(partition)/\(old)", F_OK) == 0 {
      write(Array("2026-11-20T23:21:16.855Z".utf8), to: "\(old)/.retired", isMade: false)
    }
  }

  private mutating func makeGeneration(_ name: String, rows kept: [Int]) {
    (live, version, files) = (name, 0, ["data/rows.jsonl"])
    step()
    write(lines(kept), to: "\(name)/data/rows.jsonl")
    step()
    rows = kept
    commit()
  }

  private mutating func commit() {
    version += 1
    let list = files.map { "\"\($0)\"" }.joined(separator: ",")
    let text = "{\"files\":[\(list)],\"rows\":\(rows.count)}\n"
    write(Array(text.utf8), to: "\(live)/metadata/v\(version).metadata.json")
  }

  private func writeCursor(previous: String?) {
    let compaction = previous.map { "{\"previousTableDir\":\"\($0)\"}" } ?? "null"
    let text = """
      {
        "epoch": 0,
        "rowCount": \(rows.count),
        "compaction": \(compaction),
        "layout": "source-table",
        "tableDir": "\(live)"
      }
      """
    let hex = String(UInt64.random(in: (1 << 44)..<(1 << 48)), radix: 16)
    let prepared = "\(partition)/cursor.json.\(getpid()).\(hex).tmp"
    put(Array(text.utf8), prepared)
    rename(prepared, "\(partition)/cursor.json")
  }

  /// As hypaware writes a file: mkdir -p, a temporary one, a rename.
  private mutating func write(_ bytes: [UInt8], to path: String, isMade: Bool = true) {
    if isMade {
      var directory = partition
      for component in path.split(separator: "/").dropLast() {
        directory += "/" + component
        mkdir(directory, 0o777)
      }
    }
    let final = "\(partition)/\(path)"
    let temporary = "\(final).tmp.\(getpid()).\(milliseconds()).a1b2c3"
    put(bytes, temporary)
    step()
    rename(temporary, final)
  }

  private func put(_ bytes: [UInt8], _ path: String) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard file >= 0 else { return }
    _ = Glibc.write(file, bytes, bytes.count)
    close(file)
  }

  private mutating func step() {
    if Int.random(in: 0..<stopEvery, using: &random) == 0 { raise(SIGSTOP) }
  }

  private func lines(_ ids: [Int]) -> [UInt8] {
    Array(ids.map { "{\"id\":\($0)}\n" }.joined().utf8)
  }

  private var isToldToEnd: Bool {
    usleep(20_000)
    return access(end, F_OK) == 0
  }

  private func milliseconds() -> Int {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
  }
}
