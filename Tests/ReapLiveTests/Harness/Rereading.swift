// A configuration file that is written anew while a watch runs.

import Foundation
import Glibc

struct Rereading {
  let scratch: Scratch
  private var path: String { scratch.path + "/reread.yaml" }

  init(_ scratch: Scratch) { self.scratch = scratch }

  /// Replaces the file, as a whole.
  func write(_ rules: [String], top: String = "") {
    let text = top + "rules:\n" + rules.map { "  - \($0)\n" }.joined()
    _ = FileManager.default.createFile(atPath: path + ".new", contents: Data(text.utf8))
    rename(path + ".new", path)
  }

  /// - Parameter rules: how many start lines are waited for.
  func watch(
    rules: Int = 1, backstop: String = "off", wrapper: [String] = []
  ) throws -> Watcher {
    let watcher = try Watcher(
      [], grace: nil, in: scratch, arguments: ["--config", path],
      environment: ["REAPD_BACKSTOP": backstop], waitForStart: false, wrapper: wrapper)
    wait { watcher.background.error.components(separatedBy: "watching ").count > rules }
    return watcher
  }
}

extension Watcher {
  /// SIGHUP, and waits until it was answered with such words once more.
  func reread(_ answer: String = "configuration reread") -> Bool {
    func count() -> Int { background.error.components(separatedBy: answer).count }
    let before = count()
    background.signal(SIGHUP)
    return wait { count() > before }
  }
}
