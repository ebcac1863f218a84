/// Every program that is known, by name. The files are part of the binary.
package enum Catalogue {
  /// A file that is not read rightly is a mistake in this program; its tests read them all.
  package static let presets: [Preset] = {
    do { return try files.map { try PresetFile.read($0.text, name: $0.name) } } catch {
      fatalError("the catalogue: \(error)")
    }
  }()

  /// What may be written as `preset:`.
  package static let names = presets.flatMap { $0.rules.map(\.name) }

  static func rule(named name: String) -> PresetRule? {
    for preset in presets {
      if let rule = preset.rules.first(where: { $0.name == name }) { return rule }
    }
    return nil
  }

  /// The program that a rule of the command line is of; its name may have a number at its end.
  package static func preset(ofRule name: String) -> String? {
    let plain = withoutNumber(name)
    return presets.first { $0.rules.contains { $0.name == name || $0.name == plain } }?.name
  }

  private static func withoutNumber(_ name: String) -> String {
    let digits = name.reversed().prefix { $0.isNumber }.count
    let head = name.dropLast(digits)
    return digits > 0 && head.last == "-" ? String(head.dropLast()) : name
  }

  private typealias File = (name: String, text: [UInt8])

  /// In order of name.
  private static let files: [File] = [
    ("ant", PackageResources.ant_yaml),
    ("buildah", PackageResources.buildah_yaml),
    ("ccache", PackageResources.ccache_yaml),
    ("chdb", PackageResources.chdb_yaml),
    ("chromium", PackageResources.chromium_yaml),
    ("dask", PackageResources.dask_yaml),
    ("datasets", PackageResources.datasets_yaml),
    ("deltalake", PackageResources.deltalake_yaml),
    ("duckdb", PackageResources.duckdb_yaml),
    ("git", PackageResources.git_yaml),
    ("go", PackageResources.go_yaml),
    ("hypaware", PackageResources.hypaware_yaml),
    ("jdk", PackageResources.jdk_yaml),
    ("joblib", PackageResources.joblib_yaml),
    ("kilroy", PackageResources.kilroy_yaml),
    ("lance", PackageResources.lance_yaml),
    ("pip", PackageResources.pip_yaml),
    ("polars", PackageResources.polars_yaml),
    ("pyspark", PackageResources.pyspark_yaml),
    ("pytest", PackageResources.pytest_yaml),
    ("ray", PackageResources.ray_yaml),
    ("rustc", PackageResources.rustc_yaml),
    ("sovra-log", PackageResources.sovra_log_yaml),
    ("sovra-media", PackageResources.sovra_media_yaml),
    ("spica", PackageResources.spica_yaml),
    ("swiftpm", PackageResources.swiftpm_yaml),
    ("zarr", PackageResources.zarr_yaml),
  ]
}
