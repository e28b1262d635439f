import GatewayModel
import Testing

@Suite("What a plan says")
struct PlanTests {
    private func name(_ text: String) throws -> AppName { try #require(AppName(text)) }

    private func wish(_ version: String, digest: Character? = nil, run: Int64 = 0) throws -> ReleaseWish {
        ReleaseWish(
            version: try #require(Version(version)), location: .content("x"),
            sha256: digest.flatMap { Digest(String(repeating: $0, count: 64)) }, commandNumber: run)
    }

    private func release(_ version: String, digest: Character = "a", kind: ReleaseKind = .service) throws
        -> InstalledRelease
    {
        InstalledRelease(
            version: try #require(Version(version)), digest: try #require(Digest(String(repeating: digest, count: 64))),
            folder: version, kind: kind, artifactByteCount: 1, unpackedByteCount: 1)
    }

    private func plan(
        _ app: DesiredApp, there: ObservedApp?, policy: Policy = Policy(), minuteOfDay: Int = 0,
        quarantined: Quarantine? = nil, only: Set<AppName>? = nil
    ) throws -> AppPlan? {
        var observed = ObservedState(minuteOfDay: minuteOfDay)
        observed.apps[app.name] = there
        observed.quarantined[app.name] = quarantined
        let desired = DesiredState(apps: [app.name: app], policy: policy)
        return Plan.make(desired: desired, observed: observed, only: only).apps.first
    }

    @Test(
        "dotted numbers have an order, labels have none",
        arguments: [
            ("1.2.10", "1.2.9", Version.Order.newer), ("1.0", "1", .same), ("1.0-rc1", "1.0", .older),
            ("5", "10", .older), ("8d09124", "0ca92e7", .unordered), ("1-4-13", "1-4-12", .newer),
            ("v2", "v1", .unordered),
        ])
    func versionOrder(a: String, b: String, order: Version.Order) throws {
        let (a, b) = (try #require(Version(a)), try #require(Version(b)))
        #expect(a.order(to: b) == order)
    }

    @Test("sizes that no disk has are a shortfall, not an overflow")
    func hugeSizes() throws {
        var desired = DesiredState()
        for text in ["a", "b"] {
            var wish = try wish("1")
            wish.size = .max
            desired.apps[try name(text)] = DesiredApp(name: try name(text), release: .init(wish, from: .cloud))
        }
        let plan = Plan.make(desired: desired, observed: ObservedState(freeByteCount: 1 << 40))
        #expect(plan.shortfall?.neededByteCount == .max)
    }

    @Test("an older version is refused unless the policy allows it")
    func downgrade() throws {
        let app = DesiredApp(name: try name("web"), release: .init(try wish("1"), from: .cloud))
        let there = ObservedApp(current: try release("2"), isRunning: true)
        let refused = try #require(try plan(app, there: there))
        #expect(refused.action == .blocked)
        #expect(refused.reason.contains("downgrade from 2 to 1 refused"))
        var policy = Policy()
        policy.allowDowngrade = true
        let allowed = try #require(try plan(app, there: there, policy: policy))
        #expect(allowed.action == .downgrade)
        #expect(allowed.interrupts)
    }

    @Test("where signatures are required nothing new is installed, and what is there is repaired")
    func signatures() throws {
        let app = DesiredApp(name: try name("web"), release: .init(try wish("2"), from: .cloud))
        var policy = Policy()
        policy.requireSignature = true
        let refused = try #require(try plan(app, there: nil, policy: policy))
        #expect(refused.action == .blocked && refused.reason.contains("cannot check signatures"))
        let damaged = ObservedApp(current: try release("2"), drift: [.missing(path: "a")], isRunning: true)
        #expect(try plan(app, there: damaged, policy: policy)?.action == .repair)
    }

    @Test("the same version with another digest is an upgrade, with no digest it matches")
    func digests() throws {
        let there = ObservedApp(current: try release("1", digest: "a"), isRunning: true)
        let app = try name("web")
        #expect(try plan(DesiredApp(name: app, release: .init(try wish("1"), from: .cloud)), there: there) == nil)
        #expect(
            try plan(DesiredApp(name: app, release: .init(try wish("1", digest: "a"), from: .cloud)), there: there)
                == nil)
        let other = try plan(
            DesiredApp(name: app, release: .init(try wish("1", digest: "b"), from: .cloud)), there: there)
        #expect(other?.action == .upgrade)
        #expect(other?.reason == "1 with other content")
    }

    @Test("a new command installs the same version again")
    func newCommand() throws {
        let there = ObservedApp(current: try release("1", kind: .oneOff))
        let app = DesiredApp(name: try name("once"), release: .init(try wish("1", run: 7), from: .cloud))
        #expect(try plan(app, there: there)?.reason == "1 again: a new command asks for it")
    }

    @Test("a cycle in requires is an error that names it, and other apps go on")
    func cycle() throws {
        let (a, b, c, d) = (try name("a"), try name("b"), try name("c"), try name("d"))
        func app(_ name: AppName, _ requires: [AppName]) throws -> DesiredApp {
            DesiredApp(name: name, release: .init(try wish("1"), from: .cloud), requires: .init(requires, from: .cloud))
        }
        let desired = DesiredState(
            apps: [a: try app(a, [c]), b: try app(b, [a]), c: try app(c, [b]), d: try app(d, [])])
        let plan = Plan.make(desired: desired, observed: ObservedState())
        #expect(plan.errors == ["requires cycle: a -> c -> b -> a"])
        #expect(plan.apps.first { $0.app == d }?.action == .install)
        #expect(plan.apps.filter { $0.action == .blocked }.map(\.app) == [a, b, c])
    }

    @Test(
        "every app that stands on a cycle is blocked, however many cycles meet in one app",
        arguments: [
            (["a": "bz", "z": "a", "b": "c", "c": "b"], ["b -> c -> b", "a -> z -> a"]),
            (["a": "bc", "b": "a", "c": "a"], ["a -> b -> a", "a -> c -> a"]),
            (["a": "a"], ["a -> a"]), (["a": "b", "b": "c", "c": "bd", "d": "c"], ["b -> c -> b", "c -> d -> c"]),
        ])
    func cycles(requires: [String: String], expected: [String]) throws {
        var apps: [AppName: DesiredApp] = [:]
        for (name, required) in requires {
            let app = try self.name(name)
            apps[app] = DesiredApp(
                name: app, release: .init(try wish("1"), from: .cloud),
                requires: .init(try required.map { try self.name(String($0)) }, from: .cloud))
        }
        let plan = Plan.make(desired: DesiredState(apps: apps), observed: ObservedState())
        #expect(Set(plan.errors) == Set(expected.map { "requires cycle: \($0)" }))
        for app in plan.apps where expected.contains(where: { $0.contains(app.app.text) }) {
            #expect(app.action == .blocked, "\(app)")
        }
    }

    @Test("an app that requires one that nobody wants is blocked with its name")
    func missingRequirement() throws {
        let app = DesiredApp(
            name: try name("web"), release: .init(try wish("1"), from: .cloud),
            requires: .init([try name("gmq")], from: .cloud))
        #expect(try plan(app, there: nil)?.reason == "requires gmq, which is not part of the desired state")
    }

    @Test("outside of the window what interrupts waits, and what does not goes on")
    func window() throws {
        var policy = Policy()
        policy.window = DailyWindow(start: 120, end: 240)
        let app = DesiredApp(name: try name("web"), release: .init(try wish("2"), from: .cloud))
        let running = ObservedApp(current: try release("1"), isRunning: true)
        #expect(
            try plan(app, there: running, policy: policy, minuteOfDay: 600)?.deferral
                == "outside of the window 02:00-04:00")
        #expect(try plan(app, there: running, policy: policy, minuteOfDay: 121)?.deferral == nil)
        #expect(try plan(app, there: nil, policy: policy, minuteOfDay: 600)?.deferral == nil)
        var urgent = app
        urgent.urgent = true
        #expect(try plan(urgent, there: running, policy: policy, minuteOfDay: 600)?.deferral == nil)
    }

    @Test("while the clock is in doubt no window is open, and what is urgent or interrupts nothing does not wait")
    func windowInDoubt() throws {
        var policy = Policy()
        policy.window = DailyWindow(start: 120, end: 240)
        var app = DesiredApp(name: try name("web"), release: .init(try wish("2"), from: .cloud))
        let running = ObservedApp(current: try release("1"), isRunning: true)
        func deferral(_ app: DesiredApp, _ there: ObservedApp?, _ policy: Policy, minute: Int) -> String? {
            var observed = ObservedState(minuteOfDay: minute)
            observed.apps[app.name] = there
            observed.clockDoubt = "behind (1970-01-01)"
            return Plan.make(desired: DesiredState(apps: [app.name: app], policy: policy), observed: observed).apps
                .first?.deferral
        }
        let words = "this machine's clock is behind (1970-01-01): whether the window 02:00-04:00 is open is not known"
        // Whatever the clock shows.
        for minute in [0, 121, 600] { #expect(deferral(app, running, policy, minute: minute) == words) }
        #expect(deferral(app, nil, policy, minute: 600) == nil)
        #expect(deferral(app, running, Policy(), minute: 600) == nil)
        app.urgent = true
        #expect(deferral(app, running, policy, minute: 600) == nil)
    }

    @Test("a release that failed waits, unless it is asked for by name")
    func quarantine() throws {
        let release = try wish("2")
        let app = DesiredApp(name: try name("web"), release: .init(release, from: .cloud))
        let failed = Quarantine(
            wish: release, attempts: 3, remaining: .seconds(60), lastError: "install.sh exited with 1")
        let there = ObservedApp(current: try self.release("1"), isRunning: true)
        let waiting = try #require(try plan(app, there: there, quarantined: failed))
        #expect(waiting.action == .blocked)
        #expect(waiting.reason == "quarantined: failed 3 times, next attempt in 60 s: install.sh exited with 1")
        #expect(waiting.quarantine == failed)
        #expect(try plan(app, there: there, quarantined: failed, only: [app.name])?.action == .upgrade)
    }

    @Test(
        "a wait is told in words, rounded up",
        arguments: [
            (Duration.seconds(45), "45 s"), (.milliseconds(1), "1 s"), (.seconds(-3), "0 s"), (.seconds(661), "12 min"),
            (.seconds(28_799), "8 h"), (.seconds(27_000), "7 h 30 min"), (.seconds(250_000), "3 days"),
        ])
    func words(wait: Duration, text: String) {
        #expect(wait.inWords == text)
    }

    @Test("what does not fit on the disk is said before anything is done")
    func space() throws {
        let release = try wish("1")
        let app = DesiredApp(name: try name("web"), release: .init(release, from: .cloud))
        let observed = ObservedState(artifactByteCounts: [release: 1_000], freeByteCount: 3_999)
        let plan = Plan.make(desired: DesiredState(apps: [app.name: app]), observed: observed)
        #expect(plan.shortfall?.neededByteCount == 4_000)
        #expect(plan.shortfall?.freeByteCount == 3_999)
    }

    @Test("the footer counts what is to be done")
    func footer() throws {
        let app = DesiredApp(name: try name("web"), release: .init(try wish("1"), from: .cloud))
        let desired = DesiredState(apps: [app.name: app])
        #expect(
            Plan.make(desired: desired, observed: ObservedState()).footer
                == "Plan: 1 to install, 0 to upgrade, 0 to remove, 0 to repair.")
        let there = ObservedState(apps: [app.name: ObservedApp(current: try release("1"), isRunning: true)])
        #expect(Plan.make(desired: desired, observed: there).footer == "In sync: 1 app matches the desired state.")
    }
}
