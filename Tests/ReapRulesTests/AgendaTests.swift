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
    let agenda = Agenda()
    let log = Log()
    var schedules = [Schedule(grace: second), Schedule(grace: second)]
    func drain() {
      agenda.drain { root, event, now in
        log.lines.append("\(root) is told")
        return schedules[root].handle(event, now: now)
      } perform: { root, action in
        guard case .scan = action else { return }
        log.lines.append("\(root) scans")
        // An edge that answers at once, and tells another root.
        agenda.post(.scanBegan, to: root, at: 1)
        if root == 0 { agenda.post(.backstopDue, to: 1, at: 1) }
        log.lines.append("\(root) has scanned")
      }
    }
    agenda.post(.desynced, to: 0, at: 1)
    #expect(!agenda.isEmpty)
    drain()
    #expect(agenda.isEmpty)
    #expect(
      log.lines == [
        "0 is told", "0 scans", "0 has scanned", "0 is told", "1 is told", "1 scans",
        "1 has scanned", "1 is told",
      ])
    drain()
    #expect(log.lines.count == 8)
  }

  @Test("To handle an event while an action is carried out ends the program")
  func reentry() async {
    await #expect(processExitsWith: .failure) {
      let agenda = Agenda()
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
