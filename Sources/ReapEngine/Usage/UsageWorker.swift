// One thread of a walk that adds up.

import Glibc
import OwnedDirectories
import ReapRules

final class UsageWorker {
  private let walk: UsageWalk
  private let reader: OccupancyReader
  private var largest: LargestFiles

  init(_ walk: UsageWalk) {
    self.walk = walk
    reader = OccupancyReader(size: walk.settings.pieceSize)
    largest = LargestFiles(limit: walk.settings.largest)
  }

  func run() {
    while let work = walk.queue.pop() {
      switch work {
      case .listing(let directory): list(directory)
      case .subdirectories(let directory, let block): enter(block, in: directory)
      }
      walk.queue.finished()
    }
    walk.add(largest)
  }

  // MARK: - A directory

  /// - Parameter sum: what is to be counted for it besides.
  private func list(_ directory: UsageDirectory, _ sum: UsageSum = UsageSum()) {
    var sum = sum
    if directory.depth == 0 { walk.dropRows() }
    while let count = nextPiece(of: directory, directory.descriptor!) {
      let goesOn = !reader.isShort
      // What follows is for whoever has nothing to do; after the subdirectories of this piece for all.
      if goesOn {
        directory.retain()
        walk.queue.push(.listing(directory))
      }
      let names = add(count, of: directory, directory.descriptor!, &sum)
      if !names.isEmpty { goInto(names, of: directory) }
      if goesOn { break }
    }
    walk.count(sum, for: directory.row)
    walk.release(directory)
  }

  /// Nil at the end.
  private func nextPiece(of directory: UsageDirectory, _ open: Descriptor) -> Int? {
    guard !walk.isEnding else { return nil }
    do {
      return try reader.nextPiece(of: open)
    } catch {
      // It was removed meanwhile.
      if error.code != ENOENT { walk.noteUnreadable(directory, error.code) }
      return nil
    }
  }

  /// Adds up the entries of a piece.
  ///
  /// - Returns: the names of the subdirectories in it, each with a NUL at its end.
  private func add(
    _ count: Int, of directory: UsageDirectory, _ open: Descriptor, _ sum: inout UsageSum
  ) -> [UInt8] {
    var names: [UInt8] = []
    var refusal: Int32 = 0
    for index in 0..<count {
      if reader.isDirectory(index) {
        reader.append(index, to: &names)
        continue
      }
      guard let facts = reader.occupied(index, in: open) else {
        // What went meanwhile occupies nothing.
        if errno != ENOENT { refusal = errno }
        continue
      }
      if facts.isDirectory {
        reader.append(index, to: &names)
      } else if facts.isMountPoint {
        walk.noteMount(directory, reader.name(index))
      } else if facts.links < 2 || walk.isCounted(facts, in: directory.row) {
        sum.addFile(allocated: facts.allocated, size: facts.size)
        if facts.allocated > largest.least { offer(facts, reader.name(index), directory) }
      }
    }
    if refusal != 0 { walk.noteUnreadable(directory, refusal) }
    return names
  }

  private func offer(_ facts: Occupied, _ name: [UInt8], _ directory: UsageDirectory) {
    largest.insert(
      LargestFiles.File(
        allocated: facts.allocated, size: facts.size, directory: directory, name: name))
  }

  // MARK: - Its subdirectories

  /// - Parameter names: each with a NUL at its end.
  private func goInto(_ names: [UInt8], of directory: UsageDirectory) {
    var block = UsageWalk.Block(
      names: names[...], firstRow: rows(for: names, in: directory, depth: directory.depth))
    guard walk.hasManyOpen else {
      directory.retain()
      return walk.queue.push(.subdirectories(directory, block))
    }
    while !block.names.isEmpty {
      let (name, row) = block.takeFirst()
      follow(name, in: directory, row: row ?? directory.row)
    }
  }

  private func rows(for names: [UInt8], in directory: UsageDirectory, depth: Int) -> Int? {
    depth < walk.settings.depth ? walk.addRows(names, in: directory.row) : nil
  }

  private func enter(_ block: UsageWalk.Block, in directory: UsageDirectory) {
    var rest = block
    let (name, row) = rest.takeFirst()
    // Below the subdirectories of the first: those are done before. Somebody may take it up at once.
    if !rest.names.isEmpty, !walk.isEnding {
      directory.retain()
      walk.queue.push(.subdirectories(directory, rest))
    }
    let child = open(name, in: directory, row: row ?? directory.row)
    walk.release(directory)
    if let child { list(child.directory, child.sum) }
  }

  /// - Returns: nil for what is not gone into, which is noted.
  private func open(
    _ name: [UInt8], in directory: UsageDirectory, row: Int
  ) -> (directory: UsageDirectory, sum: UsageSum)? {
    do throws(SystemError) {
      let opened = try openFile(
        name, at: directory.descriptor!, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, follow: .within)
      walk.opened()
      return (UsageDirectory(name, in: directory, row: row, opened), itself(opened))
    } catch {
      failed(error, name, in: directory, directory.descriptor!, row: row)
      return nil
    }
  }

  private func itself(_ directory: Descriptor) -> UsageSum {
    var sum = UsageSum()
    sum.addDirectory(allocated: (try? occupied(by: directory))?.allocated ?? 0)
    return sum
  }

  /// A subdirectory could not be opened.
  private func failed(
    _ error: SystemError, _ name: [UInt8], in directory: UsageDirectory, _ open: Descriptor,
    row: Int
  ) {
    switch error.code {
    // It is gone, or something else has its name by now.
    case ENOENT, ENOTDIR, ELOOP: return
    case EXDEV: walk.noteMount(directory, name)
    default:
      walk.noteUnreadable(directory, error.code, name)
      guard let facts = try? status(ofPath: name, at: open), facts.type == .directory else {
        return
      }
      var sum = UsageSum()
      sum.addDirectory(allocated: facts.allocated)
      walk.count(sum, for: row)
    }
  }

  // MARK: - With few descriptors

  /// Adds up a whole subtree alone: a listing for what is no directory, and one to go on from.
  private func follow(_ name: [UInt8], in top: UsageDirectory, row: Int) {
    guard let name = EntryName(name) else { return }
    var descent = TreeDescent(from: top.descriptor!)
    defer { descent.abandon() }
    var way = [top]
    enter(name, &descent, &way, row: row)
    while descent.depth > 0, !walk.isEnding {
      let current = way[way.count - 1]
      if let next = descent.nextSubdirectory() {
        let row = rows(for: next.bytes + [0], in: current, depth: current.depth)
        enter(next, &descent, &way, row: row ?? current.row)
        continue
      }
      do throws(SystemError) {
        let batch = try descent.nextBatch(onlyDirectories: true)
        guard batch.isEmpty else {
          descent.add(batch)
          continue
        }
        try descent.leave()
        way.removeLast()
      } catch {
        // Of its listing, which has told already; or one above it was moved, and the way back is lost.
        guard error.code == ESTALE else { continue }
        return walk.noteUnreadable(current, error.code)
      }
    }
  }

  private func enter(
    _ name: EntryName, _ descent: inout TreeDescent, _ way: inout [UsageDirectory], row: Int
  ) {
    let outer = way[way.count - 1]
    do throws(SystemError) {
      try descent.enter(name)
    } catch {
      return failed(error, name.bytes, in: outer, descent.current, row: row)
    }
    let directory = UsageDirectory(name.bytes, in: outer, row: row, nil)
    way.append(directory)
    var sum = itself(descent.current)
    while let count = nextPiece(of: directory, descent.current) {
      _ = add(count, of: directory, descent.current, &sum)
    }
    reader.rewind(descent.current)
    walk.count(sum, for: row)
  }
}
