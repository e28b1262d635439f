import Foundation
import GatewaySystem
import Glibc
import Synchronization

/// Runs something on a thread in a network namespace of its own (unshare(2)), which ends with the thread: its sockets
/// and the programs it starts are there. Its loopback is down.
public func inOwnNetwork<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
    try onThread {
        guard NetworkCall.unshare() == 0 else { throw TestFailure("make a network namespace: \(errno)") }
        return try body()
    }
}

/// Two network namespaces of their own, joined by a pair of virtual Ethernet devices (ip-netns(8), veth(4)): the gateway's,
/// whose interface is called `ppp0`, and the cloud's.
public final class NetworkNamespaces: @unchecked Sendable {
    /// Of the gateway, IPv4.
    public static let gatewayAddress = "10.77.0.1"
    /// Of the cloud, IPv4.
    public static let cloudAddress = "10.77.0.2"
    /// Of the gateway, IPv6.
    public static let gatewayAddress6 = "fd77::1"
    /// Of the cloud, IPv6.
    public static let cloudAddress6 = "fd77::2"

    /// The name of the gateway's namespace, for `ip netns exec`.
    public let gateway: String
    /// The name of the cloud's namespace.
    public let cloud: String

    /// Makes both, with their addresses. Needs root.
    public init() throws {
        let key = UUID().uuidString.prefix(8).lowercased()
        gateway = "gwe-g-\(key)"
        cloud = "gwe-c-\(key)"
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
        let ran = try TestProcess.run("ip", arguments)
        guard ran.code == 0 else { throw TestFailure("\(ran)") }
    }

    /// Starts a program in a namespace.
    public func start(
        _ arguments: [String], in name: String, environment: [String: String], scratch: String
    ) throws -> TestProcess {
        try TestProcess(
            "/bin/sh", ["-c", "exec ip netns exec \"$@\"", "ip", name] + arguments, environment: environment,
            scratch: scratch)
    }

    /// Runs something on a thread that is in a namespace (setns(2)); its sockets, and its threads', are there.
    public func run<Result: Sendable>(
        in name: String, _ body: @escaping @Sendable () throws -> Result
    ) throws -> Result {
        try onThread {
            let fd = open("/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
            defer { close(fd) }
            guard fd >= 0, NetworkCall.enter(fd) == 0 else {
                throw TestFailure("enter network namespace \(name): \(errno)")
            }
            return try body()
        }
    }
}

/// Calls that the module of glibc leaves out, for the calling thread.
private enum NetworkCall {
    /// CLONE_NEWNET, sched.h.
    static let newNetwork: Int32 = 0x4000_0000

    static func unshare() -> Int32 {
        typealias Call = @convention(c) (Int32) -> Int32
        guard let symbol = dlsym(nil, "unshare") else { return -1 }
        return unsafeBitCast(symbol, to: Call.self)(newNetwork)
    }

    static func enter(_ fd: Int32) -> Int32 {
        typealias Call = @convention(c) (Int32, Int32) -> Int32
        guard let symbol = dlsym(nil, "setns") else { return -1 }
        return unsafeBitCast(symbol, to: Call.self)(fd, newNetwork)
    }
}

/// Runs something to its end on a thread of its own.
private func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
    let box = Outcome<Result>()
    let thread = try BackgroundThread("test") {
        let value = Swift.Result { try body() }
        box.value.withLock { $0 = value }
    }
    thread.join()
    guard let result = box.value.withLock({ $0 }) else { throw TestFailure("a thread did not run") }
    return try result.get()
}

private final class Outcome<Result: Sendable>: Sendable {
    let value = Lock<Swift.Result<Result, any Error>?>(nil)
}
