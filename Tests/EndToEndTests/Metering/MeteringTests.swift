import DeviceClient
import Foundation
import GatewayAgent
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// What is counted, against what tcpdump sees on the line.
@Suite("Metering", .serialized) struct MeteringTests {
    let gateway: GatewayFixture
    private var root: String { gateway.root }

    init() throws { gateway = try GatewayFixture(hasCloud: false) }

    private func cloud(in spaces: NetworkNamespaces, host: String, _ certificate: TestCertificate) throws
        -> SandboxServer
    {
        let root = root
        return try spaces.run(in: spaces.cloud) {
            let cloud = try SandboxServer(
                dataFolder: root + "/tls-" + UUID().uuidString, product: GatewayFixture.product, host: host,
                certificate: certificate.pem, privateKey: certificate.key, mqtts: SandboxAddress(host: host))
            try cloud.start()
            return cloud
        }
    }

    @Test(
        "an hour's calls in seconds: the counts equal the TCP payload that tcpdump saw, within 1 %",
        arguments: [false, true])
    func againstTcpdump(hasCollector: Bool) throws {
        let hosts = [NetworkNamespaces.cloudAddress, NetworkNamespaces.cloudAddress6, "127.0.0.1"].map { "IP:" + $0 }
        let certificate = try CertificateMaker(root).selfSigned("cloud", hosts: hosts)
        let state = root + "/state"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        let spaces = try NetworkNamespaces()
        let cloud = try cloud(in: spaces, host: NetworkNamespaces.cloudAddress, certificate)
        let cloud6 = try self.cloud(in: spaces, host: NetworkNamespaces.cloudAddress6, certificate)
        defer {
            cloud.stop()
            cloud6.stop()
        }
        for server in [cloud, cloud6] { try server.addDevice("dev") }
        try cloud.addDevice(MeteredMQTTCalls.device)
        let dump = try spaces.start(
            [
                "tcpdump", "-i", "ppp0", "-n", "-U", "--immediate-mode", "-B", "16384", "-s", "128", "-w",
                root + "/line.pcap", "tcp",
            ],
            in: spaces.gateway,
            environment: gateway.variables, scratch: root + "/scratch")
        #expect(try eventually { try probes(spaces) > 0 }, "\(dump.err)")
        let collector = hasCollector ? try UsageCollector(stateFolder: state) { Issue.record("\($0)") } : nil

        let script = MeteredCalls(root: root, state: state, cloud: cloud, cloud6: cloud6)
        let messages = MeteredMQTTCalls(root: root, state: state, cloud: cloud)
        let counted = try spaces.run(in: spaces.gateway) { try script.run() + messages.run() }
        // The same by the shell.
        try shell(spaces, cloud, cloud.url, "dev", MeteredCalls.shell)
        try shell(spaces, cloud, messages.url(), MeteredMQTTCalls.device, MeteredMQTTCalls.shell)
        collector?.stop()

        let store = try #require(try UsageStore.openReadOnly(stateFolder: state))
        let entries = try #require(try store.open()?.entries)
        func sum(_ value: KeyPath<UsageEntry, Int64>) -> Int64 {
            entries.filter { $0.interface == "ppp0" }.reduce(0) { $0 + $1[keyPath: value] }
        }
        #expect(
            sum(\.count) == Int64(counted + MeteredCalls.shellRequests + MeteredMQTTCalls.shellRequests), "\(entries)")
        // tcpdump sees packets in their order: with another probe, all before it are in the file.
        let before = try probes(spaces)
        #expect(try eventually { try probes(spaces) > before })
        dump.send(SIGINT)
        #expect(dump.wait().err.contains("0 packets dropped by kernel"))
        let line = try PacketCapture(
            root + "/line.pcap", from: [NetworkNamespaces.gatewayAddress, NetworkNamespaces.gatewayAddress6])
        print("metering: \(line.sent.repeated) bytes went out twice, \(line.received.repeated) came in twice")
        report("sent", sum(\.sentByteCount), line.sent.payload, sum(\.sentWithHeaders), line.sent.withHeaders)
        report(
            "received", sum(\.receivedByteCount), line.received.payload, sum(\.receivedWithHeaders),
            line.received.withHeaders)
        #expect(line.sent.payload > 50_000 && line.received.payload > 1_000_000)
        #expect(isWithin(0.01, sum(\.sentByteCount), line.sent.payload))
        #expect(isWithin(0.01, sum(\.receivedByteCount), line.received.payload))
        // What is missing there is what came in twice, which the kernel does not tell.
        #expect(isWithin(0.002, sum(\.receivedByteCount), line.received.payload - line.received.repeated))
        #expect(isWithin(0.05, sum(\.sentWithHeaders), line.sent.withHeaders))
        #expect(isWithin(0.05, sum(\.receivedWithHeaders), line.received.withHeaders))
        // Every byte has its device and its purpose, and none went elsewhere.
        #expect(entries.allSatisfy { ["ppp0", "lo", ""].contains($0.interface) && $0.identity.hasPrefix("dev") })
        let overMQTT = entries.filter { $0.identity == MeteredMQTTCalls.device }
        #expect(Set(overMQTT.map(\.method)) == [.activate, .publish, .subscribe, .record])
        print("metering: \(overMQTT.reduce(0) { $0 + $1.sentByteCount }) of the sent bytes are MQTT's")
        #expect(
            Set(entries.map(\.method)).isSuperset(of: [
                .activate, .read, .write, .readWrite, .longPoll, .record, .get, .listContent, .contentInfo, .getContent,
            ]))
        let days = try store.days().filter { $0.interface == "ppp0" }
        #expect(days.reduce(0) { $0 + $1.sentByteCount } == sum(\.sentByteCount))
    }

    /// Calls `gdc` in the gateway's namespace.
    private func shell(
        _ spaces: NetworkNamespaces, _ cloud: SandboxServer, _ url: String, _ device: String, _ calls: [[String]]
    ) throws {
        let gdc = root + "/gdc"
        unlink(gdc)
        try #require(symlink("\(Repository.products)/gwe", gdc) == 0)
        let token = try #require(try cloud.token(of: device))
        let options = ["-E", root + "/cloud.pem", "-H", url, "-u", device, "-k", token]
        for words in calls {
            _ = try spaces.start(
                ["sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", root + "/scratch", gdc] + options + words,
                in: spaces.gateway, environment: gateway.variables, scratch: root + "/scratch"
            ).wait()
        }
    }

    /// Knocks where nobody listens; returns how many packets of such are in tcpdump's file by now.
    private func probes(_ spaces: NetworkNamespaces) throws -> Int {
        try spaces.run(in: spaces.gateway) {
            _ = try? HTTPTransfer().perform(
                HTTPRequest(.get, "https://\(NetworkNamespaces.cloudAddress):\(PacketCapture.probePort)/"))
        }
        return (try? PacketCapture(root + "/line.pcap", from: []))?.probes ?? 0
    }

    private func isWithin(_ part: Double, _ value: Int64, _ truth: Int64) -> Bool {
        abs(Double(value - truth)) <= part * Double(truth)
    }

    private func report(_ what: String, _ counted: Int64, _ seen: Int64, _ estimate: Int64, _ seenWithHeaders: Int64) {
        func percent(_ a: Int64, _ b: Int64) -> String {
            String(format: "%+.3f %%", Double(a - b) / Double(max(1, b)) * 100)
        }
        print(
            "metering, \(what): payload counted \(counted), tcpdump \(seen), \(percent(counted, seen)); with headers "
                + "estimated \(estimate), tcpdump \(seenWithHeaders), \(percent(estimate, seenWithHeaders))")
    }
}
