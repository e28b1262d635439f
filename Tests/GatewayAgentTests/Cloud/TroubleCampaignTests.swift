import Documents
import Foundation
@testable import GatewayAgent
import GatewayModel
import GatewaySystem
import MuranoSandbox
import Synchronization
import TestSupport
import Testing
import Wire

/// One fault after another, each during an install and a day's worth of loops. The cloud is a sandbox on a socket; the
/// packages, the installer and the journal are real; only the time is virtual: each pause of the schedule is added to it.
@Suite("Trouble with the cloud") struct TroubleCampaignTests {
    /// A gateway as the daemon runs it, without its threads.
    final class Gateway {
        /// What is added to the machine's clocks.
        final class VirtualTime: Sendable {
            let passed = Lock(Duration.zero)
            let wallShift = Lock(Duration.zero)
        }

        let scratch: ScratchGateway
        let sandbox: SandboxServer
        let time = VirtualTime()
        static let identity = "02:42:AC:11:00:02"
        private(set) var context: GatewayContext
        let state: LockedState
        private(set) var timing: CloudTiming
        private var connection: CloudConnection?
        private let interval: Duration = .seconds(14_400)
        private(set) var told: [String] = []

        init(certificate: TestCertificate? = nil, root: TestCertificate? = nil) throws {
            scratch = try ScratchGateway()
            sandbox = try SandboxServer(
                dataFolder: scratch.root.appending(path: "cloud").path, certificate: certificate?.pem,
                privateKey: certificate?.key)
            try sandbox.start()
            try sandbox.addDevice(Gateway.identity)
            if let root { try scratch.write(root.pem, to: scratch.root.appending(path: "root.pem").path) }
            context = GatewayContext(folders: scratch.folders, configuration: try scratch.load())
            context = try Gateway.context(scratch, cloud: sandbox.url, time)
            state = try LockedState(context: context, purpose: "a test")
            timing = CloudTiming(context: context, journal: state.journal)
        }

        deinit { sandbox.stop() }

        private static func context(_ scratch: ScratchGateway, cloud: String, _ time: VirtualTime) throws
            -> GatewayContext
        {
            let root = scratch.root.appending(path: "root.pem").path
            try scratch.write(
                "product: sandbox000000000\ncloud: \(cloud)\nidentity: \(identity)\n"
                    + (FileTree.exists(root) ? "ca_file: \(root)\n" : ""),
                to: scratch.folders.configFolder + "/gateway.yaml")
            var context = GatewayContext(
                folders: scratch.folders, configuration: try scratch.load(),
                clock: { WallTime.now().advanced(by: time.passed.withLock { $0 } + time.wallShift.withLock { $0 }) },
                sinceBoot: { Duration.sinceBoot() + time.passed.withLock { $0 } })
            context.requestTimeout = .milliseconds(250)
            return context
        }

        /// Another URL, or gwe started anew.
        func restart(cloud: String? = nil) throws -> Duration {
            context = try Gateway.context(scratch, cloud: cloud ?? sandbox.url, time)
            try context.settleTimes(in: state.journal)
            connection = nil
            timing = CloudTiming(context: context, journal: state.journal)
            return timing.started()
        }

        /// One poll and the pause after it. Returns its bytes, and how long the pause was.
        func loop() throws -> (byteCount: Int64, pause: Duration) {
            let sink = ReportsTests.Sink()
            var closed: CloudFailure?
            if connection == nil {
                connection = CloudConnection.open(context, mayActivate: true, emit: { _ in }) { closed = $0 }?
                    .knowing(state.journal)
            }
            let before = connection?.byteCount ?? 0
            var result = try Reconciler(
                context: context, journal: state.journal, services: nil, cloud: connection
            ) { event in
                if case .problem(let text) = event { sink.lines.withLock { $0.append(text) } }
            }.run(PassOptions(.timer)).result
            told = sink.lines.withLock { $0 }
            if let closed { result.talk = .failed(closed) }
            let byteCount = (connection?.byteCount ?? 0) - before
            let pause = timing.ended(result.talk, byteCount: byteCount, interval: interval)
            time.passed.withLock { $0 += pause }
            return (byteCount, pause)
        }

        /// Puts a version up and commands it.
        func want(_ version: Int) throws {
            let folder = scratch.root.appending(path: "package").path
            let script = "#!/bin/sh\n# \(String(repeating: "\(version)", count: 500))\nexit 0\n"
            try scratch.write(script, to: folder + "/install.sh")
            let file = scratch.root.appending(path: "package.tar.gz").path
            try TarWriter.write(
                [.init(path: "install.sh", content: .file(folder + "/install.sh"), mode: 0o755)], to: file,
                compression: .gzip)
            let name = "tool.v\(version).tar.gz"
            try sandbox.uploadContent(name, Array(try Data(contentsOf: URL(fileURLWithPath: file))))
            try sandbox.write(Gateway.identity, "engine_fetch", #"{"install":[{"name":"\#(name)"}]}"#)
        }

        func isConverged(_ version: Int) throws -> Bool {
            guard let tool = AppName("tool") else { return false }
            let installed = try state.journal.apps()[tool]?.current?.installed.version.text
            return timing.trouble == nil && installed == "\(version)"
        }

        var status: JSONValue { StatusReport.make(context).document.json }
        var words: String { status["cloud"]?["trouble"]?.string ?? "" }
    }

    struct Trial {
        var name: String
        /// What status is to say; nil where nothing is wrong with the cloud.
        var words: String?
        /// Whether the trouble lasts for a virtual day; else it is over after three requests.
        var lastsForADay = true
        var begin: (Gateway) throws -> Void
        var end: (Gateway) throws -> Void = { $0.sandbox.clearFaults() }
    }

    private static func fault(
        _ name: String, _ kind: Fault.Kind, on calls: Set<Fault.Call> = [], _ words: String?, day: Bool = true,
        times: Int? = nil
    ) -> Trial {
        Trial(name: name, words: words, lastsForADay: day) {
            $0.sandbox.addFault(Fault(kind, on: calls, times: times ?? (day ? nil : 3)))
        }
    }

    private static let talks: Set<Fault.Call> = [.read, .exchange, .write]

    private static var trials: [Trial] {
        [
            fault("slow", .slow(seconds: 2), on: talks, "did not answer in time", day: false),
            fault("trickle", .trickle(bytesPerSecond: 4), on: talks, "did not answer in time", day: false),
            fault("cut", .cut(afterByteCount: 1), on: talks, "breaks off"),
            fault("download cut", .cut(afterByteCount: 100), on: [.download], nil, day: false, times: 1),
            fault("401", .answer(status: 401, retryAfter: nil), "does not know this gateway's token"),
            fault(
                "401, activated", .answer(status: 401, retryAfter: nil), on: [.read, .exchange, .write],
                "is activated already"),
            Trial(
                name: "404", words: "has no such device", begin: { try $0.sandbox.deleteDevice(Gateway.identity) },
                end: { gateway in
                    try gateway.sandbox.addDevice(Gateway.identity)
                    try gateway.want(7)
                }),
            fault("429, Retry-After", .answer(status: 429, retryAfter: 120), "busy", day: false),
            fault("429 for 10 years", .answer(status: 429, retryAfter: 315_360_000), "busy"),
            fault("503", .answer(status: 503, retryAfter: nil), "out of order"),
            fault("captive portal", .captivePortal, "captive portal"),
            fault("cloud's clock", .clock(offsetSeconds: -315_360_000), nil),
            fault("silent", .silent, on: talks, "did not answer in time", day: false),
            fault("garbage", .garbage, on: talks, "not what was asked for"),
            fault("short", .short, on: talks, "not what was asked for"),
            fault("huge", .huge(byteCount: 9 << 20), on: talks, "not what was asked for"),
            fault("garbage download", .garbage, on: [.info], nil, day: false, times: 1),
            Trial(
                name: "DNS", words: "not found (DNS)", begin: { _ = try $0.restart(cloud: "https://gwe-test.invalid") },
                end: { _ = try $0.restart() }),
            Trial(
                name: "refused", words: "no connection", begin: { _ = try $0.restart(cloud: "http://127.0.0.1:9") },
                end: { _ = try $0.restart() }),
            Trial(
                name: "own clock 1970", words: nil,
                begin: { gateway in
                    let now = WallTime.now().milliseconds
                    gateway.time.wallShift.withLock { $0 = .milliseconds(-now) }
                },
                end: { gateway in gateway.time.wallShift.withLock { $0 = .zero } }),
        ]
    }

    @Test(
        "faults one after another, during an install and a day of loops each: it converges, within the caps, in words")
    func campaign() throws {
        let gateway = try Gateway()
        let attemptLimit = CloudSchedule.attemptLimit(interval: .seconds(14_400))
        let byteLimit = CloudSchedule.byteLimit(interval: .seconds(14_400))
        var table = ["fault | failed talks | bytes | loops to converge | longest pause | words of status"]
        for (index, trial) in TroubleCampaignTests.trials.enumerated() {
            let version = index + 1
            try gateway.want(version)
            try trial.begin(gateway)
            let start = gateway.context.sinceBoot()
            var (failed, bytes, largest, loops, words) = (0, Int64(0), Int64(0), 0, "")
            var longest: Duration = .zero
            var isOver = !trial.lastsForADay || trial.words == nil
            while try !gateway.isConverged(version), loops < 200 {
                let (byteCount, pause) = try gateway.loop()
                loops += 1
                guard gateway.timing.trouble != nil else { continue }
                failed += 1
                bytes += byteCount
                largest = max(largest, byteCount)
                longest = max(longest, pause)
                if words.isEmpty { words = gateway.words }
                #expect(pause <= CloudSchedule.longestPatience, "\(trial.name)")
                if !isOver, gateway.context.sinceBoot() - start >= .seconds(86_400) {
                    isOver = true
                    #expect(failed <= attemptLimit + 1, "\(trial.name)")
                    // What is refused for its length has come as far as its limit, and as the kernel had taken it by then.
                    #expect(bytes <= byteLimit + 2 * largest, "\(trial.name)")
                    try trial.end(gateway)
                }
            }
            #expect(try gateway.isConverged(version), "\(trial.name): \(gateway.words) \(gateway.told)")
            if let expected = trial.words { #expect(words.contains(expected), "\(trial.name): \(words)") }
            // And a quiet day.
            for _ in 0..<6 {
                _ = try gateway.loop()
                #expect(gateway.timing.trouble == nil, "\(trial.name): \(gateway.words)")
            }
            if trial.words == nil { words = gateway.words.isEmpty ? "-" : gateway.words }
            if trial.name == "own clock 1970" {
                words = "clock " + (gateway.status["clock"]?.string ?? "")
                #expect(gateway.status["clock_trusted"]?.bool == false && words.contains("1970"), "\(words)")
            }
            if isOver, !trial.lastsForADay || trial.words == nil { try trial.end(gateway) }
            #expect(try gateway.state.journal.problems().isEmpty, "\(trial.name): nothing of it went further")
            let seconds = longest.components.seconds
            table.append("\(trial.name) | \(failed) | \(bytes) | \(loops) | \(seconds) s | \(words)")
        }
        print(table.joined(separator: "\n"))
        // Nothing recorded while the clock was in doubt is left so.
        _ = try gateway.loop()
        #expect(gateway.status["clock_trusted"]?.bool == true)
        for operation in try gateway.state.journal.operations(limit: 100) {
            #expect(!operation.startedAt.isInDoubt && operation.finishedAt?.isInDoubt != true)
        }
    }

    @Test(
        "a certificate that is not valid yet, with a clock in 1970, is told as what it is, and a step of the clock is heeded"
    )
    func ownClock() throws {
        let certificates = try TestCertificates.shared
        let gateway = try Gateway(certificate: certificates.future, root: certificates.root)
        for _ in 0..<12 { _ = try gateway.loop() }
        #expect(gateway.timing.trouble?.kind == .clock)
        #expect(gateway.words.contains("certificate is not valid yet"), "\(gateway.words)")
        let now = WallTime.now().milliseconds
        gateway.time.wallShift.withLock { $0 = .milliseconds(-now) }
        #expect(gateway.words == "this machine's clock is behind (1970-01-01): TLS certificates cannot be checked")
        let due = try #require(CloudTiming.stored(gateway.context, gateway.state.journal).schedule.due)
        // `loop` has let the pause pass; another failure begins one.
        #expect(due <= gateway.context.sinceBoot() + .seconds(1))
        let before = gateway.context.sinceBoot()
        let (_, pause) = try gateway.loop()
        let back = before - gateway.context.sinceBoot()
        gateway.time.passed.withLock { $0 += back }
        #expect(pause > .seconds(10))
        let sooner = try #require(gateway.timing.clockStepped())
        #expect(sooner <= .seconds(6))
    }

    @Test("patience with a refusal outlives the process: the next one does not ask before the time")
    func patienceOutlives() throws {
        let gateway = try Gateway()
        _ = try gateway.loop()
        try gateway.sandbox.deleteDevice(Gateway.identity)
        for _ in 0..<3 { _ = try gateway.loop() }
        let before = gateway.context.sinceBoot()
        let (_, pause) = try gateway.loop()
        let back = before - gateway.context.sinceBoot()
        gateway.time.passed.withLock { $0 += back }
        #expect(pause >= .seconds(8 * 3_600))
        for _ in 0..<5 {
            let left = try gateway.restart()
            #expect(left > pause - .seconds(60) && left < pause + .seconds(60) && !gateway.timing.mayTalk)
        }
        let cloud = gateway.status["cloud"]
        #expect(cloud?["kind"]?.string == "unknown_device" && cloud?["attempts"]?.int == 4)
        #expect(cloud?["next_try"]?.string?.hasPrefix("in ") == true)
    }
}
