import DeviceClient
import Foundation
import GatewaySystem
import Glibc
import MuranoSandbox
import TestSupport
import Testing

/// Whoever makes a call of the table over MQTT: the Swift library or the real `gdc`, as one device of its own.
final class CallTableMQTTCaller {
    let device: String
    private let url: String
    private let gateway: GatewayFixture
    private let sandbox: SandboxServer
    /// With `root.pem`, and a certificate and a key for the device and for `stranger`; nil without TLS.
    private let certificates: String?
    private let gdc: String?
    private static let password = "own password"
    private static let foreign = DeviceToken(String(repeating: "f", count: DeviceToken.length))

    /// - Parameter gdc: the program; nil for the library.
    init(
        _ device: String, _ url: String, _ gateway: GatewayFixture, _ sandbox: SandboxServer, certificates: String?,
        gdc: String?
    ) throws {
        self.device = device
        self.url = url
        self.gateway = gateway
        self.sandbox = sandbox
        self.certificates = certificates
        self.gdc = gdc
        try sandbox.addDevice(device, password: Self.password)
    }

    /// Makes the call of a row. Returns what the caller was told, nil where it has no such call, and records an issue
    /// unless the cloud has seen it as the row says.
    func answer(to row: CallTableMQTTRow) throws -> String? {
        guard row.call != .none, !row.needsTLS || certificates != nil else { return nil }
        let last = try sandbox.requestLog().last?.id ?? 0
        if let fault = row.fault { sandbox.addFault(fault) }
        defer { sandbox.clearFaults() }
        guard let answer = try gdc == nil ? askLibrary(row) : askCommand(row, after: last) else { return nil }
        // A wrong command line is told before anything is sent.
        guard let trace = row.trace, gdc == nil || answer != "64" else {
            #expect(try sandbox.requestLog(after: last).isEmpty, "\(row)")
            return answer
        }
        let isThere = try eventually {
            try sandbox.requestLog(after: last).contains { entry in
                entry.method == "MQTT " + trace.packet && entry.path.hasPrefix(trace.path)
                    && entry.status == trace.status
            }
        }
        if !isThere { Issue.record("\(row): \(try sandbox.requestLog(after: last))") }
        return answer
    }

    private func token() throws -> DeviceToken? { try sandbox.token(of: device).flatMap { DeviceToken($0) } }

    private func identity(_ login: CallTableMQTTRow.Login) -> String {
        switch login {
        case .unknown: "nobody-\(device)"
        case .unknownCertificate: "stranger"
        default: device
        }
    }

    private func certificate(_ login: CallTableMQTTRow.Login) -> String? {
        guard let certificates else { return nil }
        switch login {
        case .certificate: return certificates + "/" + device
        case .unknownCertificate: return certificates + "/stranger"
        default: return nil
        }
    }

    // MARK: the library

    private func client(
        _ row: CallTableMQTTRow, _ handler: @escaping @Sendable (ResourceSet) -> MQTTDeviceClient.Reply = { _ in .echo }
    ) throws -> MQTTDeviceClient {
        var device = DeviceClient.Configuration(product: GatewayFixture.product, identity: identity(row.login))
        device.mayActivate = row.call == .activate
        device.timeout = .seconds(30)
        device.transfer.caFile = certificates.map { $0 + "/root.pem" }
        if let file = certificate(row.login) {
            device.usesToken = false
            device.transfer.clientCertificate = file + ".pem"
            device.transfer.clientKey = file + ".key"
        } else {
            device.token = row.login == .foreignToken ? Self.foreign : try token()
        }
        var configuration = MQTTDeviceClient.Configuration(device)
        configuration.cloudURL = url
        if row.login == .password { configuration.password = Self.password }
        if row.login == .wrongPassword { configuration.password = "another" }
        return MQTTDeviceClient(configuration: configuration, tokens: .none, handler: handler)
    }

    private func askLibrary(_ row: CallTableMQTTRow) throws -> String? {
        let sets = Monitor<[ResourceSet]>([])
        let isEchoing = row.call != .acknowledge("set-3")
        let client = try client(row) { set in
            sets.update { $0.append(set) }
            return isEchoing ? .echo : .nothing
        }
        defer { client.close() }
        do {
            switch row.call {
            case .activate:
                let token = try client.requestToken()
                return try token == self.token() ? "done" : "another token"
            case .connect:
                try client.connect()
                return client.isConnected ? "done" : "not connected"
            case .publish(let topic, let value, let quality):
                guard let quality = MQTTMessage.QualityOfService(rawValue: Int32(quality)) else { return nil }
                try client.connect()
                try client.publish(MQTTMessage(topic, Array(value.utf8), qualityOfService: quality))
                return "done"
            case .hear(let alias, let isFirst):
                return try hear(alias, isFirst, client, sets) == nil ? "nothing came" : "heard"
            case .acknowledge(let alias):
                guard let set = try hear(alias, false, client, sets) else { return "nothing came" }
                try client.acknowledge(set)
                return try sandbox.read(device, alias)?.reported == set.value ? "done" : "not reported"
            case .none: return nil
            }
        } catch let error as DeviceClientError {
            return "\(error.kind)"
        }
    }

    private func hear(
        _ alias: String, _ isConnectedFirst: Bool, _ client: MQTTDeviceClient, _ sets: Monitor<[ResourceSet]>
    ) throws -> ResourceSet? {
        if isConnectedFirst { try client.connect() }
        try sandbox.write(device, alias, "20")
        if !isConnectedFirst { try client.connect() }
        return sets.wait(atMost: .seconds(30)) { $0.first { $0.alias == alias && $0.value == "20" } }
    }

    // MARK: gdc

    private func start(_ row: CallTableMQTTRow, _ words: [String]) throws -> TestProcess {
        var options = ["-H", url, "-u", identity(row.login)]
        if let certificates { options += ["-E", certificates + "/root.pem"] }
        var variables = gateway.variables
        if let file = certificate(row.login) {
            options += ["-C", file + ".pem", "-K", file + ".key"]
        } else if row.call != .activate {
            variables["GDC_TOKEN"] = row.login == .foreignToken ? Self.foreign?.secret : try token()?.secret
        }
        return try TestProcess(
            try #require(gdc), options + ["mqtt"] + words, environment: variables, scratch: gateway.root + "/scratch")
    }

    private func askCommand(_ row: CallTableMQTTRow, after last: Int64) throws -> String? {
        switch row.call {
        case .connect where row.login == .password || row.login == .wrongPassword: return nil
        // Listens, and ends at once.
        case .connect: return code(try start(row, ["subscribe", "--disconnect-after", "0"]).wait())
        case .activate:
            let ran = try start(row, ["activate"]).wait()
            let token = try sandbox.token(of: device) ?? "none"
            return ran.code == 0 && ran.out != token + "\n" ? "another token" : code(ran)
        case .publish(let topic, let value, let quality):
            return code(try start(row, ["publish", topic, value, "-Q", "\(quality)"]).wait())
        case .hear(let alias, let isConnectedFirst):
            if !isConnectedFirst { try sandbox.write(device, alias, "20") }
            let process = try start(row, ["subscribe"])
            if isConnectedFirst {
                _ = try eventually {
                    try sandbox.requestLog(after: last).contains { $0.path == "connack=0" }
                }
                try sandbox.write(device, alias, "20")
            }
            let isHeard = eventually {
                process.out.split(separator: "\n").contains {
                    $0.hasPrefix("\(alias).") && $0.hasSuffix("=20")
                }
            }
            process.send(SIGTERM)
            let ran = process.wait()
            return isHeard ? "heard" : "\(ran)"
        case .acknowledge(let alias):
            try sandbox.write(device, alias, "20")
            let ran = try start(row, ["publish", alias, "20"]).wait()
            return try sandbox.read(device, alias)?.reported == "20" ? code(ran) : "not reported"
        case .none: return nil
        }
    }

    private func code(_ ran: Ran) -> String { ran.code.map { "\($0)" } ?? "\(ran)" }
}
