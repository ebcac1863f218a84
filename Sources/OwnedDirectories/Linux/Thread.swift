import CLinuxShims
import Glibc

/// A thread of the system's, for work that blocks: Swift's cooperative threads must not.
package struct Thread: Sendable {
  private let handle: pthread_t

  /// Starts a joinable thread; nil where the system has none left. What the body captures is
  /// handed over to it.
  package static func start(named name: String, _ body: sending @escaping () -> Void) -> Thread? {
    final class Box {
      let name: String
      let body: () -> Void
      init(name: String, body: @escaping () -> Void) {
        self.name = name
        self.body = body
      }
    }
    let box = unsafe Unmanaged.passRetained(Box(name: name, body: body))
    var handle = pthread_t()
    let code = unsafe pthread_create(
      &handle, nil,
      { raw in
        let box = unsafe Unmanaged<Box>.fromOpaque(raw!).takeRetainedValue()
        unsafe shim_name_thread(box.name)
        box.body()
        return nil
      }, unsafe box.toOpaque())
    guard code == 0 else {
      unsafe box.release()
      return nil
    }
    return Thread(handle: handle)
  }

  package func join() { pthread_join(handle, nil) }
}
