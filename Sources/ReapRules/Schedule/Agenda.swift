/// What schedules are told, in order: the one queue of the loop.
///
/// An event is handed to its schedule, and the actions that it asks for are carried out, before the
/// next event's turn. Carrying one out may post events, for this root or another; it never handles
/// them. So no schedule is asked anything while it, or another, is being answered.
package final class Agenda<Root> {
  @usableFromInline package var waiting:
    [(root: Root, event: Schedule.Event, instant: Nanoseconds)] = []
  @usableFromInline package var next = 0
  @usableFromInline package var isDraining = false

  @inlinable package init() {}

  @inlinable package var isEmpty: Bool { next == waiting.count }

  /// - Parameter instant: monotonic; when what the event tells of happened, or was read.
  @inlinable package func post(_ event: Schedule.Event, to root: Root, at instant: Nanoseconds) {
    waiting.append((root, event, instant))
  }

  /// Works off all that waits, and what is posted meanwhile. Never called by what `perform` does.
  ///
  /// - Parameters:
  ///   - handle: asks the root's schedule.
  ///   - perform: carries out one action of its answer.
  @inlinable package func drain(
    _ handle: (Root, Schedule.Event, Nanoseconds) -> [Schedule.Action],
    perform: (Root, Schedule.Action) -> Void
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
