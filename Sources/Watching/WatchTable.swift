// Whose watch a watch descriptor is. Pure: it knows of no kernel.

/// The watches that are set, by watch descriptor.
///
/// The kernel counts descriptors upwards and hands none out a second time before it has gone through
/// two thousand millions of them. So neighbours share a page, 13 bytes each where all of them live (a
/// dictionary of tokens took 31), and a page goes with the last of them. Pages are small, since a few
/// long lives among many short ones are usual: then each of them keeps about 200 bytes.
struct WatchTable {
  struct Watch: Equatable {
    let token: UInt64
    /// Whether it was set on a directory as such: its events are about entries.
    let isDirectory: Bool
  }

  enum Removal: Equatable {
    case unknown
    /// The inode has other watches: the kernel's one stays for these.
    case shared
    case last
  }

  private struct Page {
    var tokens = [UInt64](repeating: 0, count: WatchTable.pageSize)
    var used: UInt16 = 0
    var directories: UInt16 = 0
  }

  private static let pageSize = 16

  private var pages: [Int32: Page] = [:]
  /// Tokens of further watches on an inode that is watched already (hard links, directories above
  /// several roots).
  private var others: [Int32: [UInt64]] = [:]

  var pageCount: Int { pages.count }

  subscript(descriptor: Int32) -> Watch? {
    let (number, slot, bit) = Self.place(descriptor)
    guard let page = pages[number], page.used & bit != 0 else { return nil }
    return Watch(token: page.tokens[slot], isDirectory: page.directories & bit != 0)
  }

  /// Tokens besides the first one. Asked for at every event, and empty but for shared inodes.
  func further(_ descriptor: Int32) -> [UInt64] {
    others.isEmpty ? [] : others[descriptor] ?? []
  }

  mutating func add(_ descriptor: Int32, _ token: UInt64, isDirectory: Bool) {
    let (number, slot, bit) = Self.place(descriptor)
    if (pages[number]?.used ?? 0) & bit != 0 {
      others[descriptor, default: []].append(token)
    } else {
      pages[number, default: Page()].tokens[slot] = token
      pages[number]!.used |= bit
    }
    if isDirectory { pages[number]!.directories |= bit }
  }

  mutating func remove(_ descriptor: Int32, _ token: UInt64) -> Removal {
    guard let watch = self[descriptor] else { return .unknown }
    if var rest = others[descriptor] {
      if watch.token == token {
        let (number, slot, _) = Self.place(descriptor)
        pages[number]!.tokens[slot] = rest.removeLast()
      }
      rest.removeAll { $0 == token }
      others[descriptor] = rest.isEmpty ? nil : rest
      return .shared
    }
    guard watch.token == token else { return .unknown }
    end(descriptor)
    return .last
  }

  /// Forgets every token of a descriptor.
  mutating func end(_ descriptor: Int32) {
    if !others.isEmpty { others[descriptor] = nil }
    let (number, _, bit) = Self.place(descriptor)
    guard let used = pages[number]?.used else { return }
    guard used & ~bit != 0 else {
      pages[number] = nil
      // A dictionary never shrinks by itself.
      if pages.isEmpty { pages = [:] }
      return
    }
    pages[number]!.used &= ~bit
    pages[number]!.directories &= ~bit
  }

  private static func place(_ descriptor: Int32) -> (page: Int32, slot: Int, bit: UInt16) {
    let slot = descriptor & 15
    return (descriptor >> 4, Int(slot), 1 << UInt16(slot))
  }
}
