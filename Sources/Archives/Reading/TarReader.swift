// Members of a tar stream, read by libarchive.

import CArchive
import Glibc
import OwnedDirectories

/// One member as its headers tell it.
struct Member {
  enum Form {
    case file, directory
    case symbolicLink(to: [UInt8])
    case hardLink(to: [UInt8])
    case other
  }
  let path: [UInt8]
  let form: Form
  let size: Int64
  /// Where all that belongs to it begins in the stream.
  let start: Int64
  /// Nil where its headers are in no usual form.
  let chain: HeaderChain?
  /// Whether its data is all of the file, in one piece, and its headers were read without a doubt.
  let isPlain: Bool
}

/// Reads one tar stream. libarchive decides what is in it; nothing but positions is added.
@safe final class TarReader {
  private let archive: OpaquePointer
  private let tape: Tape
  private var current: [UInt8]?

  init(_ stream: any ByteStream, pieceSize: Int) throws(SlimProblem) {
    useUTF8Names()
    tape = Tape(stream, pieceSize: pieceSize)
    guard let archive = unsafe archive_read_new() else {
      throw SlimProblem(.system, "there is not enough memory")
    }
    unsafe self.archive = archive
    unsafe archive_read_support_format_tar(archive)
    let code = unsafe archive_read_open(
      archive, Unmanaged.passUnretained(tape).toOpaque(), nil,
      { _, context, start in
        let tape = unsafe Unmanaged<Tape>.fromOpaque(context!).takeUnretainedValue()
        guard let piece = tape.advance() else { return tape.problem == nil ? 0 : -1 }
        // The piece's memory stays where it is until the piece after the next one is read.
        return piece.withBytes {
          unsafe $0.withUnsafeBytes { bytes in
            unsafe start!.pointee = bytes.baseAddress
            return bytes.count
          }
        }
      }, nil)
    guard code == ARCHIVE_OK else {
      let problem = failure()
      unsafe archive_read_free(archive)
      throw problem
    }
  }

  func free() { unsafe archive_read_free(archive) }

  /// Names what is at hand in whatever went wrong.
  private func failure() -> SlimProblem {
    if let problem = tape.problem { return current.map(problem.at) ?? problem }
    let text = unsafe archive_error_string(archive).map { unsafe String(cString: $0) }
    guard let current else {
      return SlimProblem(.unexpectedForm, "it is no tar archive: \(text ?? "unreadable")")
    }
    return SlimProblem(
      .damaged, "behind this member: \(text ?? "unreadable")", member: current)
  }

  /// The next member; nil behind the last one.
  func next() throws(SlimProblem) -> Member? {
    var entry: OpaquePointer?
    let code = unsafe archive_read_next_header(archive, &entry)
    if tape.problem != nil { throw failure() }
    if code == ARCHIVE_EOF { return nil }
    guard code == ARCHIVE_OK || code == ARCHIVE_WARN, let entry = unsafe entry else {
      throw failure()
    }
    let member = unsafe member(entry, isDoubtful: code == ARCHIVE_WARN)
    current = member.path
    return member
  }

  private func member(_ entry: OpaquePointer, isDoubtful: Bool) -> Member {
    let start = unsafe archive_read_header_position(archive)
    let chain = HeaderChain(at: start) { tape.block(at: $0) }
    let form: Member.Form
    if let target = unsafe archive_entry_hardlink(entry) {
      form = unsafe .hardLink(to: bytes(target))
    } else {
      switch unsafe archive_entry_filetype(entry) {
      case 0o100000: form = .file  // AE_IFREG and so on are macros with a cast
      case 0o040000: form = .directory
      case 0o120000:
        form = unsafe .symbolicLink(to: archive_entry_symlink(entry).map { unsafe bytes($0) } ?? [])
      default: form = .other
      }
    }
    let isWhole = unsafe archive_entry_sparse_count(entry) == 0
    let path = unsafe archive_entry_pathname(entry).map { unsafe bytes($0) } ?? []
    return Member(
      path: path, form: form, size: unsafe archive_entry_size(entry), start: start, chain: chain,
      isPlain: !isDoubtful && isWhole && chain?.isPlainFile == true && isSpelt(path, start, chain))
  }

  /// Whether a name is in the headers byte for byte: libarchive puts the accents of pax names together
  /// with their letters, and that is another file's name.
  private func isSpelt(_ path: [UInt8], _ start: Int64, _ chain: HeaderChain?) -> Bool {
    guard path.contains(where: { $0 >= 0x80 }) else { return true }
    guard let chain else { return false }
    let offsets = stride(from: start, to: start + chain.length, by: Int(HeaderChain.blockSize))
    let headers = offsets.flatMap { tape.block(at: $0) ?? [] }
    return path.split(separator: 0x2F).allSatisfy { headers.contains($0) }
  }

  private func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
    unsafe Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }

  /// Shows the next piece of the member's data and where it belongs in the file; false behind the last.
  func nextData<Failure: Error>(
    _ body: (Span<UInt8>, Int64) throws(Failure) -> Void
  ) throws(SlimProblem) -> Result<Bool, Failure> {
    var (start, size, offset): (UnsafeRawPointer?, Int, Int64) = (nil, 0, 0)
    let code = unsafe archive_read_data_block(archive, &start, &size, &offset)
    if code == ARCHIVE_EOF { return .success(false) }
    guard code == ARCHIVE_OK, tape.problem == nil else { throw failure() }
    do throws(Failure) {
      let all = unsafe UnsafeRawBufferPointer(start: start, count: size)
      try unsafe body(Span(_bytes: all.bytes), offset)
    } catch {
      return .failure(error)
    }
    return .success(true)
  }

  /// Reads to the end of the stream: behind the last member must come two empty blocks or more, and
  /// nothing else. libarchive would pass over anything there.
  ///
  /// - Returns: where global headers begin that no member follows, and where the end blocks do.
  func finish() throws(SlimProblem) -> (tail: Int64, end: Int64) {
    let tail = unsafe archive_read_header_position(archive)
    let end = tail + (HeaderChain(at: tail) { tape.block(at: $0) }?.globalLength ?? 0)
    let rest = try tape.drain(zerosFrom: end)
    guard rest.isZero else {
      throw SlimProblem(.behindTheEnd, "other bytes follow the archive's end")
    }
    guard rest.length - end >= 2 * HeaderChain.blockSize else {
      throw SlimProblem(.damaged, "it ends without its two empty blocks")
    }
    return (tail, end)
  }
}
