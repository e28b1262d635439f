import Foundation
import GatewayAgent
import GatewayModel
import GatewaySystem
import Testing

@Suite struct IdentityTests {
    private func configuration(_ settings: [GatewayConfiguration.Key: String]) -> GatewayConfiguration {
        .init(layers: [.init(settings.mapValues { Sourced($0, from: .manifest(file: "gateway.yaml", line: 3)) })])
    }

    /// A folder in the form of /sys/class/net.
    private func interfaces(_ scratch: ScratchGateway) throws -> NetworkInterfaces {
        let folder = scratch.root.appending(path: "net").path
        for (name, address, type) in [
            ("eth0", "00:08:00:4a:02:25", "0"), ("lo", "00:00:00:00:00:00", "0"), ("ppp0", "", "0"),
            ("usb0", "9a:00:11:22:33:44", "1"),
        ] {
            try scratch.write("1\n", to: "\(folder)/\(name)/ifindex")
            try scratch.write(address + "\n", to: "\(folder)/\(name)/address")
            try scratch.write(type + "\n", to: "\(folder)/\(name)/addr_assign_type")
        }
        try scratch.write("bond0\n", to: folder + "/bonding_masters")
        return NetworkInterfaces(folder: folder)
    }

    @Test("the identity of an interface is its MAC in upper case with colons")
    func mac() throws {
        let scratch = try ScratchGateway()
        let identity = try Identity.resolve(configuration([.interface: "eth0"]), interfaces: interfaces(scratch))
        #expect(identity.text == "00:08:00:4A:02:25")
        #expect(identity.warning == nil)
    }

    @Test("this machine's own interfaces give the address that the kernel shows")
    func realMAC() throws {
        let name = try #require(NetworkInterfaces().names.first { NetworkInterfaces().hardwareAddress(of: $0) != nil })
        let raw = try String(contentsOfFile: "/sys/class/net/\(name)/address", encoding: .utf8)
        let identity = try Identity.resolve(configuration([.interface: name]))
        #expect(identity.text == raw.trimmingCharacters(in: .whitespacesAndNewlines).uppercased())
    }

    @Test("odd characters are kept as they are")
    func odd() throws {
        let text = "anyserial!@#$%^&*()number"
        #expect(try Identity.resolve(configuration([.identity: text])).text == text)
    }

    @Test("without identity and interface the error says what to set")
    func notSet() {
        let error = #expect(throws: IdentityError.self) { try Identity.resolve(configuration([:])) }
        #expect(error == .notSet)
        #expect(error?.description.contains("gwe config set interface") == true)
    }

    @Test("an interface that is not there is an error that lists those that are")
    func noSuchInterface() throws {
        let scratch = try ScratchGateway()
        let interfaces = try interfaces(scratch)
        let error = #expect(throws: IdentityError.self) {
            try Identity.resolve(configuration([.interface: "eth1"]), interfaces: interfaces)
        }
        #expect(error?.description.contains("'eth1' (gateway.yaml:3); there are eth0, lo, ppp0, usb0") == true)
    }

    @Test("an interface without hardware address is an error", arguments: ["lo", "ppp0"])
    func noAddress(name: String) throws {
        let scratch = try ScratchGateway()
        let interfaces = try interfaces(scratch)
        let error = #expect(throws: IdentityError.self) {
            try Identity.resolve(configuration([.interface: name]), interfaces: interfaces)
        }
        #expect(error?.description.contains("these have: eth0, usb0") == true)
    }

    @Test("a random hardware address is used with a warning")
    func random() throws {
        let scratch = try ScratchGateway()
        let identity = try Identity.resolve(configuration([.interface: "usb0"]), interfaces: interfaces(scratch))
        #expect(identity.text == "9A:00:11:22:33:44")
        #expect(identity.warning?.contains("random") == true)
    }
}
