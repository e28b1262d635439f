public import Documents

/// What `gwe config show --json` prints. The token is not in it.
public struct ConfigDocument: WireValue {
    /// A value in force.
    public struct Setting: WireValue {
        /// As it stands in gateway.yaml; passwords in it are not shown.
        public var value: String
        /// Where it comes from: `gateway.yaml:3`, `default`.
        public var origin: String

        /// A value and its origin.
        public init(value: String, origin: String) {
            self.value = value
            self.origin = origin
        }

        /// Value and origin.
        public var json: JSONValue { ["value": value.json, "origin": origin.json] }

        /// Reads value and origin.
        public init(json: JSONValue) throws(WireError) {
            let members = try Members(of: json)
            value = try members.read("value")
            origin = try members.read("origin")
        }
    }

    /// By key of gateway.yaml; only those that have a value.
    public var settings: ByName<Setting>
    /// Absolute path of the folder of gateway.yaml and manifest.yaml.
    public var configFolder: String
    /// Absolute path of the state folder, which has the journal, the releases and the token.
    public var stateFolder: String
    /// Absolute path of the folder of the apps' logs.
    public var logFolder: String

    /// Settings and folders.
    public init(settings: ByName<Setting>, configFolder: String, stateFolder: String, logFolder: String) {
        self.settings = settings
        self.configFolder = configFolder
        self.stateFolder = stateFolder
        self.logFolder = logFolder
    }

    /// The document.
    public var json: JSONValue {
        [
            "settings": settings.json, "config_dir": configFolder.json, "state_dir": stateFolder.json,
            "log_dir": logFolder.json,
        ]
    }

    /// Reads the document.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        settings = try members.read("settings")
        configFolder = try members.read("config_dir")
        stateFolder = try members.read("state_dir")
        logFolder = try members.read("log_dir")
    }
}

/// What `gwe config import --json` prints.
public struct ImportDocument: WireValue {
    /// What was taken over, in words.
    public var taken: [String]
    /// What was left alone, and why.
    public var left: [String]

    /// What became of Gateway Engine's files.
    public init(taken: [String], left: [String]) {
        self.taken = taken
        self.left = left
    }

    /// The document.
    public var json: JSONValue { ["taken": taken.json, "left": left.json] }

    /// Reads the document.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        taken = try members.read("taken")
        left = try members.read("left")
    }
}
