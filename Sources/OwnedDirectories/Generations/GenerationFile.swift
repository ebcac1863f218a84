/// A data file of a generation that is being written. ``close()`` ends it, and returns when its
/// bytes are on the disk.
public final class GenerationFile {
  /// What is written before the kernel is told to begin putting it on the disk: enough for long
  /// writes, little enough that `close()` has not long to wait.
  private static let writebackStride: Int64 = 8 << 20

  /// The file's path, relative to the generation.
  public let path: String
  /// Number of bytes written so far.
  public private(set) var size: Int64 = 0

  private let descriptor: Descriptor
  private let generation: String
  private let closed: () -> Void
  private var handedOver: Int64 = 0
  private var isOpen = true

  init(_ descriptor: Descriptor, path: String, in generation: String, closed: @escaping () -> Void)
  {
    self.descriptor = descriptor
    self.path = path
    self.generation = generation
    self.closed = closed
  }

  /// Appends bytes.
  ///
  /// - Throws: ``GenerationError``: `system`, after which the file may hold a part of the bytes;
  ///   `misuse` after ``close()``.
  public func write(_ bytes: Span<UInt8>) throws(GenerationError) {
    guard isOpen else {
      throw GenerationError(
        .misuse, generation + "/" + path, "it is written to after close()", "close it last")
    }
    do { try writeAll(bytes, to: descriptor, path) } catch {
      throw GenerationError(error, in: generation)
    }
    size += Int64(bytes.count)
    if size - handedOver >= Self.writebackStride {
      startWriteback(descriptor, from: handedOver, count: size - handedOver)
      handedOver = size
    }
  }

  /// Appends the bytes of an array.
  ///
  /// - Throws: as `write` of a span does.
  public func write(_ bytes: [UInt8]) throws(GenerationError) { try write(bytes.span) }

  /// Waits until all of it is on the disk, and closes it. Calling it again does nothing.
  ///
  /// - Throws: ``GenerationError``, reason `system`: the file must be taken for lost (fsync(2)
  ///   reports an error only once), and the generation cannot be committed.
  public func close() throws(GenerationError) {
    guard isOpen else { return }
    do { try synchronize(descriptor, path) } catch { throw GenerationError(error, in: generation) }
    abandon()
    closed()
  }

  /// Closes the descriptor without caring for what was written.
  func abandon() {
    guard isOpen else { return }
    isOpen = false
    descriptor.close()
  }
}
