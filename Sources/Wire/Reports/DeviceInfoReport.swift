public import Documents

/// The resource `device_info`: `df`, `free`, `uname` and `date` are the texts that Gateway Engine sent, so that dashboards
/// written for it read them; `load`, `temperature`, `uptime`, `boot_id` and `agent` are gwe's additions. The text of what
/// cannot be read is empty.
public struct DeviceInfoReport: WireValue {
    /// What df(1) prints, in blocks of 1 KiB.
    public var df: String
    /// What free(1) prints, in KiB.
    public var free: String
    /// The addresses of each network interface. Stands before other lists: an old dashboard takes the first it finds.
    public var addresses: ByName<[String]>
    /// What uname(1) prints.
    public var uname: String
    /// The local date and time as date(1) prints them.
    public var date: String
    /// Load averages over 1, 5 and 15 minutes.
    public var load: [Double]
    /// Degrees Celsius by thermal zone.
    public var temperature: ByName<Double>
    /// Seconds since the machine has started.
    public var uptime: Int64
    /// The kernel's identifier of this start.
    public var bootIdentifier: String
    /// The version of gwe.
    public var agent: String

    /// A report of these texts and figures, in the units of the properties.
    public init(
        df: String, free: String, addresses: ByName<[String]>, uname: String, date: String, load: [Double],
        temperature: ByName<Double>, uptime: Int64, bootIdentifier: String, agent: String
    ) {
        self.df = df
        self.free = free
        self.addresses = addresses
        self.uname = uname
        self.date = date
        self.load = load
        self.temperature = temperature
        self.uptime = uptime
        self.bootIdentifier = bootIdentifier
        self.agent = agent
    }

    /// The value of the resource.
    public var json: JSONValue {
        [
            "df": df.json, "free": free.json, "ipaddrs": addresses.json, "uname": uname.json, "date": date.json,
            "load": load.json, "temperature": temperature.json, "uptime": uptime.json,
            "boot_id": bootIdentifier.json, "agent": agent.json,
        ]
    }

    /// Reads a report that a gwe has sent.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        df = try members.read("df")
        free = try members.read("free")
        addresses = try members.read("ipaddrs")
        uname = try members.read("uname")
        date = try members.read("date")
        load = try members.read("load")
        temperature = try members.read("temperature")
        uptime = try members.read("uptime")
        bootIdentifier = try members.read("boot_id")
        agent = try members.read("agent")
    }
}
