internal import GatewayModel
internal import GatewaySystem

/// Space in the state folder that is kept for the journal, so that a full disk can be repaired by gwe itself: by a
/// removal, a stop, another manifest, each of which is recorded before its effect.
///
/// Given up when SQLite says that the disk is full, and made anew as soon as there is room for it, if possible at once.
struct StateReserve: Sendable {
    /// A removal needs less than half of it, with the rollback journal; see `FullDiskTests`.
    static let byteCount: Int64 = 64 << 10

    private let ballast: Ballast
    private let downloadsFolder: String

    init(folders: Folders) {
        ballast = Ballast(path: folders.ballastFile, byteCount: StateReserve.byteCount)
        downloadsFolder = folders.downloadsFolder
    }

    /// Makes the reserve where there is as much room again.
    func make() { ballast.make(leaving: StateReserve.byteCount) }

    /// Makes it anew from what is left of it.
    func takeBack() { ballast.make(least: StateReserve.byteCount / 4) }

    /// Returns whether that freed anything.
    func giveUp() -> Bool { ballast.giveUp() }

    /// The last resort: parts of downloads, which can be fetched again. Returns whether that freed anything.
    func giveUpDownloads() -> Bool {
        var hasFreed = false
        for name in (try? FileTree.list(downloadsFolder)) ?? [] where name.hasSuffix(".partial") {
            let path = "\(downloadsFolder)/\(name.dropLast(".partial".count))"
            do throws(SystemError) {
                try Downloader.discardPartial(path)
                hasFreed = true
            } catch {}
        }
        return hasFreed
    }
}
