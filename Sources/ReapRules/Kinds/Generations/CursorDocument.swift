/// A cursor as a writer sees it: which generation is live, and the text of the cursor that follows.
///
/// The format is hypaware's: 2-space JSON, `tableDir` for source tables, `epoch` for epochs.
/// Members that are not known here stay as they are and where they are.
package struct CursorDocument: Sendable {
  package enum Layout: String, Sendable {
    /// `tableDir` names the live generation, or it is `table`.
    case sourceTable
    /// `epoch=<epoch>` is the live generation.
    case epoch
  }

  package let layout: Layout
  package let epoch: Int64
  package let live: EntryName
  private let members: [(String, JSONValue)]
  private let endsInNewline: Bool

  /// - Throws: `CursorProblem` for everything that names no generation beyond doubt: what the reaper
  ///   would not act on, a writer does not replace.
  package init(parsing text: [UInt8]) throws(CursorProblem) {
    let settings = GenerationSettings()
    do {
      switch readCursor(text, settings: settings, match: GenerationSettings.defaultGlob) {
      case .known(let name): live = name
      case .unknown(let reason): throw CursorProblem(what: reason)
      }
      let value = try JSONValue(parsing: text)
      guard case .object(let members) = value, let epoch = value["epoch"]?.integer,
        // What a double holds exactly: JavaScript's numbers.
        (0..<1 << 53).contains(epoch)
      else { throw CursorProblem(what: "its epoch is out of range") }
      self.members = members
      self.epoch = epoch
      let isTable = value["tableDir"] != nil || value["layout"]?.string == "source-table"
      layout = isTable ? .sourceTable : .epoch
      endsInNewline = text.last == UInt8(ascii: "\n")
    } catch let problem as CursorProblem {
      throw problem
    } catch {
      throw CursorProblem(what: "\(error)")
    }
  }

  /// What the writer of the next generation knows of it.
  package struct Successor: Sendable {
    package var name: EntryName
    /// For layout epoch, the number in its name; otherwise the epoch stays.
    package var epoch: Int64
    /// Rows in it; nil leaves the number as it stands.
    package var rowCount: Int64?
    /// For a generation that was made of the old one by compaction.
    package var compaction: Compaction?

    package init(name: EntryName, epoch: Int64) {
      self.name = name
      self.epoch = epoch
    }
  }

  package struct Compaction: Sendable {
    /// ISO 8601 with milliseconds, UTC.
    package var at: String
    package var filesBefore: Int64
    package var filesAfter: Int64

    package init(at: String, filesBefore: Int64, filesAfter: Int64) {
      self.at = at
      self.filesBefore = filesBefore
      self.filesAfter = filesAfter
    }
  }

  /// The text of the cursor that names the successor.
  package func text(naming successor: Successor) -> [UInt8] {
    var members = members
    func set(_ name: String, _ value: JSONValue) {
      if let index = members.firstIndex(where: { $0.0 == name }) {
        members[index].1 = value
      } else {
        members.append((name, value))
      }
    }
    if let rows = successor.rowCount { set("rowCount", .integer(rows)) }
    if let compaction = successor.compaction { set("compaction", compactionMember(compaction)) }
    switch layout {
    case .epoch: set("epoch", .integer(successor.epoch))
    case .sourceTable:
      set("layout", .string("source-table"))
      set("tableDir", .string(String(decoding: successor.name.bytes, as: UTF8.self)))
    }
    let text = JSONValue.object(members).indentedText + (endsInNewline ? "\n" : "")
    return Array(text.utf8)
  }

  private func compactionMember(_ compaction: Compaction) -> JSONValue {
    let previous: (String, JSONValue) =
      switch layout {
      case .sourceTable:
        ("previousTableDir", .string(String(decoding: live.bytes, as: UTF8.self)))
      case .epoch: ("previousEpoch", .integer(epoch))
      }
    let old = members.first { $0.0 == "compaction" }?.1
    return .object([
      previous, ("compactedAt", .string(compaction.at)),
      ("resettleBaselineFiles", .integer(compaction.filesAfter)),
      ("dataFilesBefore", .integer(compaction.filesBefore)),
      // What hypaware writes of itself; 2 where it had not yet compacted.
      ("writerGeneration", old?["writerGeneration"] ?? .integer(2)),
    ])
  }

  /// The cursor of a partition that has none yet.
  package static func first(naming name: EntryName, rowCount: Int64) -> [UInt8] {
    Array(
      JSONValue.object([
        ("epoch", .integer(0)), ("rowCount", .integer(rowCount)), ("compaction", .null),
        ("layout", .string("source-table")),
        ("tableDir", .string(String(decoding: name.bytes, as: UTF8.self))),
      ]).indentedText.utf8)
  }
}

/// Why a cursor cannot be followed by another.
package struct CursorProblem: Error, Sendable, CustomStringConvertible {
  package let what: String
  package var description: String { what }
}

/// ISO 8601 in UTC with milliseconds, as JavaScript's `toISOString` writes it.
package func isoMilliseconds(_ wall: Nanoseconds) -> String {
  String(formatTime(wall).dropLast("123Z".count)) + "Z"
}
