internal import ArgumentParser
internal import GatewaySystem
internal import Glibc

/// Gateway Engine's `--mac-address`.
struct ConfigMACAddressCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mac-address", abstract: "Print the identity that an interface would give.")

    @Argument(help: "The name of a network interface, such as eth0.") var interface: String

    func run() throws {
        let interfaces = NetworkInterfaces()
        guard let address = interfaces.hardwareAddress(of: interface) else {
            let others = interfaces.names.filter { interfaces.hardwareAddress(of: $0) != nil }
            tell(
                "gwe: there is no network interface '\(interface)' with a hardware address; "
                    + (others.isEmpty ? "no interface has one" : "these have one: \(others.joined(separator: ", "))"))
            throw ExitCode(1)
        }
        emit(address)
    }
}

/// Gateway Engine's `--path`, which printed where its Python package was.
struct ConfigProgramPathCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "program-path", abstract: "Print the path of this executable.", shouldDisplay: false)

    func run() throws {
        guard let path = realpath("/proc/self/exe", nil) else { throw ExitCode(1) }
        defer { free(path) }
        emit(String(cString: path))
    }
}
