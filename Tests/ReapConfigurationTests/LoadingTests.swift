import Glibc
import ReapConfiguration
import ReapRules
import Testing

@Suite("Finding the file")
struct LoadingTests {
  /// Runs the body with a new directory, which is removed afterwards.
  private func withDirectory(_ body: (String) throws -> Void) throws {
    var template = Array("/tmp/reapd-configuration-XXXXXX".utf8CString)
    let directory = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer {
      for name in ["/reapd/reapd.yaml", "/reapd", ""] { remove(directory + name) }
    }
    try body(directory)
  }

  private func write(_ text: String, to path: String) throws {
    let file = try #require(fopen(path, "w"))
    fputs(text, file)
    fclose(file)
  }

  @Test("begins in XDG_CONFIG_HOME or ~/.config and ends in /etc")
  func searchPaths() {
    func paths(_ environment: Environment) -> [FilePath] {
      Configuration.searchPaths(environment: environment, user: alice)
    }
    let system: FilePath = "/etc/reapd/reapd.yaml"
    #expect(paths(["XDG_CONFIG_HOME": "/c"]) == ["/c/reapd/reapd.yaml", system])
    #expect(paths(["HOME": "/h"]) == ["/h/.config/reapd/reapd.yaml", system])
    #expect(paths(["XDG_CONFIG_HOME": ""]) == ["/home/alice/.config/reapd/reapd.yaml", system])
  }

  @Test("takes the first that exists, and says which")
  func found() throws {
    try withDirectory { directory in
      mkdir(directory + "/reapd", 0o755)
      let path = directory + "/reapd/reapd.yaml"
      try write(Configuration.minimalExample, to: path)
      let configuration = try Configuration.load(
        path: nil, environment: ["XDG_CONFIG_HOME": directory], user: alice)
      #expect(configuration?.source == FilePath(path))
      #expect(configuration?.rules.count == 1)
      let named = try Configuration.load(path: FilePath(path), environment: [:], user: alice)
      #expect(named == configuration)
    }
  }

  @Test("does not pass over a file that is wrong or cannot be read")
  func wrong() throws {
    try withDirectory { directory in
      let environment: Environment = ["XDG_CONFIG_HOME": directory]
      mkdir(directory + "/reapd", 0o755)
      let path = directory + "/reapd/reapd.yaml"
      try write("enabled: maybe", to: path)
      #expect(
        complaint { try Configuration.load(path: nil, environment: environment, user: alice) }
          == "\(path):1: enabled is 'maybe'; write true or false")
      remove(path)
      mkdir(path, 0o755)
      #expect(
        complaint { try Configuration.load(path: nil, environment: environment, user: alice) }
          == "\(path): it cannot be read: Is a directory; check the path and its permissions")
      remove(path)
      symlink(path, path)
      #expect(
        complaint { try Configuration.load(path: nil, environment: environment, user: alice) }
          .hasPrefix("\(path): it cannot be read: Too many levels of symbolic links"))
    }
  }

  @Test("is an error where the named file does not exist")
  func missing() {
    #expect(
      complaint { try Configuration.load(path: "/no/such.yaml", environment: [:], user: alice) }
        == "/no/such.yaml: it cannot be read: No such file or directory; "
        + "check the path and its permissions")
  }

  @Test("gives nothing where there is none", .disabled(if: access("/etc/reapd", F_OK) == 0))
  func none() throws {
    let configuration = try Configuration.load(
      path: nil, environment: ["XDG_CONFIG_HOME": "/no/such"], user: alice)
    #expect(configuration == nil)
  }

  @Test("knows the running user")
  func currentUser() throws {
    let user = UserContext.current
    #expect(user.euid == geteuid())
    #expect(user.lookupUser("root") == 0)
    #expect(user.lookupHome("root") != nil)
    #expect(user.lookupUser("no such user") == nil)
    #expect(user.workingDirectory.isAbsolute)
  }
}
