import Foundation
import Glibc
import MuranoSandbox
import GatewaySystem
import Synchronization
import TestSupport
import Testing

/// A place to be killed at: the nth time that a fault point is passed.
struct KillPoint: Sendable, Hashable, CustomStringConvertible {
    var name: String
    var occurrence: Int
    /// Whether it lies before the point from which on the command's wish is durable.
    var isBeforeDecision = false
    var description: String { "\(name):\(occurrence)" }
}

/// Kills gwe with SIGKILL at every fault point of every scenario; after each kill the next pass must converge, and the
/// one after it must have nothing to do.
struct KillCampaign {
    let scenarios: [KillScenario]

    /// Every point of every scenario, and chains of kills: `Scripts/kill-campaign`.
    static let isLong = ProcessInfo.processInfo.environment["GWE_KILL_CAMPAIGN"] == "long"

    /// Every point that a scenario's command passes, in order.
    func points(of scenario: KillScenario) throws -> [KillPoint] {
        let gateway = try GatewayFixture()
        try scenario.prepare(gateway)
        let log = gateway.root + "/points"
        let ran = try run(scenario, gateway, ["GWE_FAULT_LOG": log])
        guard ran.code == 0 else { throw TestFailure("\(scenario) fails by itself: \(ran)") }
        var verification = KillVerification(gateway)
        try verification.check(scenario.expected, alternative: nil, reruns: 0)
        guard verification.defects.isEmpty else {
            throw TestFailure("\(scenario), not killed: \(verification.defects)")
        }
        var counts: [String: Int] = [:]
        let names = (gateway.read(log) ?? "").split(separator: "\n").map(String.init)
        let decision = scenario.decisive.flatMap { names.firstIndex(of: $0) } ?? 0
        return names.enumerated().map { index, name in
            counts[name, default: 0] += 1
            return KillPoint(name: name, occurrence: counts[name] ?? 1, isBeforeDecision: index < decision)
        }
    }

    /// Kills at the points one after the other, the later ones in the passes that should recover; returns the defects.
    func strike(_ scenario: KillScenario, at points: [KillPoint]) throws -> [String] {
        let gateway = try GatewayFixture()
        try scenario.prepare(gateway)
        var reruns = 0
        for (index, point) in points.enumerated() {
            let fault = ["GWE_FAULT": point.description]
            let ran = try index == 0 ? run(scenario, gateway, fault) : gateway.gwe("reconcile", environment: fault)
            let isKilled = ran.signal == SIGKILL
            if isKilled, point.name == "token.received" {
                if let defect = try enableAgain(gateway) { return [defect] }
            }
            if isKilled, KillVerification.rerunPoints.contains(point.name) { reruns += 1 }
            // A later pass need not come past its point.
            guard isKilled || index > 0 else { return ["was not killed: \(ran)"] }
        }
        var verification = KillVerification(gateway)
        let mayBeLost = points.first?.isBeforeDecision == true
        try verification.check(
            scenario.expected, alternative: mayBeLost ? scenario.before : nil, reruns: reruns)
        return verification.defects
    }

    /// A token that was given out and not kept is lost for the gateway: it says what to do, and the operator does it.
    private func enableAgain(_ gateway: GatewayFixture) throws -> String? {
        let pass = try gateway.gwe("reconcile")
        try gateway.sandbox.enableDevice(gateway.id)
        let isClear = pass.err.contains("enable the activation of \(gateway.id) in the cloud again")
        return isClear ? nil : "does not say how to get a lost token back: \(pass)"
    }

    private func run(
        _ scenario: KillScenario, _ gateway: GatewayFixture, _ environment: [String: String]
    ) throws -> Ran {
        // A file that is named on the command line lies in the gateway's folder.
        let arguments = scenario.victim.map { $0.hasSuffix(".tar.gz") ? "\(gateway.root)/\($0)" : $0 }
        return try gateway.start(arguments, environment: environment).wait()
    }

    /// Runs the jobs, two at a time.
    static func inParallel<Job: Sendable>(_ jobs: [Job], _ body: @escaping @Sendable (Job) -> Void) {
        let next = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 2) { _ in
            while true {
                let index = next.add(1, ordering: .relaxed).oldValue
                guard index < jobs.count else { return }
                body(jobs[index])
            }
        }
    }
}

/// Defects from several threads.
final class Defects: Sendable {
    private let lines = Lock<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}
