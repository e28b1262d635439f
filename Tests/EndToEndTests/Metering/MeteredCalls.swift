import DeviceClient
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport

/// A script of every kind of call, with what goes wrong on a bad line. Run in the gateway's network namespace.
struct MeteredCalls: @unchecked Sendable {
    let root: String
    let state: String
    let cloud: SandboxServer
    let cloud6: SandboxServer

    /// Calls of `gdc`, each a process of its own, and how many requests they make in all.
    static let shell = [
        ["http", "timestamp"], ["http", "write", "temperature", "21.5"],
        ["http", "read", "temperature", "engine_fetch"],
        ["http", "content", "list"], ["http", "content", "info", "small"], ["http", "content", "download", "small"],
        ["http", "content", "info", "nothing"], ["http", "poll", "engine_fetch", "300"],
    ]
    static let shellRequests = 9

    private func client(
        _ url: String? = nil, identity: String = "dev", token: String = "token",
        _ configure: (inout DeviceClient.Configuration) -> Void = { _ in }
    ) throws -> (DeviceClient, UsageMeter) {
        var configuration = DeviceClient.Configuration(
            product: cloud.product, cloudURL: url ?? cloud.url, identity: identity,
            transfer: TransferConfiguration(caFile: root + "/cloud.pem"))
        configure(&configuration)
        let client = try DeviceClient(configuration: configuration, tokens: TokenStore(path: "\(state)/\(token)"))
        let meter = UsageMeter(stateFolder: state)
        client.meter = meter.count
        return (client, meter)
    }

    /// Returns how many requests there were on the line.
    func run() throws -> Int {
        var requests = 0
        func counting(_ client: DeviceClient) { client.observer = { _ in requests += 1 } }
        try cloud.uploadContent("small", Array("content".utf8))
        try cloud.uploadContent("large", (0..<1_500_000).map { UInt8(truncatingIfNeeded: ($0 &* 7919) >> 3) })
        do {
            // One connection, kept.
            let (client, _) = try client()
            counting(client)
            try client.activate()
            for round in 0..<40 {
                _ = try client.writeAndRead(
                    [("device_info", String(repeating: "x", count: 400 + round)), ("usage_report", "{}")],
                    reading: ["engine_fetch", "update_interval"])
            }
            try client.write([("a", "1")])
            _ = try client.read(["a", "b"])
            _ = try client.record([RecordPoint(alias: "a", timestamp: 1_795_000_000, value: "1")])
            _ = try client.longPoll("engine_fetch", timeout: .milliseconds(1_300))
            _ = try client.contentList()
            _ = try client.timestamp()
            // Long enough for counts on the way.
            cloud.addFault(Fault(.trickle(bytesPerSecond: 900_000), on: [.download], times: 1))
            _ = try client.download("large", into: root + "/scratch/large")
            // Slower than the line: the peer is held back by TCP's window, again and again.
            _ = try client.download("large", into: root + "/scratch/paced") { $0.receiveLimit = 600_000 }
            // Answers that are failures.
            for status in [401, 404, 429, 503] {
                cloud.addFault(Fault(.answer(status: status, retryAfter: nil), times: 1))
                _ = try? client.answer(to: .read(["a"]), token: nil)
            }
            cloud.addFault(Fault(.captivePortal, times: 1))
            _ = try? client.read(["a"])
            // A peer that cuts, in an answer and in a download, which goes on where it was.
            cloud.addFault(Fault(.cut(afterByteCount: 1), on: [.read], times: 1))
            _ = try? client.read(["device_info"])
            cloud.cutNextDownloads(after: [200_000, 300_000])
            _ = try client.download("large", into: root + "/scratch/again") { $0.retry.base = .milliseconds(10) }
            // A server that is not patient.
            cloud.addFault(Fault(.slow(seconds: 1.2), times: 1))
            _ = try client.read(["a"])
        }
        do {
            // Over IPv6, bound to the interface.
            let (client, _) = try client(cloud6.url, token: "token6") { $0.transfer.interface = "ppp0" }
            counting(client)
            try client.activate()
            for _ in 0..<10 { _ = try client.writeAndRead([("a", "12345")], reading: ["engine_fetch"]) }
        }
        // A new connection each.
        for _ in 0..<10 {
            let (client, _) = try client()
            counting(client)
            _ = try client.read(["engine_fetch"])
        }
        do {
            // A certificate that is not believed.
            let (client, _) = try client { $0.transfer.caFile = nil }
            counting(client)
            _ = try? client.timestamp()
        }
        do {
            // A time that runs out.
            let (client, _) = try client { $0.timeout = .milliseconds(300) }
            counting(client)
            cloud.addFault(Fault(.silent, times: 1))
            _ = try? client.timestamp()
        }
        do {
            // Nobody there: no TCP payload, and yet packets.
            let (client, _) = try client("https://\(NetworkNamespaces.cloudAddress):9")
            counting(client)
            _ = try? client.timestamp()
        }
        return requests
    }
}
