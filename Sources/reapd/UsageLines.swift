import OwnedDirectories
import ReapEngine
import ReapRules

// What `usage --json` prints: a line for each directory, large file and place left out; one for each tree, and
// one for all of them together, which is the last.

extension MeasuredTree {
  /// - Parameter write: takes a line.
  func eachLine(_ write: (JSONValue) -> Void) {
    for row in usage.rows.sorted() {
      var members = head("directory", usage.rows.path(row))
      members += sumMembers(usage.rows.sum(row))
      members.append(("grown_bytes", growth(ofRow: row).map(JSONValue.integer) ?? .null))
      write(.object(members))
    }
    for file in usage.largest {
      write(
        .object(
          head("file", file.path) + [
            ("bytes", .integer(file.bytes)), ("apparent_bytes", .integer(file.apparentBytes)),
          ]))
    }
    for (path, code) in usage.unreadable.told {
      write(.object(head("unreadable", path) + [("error", .string(errorText(code)))]))
    }
    for (path, _) in usage.mounts.told { write(.object(head("mount", path))) }
    write(.object(head("total", []) + sumMembers(usage.total) + totalMembers))
  }

  private func head(_ type: String, _ below: [UInt8]) -> [(String, JSONValue)] {
    [("type", .string(type)), JSONValue.pathMember(path.appending(below).bytes)]
  }

  private var totalMembers: [(String, JSONValue)] {
    [
      ("unreadable", .integer(Int64(usage.unreadable.count))),
      ("mounts", .integer(Int64(usage.mounts.count))),
      (
        "disk",
        .object([
          ("bytes", .integer(room.totalBytes)), ("free_bytes", .integer(room.freeBytes)),
          ("used_percent", percent(room.usedBytesShare)), ("inodes", .integer(room.totalInodes)),
          ("free_inodes", .integer(room.freeInodes)),
          ("inodes_used_percent", percent(room.usedInodesShare)),
        ])
      ),
      ("growth", growth.map { growthValue($0) } ?? .null),
      ("full_on", growth?.forecast.map { .string($0.day) } ?? .null),
    ]
  }

  private func growthValue(_ growth: UsageGrowth) -> JSONValue {
    .object([
      ("since", earlier.map { .string(formatTime($0.point.wall)) } ?? .null),
      ("seconds", growth.span.map { .number(Double($0) / 1e9) } ?? .null),
      ("bytes", .integer(growth.bytes)), ("inodes", .integer(growth.inodes)),
      ("bytes_per_day", growth.bytesPerDay.map(JSONValue.integer) ?? .null),
      ("complete", .bool(isComparable)),
      ("full_at", growth.forecast.map { .string(formatTime($0.full)) } ?? .null),
      ("full_of", growth.forecast.map { .string($0.room.rawValue) } ?? .null),
      ("full_at_pace_of", growth.forecast.map { .string($0.pace.rawValue) } ?? .null),
    ])
  }
}

extension UsageSummary {
  var json: JSONValue {
    .object(
      [("type", .string("summary")), ("paths", .integer(Int64(paths)))] + sumMembers(sum) + [
        ("unreadable", .integer(Int64(unreadable))), ("mounts", .integer(Int64(mounts))),
        ("failed", .integer(Int64(failed))),
      ])
  }
}

func sumMembers(_ sum: UsageSum) -> [(String, JSONValue)] {
  [
    ("bytes", .integer(sum.bytes)), ("apparent_bytes", .integer(sum.apparentBytes)),
    ("files", .integer(sum.files)), ("directories", .integer(sum.directories)),
    ("inodes", .integer(sum.inodes)),
  ]
}

/// Of hundredths of a percent.
private func percent(_ share: Int64?) -> JSONValue {
  share.map { .number(Double($0) / 100) } ?? .null
}
