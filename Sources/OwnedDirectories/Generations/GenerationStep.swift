/// The points between which a writer can die: from one to the next, the disk holds something else.
///
/// If the writer dies at a point up to ``cursorCompared``, the old generation is live and the new one
/// an orphan. From ``cursorReplaced`` on, the new generation is live and complete.
public enum GenerationStep: String, CaseIterable, Sendable {
  /// The directory is there, empty.
  case directoryMade = "directory-made"
  /// Its lock file is there under a hidden name, and locked.
  case lockTaken = "lock-taken"
  /// The lock file has its name `.lock`.
  case locked
  /// A data file is there, empty.
  case fileMade = "file-made"
  /// A data file is complete and on the disk.
  case fileClosed = "file-closed"
  /// Every directory that holds data files is on the disk.
  case dataSynced = "data-synced"
  /// The metadata is on the disk under a temporary name.
  case metadataPrepared = "metadata-prepared"
  /// The metadata has its name; it and every directory up to the partition are on the disk.
  case committed
  /// The new cursor is on the disk under a temporary name.
  case cursorPrepared = "cursor-prepared"
  /// The cursor's lock is held, and the cursor is still the one that was read.
  case cursorCompared = "cursor-compared"
  /// The new cursor has its name, but may not be on the disk yet.
  case cursorReplaced = "cursor-replaced"
  /// The new cursor is on the disk, and the lock of the old one is released.
  case flipped
  /// The old generation carries its marker.
  case retired
}
