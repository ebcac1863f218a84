/// `/proc/self/mountinfo`, parsed (proc_pid_mountinfo(5)): where mounts lie, and what overlays use.
package struct MountTable: Sendable, Equatable {
  package struct Mount: Sendable, Equatable {
    package let id: UInt64
    /// The mount that this one covers a directory of.
    package let parent: UInt64
    /// `major:minor` of the file system.
    package let device: String
    /// The directory of that file system which is mounted.
    package let rootInFileSystem: [UInt8]
    package let point: [UInt8]
    package let type: String
    package let options: [UInt8]
  }

  package let mounts: [Mount]
  /// The directories that mounted overlays are made of.
  private var layers: [Layer] = []

  private struct Layer: Sendable, Equatable {
    let path: [UInt8]
    let place: Place
  }

  /// Nil where a line does not have the documented form: then nothing is known about mounts.
  package init?(parsing text: [UInt8]) {
    var mounts: [Mount] = []
    for line in text.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      guard let dash = fields.firstIndex(where: { $0.elementsEqual("-".utf8) }), dash >= 6,
        fields.count >= dash + 4, let id = UInt64(String(decoding: fields[0], as: UTF8.self)),
        let parent = UInt64(String(decoding: fields[1], as: UTF8.self))
      else { return nil }
      mounts.append(
        Mount(
          id: id, parent: parent, device: String(decoding: fields[2], as: UTF8.self),
          rootInFileSystem: Self.unescape(fields[3]), point: Self.unescape(fields[4]),
          type: String(decoding: fields[dash + 1], as: UTF8.self),
          options: Array(fields[dash + 3])))
    }
    guard !mounts.isEmpty else { return nil }
    self.mounts = mounts
    for mount in mounts where mount.type == "overlay" {
      for path in Self.layers(of: mount) {
        if let place = place(of: path) { layers.append(Layer(path: path, place: place)) }
      }
    }
  }

  /// The kernel writes space, tab, newline and backslash as `\` and three octal digits.
  private static func unescape(_ field: some Collection<UInt8>) -> [UInt8] {
    let bytes = Array(field)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "\\"), index + 3 < bytes.count,
        let value = UInt8(String(decoding: bytes[index + 1...index + 3], as: UTF8.self), radix: 8)
      {
        result.append(value)
        index += 4
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return result
  }

  /// The first mount point at or below the path, if any.
  package func mountInside(_ path: [UInt8]) -> [UInt8]? {
    mounts.first { $0.point == path || isBelow($0.point, path) }?.point
  }

  /// The mount that an absolute path without links lies in: the last of the longest points, since
  /// a later mount covers an earlier one at the same place.
  package func mount(of path: [UInt8]) -> Mount? {
    var best: Mount?
    for mount in mounts where mount.point == path || isBelow(path, mount.point) {
      if mount.point.count >= best?.point.count ?? 0 { best = mount }
    }
    return best
  }

  /// A directory of a file system, whatever mount leads there.
  package struct Place: Sendable, Hashable {
    package let device: String
    package let path: [UInt8]

    package func isAtOrBelow(_ other: Place) -> Bool {
      device == other.device && (path == other.path || isBelow(path, other.path))
    }
  }

  /// The directories that mounted overlays are made of.
  package var layered: [Place] { layers.map(\.place) }

  /// Where each mount lies on the file system that it covers a directory of.
  package var covered: [Place] {
    let byID = Dictionary(mounts.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    return mounts.compactMap { mount in
      byID[mount.parent].map { Self.place(of: mount.point, through: $0) }
    }
  }

  /// Where a path lies on its file system.
  package func place(of path: [UInt8]) -> Place? {
    mount(of: path).map { Self.place(of: path, through: $0) }
  }

  private static func place(of path: [UInt8], through mount: Mount) -> Place {
    let inner = path.dropFirst(mount.point == [UInt8(ascii: "/")] ? 0 : mount.point.count)
    let base = mount.rootInFileSystem == [UInt8(ascii: "/")] ? [] : mount.rootInFileSystem
    let whole = base + (inner.elementsEqual("/".utf8) ? [] : Array(inner))
    return Place(device: mount.device, path: whole.isEmpty ? [UInt8(ascii: "/")] : whole)
  }

  /// The overlay directory (upper, lower or work) that the path lies in, if any. Locks taken
  /// through the overlay are invisible there.
  package func overlayDirectory(containing path: [UInt8]) -> [UInt8]? {
    guard !layers.isEmpty, let here = place(of: path) else { return nil }
    return layers.first { here.isAtOrBelow($0.place) }?.path
  }

  /// The first directory of a mounted overlay at or below the path, if any: what is in it is what the
  /// overlay shows.
  package func overlayDirectory(inside path: [UInt8]) -> [UInt8]? {
    guard !layers.isEmpty, let here = place(of: path) else { return nil }
    return layers.first { $0.place.isAtOrBelow(here) }?.path
  }

  private static func layers(of overlay: Mount) -> [[UInt8]] {
    var layers: [[UInt8]] = []
    for option in overlay.options.split(separator: UInt8(ascii: ",")) {
      guard let equals = option.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let key = String(decoding: option[..<equals], as: UTF8.self)
      let value = unescape(option[(equals + 1)...])
      switch key {
      case "upperdir", "workdir", "lowerdir+", "datadir+": layers.append(value)
      case "lowerdir":
        layers += value.split(separator: UInt8(ascii: ":")).map(Array.init)
      default: break
      }
    }
    return layers
  }
}

/// Whether an absolute path lies strictly below another one.
package func isBelow(_ path: [UInt8], _ ancestor: [UInt8]) -> Bool {
  if ancestor == [UInt8(ascii: "/")] { return path.count > 1 }
  return path.count > ancestor.count && path.starts(with: ancestor)
    && path[ancestor.count] == UInt8(ascii: "/")
}
