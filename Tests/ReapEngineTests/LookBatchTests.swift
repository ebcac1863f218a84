// Looks that are made together: each is answered once, by whom it was made, and in order.

import Glibc
import OwnedDirectories
import Testing

@testable import ReapEngine
@testable import ReapRules

@Suite(.timeLimit(.minutes(1))) struct LookBatchTests {
  private let folder = Folder()
  private let pool = WorkerPool()

  private func examination() throws -> Examination {
    let directory = opened(folder.path, O_RDONLY | O_DIRECTORY)
    let facts = try status(of: directory)
    let rule = Rule(
      name: "r", root: FilePath(Array(folder.path.utf8)), match: try Glob("*"), grace: 0,
      owners: .anyone, kind: .spill(SpillSettings()))
    return Examination(
      rule: SharedRule(rule), kind: SpillEdge(),
      root: OpenRoot(
        path: Array(folder.path.utf8), descriptor: directory, identity: facts.identity,
        owner: facts.owner),
      surroundings: SurroundingsView(mounts: MountView(), roots: []), claims: OwnClaims())
  }

  private func look(_ number: Int) -> LookBatch.Look {
    .init(
      id: CandidateID(slot: UInt32(number), generation: 1),
      examine: .init(path: path("spill_1_\(number)"), firstSeen: 0, trigger: .startup),
      known: KnownBefore())
  }

  @Test("Each of many is answered in its place", arguments: [1, 15, 16, 17, 64, 257])
  func answered(count: Int) throws {
    let examination = try examination()
    // Every third one is there.
    for number in stride(from: 0, to: count, by: 3) { _ = folder.directory("spill_1_\(number)") }
    for _ in 0..<20 {
      var batch = LookBatch()
      for number in 0..<count { batch.append(look(number)) }
      let answers = batch.run(by: examination, sharing: pool)
      #expect(answers.map(\.0.id.slot) == (0..<UInt32(count)).map { $0 })
      for (look, examined) in answers {
        #expect((examined.outcome == .gone) == !look.id.slot.isMultiple(of: 3))
      }
      #expect(batch.looks.isEmpty)
    }
  }

  @Test("With every worker busy it is made all the same")
  func busy() throws {
    let examination = try examination()
    let gates = (0..<pool.threads).map { _ in Mailbox<Void>(limit: 1) }
    for gate in gates { pool.submit { _ = gate.take(until: nil) } }
    var batch = LookBatch()
    for number in 0..<100 { batch.append(look(number)) }
    #expect(batch.run(by: examination, sharing: pool).count == 100)
    for gate in gates { gate.post(()) }
    pool.drain()
  }

  @Test("What was handed over for looks that are not made is closed")
  func dropped() throws {
    let file = try LockFile(folder, "lock", of: identity(1))
    var batch = LookBatch()
    var one = look(1)
    one = .init(id: one.id, examine: one.examine, known: KnownBefore(held: file.held))
    batch.append(one)
    batch.drop()
    #expect(batch.looks.isEmpty && !file.isOpen)
  }
}
