import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What `gwe reconcile` says, and leaves unsaid.
@Suite("What reconcile shows") struct ReconcileOutputTests {
    @Test("Ctrl-C ends the command and not the daemon's pass, and says so")
    func interrupted() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let installer = "touch \"$GWE_DATA_DIR/begun\"; while [ ! -e \"$GWE_DATA_DIR/go\" ]; do sleep 0.05; done"
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("the first pass is over") { try gateway.gwe("reconcile").code != 75 }
            try gateway.services([.quickService("slow", "1", extra: ["install.sh": .script(installer)])])
            let pass = try gateway.start(["reconcile"])
            let data = gateway.stateFolder + "/data/slow"
            try gateway.eventually("the installer runs") { FileTree.exists(data + "/begun") }
            pass.send(SIGINT)
            let ran = pass.wait()
            #expect(ran.signal == SIGINT, "\(ran)")
            #expect(ran.err.contains("the daemon goes on with the pass"), "\(ran)")
            try gateway.write("", to: data + "/go")
            try gateway.eventually("the pass has gone on") { try gateway.row("slow")["state"]?.string == "RUNNING" }
        }
    }

    @Test("with -q nothing is said where all is well, and else what is wrong and why it did not end with 0")
    func quiet() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([.quickService("web", "1")])
        let good = try gateway.gwe("reconcile", "-q")
        #expect(good.code == 0 && good.out.isEmpty && good.err.isEmpty, "\(good)")
        #expect(gateway.current("web") != nil)
        try gateway.services([.quickService("web", "2", extra: ["install.sh": .script("exit 7")])])
        let bad = try gateway.gwe("reconcile", "--quiet")
        #expect(bad.code == 20 && bad.out.isEmpty, "\(bad)")
        #expect(bad.err.contains("install.sh ended with exit code 7") && bad.err.contains("gwe: failed: web"), "\(bad)")
        #expect(try gateway.gwe("reconcile", "-q", "--json").code == 64)
    }
}
