// Change times come from a clock that goes by ticks: two changes within one leave the same time.

import OwnedDirectories

/// Waits, for a moment after a change, until the next one is sure to leave another change time. What is read of
/// the file from then on is what it holds for as long as that time is the same.
func letSettle(_ facts: FileStatus) {
  // A tick of the kernel is ten milliseconds at most. Where no file has a part of a second (ext4 with inodes of
  // 128 bytes, FAT), it is a second or two.
  let tick: Int64 = facts.change % 1_000_000_000 == 0 ? 2_020_000_000 : 20_000_000
  let age = readClocks().wall - facts.change
  if age >= 0, age < tick { pause(nanoseconds: tick - age) }
}
