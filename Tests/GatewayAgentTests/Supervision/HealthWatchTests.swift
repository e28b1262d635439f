import Foundation
import GatewayModel
import TestSupport
import Testing

@testable import GatewayAgent
@testable import GatewaySystem

@Suite("Health of services") struct HealthWatchTests {
    @Test("an app becomes healthy; when its checks fail it is restarted and degraded, until one passes")
    func http() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        try bench.services.apply([bench.definition("web")])
        #expect(eventually { bench.health() == .healthy })
        let first = try #require(bench.pid())
        bench.answer.update { $0 = 503 }
        #expect(eventually { bench.pid() != nil && bench.pid() != first })
        let reason = "health check \(bench.url) failed 2 times: answered 503"
        #expect(eventually { bench.health() == .unhealthy(reason) })
        let status = try #require(bench.status())
        #expect(status.restarts == 1 && status.lastError == reason && status.lastExit == .signal(15), "\(status)")
        bench.answer.update { $0 = 302 }
        #expect(eventually { bench.health() == .healthy })
        #expect(bench.status()?.restarts == 1)
    }

    @Test("an app that never becomes healthy within its time is restarted ever more rarely")
    func never() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        bench.answer.update { $0 = 500 }
        try bench.services.apply([bench.definition("web", within: .milliseconds(200))])
        let reason = "health check \(bench.url) did not pass within 200 ms: answered 500"
        #expect(eventually { bench.status()?.restarts ?? 0 >= 2 })
        #expect(eventually { bench.status()?.state == .backoff && bench.status()?.problem == reason })
        #expect(bench.status()?.health == nil)
        // It comes up again by itself.
        let restarts = bench.status()?.restarts ?? 0
        #expect(eventually { bench.status()?.restarts ?? 0 > restarts })
    }

    @Test("a slow start within its time is no failure")
    func slowStart() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        bench.answer.update { $0 = 500 }
        try bench.services.apply([bench.definition("web", failures: 1)])
        #expect(eventually { bench.requestCount >= 4 })
        #expect(bench.health() == .starting)
        bench.answer.update { $0 = 200 }
        #expect(try bench.services.settle(bench.app("web"), untilHealthy: true)?.health == .healthy)
        #expect(bench.status()?.restarts == 0)
    }

    @Test("a server that hangs fails by the timeout and does not hold up the check of another app")
    func hanging() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        bench.answer.update { $0 = nil }
        try bench.services.apply([
            bench.definition("web", within: .milliseconds(100)),
            bench.definition("api", .command("true"), within: .seconds(1)),
        ])
        #expect(eventually { bench.requestCount >= 1 })
        #expect(eventually { bench.health("api") == .healthy })
        #expect(eventually { bench.status()?.restarts ?? 0 >= 1 })
        #expect(
            bench.status()?.lastError?.hasSuffix("no answer in time") == true, "\(String(describing: bench.status()))")
    }

    @Test("a tcp check")
    func tcp() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        let port = bench.server.port
        try bench.services.apply([bench.definition("web", .tcp(host: "127.0.0.1", port: port))])
        #expect(eventually { bench.health() == .healthy })
        bench.server.stop()
        #expect(eventually { bench.status()?.restarts == 1 })
        #expect(bench.status()?.lastError == "health check 127.0.0.1:\(port) failed 2 times: connection refused")
    }

    @Test(
        "a command runs in the app's folder, environment and user; its last line is the reason; a hanging one is killed"
    )
    func command() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        try #require(chmod(bench.folder, 0o755) == 0)
        let script = """
            test -e hang && { echo $$ > /tmp/$TOKEN.pid; sleep 1000; }
            echo "$TOKEN $(pwd) $(id -un)"; echo; exit $(cat code)
            """
        try script.write(toFile: bench.folder + "/check", atomically: true, encoding: .utf8)
        try "0".write(toFile: bench.folder + "/code", atomically: true, encoding: .utf8)
        let token = "gwe-health-\(UUID().uuidString)"
        defer { unlink("/tmp/\(token).pid") }
        try bench.services.apply([
            bench.definition("web", .command("/bin/sh check")) {
                $0.user = "nobody"
                $0.environment["TOKEN"] = token
                $0.restart = .never
            }
        ])
        #expect(eventually { bench.health() == .healthy })
        try "7".write(toFile: bench.folder + "/code", atomically: true, encoding: .utf8)
        let reason = "exit code 7: \(token) \(bench.folder) nobody"
        #expect(eventually { bench.health() == .unhealthy("health check /bin/sh failed 2 times: \(reason)") })
        #expect(bench.status()?.state == .running && bench.status()?.restarts == 0, "autorestart=false: it runs on")
        try "0".write(toFile: bench.folder + "/code", atomically: true, encoding: .utf8)
        #expect(eventually { bench.health() == .healthy })

        try "".write(toFile: bench.folder + "/hang", atomically: true, encoding: .utf8)
        #expect(eventually { bench.health()?.reason?.hasSuffix("no end within 2 s") == true })
        let text = try String(contentsOfFile: "/tmp/\(token).pid", encoding: .utf8)
        let hung = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        _ = bench.services.stop(try bench.app("web"))
        #expect(eventually { ProcessFacts.all.filter { $0.session == hung }.isEmpty })
    }

    @Test("a program that is not there is a failure, said by name")
    func missingProgram() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        try bench.services.apply([bench.definition("web", .command("bin/none"), within: .milliseconds(100))])
        #expect(
            eventually { bench.status()?.lastError?.contains("did not pass within 100 ms: cannot run") == true })
    }

    @Test("another check is taken over without a restart")
    func changed() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        try bench.services.apply([bench.definition("web")])
        #expect(eventually { bench.health() == .healthy })
        let pid = bench.pid()
        try bench.services.apply([bench.definition("web", .command("false"), failures: 1_000)])
        #expect(eventually { bench.health() == .starting })
        try bench.services.apply([bench.definition("web", .command("true"))])
        #expect(eventually { bench.health() == .healthy })
        try bench.services.apply([bench.definition("web") { $0.health = nil }])
        #expect(bench.health() == nil)
        try bench.services.apply([bench.definition("web")])
        #expect(eventually { bench.health() == .healthy })
        #expect(bench.pid() == pid && bench.status()?.restarts == 0)
    }

    @Test("a stopped and a held app are not checked")
    func stoppedAndHeld() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        try bench.services.apply([bench.definition("web")])
        #expect(eventually { bench.health() == .healthy })
        let app = try bench.app("web")
        #expect(bench.services.stop(app)?.health == nil)
        #expect(try quiet(bench))
        #expect(bench.services.start(app)?.state == .running)
        #expect(eventually { bench.health() == .healthy })
        bench.services.hold([app])
        #expect(bench.health() == nil)
        #expect(try quiet(bench))
        bench.services.hold([])
        #expect(eventually { bench.health() == .healthy })
        bench.services.remove(app)
        #expect(try quiet(bench))
    }

    /// Whether another app's checks go on while this one's have ended: at most one was under way.
    private func quiet(_ bench: HealthBench) throws -> Bool {
        let before = bench.requestCount
        let marker = bench.folder + "/marks"
        try? FileManager.default.removeItem(atPath: marker)
        try bench.services.apply([bench.definition("other", .command("/bin/sh -c 'echo >>\(marker)'"))])
        let ran = eventually { ((try? Data(contentsOf: URL(fileURLWithPath: marker)).count) ?? 0) >= 10 }
        bench.services.remove(try bench.app("other"))
        return ran && bench.requestCount <= before + 1
    }

    @Test("what requires an app starts when that is healthy, not when it merely runs")
    func requires() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        bench.answer.update { $0 = 500 }
        let needed = try bench.app("broker")
        try bench.services.apply([
            bench.definition("web") {
                $0.requires = [needed]
                $0.health = nil
            },
            bench.definition("broker"),
        ])
        #expect(eventually { bench.requestCount >= 2 })
        #expect(bench.status("broker")?.state == .running && bench.status("web")?.state == .stopped)
        #expect(bench.status("web")?.problem == "waits for broker")
        bench.answer.update { $0 = 200 }
        #expect(eventually { bench.status("web")?.state == .running })
    }

    @Test("what requires a held app does not wait for a check that nobody makes")
    func requiresHeld() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        bench.answer.update { $0 = 500 }
        let needed = try bench.app("broker")
        bench.services.hold([needed])
        try bench.services.apply([
            bench.definition("web") {
                $0.requires = [needed]
                $0.health = nil
            },
            bench.definition("broker"),
        ])
        #expect(eventually { bench.status("web")?.state == .running })
        #expect(bench.requestCount == 0)
    }

    @Test(
        "what a service manager tells the agent in its environment reaches no check",
        arguments: [
            "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
            "INVOCATION_ID",
        ])
    func agentsEnvironment(_ name: String) throws {
        let bench = try HealthBench()
        defer { bench.end() }
        let environment = ["PATH": "/usr/bin:/bin", "KEPT": "yes", name: "no"]
        let watch = HealthWatch(loop: bench.loop, environment: environment)
        let script = "test \"$KEPT\" = yes && ! env | grep -q ^\(name)="
        let definition = try bench.definition("web", .command("/bin/sh -c '\(script)'"))
        let outcome = watch.probes.run(try #require(definition.health).probe, of: definition)
        #expect(outcome == .passed)
    }

    @Test("a wait for health ends with the verdict, with the end of the app, and with the shutdown")
    func settleHealth() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        bench.answer.update { $0 = 500 }
        let app = try bench.app("web")
        try bench.services.apply([bench.definition("web", within: .milliseconds(300))])
        let status = bench.services.settle(app, untilHealthy: true)
        #expect(
            (status?.health?.reason ?? status?.lastError)?.hasPrefix("health check") == true,
            "\(String(describing: status))")
        try bench.services.apply([bench.definition("web", within: .seconds(600)) { $0.release = "2" }])
        let waited = Monitor<ServiceStatus??>(nil)
        Thread.detachNewThread {
            let status = bench.services.settle(app, untilHealthy: true)
            waited.update { $0 = .some(status) }
        }
        #expect(eventually { bench.health() == .starting })
        _ = bench.services.stop(app)
        #expect(eventually { waited.look { $0 } != nil })
        #expect(waited.look { $0 }??.state == .stopped)
    }

    @Test("an adopted app is judged by failures in a row, and adopted health does not restart it")
    func adopted() throws {
        let bench = try HealthBench()
        defer { bench.end() }
        try bench.services.apply([bench.definition("web")])
        let pid = try #require(bench.pid())
        let loop = try EventLoop()
        let health = HealthWatch(loop: loop, probes: HealthProbes(environment: ProcessFacts.environment))
        let second = try Supervisor(loop: loop, stateFolder: bench.folder, health: health)
        Thread.detachNewThread { loop.run() }
        defer { loop.stop() }
        try second.apply([bench.definition("web", every: .milliseconds(60))])
        #expect(eventually { second.statuses().first?.health == .healthy })
        #expect(second.statuses().first?.pid == pid && second.statuses().first?.adopted == true)
    }

    @Test("a manager that tells no changes is looked at: its apps are checked and restarted all the same")
    func silentManager() throws {
        let bench = try HealthBench(isSilent: true)
        defer { bench.end() }
        try bench.services.apply([bench.definition("web", within: .seconds(1))])
        #expect(eventually { bench.health() == .healthy })
        let first = try #require(bench.pid())
        // By itself, unseen by the watch.
        kill(first, SIGKILL)
        #expect(eventually { bench.pid() != nil && bench.pid() != first && bench.health() == .healthy })
        let second = try #require(bench.pid())
        bench.answer.update { $0 = 503 }
        #expect(eventually { bench.pid() != nil && bench.pid() != second })
        bench.answer.update { $0 = 200 }
        #expect(eventually { bench.health() == .healthy })
    }

    @Test("the last line of an output, for people")
    func lastLine() {
        func lastLine(_ output: String) -> String? {
            ChildProcess.Completed(exit: .code(1), output: Array(output.utf8), outputTruncated: false, timedOut: false)
                .lastLine
        }
        #expect(lastLine("a\nb \u{1B}[0m\tc\n\n  \n") == "b  [0m c")
        #expect(lastLine("\n \n") == nil)
        #expect(lastLine(String(repeating: "x", count: 999))?.count == 200)
    }
}

/// What another program's back end may be: it knows states when it is asked, and nothing of health.
final class SilentManager: HealthBenchServices, HealthCheckedServices {
    private let below: Supervisor
    private let health: HealthWatch

    init(_ below: Supervisor, _ health: HealthWatch) {
        self.below = below
        self.health = health
        health.check(self)
    }

    func apply(_ definitions: [ServiceDefinition]) { take(definitions) { below.apply($0) } }
    func launch(_ definitions: [ServiceDefinition], now: Bool) { take(definitions) { below.launch($0, now: now) } }

    private func take(_ definitions: [ServiceDefinition], _ below: ([ServiceDefinition]) -> Void) {
        health.take(definitions)
        below(
            definitions.map {
                var definition = $0
                definition.health = nil
                return definition
            })
        for definition in definitions { health.look(definition.app) }
    }

    func remove(_ app: AppName) {
        health.forget(app)
        below.remove(app)
    }

    func settle(_ app: AppName, untilHealthy: Bool) -> ServiceStatus? {
        let settle = { [below, health] in below.settle(app).map(health.judged) }
        return untilHealthy ? health.settle(app, settle) : settle()
    }

    func start(_ app: AppName) -> ServiceStatus? { looked(app, below.start(app)) }
    func stop(_ app: AppName) -> ServiceStatus? { looked(app, below.stop(app)) }

    private func looked(_ app: AppName, _ status: ServiceStatus?) -> ServiceStatus? {
        health.look(app)
        return status.map(health.judged)
    }

    func statuses() -> [ServiceStatus] { below.statuses().map(health.judged) }
    func hold(_ apps: Set<AppName>) { health.hold(apps) }
    func setLogPolicy(_ policy: LogPolicy, installed: Set<AppName>) {}
    func outage() -> String? { nil }

    func shutdown() {
        health.end()
        below.shutdown()
    }

    var tellsTransitions: Bool { false }
    func found(_ health: ServiceHealth, of app: AppName, pid: Int32) {}
    func failedHealth(_ app: AppName, pid: Int32, reason: String, healthyFor: Duration?) {
        Thread.detachNewThread { [below] in if below.status(of: app)?.pid == pid { _ = below.restart(app) } }
    }
}
