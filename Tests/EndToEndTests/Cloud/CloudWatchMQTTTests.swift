import Documents
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// `transport: mqtt`: what the cloud sets is carried out at once, though the next poll is four hours away.
@Suite("A watch on the cloud by MQTT", .serialized) struct CloudWatchMQTTTests {
    /// An address of this process on loopback: there nobody else has a port, another run of the tests neither.
    static func host(_ number: Int) -> String {
        "127.77.\(Int(getpid()) % 250 + 1).\(Int(getpid()) / 250 % 25 * 10 + number)"
    }

    /// A gateway whose cloud has an address of its own: MQTT has fixed ports.
    private func gateway(_ host: String) throws -> (GatewayFixture, SandboxServer) {
        let gateway = try GatewayFixture()
        gateway.sandbox.stop()
        let cloud = try cloud(gateway, host)
        try gateway.write(
            """
            schema: gwe/v1
            product: \(GatewayFixture.product)
            cloud: \(cloud.url)
            identity: \(gateway.id)
            transport: mqtt
            update_interval: 4h

            """, to: gateway.configFolder + "/gateway.yaml")
        return (gateway, cloud)
    }

    private func cloud(_ gateway: GatewayFixture, _ host: String) throws -> SandboxServer {
        let cloud = try SandboxServer(
            dataFolder: gateway.root + "/cloud", product: GatewayFixture.product, host: host, port: 8085,
            mqtt: SandboxAddress(host: host, port: 1883))
        try cloud.startPatiently()
        return cloud
    }

    private func upload(_ package: TestPackage, _ gateway: GatewayFixture, _ cloud: SandboxServer) throws {
        try cloud.uploadContent(package.fileName, try package.bytes(scratch: gateway.root + "/scratch"))
    }

    private func standing(_ gateway: GatewayFixture, _ cloud: SandboxServer) throws -> String {
        let state = try cloud.read(gateway.id, "engine_fetch")
        return state.map { $0.set ?? $0.reported ?? "" } ?? ""
    }

    @Test("commands and manifests are applied at once, and cleared by the pass")
    func applied() throws {
        let (gateway, cloud) = try gateway(Self.host(1))
        defer { cloud.stop() }
        for version in ["1", "2"] { try upload(.oneOff("tool", version), gateway, cloud) }
        try gateway.withDaemon { (daemon) throws in
            try gateway.eventually("the first pass is over") {
                try cloud.read(gateway.id, "engine_report") != nil
            }
            try cloud.write(gateway.id, "engine_fetch", #"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
            try gateway.eventually("1 is in force") { try gateway.row("tool")["installed"]?.string == "1" }
            try gateway.eventually("it is cleared") { try standing(gateway, cloud).isEmpty }
            let manifest = "schema: gwe/v1\napps: {tool: {version: \"2\"}}\n"
            try cloud.write(gateway.id, "engine_fetch", manifest)
            try gateway.eventually("2 is in force") { try gateway.row("tool")["installed"]?.string == "2" }
            #expect(try standing(gateway, cloud) == manifest)
        }
    }

    @Test("the cloud goes away and comes back, a manifest that stays wakes nobody, and a stop is prompt")
    func restart() throws {
        let (gateway, first) = try gateway(Self.host(2))
        defer { first.stop() }
        for version in ["1", "2"] { try upload(.oneOff("tool", version), gateway, first) }
        let manifest = "schema: gwe/v1\napps: {tool: {version: \"1\"}}\n"
        try first.write(gateway.id, "engine_fetch", manifest)
        let daemon = try gateway.startDaemon()
        defer { gateway.killApps() }
        try gateway.eventually("1 is in force") { try gateway.row("tool")["installed"]?.string == "1" }
        // The pass is over, not cut by what follows: that would be told at the pace of the schedule.
        try gateway.eventually("it is reported") {
            try first.read(gateway.id, "engine_report")?.reported?.contains(#""version":"1""#) == true
        }
        first.stop()
        try gateway.eventually("the watch says so") { daemon.err.contains("changes are seen at the next poll") }
        let problems = { try gateway.status().document["problems"]?.text() ?? "" }
        #expect(try problems().contains("are not heard of at once since "))
        let second = try cloud(gateway, Self.host(2))
        defer { second.stop() }
        let last = try second.requestLog().last?.id ?? 0
        try gateway.eventually("it is connected again") { daemon.err.contains("are heard of again") }
        #expect(try !problems().contains("are not heard of at once"))
        // What is sent again at the connect comes before what is set now.
        try second.write(gateway.id, "engine_fetch", #"{"install":[{"name":"tool.v2.tar.gz"}]}"#)
        try gateway.eventually("2 is in force") { try gateway.row("tool")["installed"]?.string == "2" }
        let reads = try second.requestLog(after: last).filter { $0.path.contains("update_interval&config_otau") }
        #expect(reads.count == 1, "one pass, for the command: \(reads)")
        let start = ContinuousClock.now
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
        #expect(start.duration(to: .now) < .seconds(60))
    }

    @Test("behind a firewall that lets 443 out alone, the second attempt hears of commands, over TLS")
    func firewall() throws {
        let gateway = try GatewayFixture()
        gateway.sandbox.stop()
        let host = Self.host(3)
        let certificate = try CertificateMaker(gateway.root).selfSigned(hosts: ["IP:\(host)"])
        let cloud = try SandboxServer(
            dataFolder: gateway.root + "/tls-cloud", product: GatewayFixture.product, host: host,
            certificate: certificate.pem, privateKey: certificate.key,
            mqtts: SandboxAddress(host: host, port: 443))
        try cloud.start()
        defer { cloud.stop() }
        try cloud.addDevice(gateway.id)
        try gateway.write(
            """
            schema: gwe/v1
            product: \(GatewayFixture.product)
            cloud: \(cloud.url)
            ca_file: \(certificate.path)
            identity: \(gateway.id)
            transport: mqtt
            update_interval: 4h

            """, to: gateway.configFolder + "/gateway.yaml")
        try upload(.oneOff("tool", "1"), gateway, cloud)
        let daemon = try gateway.startDaemon()
        defer { gateway.killApps() }
        try gateway.eventually("it is connected at 443") {
            try cloud.requestLog().contains { $0.path == "connack=0" && $0.device == gateway.id }
        }
        #expect(daemon.err.contains("at port 8883 and at 443 in turn"), "\(daemon.err)")
        try cloud.write(gateway.id, "engine_fetch", #"{"install":[{"name":"tool.v1.tar.gz"}]}"#)
        try gateway.eventually("1 is in force") { try gateway.row("tool")["installed"]?.string == "1" }
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }
}
