// What failed removals wait at: another attempt comes of a change, and of nothing else.

import Glibc
import OwnedDirectories
import ReapRules
import Testing

@testable import ReapEngine
@testable import Watching

@Suite struct ObstaclesTests {
  private let folder = Folder()
  private let candidate = path(".reapd.1.spill_1_1")
  private let watch = WatchHandle(descriptor: 5)

  /// An obstacle in a directory of its own, and whether its descriptor is open still.
  private func obstacle(_ text: String) throws -> (obstacle: Obstacle, isOpen: () -> Bool) {
    let directory = opened(folder.directory(text), O_RDONLY | O_DIRECTORY)
    defer { directory.close() }
    let identity = try status(of: directory).identity
    let obstacle = try #require(Obstacle(name("entry"), in: directory))
    let descriptor = obstacle.directory
    return (obstacle, { (try? status(of: descriptor))?.identity == identity })
  }

  /// Changes the directory until its change time, which moves with the kernel's clock, has moved.
  private func change(_ text: String, _ obstacle: Obstacle) {
    let directory = folder.path + "/" + text
    let end = readMonotonic() + 10 * nanosecondsPerSecond
    repeat {
      #expect(chmod(directory, 0o755) == 0)
    } while !obstacle.hasChanged
      && readMonotonic() < end
    #expect(obstacle.hasChanged)
  }

  @Test func `an attempt follows the watch, then only a change, at most once a second`() throws {
    var obstacles = Obstacles()
    let (found, _) = try obstacle("a")
    let number = try #require(obstacles.add(found, 1, candidate).number)
    #expect(obstacles.nextDeadline == nil)
    #expect(obstacles.armed(number, watch, now: 100) == true)
    #expect(obstacles.nextDeadline == 100 && obstacles.due(now: 99).isEmpty)
    #expect(obstacles.due(now: 100).map(\.path) == [candidate])
    #expect(obstacles.nextDeadline == nil)
    obstacles.touched(number, now: 200)
    #expect(obstacles.nextDeadline == nil, "merely opened and closed")
    change("a", found)
    obstacles.touched(number, now: 200)
    #expect(obstacles.nextDeadline == 100 + nanosecondsPerSecond)
    found.directory.close()
  }

  @Test func `a failure at the very same is no other wait, and one at another keeps the pace`()
    throws
  {
    var obstacles = Obstacles()
    let (found, _) = try obstacle("a")
    let number = try #require(obstacles.add(found, 1, candidate).number)
    #expect(obstacles.armed(number, watch, now: 100) == true)
    #expect(obstacles.due(now: 100).count == 1)
    let again = try obstacle("a")
    #expect(obstacles.add(again.obstacle, 1, candidate).number == nil && !again.isOpen())
    let next = try obstacle("b")
    let (another, ended) = obstacles.add(next.obstacle, 1, candidate)
    #expect(ended.map(\.0) == [number] && ended.first?.1.watch == watch)
    #expect(obstacles[number] == nil)
    #expect(obstacles.armed(try #require(another), watch, now: 200) == true)
    #expect(obstacles.nextDeadline == 100 + nanosecondsPerSecond)
    for obstacle in [found, next.obstacle] { obstacle.directory.close() }
  }

  @Test func `without a watch no attempt is due`() throws {
    var obstacles = Obstacles()
    let (found, _) = try obstacle("a")
    let number = try #require(obstacles.add(found, 1, candidate).number)
    #expect(obstacles.armed(number, nil, now: 100) && obstacles.nextDeadline == nil)
    found.directory.close()
  }

  @Test func `what ends before its watch is there stays open until the answer`() throws {
    var obstacles = Obstacles()
    let (found, isOpen) = try obstacle("a")
    let number = try #require(obstacles.add(found, 1, candidate).number)
    #expect(obstacles.end { $0.root == 2 }.isEmpty)
    for (number, wait) in obstacles.end(where: { $0.root == 1 }) { obstacles.close(number, wait) }
    #expect(isOpen())
    #expect(!obstacles.armed(number, watch, now: 100) && !isOpen())
  }

  @Test func `there are so many, and those whose directory is gone make way`() throws {
    var obstacles = Obstacles()
    for number in 0..<64 {
      let (found, _) = try obstacle("d\(number)")
      #expect(obstacles.add(found, 1, path("spill_1_\(number)")).number != nil)
    }
    let late = try obstacle("late")
    #expect(obstacles.add(late.obstacle, 1, candidate).number == nil && !late.isOpen())
    #expect(rmdir(folder.path + "/d7") == 0)
    let last = try obstacle("last")
    let (number, ended) = obstacles.add(last.obstacle, 1, candidate)
    #expect(number != nil && ended.map(\.1.path) == [path("spill_1_7")])
    for (_, wait) in obstacles.end(where: { _ in true }) + ended { wait.obstacle.directory.close() }
  }
}
