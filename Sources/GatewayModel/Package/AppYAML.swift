public import Documents

/// A package's own `app.yaml`: what it says it is, and how it wants to run.
///
/// ```yaml
/// name: web
/// version: "1.2"
/// arch: [aarch64, armv7l]
/// service: {command: "bin/web --port 9000"}
/// health: {http: "http://127.0.0.1:9000/ok"}
/// ```
/// Every key may be left out. The manifest's `service` and `health` win over these.
public struct AppYAML: Sendable, Hashable {
    /// The file's name, in the root of the package.
    public static let fileName = "app.yaml"

    /// The app that the package is for; nil leaves that to the name of its file.
    public var name: AppName?
    /// The version of the package; nil leaves that to the name of its file.
    public var version: Version?
    /// Empty where the package runs everywhere.
    public var architectures: [Architecture] = []
    /// How it wants to be run: over `supervisor.conf`, key by key.
    public var service: ServiceOverride?
    /// How to tell that it is well, where the manifest says nothing.
    public var health: HealthCheck?

    /// A file without any key.
    public init() {}

    /// Reads the document of `app.yaml`; an empty one has no keys.
    /// - Throws: all that is wrong, together.
    public static func decode(_ node: Node, source: String = fileName) throws(DocumentErrors) -> AppYAML {
        let problems = Problems(source: source)
        var app = AppYAML()
        let root = Field(node, problems: problems)
        if case .null = node.value { return app }
        if let fields = Fields(root, keys: ["schema", "name", "version", "arch", "service", "health"]) {
            if let schema = fields.field("schema"), schema.node.string != ManifestDecoder.schema {
                schema.expected(ManifestDecoder.schema)
            }
            app.name = fields.field("name")?.appName()
            app.version = fields.field("version")?.version()
            if let arch = fields.field("arch") {
                let words = arch.node.elements == nil ? [arch] : arch.list() ?? []
                app.architectures = words.compactMap { word in
                    word.string("the name of an architecture, such as aarch64").flatMap { text in
                        let architecture = Architecture(text)
                        if architecture == nil { word.expected("the name of an architecture, such as aarch64") }
                        return architecture
                    }
                }
                if words.isEmpty { arch.report("the list is empty: leave arch out if the package runs everywhere") }
            }
            app.service = fields.field("service").flatMap(ServiceOverride.decode)
            app.health = fields.field("health").flatMap(HealthCheck.decode)
        }
        try problems.throwIfAny()
        return app
    }

    /// Why a package may not be installed as this app at this version on this machine; nil when it may.
    /// - Parameter machine: uname(2)'s; nil leaves the machine out, as on a developer's desk.
    public func disagreement(name: AppName, version: Version, machine: String?) -> String? {
        if let own = self.name, own != name { return "app.yaml says name '\(own)', the package is named '\(name)'" }
        if let own = self.version, own != version {
            return "app.yaml says version '\(own)', the package is named version '\(version)'"
        }
        guard let machine, let here = Architecture(machine), !architectures.isEmpty,
            !architectures.contains(where: { $0.runs(on: here) })
        else { return nil }
        return "app.yaml says arch \(architectures.map(\.text).joined(separator: ", ")), this machine is \(machine)"
    }
}
