import Documents
import GatewayModel
import GatewaySystem
import Testing

@Suite struct PackageCheckAppYAMLTests {
    private func decode(_ text: String) throws -> AppYAML {
        try AppYAML.decode(YAML.parse(text, source: "app.yaml"))
    }

    @Test("app.yaml is read")
    func read() throws {
        let app = try decode(
            """
            name: web
            version: "1.10"
            arch: [aarch64, armhf]
            service: {command: "bin/web --port 9000"}
            health: {tcp: "127.0.0.1:9000"}
            """)
        #expect(app.name?.text == "web")
        #expect(app.version?.text == "1.10")
        #expect(app.architectures.map(\.text) == ["aarch64", "armhf"])
        #expect(app.service?.command == "bin/web --port 9000")
        #expect(app.health?.probe == .tcp(host: "127.0.0.1", port: 9000))
        #expect(try decode("") == AppYAML())
    }

    @Test(
        "what is wrong in app.yaml is named",
        arguments: [
            ("nmae: web", "did you mean \"name\"?"), ("version: 1.10", "quote it"), ("arch: []", "the list is empty"),
            ("arch: [a b]", "arch[0]: expected the name of an architecture"), ("- a", "expected a mapping"),
            ("service: {comand: x}", "did you mean \"command\"?"), ("schema: gwe/v2", "expected gwe/v1"),
        ])
    func wrong(text: String, message: String) {
        do {
            let app = try decode(text)
            Issue.record("\(app) should not have been read")
        } catch { #expect("\(error)".contains(message), "\(error)") }
    }

    @Test("name, version and architecture must agree with the file's name and the machine")
    func disagreement() throws {
        let web = try #require(AppName("web")), one = try #require(Version("1"))
        func reason(_ text: String, machine: String? = "x86_64") throws -> String? {
            try decode(text).disagreement(name: web, version: one, machine: machine)
        }
        #expect(try reason("") == nil)
        #expect(try reason("{name: web, version: \"1\", arch: amd64}") == nil)
        #expect(try reason("name: wep") == "app.yaml says name 'wep', the package is named 'web'")
        #expect(try reason("version: \"1.0\"") == "app.yaml says version '1.0', the package is named version '1'")
        #expect(try reason("arch: [arm64, armhf]") == "app.yaml says arch arm64, armhf, this machine is x86_64")
        #expect(try reason("arch: [arm64]", machine: nil) == nil)
        #expect(try reason("arch: any") == nil)
    }

    @Test(
        "an architecture is known under its usual names, and ARM by its version",
        arguments: [
            ("amd64", "x86_64", true), ("i386", "i686", true), ("i386", "x86_64", false), ("arm64", "aarch64", true),
            ("armhf", "armv7l", true), ("armhf", "armv6l", false), ("armv6l", "armv7l", true),
            ("arm", "armv5tejl", true), ("armv7l", "aarch64", false), ("noarch", "riscv64", true),
            ("mipsel", "mips", true), ("sparc", "sparc", true),
        ])
    func names(package: String, machine: String, runs: Bool) throws {
        #expect(try #require(Architecture(package)).runs(on: try #require(Architecture(machine))) == runs)
    }

    @Test("the ELF header of this test's own program tells this machine")
    func elf() throws {
        let head = try AtomicFile.read("/proc/self/exe", limit: 1 << 30).prefix(64)
        let machine = try #require(Architecture(KernelInfo.name.machine))
        #expect(try #require(Architecture.ofELF(Array(head))).isSameFamily(as: machine))
        #expect(Architecture.ofELF(Array("#!/bin/sh\necho this is no program\n".utf8)) == nil)
        // EM_ARM, big-endian.
        let big: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 40]
        #expect(Architecture.ofELF(big)?.text == "arm")
    }
}
