// How names are matched: the automaton of a pattern, advanced state by state or by a table.

/// The places of a program that are reached at once.
struct GlobStates: Hashable {
  /// In order, so that the same states are equal.
  private var places: [Int] = []

  /// A place, and all that is reached from it without a byte.
  init(_ program: [Glob.Instruction], from place: Int) {
    reach([place], program)
  }

  private init() {}

  var isEmpty: Bool { places.isEmpty }

  func contains(_ place: Int) -> Bool { places.contains(place) }

  func advanced(by byte: UInt8, in program: [Glob.Instruction]) -> GlobStates {
    let next = places.filter {
      if case .byte(let test) = program[$0] { test.accepts(byte) } else { false }
    }
    var states = GlobStates()
    states.reach(next.map { $0 + 1 }, program)
    return states
  }

  private mutating func reach(_ starts: [Int], _ program: [Glob.Instruction]) {
    var seen = [Bool](repeating: false, count: program.count)
    var pending = starts
    while let place = pending.popLast() {
      guard !seen[place] else { continue }
      seen[place] = true
      switch program[place] {
      case .fork(let first, let second): pending += [first, second]
      case .jump(let target): pending.append(target)
      case .byte, .end: break
      }
    }
    places = seen.indices.filter { seen[$0] }
  }
}

/// Every set of states that a pattern can be in, numbered, and where each byte leads from there.
struct GlobTable: Sendable {
  private static let stateLimit = 255
  /// Longer programs would make the table dear, and are no pattern that a person wrote.
  private static let programLimit = 512
  /// From here nothing fits any more.
  private static let dead: UInt8 = 0
  private static let start: UInt8 = 1

  /// By byte: those that no test of the pattern tells apart share a column.
  private let columns: [UInt8]
  private let width: Int
  /// By state and column.
  private let next: [UInt8]
  private let accepting: [Bool]

  /// Nil where there are more states than a byte numbers.
  init?(_ program: [Glob.Instruction], from start: Int) {
    guard program.count <= Self.programLimit else { return nil }
    let columns = Self.columns(of: program)
    let width = Int(columns.max() ?? 0) + 1
    let samples = (0..<width).map { UInt8(columns.firstIndex(of: UInt8($0))!) }
    var states = [GlobStates(program, from: start)]
    var numbers = [states[0]: Self.start]
    var next = [UInt8](repeating: Self.dead, count: width)  // of the dead state
    var index = 0
    while index < states.count {
      for sample in samples {
        let reached = states[index].advanced(by: sample, in: program)
        if !reached.isEmpty, numbers[reached] == nil {
          guard states.count < Self.stateLimit else { return nil }
          states.append(reached)
          numbers[reached] = UInt8(states.count)
        }
        next.append(reached.isEmpty ? Self.dead : numbers[reached]!)
      }
      index += 1
    }
    (self.columns, self.width, self.next) = (columns, width, next)
    accepting = [false] + states.map { $0.contains(program.count - 1) }
  }

  private static func columns(of program: [Glob.Instruction]) -> [UInt8] {
    let tests = Set(
      program.compactMap { if case .byte(let test) = $0 { test } else { nil } })
    var numbers: [[Bool]: UInt8] = [:]
    return (UInt8.min...UInt8.max).map { byte in
      let answers = tests.map { $0.accepts(byte) }
      if let number = numbers[answers] { return number }
      let number = UInt8(numbers.count)
      numbers[answers] = number
      return number
    }
  }

  func accepts(_ bytes: [UInt8], from index: Int) -> Bool {
    var state = Self.start
    for index in index..<bytes.count {
      state = next[Int(state) * width + Int(columns[Int(bytes[index])])]
      if state == Self.dead { return false }
    }
    return accepting[Int(state)]
  }
}
