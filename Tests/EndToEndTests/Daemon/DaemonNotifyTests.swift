import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// What `gwe run` tells the service manager that started it.
@Suite("The daemon and its service manager") struct DaemonNotifyTests {
    private func manager(_ gateway: GatewayFixture, abstract: Bool) throws -> NotifySocket {
        try NotifySocket(abstract ? "@gwe-test-\(UUID().uuidString)" : gateway.root + "/notify")
    }

    @Test("READY, STATUS on a change, RELOADING and STOPPING reach a socket of either kind", arguments: [false, true])
    func tells(abstract: Bool) throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([
            .quickService("web", "1"),
            .quickService(
                "bad", "1",
                extra: [
                    "bin/run": .script("test -e \"$GWE_DATA_DIR/good\" && exec sleep 1000; exit 1")
                ]),
        ])
        let manager = try manager(gateway, abstract: abstract)
        gateway.environment["NOTIFY_SOCKET"] = manager.name
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("it is ready") { manager.assignments.contains("READY=1") }
            // The socket answers by then.
            #expect(try gateway.gwe("reconcile").code != 69)
            try gateway.eventually("both are there") {
                manager.statuses.last?.hasPrefix("2 apps, 1 running, 1 failed: bad; next poll 20") == true
            }
            #expect(zip(manager.statuses, manager.statuses.dropFirst()).allSatisfy { $0 != $1 })
            manager.forget()
            #expect(try gateway.gwe("stop", "web").code == 0)
            try gateway.eventually("the stop is told") {
                manager.statuses.contains { $0.hasPrefix("2 apps, 0 running") }
            }
            manager.forget()
            daemon.send(SIGHUP)
            try gateway.eventually("the reload is over") { manager.assignments.contains("READY=1") }
            let reload = try #require(manager.messages.first { $0.hasPrefix("RELOADING=1\n") })
            let time = reload.split(separator: "\n").first { $0.hasPrefix("MONOTONIC_USEC=") }
            #expect((time.flatMap { Int64($0.dropFirst("MONOTONIC_USEC=".count)) } ?? 0) > 0)
            manager.forget()
            daemon.send(SIGTERM)
            #expect(daemon.wait().code == 0)
            #expect(manager.assignments.contains("STOPPING=1"))
            #expect(!manager.assignments.contains("WATCHDOG=1"))
        }
    }

    @Test("the variables of the service manager are given neither to apps nor to installers")
    func variables() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        try gateway.services([
            .quickService(
                "web", "1",
                extra: [
                    "bin/run": .script("env >\"$GWE_DATA_DIR/app\"; exec sleep 1000"),
                    "install.sh": .script("env >\"$GWE_DATA_DIR/installer\""),
                ])
        ])
        let manager = try manager(gateway, abstract: false)
        let names = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "INVOCATION_ID"]
        for name in names { gateway.environment[name] = "1" }
        gateway.environment["NOTIFY_SOCKET"] = manager.name
        try gateway.withDaemon { (daemon) throws in
            let folder = gateway.stateFolder + "/data/web"
            try gateway.eventually("both have looked") {
                gateway.read(folder + "/app")?.contains("GWE_APP=web") == true
            }
            for file in ["app", "installer"] {
                let seen = try #require(gateway.read("\(folder)/\(file)"))
                for name in names { #expect(!seen.contains("\(name)="), "\(file): \(seen)") }
            }
        }
    }

    @Test("the watchdog is fed by the main loop: a process that is stopped feeds none, and goes on when it runs again")
    func watchdog() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let manager = try manager(gateway, abstract: true)
        gateway.environment["NOTIFY_SOCKET"] = manager.name
        gateway.environment["WATCHDOG_USEC"] = "100000"
        try gateway.withDaemon { (daemon) throws in
            let beats = { manager.receive().filter { $0 == "WATCHDOG=1" }.count }
            try gateway.eventually("it is fed") { beats() >= 5 }
            daemon.send(SIGSTOP)
            defer { daemon.send(SIGCONT) }
            try gateway.eventually("it is frozen") {
                (gateway.read("/proc/\(daemon.pid)/stat") ?? "").contains(") T ")
            }
            manager.forget()
            // Nothing is to happen, for ten times the interval at which it would be fed.
            usleep(500_000)
            #expect(beats() == 0)
            daemon.send(SIGCONT)
            try gateway.eventually("it is fed again") { beats() >= 3 }
        }
    }

    @Test("a watchdog that watches another process is not fed")
    func otherWatchdog() throws {
        let gateway = try GatewayFixture(hasCloud: false)
        let manager = try manager(gateway, abstract: false)
        gateway.environment["NOTIFY_SOCKET"] = manager.name
        gateway.environment["WATCHDOG_USEC"] = "1000"
        gateway.environment["WATCHDOG_PID"] = "\(getpid())"
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("it is ready") { manager.assignments.contains("READY=1") }
            #expect(try gateway.gwe("status").err.isEmpty)
            #expect(!manager.assignments.contains("WATCHDOG=1"))
        }
    }
}
