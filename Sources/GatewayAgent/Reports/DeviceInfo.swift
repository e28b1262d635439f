public import Documents
public import GatewaySystem

/// The `device_info` resource: a JSON object whose `df`, `free`, `uname` and `date` are the texts that Gateway Engine
/// sent, so that dashboards written for it read them. The texts are made here, from the kernel's figures.
///
/// `load`, `temperature`, `uptime`, `boot_id` and `agent` are additions. Nothing is left out when a part cannot be
/// read: its text is then empty.
public struct DeviceInfo: Sendable {
    public var name = KernelInfo.Name()
    public var fileSystems: [KernelInfo.FileSystemUse] = []
    public var memory: KernelInfo.Memory?
    public var interfaces: [NetworkInterfaces.Addresses] = []
    public var date = ""
    public var loadAverages: [Double] = []
    /// Degrees Celsius by thermal zone.
    public var temperatures: [String: Double] = [:]
    public var uptime: Duration = .zero
    public var bootIdentifier = ""
    /// The version of gwe.
    public var agentVersion = ""

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

    /// The value of the resource, before it is turned into text.
    public static func collect(agentVersion: String) -> JSONValue { DeviceInfo(agentVersion: agentVersion).json }

    public var json: JSONValue {
        let addresses = interfaces.filter { !$0.isLoopback }.map { interface in
            (interface.name, JSONValue.array(interface.addresses.map(JSONValue.string)))
        }
        let degrees = temperatures.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.double($0.value)) }
        return .object([
            ("df", .string(DeviceInfoTables.df(fileSystems))),
            ("free", .string(memory.map(DeviceInfoTables.free) ?? "")),
            // An old dashboard takes the first list it finds, hence the interfaces with addresses come first.
            ("ipaddrs", .object(addresses)),
            ("uname", .string(name.line)),
            ("date", .string(date)),
            ("load", .array(loadAverages.map { .double(($0 * 100).rounded() / 100) })),
            ("temperature", .object(degrees)),
            ("uptime", .int(uptime.components.seconds)),
            ("boot_id", .string(bootIdentifier)),
            ("agent", .string(agentVersion)),
        ])
    }
}
