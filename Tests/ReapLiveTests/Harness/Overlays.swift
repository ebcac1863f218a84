// Overlays that tests mount: directories `lower`, `upper`, `work` and `merged`, side by side.

import Foundation

/// A file system of its own with the layers of an overlay; nil, and said so, where none can be made.
func overlayLayers(_ layers: [String], in scratch: Scratch) throws -> MountedImage? {
  guard isRoot, let image = MountedImage("tmpfs", megabytes: 8, in: scratch) else {
    skip("an overlay's layers need root and a tmpfs")
    return nil
  }
  for name in layers + ["work", "merged"] {
    try FileManager.default.createDirectory(
      atPath: image.path + "/" + name, withIntermediateDirectories: true)
  }
  return image
}

/// Mounts the overlay of the layers below a directory; its path, which the caller unmounts.
func mountOverlay(_ base: String) -> String? {
  let options = "lowerdir=\(base)/lower,upperdir=\(base)/upper,workdir=\(base)/work"
  let merged = base + "/merged"
  let result = run("/bin/mount", ["-t", "overlay", "-o", options, "overlay", merged])
  return result.status == 0 ? merged : nil
}
