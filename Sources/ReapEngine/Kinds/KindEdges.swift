// The one place of the engine that tells kinds apart.

import ReapRules

/// The edge of a rule's kind.
///
/// - Parameter ownerExited: called on some thread when an owner's process is seen to exit; nil where
///   nobody stays to see that.
func kindEdge(of rule: Rule, ownerExited: OwnerExited? = nil) -> any RootKind {
  switch rule.kind {
  case .spill: SpillEdge()
  case .generations(let settings): GenerationsEdge(settings, ownerExited: ownerExited)
  case .scratch(let settings): ScratchEdge(settings, ownerExited: ownerExited)
  case .files(let settings): FilesEdge(settings, root: rule.root)
  case .instances(let settings): InstancesEdge(settings)
  case .visits(let settings): VisitsEdge(settings, ownerExited: ownerExited)
  case .log(let settings): LogEdge(settings)
  }
}
