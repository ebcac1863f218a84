// The third reading: the new archive, from the disk, is what it should be.

import OwnedDirectories

/// Reads a new archive back. zlib proves its bytes to be those that were packed, libarchive each member
/// to begin where it should.
func readBack(_ file: Descriptor, _ plan: SlimPlan) throws(SlimProblem) {
  forgetCached(file)
  let stream = try UnpackedStream(
    FileStream(file), bufferSize: 256 << 10, spend: { _, _, _ in })
  defer { stream.free() }
  do throws(SlimProblem) {
    let reader = try TarReader(stream, pieceSize: 256 << 10)
    defer { reader.free() }
    var count = 0
    while let member = try reader.next() {
      guard count < plan.starts.count, member.start == plan.starts[count] else {
        throw SlimProblem(.system, "a member is out of its place", member: member.path)
      }
      count += 1
    }
    let (_, end) = try reader.finish()
    guard count == plan.starts.count, end == plan.length else {
      throw SlimProblem(.system, "it ends too early")
    }
  } catch {
    // An archive without members is none to libarchive; its bytes are proved all the same.
    guard plan.starts.isEmpty, error.reason == .unexpectedForm else {
      throw SlimProblem(
        .system, "the new archive, read back, is not what was written: \(error)",
        member: error.member)
    }
  }
}
