internal import Documents
internal import GatewaySystem
internal import Glibc
internal import Synchronization

/// A Murano stand-in for one machine: the device API, a content area and the operator's side, on one address.
///
/// For tests, start one in the process: `let sandbox = try SandboxServer(dataFolder: folder); try sandbox.start()`.
public final class SandboxServer: Sendable {
    /// The id of the one product that this stand-in has.
    public let product: String
    private let configuration: LocalHTTPServer.Configuration
    private let mqtt: SandboxAddress?
    private let mqtts: SandboxAddress?
    private let store: SandboxStore
    private let changes = ChangeSignal()
    private let log: RequestLog
    private let running = Lock<Running?>(nil)
    private let faults = Faults()

    /// The lock's descriptor is closed with the server's end.
    private struct Running {
        var server: LocalHTTPServer
        var mqtt: MQTTServer?
        var mqtts: MQTTServer?
        var lock: Int32
    }

    /// Opens or creates the data folder.
    ///
    /// - Parameters:
    ///   - port: 0 takes a free one.
    ///   - certificate: PEM text, with `privateKey`: serve https.
    ///   - mqtt: where to serve MQTT 3.1.1 without TLS.
    ///   - mqtts: where to serve it with TLS, with the same certificate.
    ///   - clientCA: PEM text: believe certificates that it has signed, whose common name is a device's identity.
    public init(
        dataFolder: String, product: String = "sandbox000000000", host: String = "127.0.0.1", port: UInt16 = 0,
        certificate: String? = nil, privateKey: String? = nil, mqtt: SandboxAddress? = nil,
        mqtts: SandboxAddress? = nil, clientCA: String? = nil
    ) throws {
        guard certificate != nil || (mqtts == nil && clientCA == nil) else {
            throw SandboxError.needsCertificate(mqtts == nil ? "clients with certificates" : "MQTT with TLS")
        }
        self.product = product
        self.mqtt = mqtt
        self.mqtts = mqtts
        let store = try SandboxStore(folder: dataFolder)
        self.store = store
        log = RequestLog(store: store)
        var configuration = LocalHTTPServer.Configuration(address: .tcp(host: host, port: port))
        configuration.certificate = certificate
        configuration.privateKey = privateKey
        configuration.clientCA = clientCA
        configuration.bodyPlan = { request in
            guard let parts = OperatorAPI.parts(of: request) else { return .memory(byteLimit: DeviceAPI.bodyByteLimit) }
            guard request.method == "PUT", parts.count == 2, parts[0] == "content" else {
                return .memory(byteLimit: Int64(DeviceAPI.valueByteLimit))
            }
            return .file(path: store.spoolPath(), byteLimit: OperatorAPI.contentByteLimit)
        }
        self.configuration = configuration
    }

    deinit { stop() }

    /// Locks the folder and listens; requests are served when this returns. Does nothing if it has started.
    public func start() throws {
        try running.withLock { running in
            if running == nil { running = try listen() }
        }
    }

    private func listen() throws -> Running {
        let lock = open(store.folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0 else { throw SystemError.last("open \(store.folder)/lock") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw SandboxError.inUse(folder: store.folder)
        }
        let api = DeviceAPI(product: product, store: store, changes: changes)
        let operations = OperatorAPI(
            product: product, store: store, changes: changes, log: log, faults: faults,
            listeners: { [weak self] in
                let ports = [("mqtt", self?.mqttPort), ("mqtts", self?.mqttsPort)]
                return ports.compactMap { name, port in port.map { (name, .int(Int64($0))) } }
            })
        let (log, faults) = (log, faults)
        changes.open()
        let handler: LocalHTTPServer.Handler = { request in
            if request.path == "/", request.method == "GET" {
                return HTTPServerResponse(status: 200, text: consolePage, type: "text/html; charset=utf-8")
            }
            if let parts = OperatorAPI.parts(of: request) {
                return SandboxServer.answering { try operations.answer(request, parts) }
            }
            var device: String?
            let response: HTTPServerResponse
            if !faults.isEmpty, case let known = try? api.device(of: request),
                let fault = faults.take(Fault.Call(request), device: known, over: .http)
            {
                device = known
                response = fault.answer(request) {
                    SandboxServer.answering { try api.answer(request, device: &device) }
                }
            } else {
                response = SandboxServer.answering { try api.answer(request, device: &device) }
            }
            return log.follow(response, to: request, device: device)
        }
        do {
            var running = Running(server: try LocalHTTPServer(configuration, handler: handler), lock: lock)
            do {
                try listenForMQTT(&running)
            } catch {
                end(running)
                throw error
            }
            return running
        } catch {
            close(lock)
            throw error
        }
    }

    private func listenForMQTT(_ running: inout Running) throws {
        let service = MQTTService(store: store, changes: changes, log: log, faults: faults)
        if let mqtt { running.mqtt = try MQTTServer(service, mqtt, tls: nil) }
        if let mqtts, let certificate = configuration.certificate, let privateKey = configuration.privateKey {
            let tls = try MQTTTLS(certificate: certificate, privateKey: privateKey, clientCA: configuration.clientCA)
            running.mqtts = try MQTTServer(service, mqtts, tls: tls)
        }
        let servers = [running.mqtt, running.mqtts].compactMap { $0 }
        if !servers.isEmpty { changes.onChange { for server in servers { server.wake() } } }
    }

    private func end(_ running: Running) {
        changes.onChange(nil)
        changes.close()
        running.mqtt?.stop()
        running.mqtts?.stop()
        running.server.stop()
    }

    /// Ends all connections, long polls too. What was written stays; `start` may follow.
    public func stop() {
        guard let ending = running.withLock({ $0.take() }) else { return }
        end(ending)
        close(ending.lock)
    }

    /// The port of `mqtt`; nil without it, and before `start`.
    public var mqttPort: UInt16? { running.withLock { $0?.mqtt?.port } }
    /// The port of `mqtts`; nil without it, and before `start`.
    public var mqttsPort: UInt16? { running.withLock { $0?.mqtts?.port } }

    /// `http://127.0.0.1:<port>`; empty before `start`.
    public var url: String {
        guard case .tcp(let host, let port) = running.withLock({ $0?.server.address }) else { return "" }
        let name = host.contains(":") ? "[\(host)]" : host
        return "\(configuration.certificate == nil ? "http" : "https")://\(name):\(port)"
    }

    private static func answering(_ body: () throws -> HTTPServerResponse) -> HTTPServerResponse {
        do {
            return try body()
        } catch let refusal as DeviceAPI.Refusal {
            var response = HTTPServerResponse(status: refusal.status, text: refusal.text)
            response.headers += refusal.headers
            return response
        } catch let error as SandboxError {
            let status =
                switch error {
                case .noSuchDevice, .noSuchContent: 404
                case .deviceExists: 409
                case .badName: 400
                case .inUse, .unknownSchema, .needsCertificate, .badCertificate: 500
                }
            return HTTPServerResponse(status: status, text: "\(error)\n")
        } catch {
            return HTTPServerResponse(status: 500, text: "\(error)\n")
        }
    }
}

/// The operator's calls without HTTP, for tests.
extension SandboxServer {
    /// With a password, it may log in over MQTT with that, too.
    public func addDevice(_ id: String, password: String? = nil) throws { try store.addDevice(id, password: password) }
    /// Lets a device activate once more. Its token stays valid until it does.
    /// - Throws: `SandboxError.noSuchDevice`.
    public func enableDevice(_ id: String) throws { try store.enableDevice(id) }
    /// All devices, sorted by their names.
    public func devices() throws -> [SandboxDevice] { try store.devices() }

    /// Its token is worth nothing any more.
    public func deleteDevice(_ id: String) throws {
        try store.deleteDevice(id)
        changes.notify()
    }

    /// nil until the device has activated.
    public func token(of id: String) throws -> String? { try store.token(of: id) }

    /// The operator's write: changes `set`.
    public func write(_ id: String, _ resource: String, _ value: String) throws {
        try store.set(id, resource, Array(value.utf8))
        changes.notify()
    }

    /// nil for a resource that was never written.
    public func read(_ id: String, _ resource: String) throws -> SandboxResource? {
        try store.resources(id, [resource]).first?.state
    }

    /// All resources that were ever written.
    public func resources(of id: String) throws -> [String: SandboxResource] {
        Dictionary(try store.resources(id, []).compactMap { entry in entry.state.map { (entry.name, $0) } }) { $1 }
    }

    /// The stored records of a resource, oldest first; times are microseconds since 1970.
    public func records(_ id: String, _ resource: String) throws -> [(timestamp: Int64, value: String)] {
        try store.records(id, resource)
    }

    /// Puts a content up; replaces one of that name.
    @discardableResult
    public func uploadContent(
        _ name: String, _ bytes: [UInt8], type: String = "application/gzip", meta: String = ""
    ) throws -> SandboxContent {
        let path = store.spoolPath()
        try writeFile(path, bytes)
        return try store.addContent(name, type: type, meta: meta, from: path)
    }

    /// The whole content area, sorted by name.
    public func contents() throws -> [SandboxContent] { try store.contents() }
    /// Takes a content away; downloads under way go on to their end.
    /// - Throws: `SandboxError.noSuchContent`.
    public func deleteContent(_ name: String) throws { try store.deleteContent(name) }

    /// The device API's requests after one, oldest first. Each is here once its client has read its answer.
    public func requestLog(after id: Int64 = 0) throws -> [SandboxRequest] {
        try log.requests(after: id, limit: 100_000)
    }

    /// Forgets all requests, those too whose answers are being sent now. Waits for these for a second at most.
    public func clearRequestLog() throws { try log.clear() }

    /// Misbehaves for a test: each of the next downloads loses its connection once that many bytes of the answer's
    /// body have been sent, one number a download.
    public func cutNextDownloads(after byteCounts: [Int64]) {
        for byteCount in byteCounts { faults.add(Fault(.cut(afterByteCount: byteCount), on: [.download], times: 1)) }
    }

    /// Misbehaves until the fault is used up or cleared. The first one that meets a request has it.
    public func addFault(_ fault: Fault) { faults.add(fault) }
    /// Behaves well from now on; all faults are forgotten.
    public func clearFaults() { faults.clear() }
}
