internal import Documents
internal import Glibc
public import GatewayModel
public import GatewaySystem

/// What a change of the configuration did.
public struct ConfigurationChange: Sendable, Hashable {
    /// The file that was written, or would have been if anything had changed.
    public var file: String
    /// Why it is the overlay in the state folder; nil when it is gateway.yaml itself.
    public var overlayReason: SystemError?
    /// Keys taken away because another key replaces them.
    public var replaced: [GatewayConfiguration.Key] = []
    /// Whether the file already said so; then nothing was written.
    public var isUnchanged = false

    /// A change of this file that has replaced nothing yet.
    public init(file: String) { self.file = file }
}

/// A change that cannot be made.
public enum ConfigurationChangeError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The key does not take this value, and why. Nothing was written.
    case badValue(key: GatewayConfiguration.Key, problem: String)
    /// The file is correct YAML, but not one key a line.
    case cannotEdit(file: String, key: GatewayConfiguration.Key)
    /// The same of a key that gateway.yaml does not have.
    case cannotRemove(file: String, name: String)

    /// `cannot set <key>: …` or `cannot edit <key> in <file>: …`, one line for people.
    public var description: String {
        switch self {
        case .badValue(let key, let problem): "cannot set \(key): \(problem)"
        case .cannotEdit(let file, let key):
            "cannot edit \(key) in \(file): it is not written as one key a line; change it by hand"
        case .cannotRemove(let file, let name):
            "cannot remove \(DocumentText.quoted(name)) from \(file): it is not written as one key a line; change it by hand"
        }
    }
}

extension ConfigurationStore {
    /// The new text by key; nil takes the key away.
    public typealias Edits = [GatewayConfiguration.Key: String?]

    /// Sets keys, or takes them away where the value is nil, in one atomic write: all of them or none survive a crash.
    ///
    /// gateway.yaml is edited in place, through a symbolic link if it is one; where its folder cannot be written, the
    /// overlay is. Setting `identity` removes `interface`, and the other way round. Calls at the same time take turns.
    /// - Throws: ConfigurationChangeError, DocumentErrors for a file that is broken already, SystemError.
    public func change(_ edits: Edits) throws -> ConfigurationChange {
        var edits = edits
        let asked = Set(edits.keys)
        for (key, value) in edits {
            if let value, let problem = key.problem(with: value) {
                throw ConfigurationChangeError.badValue(key: key, problem: problem)
            }
        }
        let rivals: [(GatewayConfiguration.Key, GatewayConfiguration.Key)] = [
            (.identity, .interface), (.interface, .identity),
        ]
        for (key, other) in rivals where !asked.contains(other) && edits[key].flatMap({ $0 }) != nil {
            edits.updateValue(nil, forKey: other)
        }
        // What is wrong with other keys is no reason to refuse this one.
        let file = try reading(folders.gatewayFile)?.layer ?? .init()
        let overlay = try reading(folders.gatewayOverlayFile)?.layer ?? .init()
        let wasInForce = GatewayConfiguration(layers: [file, overlay]).settings
        if (try? combine(file, overlay)) != nil {
            _ = try combine(.init(wasInForce.mapValues { Sourced($0.value, from: $0.origin) }), editsLayer(edits))
        }

        var change: ConfigurationChange
        do {
            try FileTree.makeDirectory(folders.configFolder)
            change = try withFolderLocked(folders.configFolder) { try rewrite(resolved(folders.gatewayFile), edits) }
            // What the overlay says of these keys is out of date now, and it would win.
            if !overlay.settings.isEmpty {
                _ = try withFolderLocked(folders.stateFolder) { try dropFromOverlay(Set(edits.keys)) }
            }
        } catch let error as SystemError where [EROFS, EACCES, EPERM].contains(error.code) {
            do {
                try FileTree.makeDirectory(folders.stateFolder)
                change = try withFolderLocked(folders.stateFolder) {
                    try rewrite(folders.gatewayOverlayFile, edits, over: file)
                }
            } catch let other as SystemError where [EACCES, EPERM].contains(other.code) {
                // Neither is this user's: the file that was meant is the one to name.
                throw error
            }
            change.overlayReason = error
        }
        change.replaced = edits.keys.filter { wasInForce[$0] != nil && edits[$0] == .some(nil) && !asked.contains($0) }
        return change
    }

    /// Takes away a key that gateway.yaml does not have, from whichever of the two files has it.
    /// - Returns: the file that was changed; nil where none has such a key.
    /// - Throws: ConfigurationChangeError where the file is not written as one key a line, DocumentErrors, SystemError.
    public func removeUnknown(_ name: String) throws -> String? {
        for path in [resolved(folders.gatewayFile), folders.gatewayOverlayFile] {
            guard let reading = try reading(path), reading.unknownKeys.contains(name) else { continue }
            let folder = path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
            return try withFolderLocked(folder) {
                guard let old = try bytes(of: path) else { return nil }
                var editor = GatewayConfigurationEditor(String(decoding: old, as: UTF8.self))
                editor.remove(named: name)
                let new = Array(editor.text.utf8)
                guard let after = try? self.reading(new, source: path), !after.unknownKeys.contains(name),
                    after.layer.settings.mapValues(\.value) == reading.layer.settings.mapValues(\.value)
                else { throw ConfigurationChangeError.cannotRemove(file: path, name: name) }
                let hasPassword = reading.layer.settings[.proxy]?.value?.contains("@") ?? false
                try write(new, to: path, isSecret: hasPassword)
                return path
            }
        }
        return nil
    }

    private func editsLayer(_ edits: Edits) -> GatewayConfiguration.Layer {
        .init(edits.mapValues { Sourced($0, from: .operatorCommand) })
    }

    /// Edits one file. With `over`, a key that is taken away but is set in that lower layer becomes `null`.
    private func rewrite(
        _ path: String, _ edits: Edits, over lower: GatewayConfiguration.Layer = .init()
    ) throws -> ConfigurationChange {
        let old = try bytes(of: path)
        let before = try old.map { try reading($0, source: path).layer } ?? .init()
        var editor = old.map { GatewayConfigurationEditor(String(decoding: $0, as: UTF8.self)) } ?? .init()
        var expected = before.settings.mapValues(\.value)
        for (key, value) in edits.sorted(by: { $0.key.order < $1.key.order }) where expected[key] != .some(value) {
            if let value {
                editor.set(key, to: value)
                expected[key] = .some(value)
            } else if lower.settings[key]?.value != nil {
                editor.setNull(key)
                expected.updateValue(nil, forKey: key)
            } else {
                editor.remove(key)
                expected[key] = nil
            }
        }
        var change = ConfigurationChange(file: path)
        let new = Array(editor.text.utf8)
        guard new != old, !(old == nil && expected.isEmpty) else {
            change.isUnchanged = true
            return change
        }
        // The editor works on lines; the reader has the last word on whether it hit what it aimed at.
        let after = (try? reading(new, source: path))?.layer.settings.mapValues(\.value)
        guard after == expected else {
            let key = edits.keys.first { after?[$0] != expected[$0] } ?? edits.keys.first
            throw ConfigurationChangeError.cannotEdit(file: path, key: key ?? .identity)
        }
        try write(new, to: path, isSecret: expected[.proxy]?.map { $0.contains("@") } ?? false)
        return change
    }

    private func dropFromOverlay(_ keys: Set<GatewayConfiguration.Key>) throws -> ConfigurationChange {
        try rewrite(folders.gatewayOverlayFile, Dictionary(uniqueKeysWithValues: keys.map { ($0, String?.none) }))
    }

    /// Keeps owner and mode of a file that is there. A proxy's password is for root's eyes.
    private func write(_ bytes: [UInt8], to path: String, isSecret: Bool) throws(SystemError) {
        var status = stat()
        let isThere = stat(path, &status) == 0
        let mode = isThere ? UInt32(status.st_mode) & 0o777 : 0o644
        try AtomicFile.write(
            bytes, to: path, mode: isSecret ? mode & 0o600 : mode,
            owner: isThere && geteuid() == 0 ? (user: status.st_uid, group: status.st_gid) : nil)
    }

    /// The file that a symbolic link means.
    private func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    /// Calls `body` while holding flock(2) on the folder itself, which leaves no lock file behind. Anybody who may read the
    /// folder can hold it: it is not waited for long.
    private func withFolderLocked<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError.last("open \(path)") }
        defer { close(descriptor) }
        let end = MonotonicTime.now + .seconds(5)
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else { throw SystemError.last("lock \(path)") }
            guard MonotonicTime.now < end else {
                let holder = FileLock.holder(of: path).map { ", which process \($0) has locked" } ?? ""
                throw SystemError("lock \(path)\(holder)", code: EAGAIN)
            }
            usleep(20_000)
        }
        return try body()
    }
}

extension GatewayConfiguration.Key {
    /// The place in the list of keys, so that new keys are always written in the same order.
    fileprivate var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
