// What a process has decided and not yet carried out, and what it knows of its own renames.

import OwnedDirectories
import ReapRules
import Testing

@testable import ReapEngine

@Suite struct OwnClaimsTests {
  private let claims = OwnClaims()
  private let one = path("p/table-1")
  private let other = path("q/table-1")

  @Test func `a claimed name is one removal's until that ends`() {
    #expect(claims.insert(one) && !claims.insert(one))
    #expect(claims.contains(one) && !claims.contains(other))
    claims.remove(one)
    #expect(!claims.contains(one) && claims.insert(one))
  }

  @Test func `a removal that could not be finished is known until something came of it`() {
    claims.noteUnfinished(one)
    #expect(claims.isUnfinished(one) && !claims.isUnfinished(other))
    claims.forgetUnfinished(one)
    #expect(!claims.isUnfinished(one))
  }

  @Test func `a name that is forgotten during a look stays so until the answer`() {
    claims.noteForgotten(one)
    #expect(claims.isForgotten(one) && !claims.isForgotten(other))
    claims.endForgotten(other)
    #expect(claims.isForgotten(one))
    claims.endForgotten(one)
    #expect(!claims.isForgotten(one))
  }

  @Test func `a rename of ours is known by its directory, and taken by one event`() {
    claims.noteRename(to: one, identity(5), cameAt: 77)
    #expect(claims.hasRenamed(identity(5), to: one))
    #expect(!claims.hasRenamed(identity(6), to: one) && !claims.hasRenamed(identity(5), to: other))
    #expect(claims.takeRename(to: other) == nil)
    let taken = claims.takeRename(to: one)
    #expect(taken?.identity == identity(5) && taken?.cameAt == 77)
    #expect(claims.takeRename(to: one) == nil && !claims.hasRenamed(identity(5), to: one))
  }

  @Test func `of two renames to one name the last counts`() {
    claims.noteRename(to: one, identity(5), cameAt: 77)
    claims.noteRename(to: one, identity(6))
    #expect(!claims.hasRenamed(identity(5), to: one))
    let taken = claims.takeRename(to: one)
    #expect(taken?.identity == identity(6) && taken?.cameAt == nil)
  }

  @Test func `what is condemned is reprieved once, and stands for room by its age`() {
    claims.condemn(one, .init(since: 10, newestChange: nil, id: 1))
    claims.condemn(other, .init(since: 5, newestChange: 3, id: 2))
    #expect(claims.hasCondemned && claims.condemnation(of: other)?.newestChange == 3)
    #expect(Retention.order(of: claims.condemned).map(\.id) == [other, one])
    #expect(claims.reprieve(one)?.id == 1 && claims.reprieve(one) == nil)
    #expect(claims.reprieve(other) != nil && !claims.hasCondemned)
  }

  @Test func `whoever makes many names with foreign directories does not fill the memory`() {
    claims.noteForeign(one)
    #expect(claims.isForeign(one))
    claims.forgetForeign(one)
    #expect(!claims.isForeign(one))
    claims.noteForeign(one)
    for number in 0..<10_000 { claims.noteForeign(path("spill_1_\(number)")) }
    #expect(!claims.isForeign(one) && claims.isForeign(path("spill_1_9999")))
  }
}
