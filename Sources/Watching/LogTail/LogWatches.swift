// What one followed path is watched by: the directories that decide where it leads, and its files.

import Glibc
import OwnedDirectories
import ReapRules

/// What news of a watch asks for.
enum TailAnswer: Equatable {
  case nothing
  case look
  case changed(Int)
}

/// Used on the tail's thread only. A watch is put by a descriptor, not by a name, which may change
/// between look and watch; the descriptor stays open until the answer.
final class LogWatches {
  private enum Subject {
    case place(PathWalk.Place)
    case file(Int)
  }

  private struct Entry {
    let subject: Subject
    var handle: WatchHandle?
    /// Of a place whose watch is not answered yet.
    var directory: Descriptor?
  }

  private let watches: TailWatches
  private var entries: [UInt32: Entry] = [:]
  private var tokenOfPlace: [PathWalk.Place: UInt32] = [:]
  private var tokenOfFile: [Int: UInt32] = [:]
  /// What was watched by a watch that ended before it was answered.
  private var closing: [UInt32: Descriptor] = [:]

  init(_ watches: TailWatches) { self.watches = watches }

  var isStopping: Bool { watches.isStopping }

  /// Watches the places of a walk, and no others.
  func place(_ walk: PathWalk) {
    let wanted = Set(walk.places)
    for (place, token) in tokenOfPlace where !wanted.contains(place) { end(place, token) }
    for place in wanted where tokenOfPlace[place] == nil {
      guard let directory = try? openToFollow(place.directory) else { continue }
      // Known by what is watched: if that is not what the walk saw, the next look tells.
      let place = place.at((try? status(of: directory))?.identity)
      guard tokenOfPlace[place] == nil else {
        directory.close()
        continue
      }
      let token = watches.watch(
        directory.procPath + "/", place.names.isEmpty ? .ancestor : .directory, names: place.names)
      entries[token] = Entry(subject: .place(place), directory: directory)
      tokenOfPlace[place] = token
    }
  }

  func follow(_ file: Descriptor, as id: Int) {
    let token = watches.watch(file.procPath, .followed)
    entries[token] = Entry(subject: .file(id))
    tokenOfFile[id] = token
  }

  /// Ends the watch on a file, and closes it.
  func close(_ file: Descriptor, of id: Int) {
    guard let token = tokenOfFile.removeValue(forKey: id) else { return file.close() }
    end(token, file)
  }

  private func end(_ place: PathWalk.Place, _ token: UInt32) {
    tokenOfPlace[place] = nil
    end(token, entries[token]?.directory)
  }

  private func end(_ token: UInt32, _ file: Descriptor?) {
    let handle = entries.removeValue(forKey: token)?.handle
    watches.unwatch(token, handle)
    if handle == nil { closing[token] = file } else { file?.close() }
  }

  /// The answer to a watch that was asked for.
  func armed(_ token: UInt32, _ result: Result<WatchHandle, WatchFailure>) -> TailAnswer {
    let handle = try? result.get()
    guard let entry = entries[token] else {
      if let file = closing.removeValue(forKey: token) {
        watches.unwatch(token, handle)
        file.close()
      }
      return .nothing
    }
    entry.directory?.close()
    entries[token] = Entry(subject: entry.subject, handle: handle)
    if handle == nil, case .file(let id) = entry.subject {
      entries[token] = nil
      tokenOfFile[id] = nil
    }
    return answer(entry.subject)
  }

  func touched(_ token: UInt32) -> TailAnswer {
    entries[token].map { answer($0.subject) } ?? .nothing
  }

  func lost(_ token: UInt32) -> TailAnswer {
    if case .place(let place) = entries[token]?.subject {
      end(place, token)
    } else {
      return touched(token)
    }
    return .look
  }

  private func answer(_ subject: Subject) -> TailAnswer {
    switch subject {
    case .place: .look
    case .file(let id): .changed(id)
    }
  }

  /// Ends the watches on places; `close` ends those on files.
  func closeAll() {
    for (place, token) in tokenOfPlace { end(place, token) }
    for entry in entries.values { entry.directory?.close() }
    for file in closing.values { file.close() }
    entries = [:]
    tokenOfPlace = [:]
    tokenOfFile = [:]
    closing = [:]
  }
}

extension WatchFailure {
  var text: String {
    let hint =
      code == ENOSPC
      ? " (the limit fs.inotify.max_user_watches is reached: raise it with sysctl)" : ""
    return errorText(code) + hint
  }
}
