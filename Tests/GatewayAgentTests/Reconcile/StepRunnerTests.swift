import Foundation
import GatewayModel
import GatewaySystem
import Synchronization
import TestSupport
import Testing

@testable import GatewayAgent

/// What a step leaves in the journal and when, and which steps are not begun.
@Suite("Steps and the journal") struct StepRunnerTests {
    /// What the reader of a pass hears.
    private final class Heard: Sendable {
        let lines = Lock<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func emit(_ event: PassEvent) {
            guard case .step(let app, let step, let outcome, let message) = event else { return }
            lines.withLock {
                $0.append("\(app) \(step.rawValue) \(outcome.rawValue)\(message.isEmpty ? "" : ": " + message)")
            }
        }
    }

    private let gateway: ScratchGateway
    private let context: GatewayContext
    private let state: LockedState
    private let operation: Int64
    private let app: AppName
    private let heard = Heard()
    private let mustStop = Flag()

    private final class Flag: Sendable {
        let value = Lock(false)
        func set() { value.withLock { $0 = true } }
        var isSet: Bool { value.withLock { $0 } }
    }

    init() throws {
        gateway = try ScratchGateway()
        context = GatewayContext(folders: gateway.folders, configuration: try gateway.load())
        state = try LockedState(context: context, purpose: "a test")
        operation = try state.journal.beginOperation(reason: "a test", bootID: "boot")
        app = try #require(AppName("web"))
    }

    private func runner() -> StepRunner {
        StepRunner(
            context: context, journal: state.journal, services: nil, cloud: nil, policy: Policy(),
            operation: operation, isInterrupted: { [mustStop] in mustStop.isSet }, emit: { [heard] in heard.emit($0) })
    }

    private func work(_ steps: Step...) -> AppProgress {
        AppProgress(
            plan: AppPlan(app: app, action: .repair, reason: "a test", origin: .builtin, steps: steps), desired: nil,
            record: nil)
    }

    /// What is durable of the steps.
    private func durable() throws -> [String] {
        try #require(try state.journal.operation(operation)).1.map { "\($0.step) \($0.outcome)" }
    }

    @Test("a step is in the journal before its effect, and its end is durable with the next beginning, not sooner")
    func order() throws {
        let (runner, work) = (runner(), work(.configure, .activate))
        var seen: [[String]] = []
        for step in [Step.configure, .activate] {
            runner.perform(step, work) { () throws(StepFailure) in
                seen.append((try? durable()) ?? [])
                return .done
            }
        }
        #expect(seen == [["configure started"], ["configure done", "activate started"]])
        #expect(try durable() == ["configure done", "activate started"])
        try runner.commit()
        #expect(try durable() == ["configure done", "activate done"])
    }

    @Test("what is declared with a step is durable before the step's effect")
    func declared() throws {
        let (runner, work) = (runner(), work(.install))
        var isThere = false
        let journal = state.journal
        runner.perform(
            .install, work,
            declaring: { c throws(DatabaseError) in
                try c.execute("INSERT INTO named_app (app, layer) VALUES ('x', 'y')")
            }
        ) { () throws(StepFailure) in
            isThere = (try? journal.read("SELECT 1 FROM named_app WHERE app = 'x'"))?.isEmpty == false
            return .done
        }
        #expect(isThere)
    }

    @Test("a step that fails ends the app's way: its failure is kept, and no later step of the app begins")
    func failure() throws {
        let (runner, work) = (runner(), work(.configure, .activate))
        runner.perform(.configure, work) { () throws(StepFailure) in throw StepFailure(.release, "no good") }
        runner.perform(.activate, work) { () throws(StepFailure) in .done }
        runner.run(.prune, work)
        try runner.commit()
        #expect(work.failure?.kind == .release && work.failedStep == .configure)
        #expect(try durable() == ["configure failed"])
        #expect(heard.all == ["web configure started", "web configure failed: no good"])
        // Another app's way is its own.
        let other = self.work(.prune)
        runner.run(.prune, other)
        #expect(other.failure == nil && heard.all.last == "web prune already-satisfied", "\(heard.all)")
    }

    @Test("a pass that must not go on begins nothing, and what the step in hand saw is nobody's failure")
    func interrupted() throws {
        let (runner, work) = (runner(), work(.configure))
        runner.perform(.configure, work) { [mustStop] () throws(StepFailure) in
            mustStop.set()
            throw StepFailure(.local, "the app was stopped by the daemon that ends")
        }
        #expect(work.failure == nil && runner.wasInterrupted)
        runner.run(.prune, work)
        try runner.commit()
        #expect(try durable() == ["configure started"], "the next pass finds it open")
        #expect(heard.all == ["web configure started"])
    }

    @Test("what is plain beforehand costs no write: without a supervisor nothing is started or stopped")
    func foregone() throws {
        let (runner, work) = (runner(), work(.stop, .start))
        runner.run(.stop, work)
        runner.run(.start, work)
        try runner.commit()
        #expect(try durable().isEmpty && work.failure == nil)
        #expect(
            heard.all == ["web stop skipped: no daemon supervises", "web start skipped: no daemon supervises"])
    }

    @Test("a journal that cannot be written keeps the effect from happening, and is the machine's failure")
    func journalFails() throws {
        let (runner, work) = (runner(), work(.configure))
        runner.note { c throws(DatabaseError) in try c.execute("INSERT INTO no_such_table VALUES (1)") }
        var hasRun = false
        runner.perform(.configure, work) { () throws(StepFailure) in
            hasRun = true
            return .done
        }
        #expect(!hasRun && work.failure?.kind == .local && work.failedStep == .configure)
        #expect(try durable().isEmpty)
    }
}
