/// What is to be taken out of quarantine: one entry, by its id or by a path of it.
package enum RestoreRequest: Hashable, Sendable {
  /// The number of a condemnation or claim, as the audit gives it.
  case id(String)
  /// Absolute; as it is now, or as it was before the claim.
  case path([UInt8])

  /// Reads an argument; one that is all digits names a claim, and `./123` the path of that name.
  ///
  /// - Parameter resolve: makes a path absolute; nil where it cannot be the path of a directory.
  package init?(_ argument: [UInt8], resolve: ([UInt8]) -> [UInt8]?) {
    if !argument.isEmpty, argument.allSatisfy({ (0x30...0x39).contains($0) }) {
      self = .id(String(decoding: argument, as: UTF8.self))
    } else if let path = resolve(argument) {
      self = .path(path)
    } else {
      return nil
    }
  }

  /// - Parameter paths: absolute; as it is named now, and before a claim.
  package func means(_ id: String, _ paths: [[UInt8]]) -> Bool {
    switch self {
    case .id(let wanted): wanted == id
    case .path(let path): paths.contains(path)
    }
  }
}
