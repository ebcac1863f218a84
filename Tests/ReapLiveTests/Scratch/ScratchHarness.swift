// Many owners of scratch in one program of Python, each of which can be killed by itself.

import Foundation
import Glibc
import Testing

/// Children of one process, each of which owns one entry.
struct ScratchOwners {
  let parent: Background
  let pids: [pid_t]

  /// - Parameters:
  ///   - code: makes the entry `p` and takes it, in a child; `name` is its last component.
  ///   - wrapper: runs the whole.
  init(_ code: String, count: Int, at prefix: String, in scratch: Scratch, wrapper: [String] = [])
    throws
  {
    let body = code.split(separator: "\n").map { "        " + $0 }.joined(separator: "\n")
    let program = """
      import ctypes, fcntl, mmap, os, signal, socket, struct, sys, time
      prefix, count = sys.argv[1], int(sys.argv[2])
      OFD_SETLK = 37
      for number in range(count):
          r, w = os.pipe()
          pid = os.fork()
          if pid == 0:
              p = prefix + str(number)
              name = os.path.basename(p)
      \(body)
              os.write(w, b'x')
              os.close(w)
              time.sleep(1000)
          os.close(w)
          os.read(r, 1)
          os.close(r)
          print(pid, flush=True)
      signal.signal(signal.SIGCHLD, signal.SIG_IGN)
      print('ready', flush=True)
      time.sleep(1000)
      """
    let words = wrapper + ["/usr/bin/env", "python3", "-c", program, prefix, "\(count)"]
    let parent = try Background(words[0], Array(words[1...]), in: scratch)
    self.parent = parent
    #expect(wait(seconds: 60) { parent.output.hasSuffix("ready\n") }, "\(parent.error)")
    pids = parent.lines.compactMap { pid_t($0) }
    #expect(pids.count == count)
  }

  func killAll() {
    for pid in pids { kill(pid, SIGKILL) }
    parent.killHard()
  }
}

/// One way in which an owner shows that it lives.
struct ScratchWay: Sendable, CustomTestStringConvertible {
  /// Makes the entry `p` with something in it.
  static let directory = "os.mkdir(p); open(p + '/data', 'w').write('x' * 5000)\n"

  let title: String
  /// Those of the rule, but for `match` and `grace`.
  var keys: String
  /// Of the owner.
  let code: String
  var testDescription: String { title }
}

/// A file with one rule of kind scratch; nothing but events drives a watch by it.
func scratchRule(_ keys: String, root: String, in scratch: Scratch) throws -> String {
  try scratchRules([(keys, root)], in: scratch)
}

/// A file with a rule for each root.
func scratchRules(
  _ rules: [(keys: String, root: String)], backstop: String = "off", in scratch: Scratch
) throws -> String {
  let path = scratch.path + "/rule-\(UUID().uuidString).yaml"
  // What adds up the root opens every directory in it, as a look does.
  var text = "backstop: \(backstop)\nusage_at_start: false\nrules:\n"
  for (number, rule) in rules.enumerated() {
    text += "  - {kind: scratch, name: s\(number), root: \(rule.root), \(rule.keys)}\n"
  }
  try text.write(toFile: path, atomically: true, encoding: .utf8)
  return path
}

func watchScratch(_ keys: String, root: String, in scratch: Scratch) throws -> Watcher {
  try watchScratch(config: scratchRule(keys, root: root, in: scratch), roots: 1, in: scratch)
}

func watchScratch(config: String, roots: Int, in scratch: Scratch, wrapper: [String] = []) throws
  -> Watcher
{
  let watcher = try Watcher(
    [], grace: nil, in: scratch, arguments: ["--config", config], waitForStart: false,
    wrapper: wrapper)
  #expect(
    wait(seconds: 60) {
      watcher.background.error.components(separatedBy: "watching ").count > roots
    }, "\(watcher.background.error)")
  return watcher
}

/// What one look at a path comes to, by a rule.
func explain(_ path: String, config: String) -> Finding? {
  decodeFinding(run(reapdBinary, ["explain", "--json", "--config", config, path]).output)
}
