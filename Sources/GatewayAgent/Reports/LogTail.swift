internal import Documents
internal import GatewayModel
internal import Glibc
internal import GatewaySystem

/// The last lines of an app's log, read from the end of the file.
enum LogTail {
    /// Only this much of the file's end is looked at.
    static let byteLimit = 64 << 10

    /// Where the app's output goes: what its service configuration says, else the default.
    static func path(of app: AppName, _ context: GatewayContext) -> String {
        let store = ReleaseStore(folders: context.folders)
        guard let bytes = try? AtomicFile.read(store.servicePath(app), limit: 1 << 20),
            let node = try? JSON.parse(bytes, source: store.servicePath(app)),
            let definition = ServiceDefinition.all(inDocument: node.json)?.first, let path = definition.output.path
        else {
            return TakenOverApps.definitions(of: app, context).first?.output.path ?? context.folders.logFile(of: app)
        }
        return path
    }

    static func lines(ofFile path: String, count: Int) -> [String] {
        let fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard fd >= 0 else { return [] }
        defer { close(fd) }
        let size = lseek(fd, 0, SEEK_END)
        guard size > 0 else { return [] }
        let start = max(0, size - off_t(byteLimit))
        var bytes = [UInt8](repeating: 0, count: Int(size - start))
        let length = bytes.withUnsafeMutableBytes { pread(fd, $0.baseAddress, $0.count, start) }
        guard length > 0 else { return [] }
        let text = String(decoding: bytes[..<length], as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: true).suffix(count).map(String.init)
    }
}
