/// What schedules are told, in order: the one queue of the loop.
///
/// An event is handed to its schedule, and the actions that it asks for are carried out, before the
/// next event's turn. Carrying one out may post events, for this root or another; it never handles
/// them. So no schedule is asked anything while it, or another, is being answered.
///
/// Roots go by a number: a type of the engine's as a parameter would cost a call through its metadata
/// for each event, since such code is not made anew for it in another module.
package final class Agenda {
  private var waiting: [(root: Int, event: Schedule.Event, instant: Nanoseconds)] = []
  private var next = 0
  private var isDraining = false

  package init() {}

  package var isEmpty: Bool { next == waiting.count }

  /// - Parameter instant: monotonic; when what the event tells of happened, or was read.
  package func post(_ event: Schedule.Event, to root: Int, at instant: Nanoseconds) {
    waiting.append((root, event, instant))
  }

  /// Works off all that waits, and what is posted meanwhile. Never called by what `perform` does.
  ///
  /// - Parameters:
  ///   - handle: asks the root's schedule.
  ///   - perform: carries out one action of its answer.
  package func drain(
    _ handle: (Int, Schedule.Event, Nanoseconds) -> [Schedule.Action],
    perform: (Int, Schedule.Action) -> Void
  ) {
    precondition(!isDraining, "an event is handled while an action is carried out")
    isDraining = true
    defer { isDraining = false }
    while next < waiting.count {
      let (root, event, instant) = waiting[next]
      next += 1
      for action in handle(root, event, instant) { perform(root, action) }
    }
    waiting.removeAll(keepingCapacity: waiting.capacity < 1024)
    next = 0
  }
}
