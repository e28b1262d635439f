public import GatewaySystem
public import Wire

/// The `device_info` resource: a JSON object whose `df`, `free`, `uname` and `date` are the texts that Gateway Engine
/// sent, so that dashboards written for it read them. The texts are made here, from the kernel's figures.
///
/// `load`, `temperature`, `uptime`, `boot_id` and `agent` are additions. Nothing is left out when a part cannot be
/// read: its text is then empty.
public struct DeviceInfo: Sendable {
    /// Names and versions of the kernel, uname(2).
    public var name = KernelInfo.Name()
    /// The local file systems, in KiB; empty when they cannot be read.
    public var fileSystems: [KernelInfo.FileSystemUse] = []
    /// Memory and swap, in KiB; nil when it cannot be read.
    public var memory: KernelInfo.Memory?
    /// The network interfaces and their addresses; the loopback is left out of the report.
    public var interfaces: [NetworkInterfaces.Addresses] = []
    /// The local time as date(1) writes it: `Thu Dec 21 18:31:06 UTC 2017`.
    public var date = ""
    /// Over 1, 5 and 15 minutes; empty when the kernel tells none.
    public var loadAverages: [Double] = []
    /// Degrees Celsius by thermal zone.
    public var temperatures: [String: Double] = [:]
    /// Since boot, time asleep included; whole seconds in the report.
    public var uptime: Duration = .zero
    /// A UUID that the kernel draws at each boot; empty when it cannot be read.
    public var bootIdentifier = ""
    /// The version of gwe.
    public var agentVersion = ""

    /// Nothing is read: every part is empty.
    public init() {}

    /// Reads this machine. Takes no lock, starts no program and asks no network file system.
    public init(agentVersion: String) {
        name = KernelInfo.name
        fileSystems = (try? KernelInfo.fileSystems()) ?? []
        memory = try? KernelInfo.memory()
        interfaces = (try? NetworkInterfaces.addresses()) ?? []
        date = KernelInfo.date
        loadAverages = KernelInfo.loadAverages
        temperatures = KernelInfo.temperatures()
        uptime = KernelInfo.uptime
        bootIdentifier = FileSystemInfo.bootIdentifier
        self.agentVersion = agentVersion
    }

    /// The report of this machine as it is now.
    public static func collect(agentVersion: String) -> DeviceInfoReport {
        DeviceInfo(agentVersion: agentVersion).report
    }

    /// The value of the resource.
    public var report: DeviceInfoReport {
        DeviceInfoReport(
            df: DeviceInfoTables.df(fileSystems), free: memory.map(DeviceInfoTables.free) ?? "",
            addresses: ByName(interfaces.filter { !$0.isLoopback }.map { ($0.name, $0.addresses) }), uname: name.line,
            date: date, load: loadAverages.map { ($0 * 100).rounded() / 100 },
            temperature: ByName(temperatures.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }),
            uptime: uptime.components.seconds, bootIdentifier: bootIdentifier, agent: agentVersion)
    }
}
