// The one file behind which libinotifytools lives. It opens the instance and hands out the events.
//
// Watches are set and ended on the instance's own descriptor: the library keeps a record of each
// watch of its own in trees of names, which took 8 µs and 235 bytes a watch, and kept for ever those
// of the watches that the kernel ended. Handing out an event, it looks into no record (3.22.6: only
// for regular expressions, statistics and fanotify, which stay off).
//
// What is to be lived with: one global instance, not thread-safe; events point into a static buffer;
// next_event blocks in whole seconds, through select, so it is called only when something is there
// and the descriptor must lie below 1024.

import CInotifyTools
import Glibc
import ReapRules

/// One event, in the library's buffer: to be used before the next one is asked for.
@safe
struct INotifyEvent: ~Copyable {
  let watch: Int32
  let mask: Int32
  private let field: UnsafeRawBufferPointer

  fileprivate init(_ event: UnsafePointer<inotify_event>) {
    watch = unsafe event.pointee.wd
    mask = unsafe Int32(bitPattern: event.pointee.mask)
    let start = unsafe UnsafeRawPointer(event) + MemoryLayout<inotify_event>.size
    unsafe field = UnsafeRawBufferPointer(start: start, count: Int(event.pointee.len))
  }

  var isOfDirectory: Bool { UInt32(bitPattern: mask) & UInt32(IN_ISDIR) != 0 }

  /// Of the entry that it is about, if it is about one.
  var hasName: Bool { unsafe !field.isEmpty }

  var name: [UInt8] { unsafe Array(field.prefix { $0 != 0 }) }
}

struct INotifyInstance {
  /// To be polled.
  let descriptor: Int32
  /// Where a path gets its terminating zero.
  private var scratch: [UInt8] = []

  /// select(2) cannot take a descriptor at or above FD_SETSIZE.
  private static let selectLimit: Int32 = 1024

  init() throws(INotifyThread.StartFailure) {
    let before = Self.inotifyDescriptors()
    guard inotifytools_initialize() != 0 else {
      let code = inotifytools_error()
      throw INotifyThread.StartFailure(
        description: "no inotify instance: \(systemText(code))", code: code)
    }
    guard let found = Self.inotifyDescriptors().subtracting(before).first else {
      inotifytools_cleanup()
      throw INotifyThread.StartFailure(
        description: "the inotify instance has no descriptor below \(Self.selectLimit)")
    }
    _ = fcntl(found, F_SETFD, FD_CLOEXEC)
    descriptor = found
  }

  /// The library does not export its descriptor; /proc shows what each one is.
  private static func inotifyDescriptors() -> Set<Int32> {
    var found: Set<Int32> = []
    for number in 0..<selectLimit {
      var target = [UInt8](repeating: 0, count: 32)
      let length = unsafe target.withUnsafeMutableBytes {
        unsafe readlink("/proc/self/fd/\(number)", $0.baseAddress!, $0.count)
      }
      if length > 0, target[..<length].elementsEqual("anon_inode:inotify".utf8) {
        found.insert(number)
      }
    }
    return found
  }

  /// The watch descriptor, which is that of the inode: the same where it is watched already.
  mutating func add(_ path: FilePath, _ purpose: WatchPurpose) -> Result<Int32, WatchFailure> {
    scratch.removeAll(keepingCapacity: true)
    scratch += path.bytes
    scratch.append(0)
    let watch = unsafe scratch.withUnsafeBytes { bytes in
      unsafe inotify_add_watch(
        descriptor, bytes.assumingMemoryBound(to: CChar.self).baseAddress!, purpose.mask)
    }
    return watch > 0 ? .success(watch) : .failure(WatchFailure(code: errno))
  }

  /// A watch that the kernel has ended already is none to it; no other one has its number.
  func remove(_ watch: Int32) { _ = inotify_rm_watch(descriptor, watch) }

  /// Takes one read's worth of events; call it only when the descriptor is readable.
  ///
  /// The library does not tell when its buffer is used up, and asking for one event too many would
  /// block; so each event is blanked once it was read, and the buffer is used up where no event
  /// follows (no event has mask 0).
  func drain(_ take: (borrowing INotifyEvent) -> Void) {
    while let event = unsafe inotifytools_next_event(1) {
      unsafe take(INotifyEvent(event))
      let size = unsafe MemoryLayout<inotify_event>.size + Int(event.pointee.len)
      let raw = UnsafeMutableRawPointer(event)
      let next = unsafe (raw + size).assumingMemoryBound(to: inotify_event.self)
      unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: size)
      guard unsafe next.pointee.mask != 0 else { return }
    }
  }

  /// Ends every watch. The library's buffer is used up after each `drain`: nothing of this instance
  /// comes out of a later one.
  func close() { inotifytools_cleanup() }
}

extension WatchPurpose {
  /// Added to what is asked for already: one directory may be a root and above another one.
  private static let directoryFlags =
    Int32(bitPattern: UInt32(IN_ONLYDIR)) | Int32(bitPattern: UInt32(IN_MASK_ADD))

  /// One inode may be followed for one user and have its closes watched for another.
  private static let addingFlag = Int32(bitPattern: UInt32(IN_MASK_ADD))

  fileprivate var mask: UInt32 {
    let mask: Int32 =
      switch self {
      case .directory:
        IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
          | IN_ATTRIB | Self.directoryFlags
      case .partition:
        IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
          | IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | Self.directoryFlags
      case .writtenFiles:
        IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
          | IN_CLOSE_WRITE | IN_ATTRIB | Self.directoryFlags
      case .ancestor: IN_DELETE_SELF | IN_MOVE_SELF | Self.directoryFlags
      case .parent: IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | Self.directoryFlags
      case .heldFile: IN_CLOSE_WRITE | IN_CLOSE_NOWRITE
      case .writers: IN_CLOSE_WRITE
      case .obstacle: IN_CLOSE_WRITE | IN_CLOSE_NOWRITE | IN_ATTRIB | Self.directoryFlags
      case .followed:
        IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF | Self.addingFlag
      }
    return UInt32(bitPattern: mask)
  }

  /// Whether its events are about the entries of a directory or the directory itself.
  var isOfDirectory: Bool {
    switch self {
    case .directory, .partition, .writtenFiles, .ancestor, .parent: true
    case .heldFile, .writers, .obstacle, .followed: false
    }
  }
}

func systemText(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
