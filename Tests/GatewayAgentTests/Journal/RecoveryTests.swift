import Foundation
@testable import GatewayAgent
import GatewayModel
import GatewaySystem
import Testing

@Suite("Recovery") struct RecoveryTests {
    private let now = WallTime(milliseconds: 1_793_500_000_000)

    /// A gateway whose installer of `tool` was begun, in an earlier boot or in this one; then `outcome` came of it, or
    /// nothing.
    private func recovered(
        _ kind: ReleaseKind, _ outcome: StepOutcome?, boot: String = "before"
    ) throws -> (app: AppRecord?, quarantine: Quarantine?) {
        let scratch = try ScratchGateway()
        let tool = try #require(AppName("tool"))
        let version = try #require(Version("1"))
        let digest = try #require(Digest(String(repeating: "a", count: 64)))
        let wish = ReleaseWish(version: version, location: .content("tool.v1.tar.gz"))
        let release = InstalledRelease(
            version: version, digest: digest, folder: "1-aaaaaaaa", kind: kind, artifactByteCount: 1,
            unpackedByteCount: 1)
        try scratch.write("x", to: scratch.folders.releasesFolder(of: tool) + "/1-aaaaaaaa/install.sh")
        let journal = try Journal.open(folders: scratch.folders) { [now] in now }
        let operation = try journal.beginOperation(reason: "test", bootID: boot)
        try journal.write { [now] (c: inout DatabaseConnection) throws(DatabaseError) in
            let record = ReleaseRecord(
                app: tool, installed: release, artifact: "", inventory: "", state: .installing, bootID: boot)
            _ = try c.insert(record, at: now)
            try c.countAttempt(tool, wish, at: now)
            try c.startStep(.install, of: tool, operation: operation, at: now)
            if let outcome { try c.finishStep(.install, of: tool, operation: operation, outcome, message: "", at: now) }
        }
        let configuration = try scratch.load()
        let context = GatewayContext(folders: scratch.folders, configuration: configuration, clock: { [now] in now })
        try Recovery(context: context, journal: journal).run()
        return (try journal.apps()[tool], try journal.quarantines(wishes: [tool: wish])[tool])
    }

    @Test("a one-off that was interrupted by a restart of the gateway has run")
    func oneOff() throws {
        let (app, quarantine) = try recovered(.oneOff, nil)
        #expect(app?.current?.state == .installed)
        #expect(quarantine == nil)
    }

    @Test("a one-off that was interrupted without a restart has failed once, and says why")
    func oneOffWithoutRestart() throws {
        let (app, quarantine) = try recovered(.oneOff, nil, boot: FileSystemInfo.bootIdentifier)
        #expect(app == nil)
        #expect(quarantine?.attempts == 1)
        #expect(quarantine?.lastError == "gwe was ended while the installer of 1 ran")
        #expect(quarantine?.remaining == .zero, "the first time may be chance")
    }

    @Test("a one-off that failed before a restart of the gateway has not run")
    func failedOneOff() throws {
        let (app, _) = try recovered(.oneOff, .failed)
        #expect(app == nil)
    }

    @Test("a service whose installer takes the gateway down has failed, so that it does not do so for ever")
    func service() throws {
        let (app, quarantine) = try recovered(.service, nil)
        #expect(app == nil)
        #expect(quarantine?.attempts == 1)
        #expect(quarantine?.lastError.contains("the gateway restarted while the installer of 1 ran") == true)
    }
}
