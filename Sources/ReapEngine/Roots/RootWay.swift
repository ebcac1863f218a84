import OwnedDirectories
import ReapRules

/// The way to a root as it lies on the disk, each directory with its identity: one that was moved
/// away and made anew has the same name, and a watch on the old one tells nothing of it.
struct RootWay: Equatable {
  let path: PathWay
  private let identities: [FileIdentity?]

  init(_ written: FilePath) {
    path = PathWay(written, look: look)
    identities = path.places.map { (try? status(ofPath: $0.directory))?.identity }
  }

  /// What is followed from the start on. A link in the place of the root itself is resolved once; one
  /// that comes there later is refused.
  static func written(_ root: FilePath) -> FilePath {
    if case .link = look(at: root) { resolveRoot(root) } else { root }
  }
}
