import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// Packages as people's machines make them, through a whole pass.
@Suite("packages as people make them") struct PackageHabitTests {
    /// Makes a package with tar(1) from what a script leaves in its folder.
    private func made(_ gateway: GatewayFixture, _ name: String, _ script: String) throws -> String {
        let folder = "\(gateway.root)/desk-\(name)"
        let path = "\(gateway.root)/\(name)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try TestProcess.shell("umask 022; " + script, path, directory: folder)
        return path
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    /// Whether gwe is in sync: nothing has drifted.
    private func isInSync(_ gateway: GatewayFixture) throws -> Bool {
        let plan = try gateway.gwe("reconcile", "--offline", "--dry-run")
        return plan.code == 0
    }

    @Test("a package that a Mac packed runs its installer, and the pass says what it left out")
    func mac() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try made(
            gateway, "app.v1.tar.gz",
            """
            mkdir app; printf 'Mac OS X' | tee ._app app/._install.sh >/dev/null
            printf '#!/bin/sh\\ntouch "$GWE_DATA_DIR/ran"\\n' > app/install.sh; chmod 755 app/install.sh
            tar czf "$1" ._app app
            """)
        try gateway.manifest("schema: gwe/v1\napps:\n  app: {version: \"1\", artifact: {path: \"\(path)\"}}\n")
        let pass = try gateway.gwe("reconcile", "--offline")
        #expect(pass.code == 0, "\(pass)")
        #expect(FileTree.exists("\(gateway.stateFolder)/data/app/ran"))
        #expect(
            (pass.out + pass.err).contains("left out '._app' and 1 more, which a Mac adds"), "\(pass)")
        #expect(gateway.names(gateway.currentFolder(of: "app")) == ["install.sh"])
        #expect(try isInSync(gateway))
        let check = try gateway.gwe("package", "check", path)
        #expect(check.code == 0, "\(check)")
        #expect((check.out + check.err).contains("left out '._app' and 1 more"), "\(check)")
    }

    @Test("data without a checksum is warned of, but where a digest is given")
    func checksum() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try made(gateway, "app.v1.tar.zst", "echo x > f; tar cf - f | zstd -q --no-check > \"$1\"")
        let words = "the compressed data has no checksum of its own"
        try gateway.manifest("schema: gwe/v1\napps:\n  app: {version: \"1\", artifact: {path: \"\(path)\"}}\n")
        let warned = try gateway.gwe("reconcile", "--offline")
        #expect(warned.code == 0 && (warned.out + warned.err).contains(words), "\(warned)")
        let check = try gateway.gwe("package", "check", path)
        #expect((check.out + check.err).contains(words), "\(check)")
        let digest = try SHA256.hex(ofFile: path)
        try gateway.manifest(
            "schema: gwe/v1\napps:\n  other: {version: \"1\", artifact: {path: \"\(path)\", sha256: \"\(digest)\"}}\n")
        let silent = try gateway.gwe("reconcile", "--offline")
        #expect(silent.code == 0 && !(silent.out + silent.err).contains(words), "\(silent)")
    }

    @Test("nobody else may write what comes out of a package, but in folders of an app with a user")
    func modes() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let script = """
            mkdir -m 777 open; printf '#!/bin/sh\\nexec sleep 1000\\n' > run; chmod 777 run; echo x > open/f; chmod 666 open/f
            tar czf "$1" run open
            """
        let path = try made(gateway, "app.v1.tar.gz", script)
        func app(_ name: String, _ keys: String) -> String {
            "  \(name): {version: \"1\", artifact: {path: \"\(path)\"}, service: {command: \"./run\"\(keys)}}\n"
        }
        try gateway.manifest("schema: gwe/v1\napps:\n" + app("ours", "") + app("theirs", ", user: nobody"))
        let pass = try gateway.gwe("reconcile", "--offline")
        #expect(pass.code == 0, "\(pass)")
        for name in ["ours", "theirs"] {
            let folder = gateway.currentFolder(of: name)
            #expect(mode(folder + "/run") == 0o755 && mode(folder + "/open/f") == 0o644, "\(name)")
            #expect(mode(folder + "/open") == (name == "ours" ? 0o755 : 0o777), "\(name)")
        }
        #expect(try isInSync(gateway))
        let check = try gateway.gwe("package", "check", path)
        #expect(
            (check.out + check.err).contains("group and others lose write permission on 'run' and 1 more (mode 0777)"),
            "\(check)")
        #expect((check.out + check.err).contains("on the folder 'open' (mode 0777), unless the app has a user"))
    }

    @Test("a virtual environment is refused with its absolute link and the cure, on the desk and in a pass")
    func virtualEnvironment() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let path = try made(
            gateway, "app.v1.tar.gz",
            """
            mkdir -p venv/bin; ln -s /usr/bin/python3 venv/bin/python3; ln -s python3 venv/bin/python
            echo 'home = /usr/bin' > venv/pyvenv.cfg; printf '[supervisord]\\ncommand=venv/bin/python app.py\\n' > supervisor.conf
            tar czf "$1" venv supervisor.conf
            """)
        try gateway.manifest("schema: gwe/v1\napps:\n  app: {version: \"1\", artifact: {path: \"\(path)\"}}\n")
        let pass = try gateway.gwe("reconcile", "--offline")
        let check = try gateway.gwe("package", "check", path)
        #expect(pass.code == 1 && check.code == 65, "\(pass)\n\(check)")
        for text in [pass.out + pass.err, check.out + check.err] {
            #expect(
                text.contains("entry 'venv/bin/python3': a symlink to the absolute path '/usr/bin/python3'"), "\(text)")
            #expect(text.contains("make that in install.sh, or with 'python3 -m venv --copies'"), "\(text)")
        }
    }
}
