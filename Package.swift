// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "reapd",
  products: [
    .executable(name: "reapd", targets: ["reapd"]),
    .library(name: "OwnedDirectories", targets: ["OwnedDirectories"]),
    .library(name: "Watching", targets: ["Watching"]),
    .library(name: "CrashDrill", targets: ["CrashDrill"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    // Builds the documentation (`swift package generate-documentation`); nothing links it.
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    .target(name: "ReapRules"),
    .systemLibrary(
      name: "CInotifyTools", providers: [.apt(["libinotifytools0-dev"])]),
    .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CArchive", providers: [.apt(["libarchive-dev"])]),
    .systemLibrary(name: "CNettle", providers: [.apt(["nettle-dev"])]),
    .target(name: "CLinuxShims"),
    // The catalogue is part of the binary: it is linked statically, and carried about alone.
    .target(
      name: "ReapConfiguration", dependencies: ["ReapRules", "CYAML"],
      resources: [.embedInCode("Presets")]),
    .target(name: "OwnedDirectories", dependencies: ["ReapRules", "CLinuxShims"]),
    .target(
      name: "Watching",
      dependencies: ["ReapRules", "OwnedDirectories", "CInotifyTools", "CLinuxShims", "CZlib"]),
    .target(
      name: "ReapEngine",
      dependencies: [
        "ReapRules", "OwnedDirectories", "Watching", "Archives",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .target(name: "CrashDrill", dependencies: ["OwnedDirectories", "ReapRules"]),
    .target(name: "Compression", dependencies: ["OwnedDirectories", "CZlib", "CZstd"]),
    .target(
      name: "Compaction", dependencies: ["ReapRules", "OwnedDirectories", "Compression"]),
    .target(
      name: "Archives",
      dependencies: ["ReapRules", "OwnedDirectories", "Compression", "CArchive", "CNettle"]),
    .executableTarget(
      name: "reapd",
      dependencies: [
        "ReapRules", "ReapConfiguration", "ReapEngine", "OwnedDirectories", "Compaction",
        "Compression", "Archives", "Watching", "CrashDrill",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .executableTarget(
      name: "DoomedWriter", dependencies: ["CrashDrill", "OwnedDirectories", "ReapRules"],
      path: "Tests/DoomedWriter"),
    .executableTarget(
      name: "DoomedCompactor", dependencies: ["OwnedDirectories"], path: "Tests/DoomedCompactor"),
    .executableTarget(
      name: "LogFollower", dependencies: ["Watching", "OwnedDirectories"], path: "Tests/LogFollower"
    ),
    .testTarget(name: "ReapRulesTests", dependencies: ["ReapRules"]),
    .testTarget(name: "ReapConfigurationTests", dependencies: ["ReapConfiguration", "ReapRules"]),
    .testTarget(
      name: "OwnedDirectoriesTests", dependencies: ["OwnedDirectories", "ReapRules"]),
    .testTarget(
      name: "ArchivesTests", dependencies: ["Archives", "OwnedDirectories", "ReapRules"]),
    .testTarget(
      name: "WatchingTests", dependencies: ["Watching", "OwnedDirectories", "ReapRules"]),
    .testTarget(
      name: "ReapEngineTests",
      dependencies: [
        "ReapEngine", "OwnedDirectories", "ReapRules", "Watching",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(
      name: "ReapLiveTests",
      dependencies: [
        "DoomedWriter", "DoomedCompactor", "LogFollower", "CrashDrill", "OwnedDirectories",
        "ReapRules",
        "ReapEngine",
      ]),
  ],
  swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
  guard target.name != "CLinuxShims" else { continue }
  target.swiftSettings = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
  ]
  // Tests may be unsafe: they break things on purpose.
  if target.type != .test, !target.name.hasPrefix("Doomed"), target.name != "LogFollower" {
    target.swiftSettings?.append(.strictMemorySafety())
  }
}
