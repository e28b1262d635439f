import GatewaySystem
import Testing

@Suite("The route to a host") struct NetworkRouteTests {
    @Test(
        "to this machine leads over its loopback interface",
        arguments: ["http://127.0.0.1:8085", "https://127.0.0.1/path?x", "127.9.8.7:1", "http://localhost"])
    func loopback(url: String) { #expect(NetworkRoute.interface(toward: url) == "lo") }

    @Test("to an address of another interface leads over loopback or that interface, never over nothing")
    func own() throws {
        let names = NetworkInterfaces().names
        for interface in try NetworkInterfaces.addresses() {
            for address in interface.addresses where !address.contains(":") {
                let route = try #require(NetworkRoute.interface(toward: "http://\(address)/"))
                #expect(names.contains(route))
            }
        }
    }

    @Test(
        "to what is no host is none",
        arguments: ["", "http://", "http://name.invalid/", "http://[::1", "http://a b/", "http://300.1.1.1/"])
    func none(url: String) { #expect(NetworkRoute.interface(toward: url) == nil) }
}
