import OwnedDirectories
import ReapRules

/// What the last run of `usage` found of a tree, kept in the state directory.
struct UsageMemory {
  private let file: FilePath

  init(of path: FilePath) {
    file = stateDirectory().appending(UsageSnapshot.fileName(of: path.bytes))
  }

  /// Nil where there was no run, or nothing can be said of it: why is told.
  func recall(_ path: FilePath, _ identity: TreeIdentity) -> UsageSnapshot? {
    let text: [UInt8]
    do {
      let open = try openToFollow(file.bytes)
      defer { open.close() }
      guard try status(of: open).type == .regular else {
        complain("\(file) is no regular file: what the last run kept is ignored")
        return nil
      }
      text = try readToEnd(open, "\(file)", limit: UsageSnapshot.sizeLimit)
    } catch {
      if !error.isAbsence { complain("what the last run kept is ignored: \(error)") }
      return nil
    }
    guard text.count <= UsageSnapshot.sizeLimit, let snapshot = UsageSnapshot(text) else {
      complain("\(file) is torn, or was not written by this version: it is ignored")
      return nil
    }
    guard snapshot.path == path.bytes else {
      complain("\(file) is about another path: it is ignored")
      return nil
    }
    guard snapshot.identity == identity else {
      complain("\(path) is not what the last run saw there: growth begins anew")
      return nil
    }
    return snapshot
  }

  func keep(_ snapshot: UsageSnapshot) {
    do {
      try makeDirectories(above: file)
      try replaceFile(file.bytes, with: snapshot.text, isLasting: false)
    } catch {
      complain("growth cannot be told next time: \(error)")
    }
  }
}
