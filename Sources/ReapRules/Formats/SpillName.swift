/// The time in a name of the form `spill_<unix seconds>_<decimal>`, in nanoseconds since 1970.
///
/// Nil for any other name: such a candidate just lacks that clock.
package func spillNameTime(_ name: EntryName) -> Nanoseconds? {
  let parts = name.bytes.split(separator: UInt8(ascii: "_"), omittingEmptySubsequences: false)
  guard parts.count == 3, parts[0].elementsEqual("spill".utf8) else { return nil }
  func digitsOnly(_ part: ArraySlice<UInt8>) -> Bool {
    !part.isEmpty && part.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }
  guard digitsOnly(parts[1]), digitsOnly(parts[2]) else { return nil }
  guard let seconds = Int64(String(decoding: parts[1], as: UTF8.self)) else { return nil }
  let (stamp, overflow) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
  return overflow ? nil : stamp
}
