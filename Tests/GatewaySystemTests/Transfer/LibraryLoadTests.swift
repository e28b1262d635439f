import Testing

@testable import GatewaySystem

@Suite("libcurl that cannot be loaded") struct LibraryLoadTests {
    @Test(
        "a lack of memory is this machine's, and passes",
        arguments: [
            "libunistring.so.2: failed to map segment from shared object",
            "libcurl.so.4: cannot allocate memory in static TLS block",
        ])
    func memory(_ words: String) {
        let failure = HTTPTransfer.loadFailure(words)
        #expect(failure.isShortage && !failure.isPermanent && !failure.isNoSpace)
        #expect("\(failure)".contains("short of memory"))
    }

    @Test("a library that is not there is nothing of the kind")
    func missing() {
        let failure = HTTPTransfer.loadFailure(
            "libcurl.so.4: cannot open shared object file: No such file or directory")
        #expect(failure.kind == .refused && !failure.isShortage)
    }
}
