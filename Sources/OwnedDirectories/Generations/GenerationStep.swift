/// The points between which a writer can die: what is on the disk differs from one to the next.
///
/// Up to and including `cursorPrepared` the old generation is live and the new one an orphan if the
/// writer dies; from `cursorReplaced` on the new one is live and complete.
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
  /// The cursor's lock is held, and it is still the one that was read.
  case cursorCompared = "cursor-compared"
  /// The new cursor has its name, but may not be on the disk yet.
  case cursorReplaced = "cursor-replaced"
  /// The new cursor is on the disk; the old one's lock is given back.
  case flipped
  /// The old generation carries its marker.
  case retired
}
