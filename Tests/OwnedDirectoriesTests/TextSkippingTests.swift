import OwnedDirectories
import ReapRules
import Testing

@Suite struct TextSkippingTests {
  @Test("By words the text ends where it ends byte by byte") func agrees() {
    let seed = UInt64.random(in: 0 ... .max)
    var state = seed
    // Bytes around each of those that are looked for, where a wrong bit would show.
    let bytes: [UInt8] = [
      0, 1, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x5B, 0x5C, 0x5D, 0x7F, 0x80, 0xA2, 0xDC, 0xFF,
    ]
    for _ in 0..<20_000 {
      func next(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % limit
      }
      var text = [UInt8](repeating: UInt8(ascii: "x"), count: next(40))
      for _ in 0..<next(4) where !text.isEmpty { text[next(text.count)] = bytes[next(bytes.count)] }
      let start = next(text.count + 1)
      let (quick, slow) = (
        endOfTextByWords(text.span, from: start), endOfText(text.span, from: start)
      )
      #expect(quick == slow, "seed \(seed): \(text) from \(start)")
    }
  }
}
