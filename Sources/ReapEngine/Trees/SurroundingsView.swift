package import ReapRules

/// Mounts and watched roots, which must not lie in what is disposed of.
package struct SurroundingsView: Sendable {
  let mounts: MountView
  /// Resolved paths of every root of this configuration, in order: a rule may be one of thousands.
  private let roots: [[UInt8]]

  package init(mounts: MountView, roots: [FilePath]) {
    self.mounts = mounts
    self.roots = roots.map(\.bytes).sorted { $0.lexicographicallyPrecedes($1) }
  }

  func look(below path: [UInt8]) -> Evidence.Surroundings {
    guard let table = mounts.current() else { return .unknown("the mount table is unreadable") }
    if let mount = table.mountInside(path) { return .mountInside(displayText(mount)) }
    if let layer = table.overlayDirectory(inside: path) { return .mountInside(displayText(layer)) }
    // An overlay may have been mounted since its root was taken.
    if let layer = table.overlayDirectory(containing: path) {
      return .unknown(RootRefusal.insideOverlay(layer: displayText(layer)).explanation)
    }
    for start in [path, path + [UInt8(ascii: "/")]] {
      guard let root = firstRoot(from: start), root == path || isBelow(root, path) else { continue }
      return .rootInside(displayText(root))
    }
    return .clear
  }

  /// The first root that does not come before a path, by bytes.
  private func firstRoot(from path: [UInt8]) -> [UInt8]? {
    var range = roots.indices
    while let middle = range.isEmpty ? nil : range.lowerBound + range.count / 2 {
      if roots[middle].lexicographicallyPrecedes(path) {
        range = (middle + 1)..<range.upperBound
      } else {
        range = range.lowerBound..<middle
      }
    }
    return range.lowerBound < roots.endIndex ? roots[range.lowerBound] : nil
  }
}
