/// Gateway Engine's command line (its help of 1.1.4, and what 1.3 added), turned into gwe's.
///
/// Runs before the argument parser. Several setters in one call become one `config set`, which is one atomic write;
/// they come before what the same call does, and the configuration is shown afterwards, as Gateway Engine did.
enum LegacyFlags {
    enum Translation: Equatable {
        /// The arguments are gwe's own.
        case modern
        /// Commands to run one after the other, until one fails; notes for standard error, each naming a successor.
        case commands([[String]], notes: [String])
        /// Exit code 64.
        case error(String)
    }

    /// - Parameter arguments: without the program's name. None at all means to run the engine.
    static func translate(_ arguments: [String]) -> Translation {
        guard let first = arguments.first else { return .commands([["run"]], notes: []) }
        guard !arguments.contains(where: { $0 == "-h" || $0 == "--help" }) else { return .modern }
        // A folder option may come first; everything else that is not an old flag is gwe's own.
        guard LegacyFlag.split(first).flag != nil || LegacyCall.folderOptions.contains(first) else { return .modern }
        var call = LegacyCall()
        do throws(LegacyProblem) {
            let hasFlag = try call.read(arguments)
            return hasFlag ? .commands(try call.commands(), notes: call.notes) : .modern
        } catch {
            return .error(error.message)
        }
    }
}

/// Why an old command line cannot be obeyed.
struct LegacyProblem: Error {
    var message: String

    init(_ message: String) { self.message = message }
}

/// The old flags. What they mean now is in `LegacyCall`.
enum LegacyFlag: String, CaseIterable {
    case version = "--version"
    case path = "--path"
    case engineConfig = "--engine-conf"
    case gatewayConfig = "--gateway-cfg"
    case gatewayToken = "--gateway-cik"
    case once = "--once"
    case createBuildfile = "--create-buildfile"
    case build = "--build-app"
    case install = "--install-apps"
    case setToken = "--set-cik"
    case setModel = "--set-model"
    case setVendor = "--set-vendor"
    case setProduct = "--set-product-id"
    case setIdentity = "--set-uuid"
    case setInterface = "--set-iface"
    case setActivationRetry = "--set-act-retry-interval"
    case setLogLevel = "--set-debug-level"
    case setUpdateInterval = "--set-update-interval"
    case setUserAgent = "--set-user-agent"
    case appName = "--app-name"
    case appVersion = "--app-version"
    case downloadLatest = "--download-latest"
    case checkBuildfile = "--check-buildfile"
    case checkTarball = "--check-tarball"
    case macAddress = "--mac-address"
    case buildIdentifier = "--build-id"

    enum Values { case none, one, optional, many }

    private static let short: [Character: LegacyFlag] = [
        "v": .version, "p": .path, "e": .engineConfig, "g": .gatewayConfig, "C": .gatewayToken, "o": .once,
        "x": .createBuildfile, "y": .build, "I": .install, "c": .setToken, "m": .setModel, "r": .setVendor,
        "P": .setProduct, "u": .setIdentity, "i": .setInterface, "l": .setActivationRetry, "d": .setLogLevel,
        "t": .setUpdateInterval, "a": .setUserAgent, "n": .appName, "s": .appVersion, "w": .checkBuildfile,
        "z": .checkTarball,
    ]

    private static let otherNames: [String: LegacyFlag] = [
        "--build-app-tarball": .build, "--check-tarfile": .checkTarball, "--product-id": .setProduct,
    ]

    var values: Values {
        switch self {
        case .version, .path, .engineConfig, .gatewayConfig, .gatewayToken, .once, .buildIdentifier: .none
        case .createBuildfile: .optional
        case .install, .checkTarball: .many
        default: .one
        }
    }

    /// The flag that an argument is, and a value that is glued to it: `-t60`, `--set-uuid=x`. `--version` is gwe's own.
    static func split(_ argument: String) -> (flag: LegacyFlag?, value: String?) {
        if argument.hasPrefix("--") {
            let name = String(argument.prefix { $0 != "=" })
            guard name != version.rawValue, let flag = LegacyFlag(rawValue: name) ?? otherNames[name] else {
                return (nil, nil)
            }
            let hasValue = name.utf8.count < argument.utf8.count
            return (flag, hasValue ? String(argument.dropFirst(name.count + 1)) : nil)
        }
        guard argument.first == "-", let letter = argument.dropFirst().first, let flag = short[letter] else {
            return (nil, nil)
        }
        let rest = argument.dropFirst(2)
        // `-ov` is no flag of gwe's or Gateway Engine's.
        if !rest.isEmpty, flag.values == .none { return (nil, nil) }
        return (flag, rest.isEmpty ? nil : String(rest.first == "=" ? rest.dropFirst() : rest))
    }
}
