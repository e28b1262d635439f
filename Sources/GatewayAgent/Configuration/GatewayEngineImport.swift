internal import DeviceClient
internal import Documents
internal import Glibc
public import GatewayModel
internal import GatewaySystem

/// Takes over what an installation of Gateway Engine knows (D25): identity, product and token from its
/// Gateway.cfg, and the list of apps from supervisord.
///
/// The old files are only read. Nothing is written before all is read and checked; then the token, a first manifest if
/// there is none (and before it `taken-over.json`), and last gateway.yaml, so that a crash in between leaves a gateway
/// that is not configured yet, and the import can be run again. Importing twice changes nothing.
public struct GatewayEngineImport: Sendable {
    /// The keys that gateway.yaml gets.
    public var edits: ConfigurationStore.Edits = [:]
    /// The text of a first manifest; nil when there is no app to name.
    public var manifest: String?
    /// What is taken over, in words. Never holds the token.
    public var taken: [String] = []
    /// What is not taken over, and why, in words.
    public var left: [String] = []
    /// The apps that supervisord goes on with as they are, where it stays.
    var takenOver = TakenOverApps()
    private var token: DeviceToken?

    /// Why nothing is imported. Nothing was written.
    public enum Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// The file is no Gateway.cfg: it has no section `[device]`.
        case noDeviceSection(String)
        /// The file has the section, but none of uuid, iface, vendor and cik says anything.
        case nothingToImport(String)
        /// A value of the file is not one that gwe can use.
        case badValue(file: String, problem: String)
        /// gateway.yaml already names another gateway.
        case conflict(key: GatewayConfiguration.Key, here: String, there: String)

        /// `cannot import <file>: …`, one line for people.
        public var description: String {
            switch self {
            case .noDeviceSection(let file): "cannot import \(file): it has no section [device]"
            case .nothingToImport(let file): "cannot import \(file): neither uuid, iface, vendor nor cik is set in it"
            case .badValue(let file, let problem): "cannot import \(file): \(problem)"
            case .conflict(let key, let here, let there):
                "cannot import: \(key) is '\(here)' here, but '\(there)' there; "
                    + "run 'gwe config unset \(key)' first if the imported one is right"
            }
        }
    }

    /// Reads the installation; writes nothing.
    /// - Parameters:
    ///   - file: the path of Gateway.cfg.
    ///   - programFolder: supervisord's conf.d; a missing one has no apps.
    public static func plan(_ file: String, programFolder: String, folders: Folders) throws -> GatewayEngineImport {
        let text = String(decoding: try AtomicFile.read(file, limit: 65_536), as: UTF8.self)
        guard let old = GatewayEngineConfiguration(gatewayConfig: text) else { throw Failure.noDeviceSection(file) }
        var plan = GatewayEngineImport()
        try plan.takeProduct(old, file)
        try plan.takeIdentity(old, file)
        try plan.takeToken(old, file)
        guard !plan.edits.isEmpty || plan.token != nil else { throw Failure.nothingToImport(file) }
        plan.left += old.otherKeys.map { "key \($0) of \(file), which gwe does not know" }
        try plan.refuseConflicts(ConfigurationStore(folders: folders).load())
        plan.takeApps(programFolder, engineConfig: enclosingFolder(file) + "/Engine.config", folders)
        return plan
    }

    /// Writes what `plan` found; what could not be written after all moves to `left`.
    public mutating func apply(folders: Folders) throws -> ConfigurationChange {
        let store = ConfigurationStore(folders: folders)
        if let token { try TokenStore.make(folders, store.load()).save(token) }
        // Before the manifest: with the wish alone a pass would install what is there.
        if !takenOver.versions.isEmpty { try takenOver.save(folders) }
        if let manifest {
            do throws(SystemError) {
                try FileTree.makeDirectory(folders.configFolder)
                try AtomicFile.write(manifest, to: folders.manifestFile)
            } catch {
                guard [EROFS, EACCES, EPERM].contains(error.code) else { throw error }
                taken.removeAll { $0.hasPrefix("app ") }
                left.append("the list of apps: \(error)")
            }
        }
        return try store.change(edits)
    }

    private mutating func takeProduct(_ old: GatewayEngineConfiguration, _ file: String) throws {
        guard let product = old.vendor ?? old.model else { return left.append("product: vendor and model are empty") }
        if let model = old.model, let vendor = old.vendor, model != vendor {
            left.append("model '\(model)', because Murano knows one product id, and vendor is '\(vendor)'")
        }
        if let problem = GatewayConfiguration.Key.product.problem(with: product) {
            throw Failure.badValue(file: file, problem: "vendor: \(problem)")
        }
        edits[.product] = product
        taken.append("product \(product)")
    }

    private mutating func takeIdentity(_ old: GatewayEngineConfiguration, _ file: String) throws {
        if let uuid = old.uuid {
            if let problem = GatewayConfiguration.Key.identity.problem(with: uuid) {
                throw Failure.badValue(file: file, problem: "uuid: \(problem)")
            }
            edits[.identity] = uuid
            taken.append("identity \(uuid)")
            // The cloud knows the gateway by its uuid; the interface was only where it once came from.
            if let interface = old.interface { left.append("iface \(interface), because uuid is the identity") }
        } else if let interface = old.interface {
            if let problem = GatewayConfiguration.Key.interface.problem(with: interface) {
                throw Failure.badValue(file: file, problem: "iface: \(problem)")
            }
            edits[.interface] = interface
            taken.append("interface \(interface), whose address is the identity")
        } else {
            left.append("identity: uuid and iface are empty")
        }
    }

    private mutating func takeToken(_ old: GatewayEngineConfiguration, _ file: String) throws {
        guard let cik = old.cik else { return left.append("token: cik is empty, the gateway was not activated") }
        guard let token = DeviceToken(cik[...]) else {
            throw Failure.badValue(file: file, problem: "cik: expected 40 characters, found \(cik.count)")
        }
        self.token = token
        taken.append("token (not shown)")
    }

    private func refuseConflicts(_ here: GatewayConfiguration) throws {
        for (key, value) in edits {
            guard let value, let ours = here.settings[key]?.value, ours != value else { continue }
            throw Failure.conflict(key: key, here: ours, there: value)
        }
    }

    private static func enclosingFolder(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
