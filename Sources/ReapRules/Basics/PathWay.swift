/// The way from a written path to what it leads to: which directories it passes, and which entries
/// of them could send it elsewhere. Pure: what is on the disk is asked through a function.
package struct PathWay: Sendable, Equatable {
  /// What a step of the way is.
  package enum Found: Sendable, Equatable {
    case directory
    case link([UInt8])
    /// Nothing, nothing that can be seen, or nothing that leads on.
    case nothing
  }

  package struct Place: Sendable, Equatable {
    /// Without links.
    package let directory: FilePath
    /// The links in it that the way takes.
    package var links: Set<[UInt8]> = []
  }

  /// Absolute. The links on the way are followed, as far as it leads; its last component is not,
  /// since a link in a root's place is no root.
  package private(set) var target: FilePath
  /// Each directory of the way, once.
  package private(set) var places: [Place] = []
  /// The last directory that can be seen, and the name in it that comes next.
  package private(set) var end: (directory: FilePath, next: [UInt8]) = ("/", [])

  /// As many links as the kernel follows (path_resolution(7)).
  private static let linkLimit = 40

  package init(_ path: FilePath, look: (FilePath) -> Found) {
    target = path
    var rest = Self.components(path.bytes)[...]
    var directory: FilePath = "/"
    var links = 0
    pass(directory)
    while let name = rest.popFirst() {
      if name.elementsEqual(".".utf8) { continue }
      if name.elementsEqual("..".utf8) {
        // Links are behind us: what is above is above on the disk, too.
        directory = directory.parent ?? "/"
        continue
      }
      end = (directory, name)
      target = directory.appending(name)
      guard !rest.isEmpty else { return }
      switch look(target) {
      case .directory:
        directory = target
        pass(directory)
      case .link(let text) where links < Self.linkLimit && !text.isEmpty:
        links += 1
        pass(directory, by: name)
        if text.first == UInt8(ascii: "/") { directory = "/" }
        rest = Self.components(text) + rest
      case .link, .nothing:
        for name in rest { target = target.appending(name) }
        return
      }
    }
  }

  private mutating func pass(_ directory: FilePath, by link: [UInt8]? = nil) {
    let index = places.firstIndex { $0.directory == directory } ?? places.endIndex
    if index == places.endIndex { places.append(Place(directory: directory)) }
    if let link { places[index].links.insert(link) }
  }

  /// Whether a change of an entry of that name may matter, in whichever of the places it is.
  ///
  /// - Parameter isWaiting: nothing usable is at the target. Then the last directory that can be seen
  ///   matters itself: it may be one that nobody may look into, until its mode is changed.
  package func takes(_ name: [UInt8], isWaiting: Bool) -> Bool {
    name == end.next || places.contains { $0.links.contains(name) }
      || (isWaiting && name == end.directory.lastComponent)
  }

  private static func components(_ path: [UInt8]) -> ArraySlice<[UInt8]> {
    path.split(separator: UInt8(ascii: "/")).map { Array($0) }[...]
  }

  package static func == (left: PathWay, right: PathWay) -> Bool {
    left.target == right.target && left.places == right.places && left.end == right.end
  }
}
