import Foundation
import GatewaySystem
import Glibc
import Synchronization

/// Two network namespaces of their own, joined by a pair of virtual Ethernet devices (ip-netns(8), veth(4)): the gateway's,
/// whose interface is called `ppp0`, and the cloud's.
final class NetworkNamespaces: @unchecked Sendable {
    static let gatewayAddress = "10.77.0.1"
    static let cloudAddress = "10.77.0.2"
    static let gatewayAddress6 = "fd77::1"
    static let cloudAddress6 = "fd77::2"

    let gateway: String
    let cloud: String
    private let scratch: String

    init(scratch: String) throws {
        let key = UUID().uuidString.prefix(8).lowercased()
        gateway = "gwe-g-\(key)"
        cloud = "gwe-c-\(key)"
        self.scratch = scratch
        try ip("netns", "add", gateway)
        try ip("netns", "add", cloud)
        try ip("link", "add", "ppp0", "netns", gateway, "type", "veth", "peer", "name", "eth0", "netns", cloud)
        let ends = [
            (gateway, "ppp0", Self.gatewayAddress, Self.gatewayAddress6),
            (cloud, "eth0", Self.cloudAddress, Self.cloudAddress6),
        ]
        for (name, device, address, address6) in ends {
            try ip("-n", name, "addr", "add", address + "/24", "dev", device)
            try ip("-n", name, "addr", "add", address6 + "/64", "dev", device, "nodad")
            // One segment a packet, as on a real line: else the sender hands over many at once, and tcpdump sees one.
            try ip("-n", name, "link", "set", device, "gso_max_segs", "1", "up")
            try ip("-n", name, "link", "set", "lo", "up")
        }
    }

    deinit {
        for name in [gateway, cloud] { try? ip("netns", "del", name) }
    }

    private func ip(_ arguments: String...) throws {
        let ran = try GatewayProcess(
            "/bin/sh", ["-c", "exec ip \"$@\"", "ip"] + arguments,
            environment: ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], scratch: scratch
        ).wait()
        guard ran.code == 0 else { throw GatewayProcess.Failure(description: "\(ran)") }
    }

    /// Starts a program in a namespace.
    func start(
        _ arguments: [String], in name: String, environment: [String: String], scratch: String
    ) throws -> GatewayProcess {
        try GatewayProcess(
            "/bin/sh", ["-c", "exec ip netns exec \"$@\"", "ip", name] + arguments, environment: environment,
            scratch: scratch)
    }

    /// Runs something on a thread that is in a namespace (setns(2)); its sockets, and its threads', are there.
    func run<Result: Sendable>(in name: String, _ body: @escaping @Sendable () throws -> Result) throws -> Result {
        let box = Box<Swift.Result<Result, any Error>>()
        let thread = try BackgroundThread("namespace") {
            let value = Swift.Result {
                let fd = open("/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
                defer { close(fd) }
                guard fd >= 0, NetworkNamespaces.enter(fd) == 0 else {
                    throw SystemError("enter namespace", code: errno)
                }
                return try body()
            }
            box.value.withLock { $0 = value }
        }
        thread.join()
        guard let result = box.value.withLock({ $0 }) else { throw SystemError("run thread", code: ECANCELED) }
        return try result.get()
    }

    /// setns(2) with CLONE_NEWNET, which the module of glibc leaves out.
    private static func enter(_ fd: Int32) -> Int32 {
        typealias Call = @convention(c) (Int32, Int32) -> Int32
        guard let symbol = dlsym(nil, "setns") else { return -1 }
        return unsafeBitCast(symbol, to: Call.self)(fd, 0x4000_0000)
    }

    private final class Box<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }
}
