import Foundation
import GatewaySystem
import Synchronization
import Testing

@Suite("killed at every step", .serialized) struct KillTests {
    @Test("install, upgrade, removal and repair converge after a kill at any point")
    func campaign() throws {
        let scenarios = KillScenario.all
        let campaign = KillCampaign(scenarios: scenarios)
        let defects = Defects()
        let jobs = Lock<[(scenario: KillScenario, point: KillPoint)]>([])
        KillCampaign.inParallel(scenarios) { scenario in
            do {
                let points = try campaign.points(of: scenario).filter { point in
                    KillCampaign.isLong || scenario.shortForm.contains { point.name.hasPrefix($0) }
                }
                jobs.withLock { $0 += points.map { (scenario, $0) } }
            } catch {
                defects.add("\(scenario): \(error)")
            }
        }
        let all = jobs.withLock { $0 }
        KillCampaign.inParallel(all) { job in
            do {
                for defect in try campaign.strike(job.scenario, at: [job.point]) {
                    defects.add("\(job.scenario), killed at \(job.point): \(defect)")
                }
            } catch {
                defects.add("\(job.scenario), killed at \(job.point): \(error)")
            }
        }
        let names = Set(all.map(\.point.name))
        let steps = [
            "download", "verify", "unpack", "install", "activate", "configure", "prune", "uninstall", "remove",
        ]
        for step in steps { #expect(names.contains("\(step).before") && names.contains("\(step).begun"), "\(step)") }
        #expect(names.contains("token.received"), "given out by the cloud, and not kept yet")
        if KillCampaign.isLong { doubleKills(all, campaign, defects) }
        if defects.all.isEmpty {
            print("\ncampaign: \(all.count) kill points in \(scenarios.count) scenarios, all converged")
        }
        for defect in defects.all { Issue.record("\(defect)") }
    }

    /// Kills in a pass, and again once or twice in the passes that recover, at points by chance.
    private func doubleKills(
        _ all: [(scenario: KillScenario, point: KillPoint)], _ campaign: KillCampaign, _ defects: Defects
    ) {
        let seed =
            ProcessInfo.processInfo.environment["GWE_KILL_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0...9_999)
        let count = ProcessInfo.processInfo.environment["GWE_KILL_PAIRS"].flatMap(Int.init) ?? 500
        var random = SeededGenerator(state: seed)
        let recovery = ["before", "emptied", "forgotten", "swept", "closed"].map {
            KillPoint(name: "recovery.\($0)", occurrence: 1)
        }
        let jobs = (0..<count).compactMap { _ -> (scenario: KillScenario, points: [KillPoint])? in
            guard let first = all.randomElement(using: &random) else { return nil }
            let others = recovery + all.filter { $0.scenario.name == first.scenario.name }.map(\.point)
            let more = (0..<Int.random(in: 1...2, using: &random)).compactMap { _ in
                others.randomElement(using: &random)
            }
            let points = [first.point] + more
            // The third installer in a row that gwe does not survive is not tried again at once.
            guard points.count(where: { $0.name.hasPrefix("install.") }) < 2 else { return nil }
            return (first.scenario, points)
        }
        KillCampaign.inParallel(jobs) { job in
            let place =
                "\(job.scenario), killed at \(job.points.map(\.description).joined(separator: ", ")) (seed \(seed))"
            do {
                for defect in try campaign.strike(job.scenario, at: job.points) { defects.add("\(place): \(defect)") }
            } catch {
                defects.add("\(place): \(error)")
            }
        }
        print("\ncampaign: \(jobs.count) chains of two or three kills by chance (seed \(seed))")
    }
}

/// Random numbers that a seed repeats (Steele, Lea, Flood: SplitMix, 2014).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
