// The queue of the loop: one event after the other, whatever carrying one out brings about.

import Testing

@testable import ReapRules

@Suite("The agenda")
struct AgendaTests {
  private final class Log {
    var lines: [String] = []
  }

  @Test("What is posted while an action is carried out waits for its turn, for any root")
  func order() {
    let agenda = Agenda<String>()
    let log = Log()
    var schedules = ["a": Schedule(grace: second), "b": Schedule(grace: second)]
    func drain() {
      agenda.drain { root, event, now in
        log.lines.append("\(root) is told")
        return schedules[root]!.handle(event, now: now)
      } perform: { root, action in
        guard case .scan = action else { return }
        log.lines.append("\(root) scans")
        // An edge that answers at once, and tells another root.
        agenda.post(.scanBegan, to: root, at: 1)
        if root == "a" { agenda.post(.backstopDue, to: "b", at: 1) }
        log.lines.append("\(root) has scanned")
      }
    }
    agenda.post(.desynced, to: "a", at: 1)
    #expect(!agenda.isEmpty)
    drain()
    #expect(agenda.isEmpty)
    #expect(
      log.lines == [
        "a is told", "a scans", "a has scanned", "a is told", "b is told", "b scans",
        "b has scanned", "b is told",
      ])
    drain()
    #expect(log.lines.count == 8)
  }

  @Test("To handle an event while an action is carried out ends the program")
  func reentry() async {
    await #expect(processExitsWith: .failure) {
      let agenda = Agenda<Int>()
      var schedule = Schedule(grace: 1)
      func drain() {
        agenda.drain { _, event, now in
          schedule.handle(event, now: now)
        } perform: { _, _ in
          drain()
        }
      }
      agenda.post(.desynced, to: 0, at: 1)
      drain()
    }
  }
}
