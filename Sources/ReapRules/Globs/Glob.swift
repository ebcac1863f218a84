/// A shell pattern over the bytes of a name: `*`, `?`, `[a-z]`, `[!a-z]`, `\` before a literal, and three
/// operators of ksh: `@(a|b)`, one of several patterns, `+(a|b)`, one or more of them, and
/// `{8}(a|b)`, exactly eight of them.
package struct Glob: Sendable {
  package let pattern: String
  /// Where `{stem}` stands in it, which is what `*` is.
  package let stem: GlobStem?
  /// A nondeterministic automaton (Thompson, "Regular Expression Search Algorithm", 1968). All of
  /// its states advance together, so no pattern costs more than its length times the name's.
  let program: [Instruction]
  /// What every name that fits begins with, and the state behind it.
  private let prefix: [UInt8]
  /// Nothing but a `*` follows the prefix: what most patterns are.
  private let isPrefixAlone: Bool
  /// Every event's name is matched, so that matching one must not allocate; nil for a pattern with
  /// too many states for a table.
  private let table: GlobTable?

  enum Instruction: Hashable {
    /// Consumes one byte that the test accepts.
    case byte(ByteTest)
    /// Goes on at both places at once.
    case fork(Int, Int)
    case jump(Int)
    case end

    var literal: UInt8? { if case .byte(.literal(let byte)) = self { byte } else { nil } }
  }

  enum ByteTest: Hashable {
    case any
    case literal(UInt8)
    case oneOf(ranges: [ClosedRange<UInt8>], negated: Bool)

    func accepts(_ byte: UInt8) -> Bool {
      switch self {
      case .any: true
      case .literal(let literal): literal == byte
      case .oneOf(let ranges, let negated): ranges.contains { $0.contains(byte) } != negated
      }
    }
  }

  /// What is wrong with a pattern, in words for its author.
  package struct Malformed: Error, Equatable {
    package let reason: String
  }

  /// Groups within groups: more is no pattern that a person wrote.
  private static let nestingLimit = 16
  /// Repetitions within repetitions multiply.
  private static let sizeLimit = 1 << 12

  /// - Parameter takesStem: whether `{stem}` may stand in it once.
  package init(_ pattern: String, takesStem: Bool = false) throws(Malformed) {
    guard !pattern.isEmpty else { throw Malformed(reason: "the pattern is empty") }
    self.pattern = pattern
    stem = try GlobStem(pattern)
    guard takesStem || stem == nil else { throw Malformed(reason: "{stem} has no meaning here") }
    var compiler = Compiler(bytes: Array(pattern.utf8))
    try compiler.sequence(depth: 0)
    let program = compiler.program + [.end]
    self.program = program
    prefix = program.prefix { $0.literal != nil }.compactMap(\.literal)
    let rest = program[prefix.count...]
    isPrefixAlone =
      rest.elementsEqual([
        .fork(prefix.count + 1, prefix.count + 3), .byte(.any), .jump(prefix.count), .end,
      ])
    table = isPrefixAlone ? nil : GlobTable(program, from: prefix.count)
  }

  /// Translates a pattern as it reads it; addresses are absolute.
  private struct Compiler {
    let bytes: [UInt8]
    var index = 0
    var program: [Instruction] = []

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads up to the end, or inside a group up to its next `|` or `)`.
    mutating func sequence(depth: Int) throws(Malformed) {
      var endsWithRun = false
      while index < bytes.count {
        let byte = bytes[index]
        if depth > 0, byte == UInt8(ascii: "|") || byte == UInt8(ascii: ")") { return }
        index += 1
        let wasRun = endsWithRun
        endsWithRun = false
        switch byte {
        case UInt8(ascii: "*"):
          endsWithRun = true
          if !wasRun { run() }
        case UInt8(ascii: "?"): program.append(.byte(.any))
        case UInt8(ascii: "/"): throw Malformed(reason: "a name never contains '/'")
        case UInt8(ascii: "\\"):
          guard index < bytes.count else { throw Malformed(reason: "'\\' stands at the end") }
          guard bytes[index] != UInt8(ascii: "/") else {
            throw Malformed(reason: "a name never contains '/'")
          }
          program.append(.byte(.literal(bytes[index])))
          index += 1
        case UInt8(ascii: "["): program.append(.byte(try Glob.parseSet(bytes, &index)))
        case UInt8(ascii: "@"), UInt8(ascii: "+"):
          guard index < bytes.count, bytes[index] == UInt8(ascii: "(") else { fallthrough }
          index += 1
          try group(repeats: byte == UInt8(ascii: "+"), depth: depth + 1)
        case UInt8(ascii: "{"):
          if bytes[(index - 1)...].starts(with: GlobStem.mark.utf8) {
            run()
            index += GlobStem.mark.utf8.count - 1
            continue
          }
          guard let count = try repetitions() else { fallthrough }
          let start = index
          for _ in 0..<count {
            index = start
            try group(repeats: false, depth: depth + 1)
          }
        default: program.append(.byte(.literal(byte)))
        }
      }
      guard depth == 0 else { throw Malformed(reason: "'(' without ')'") }
    }

    /// Any number of bytes.
    private mutating func run() {
      let start = program.count
      program += [.fork(start + 1, start + 3), .byte(.any), .jump(start)]
    }

    /// Reads `8}(` behind a `{`; nil where something else stands there, which is literal then.
    private mutating func repetitions() throws(Malformed) -> Int? {
      let digits = bytes[index...].prefix { (0x30...0x39).contains($0) }
      guard !digits.isEmpty, bytes[digits.endIndex...].starts(with: "}(".utf8) else { return nil }
      // NAME_MAX of linux/limits.h.
      guard let count = Int(String(decoding: digits, as: UTF8.self)), (1...255).contains(count)
      else { throw Malformed(reason: "a repetition in {...} is not from 1 to 255") }
      index = digits.endIndex + 2
      return count
    }

    /// Reads a group whose `(` was just passed; every alternative but the last ends with a jump
    /// behind it.
    private mutating func group(repeats: Bool, depth: Int) throws(Malformed) {
      guard depth <= Glob.nestingLimit else {
        throw Malformed(reason: "groups are nested more than \(Glob.nestingLimit) deep")
      }
      let start = program.count
      var exits: [Int] = []
      while true {
        let fork = program.count
        program.append(.end)  // a place for the fork to the next alternative
        try sequence(depth: depth)
        guard program.count <= Glob.sizeLimit else {
          throw Malformed(reason: "the pattern repeats too much")
        }
        let isLast = bytes[index] == UInt8(ascii: ")")
        index += 1
        guard !isLast else {
          program[fork] = .jump(fork + 1)
          break
        }
        exits.append(program.count)
        program.append(.end)  // a place for the jump to the exit
        program[fork] = .fork(fork + 1, program.count)
      }
      let exit = program.count
      for place in exits { program[place] = .jump(exit) }
      if repeats { program.append(.fork(start, exit + 1)) }
    }
  }

  /// Reads a set whose `[` was just passed; `index` ends behind its `]`.
  private static func parseSet(_ bytes: [UInt8], _ index: inout Int) throws(Malformed) -> ByteTest {
    var negated = false
    var ranges: [ClosedRange<UInt8>] = []
    if index < bytes.count, bytes[index] == UInt8(ascii: "!") || bytes[index] == UInt8(ascii: "^") {
      negated = true
      index += 1
    }
    let first = index
    while index < bytes.count, bytes[index] != UInt8(ascii: "]") || index == first {
      let low = bytes[index]
      if index + 2 < bytes.count, bytes[index + 1] == UInt8(ascii: "-"),
        bytes[index + 2] != UInt8(ascii: "]")
      {
        guard low <= bytes[index + 2] else {
          throw Malformed(reason: "a range in [...] runs backwards")
        }
        ranges.append(low...bytes[index + 2])
        index += 3
      } else {
        ranges.append(low...low)
        index += 1
      }
    }
    guard index < bytes.count else { throw Malformed(reason: "'[' without ']'") }
    index += 1
    return .oneOf(ranges: ranges, negated: negated)
  }

  package func matches(_ name: EntryName) -> Bool {
    let bytes = name.bytes
    guard bytes.count >= prefix.count else { return false }
    for index in prefix.indices where bytes[index] != prefix[index] { return false }
    if isPrefixAlone { return true }
    return table?.accepts(bytes, from: prefix.count) ?? advance(bytes)
  }

  private func advance(_ bytes: [UInt8]) -> Bool {
    var active = GlobStates(program, from: prefix.count)
    for index in prefix.count..<bytes.count {
      guard !active.isEmpty else { return false }
      active = active.advanced(by: bytes[index], in: program)
    }
    return active.contains(program.count - 1)
  }

  /// What an instruction leads to, for those who read the program.
  enum Step {
    case literal(UInt8)
    case places([Int])
    /// Any of several bytes, or the end.
    case anything
  }

  func step(from place: Int) -> Step {
    switch program[place] {
    case .byte(.literal(let byte)): .literal(byte)
    case .byte, .end: .anything
    case .fork(let first, let second): .places([first, second])
    case .jump(let target): .places([target])
    }
  }
}

extension Glob: Hashable {
  package static func == (left: Glob, right: Glob) -> Bool { left.pattern == right.pattern }

  package func hash(into hasher: inout Hasher) { hasher.combine(pattern) }
}
