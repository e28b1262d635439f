internal import Documents

/// The file name of a package: `<name>.v<version>.tar.gz` (also `.tar.zst`, `.tar.xz`).
///
/// Form and rules are those of Gateway Engine since 1.1.4, which allowed dots in versions
/// (`your_app.v1.2.3.tar.gz`, `gwe.v1.5.RC68.tar.gz`); an app's name has none, so the first `.v` ends it.
public struct PackageName: Sendable, Hashable, CustomStringConvertible {
    /// How the tarball is compressed: `gzip` (.gz), `zstd` (.zst) or `xz` (.xz).
    public enum Compression: String, Sendable, Hashable, CaseIterable { case gzip = "gz", zstd = "zst", xz }

    /// The app whose package it is.
    public var name: AppName
    /// What stands between `.v` and `.tar`.
    public var version: Version
    /// What the end of the file name says.
    public var compression: Compression

    /// The name of a package to be built or fetched; `parse` reads one.
    public init(name: AppName, version: Version, compression: Compression = .gzip) {
        self.name = name
        self.version = version
        self.compression = compression
    }

    /// `web.v1.2.3.tar.gz`.
    public var fileName: String { "\(name).v\(version).tar.\(compression.rawValue)" }
    /// The file name.
    public var description: String { fileName }

    /// Reads a file name (no path). The error says which part is wrong and what it should be.
    public static func parse(_ fileName: String) throws(PackageNameError) -> PackageName {
        func refuse(_ reason: String) -> PackageNameError { PackageNameError(fileName: fileName, reason: reason) }

        guard !fileName.isEmpty else { throw refuse("it is empty") }
        guard !fileName.contains("/") else { throw refuse("it is a path; a name has no '/'") }
        if let oddity = DocumentText.oddity(in: fileName) { throw refuse(oddity) }
        guard !fileName.unicodeScalars.contains(where: \.properties.isWhitespace) else {
            throw refuse("it contains white space")
        }
        guard !fileName.hasSuffix(".tgz") else { throw refuse("it ends in .tgz; write .tar.gz") }
        guard let compression = Compression.allCases.first(where: { fileName.hasSuffix(".tar.\($0.rawValue)") })
        else { throw refuse("it does not end in .tar.gz, .tar.zst or .tar.xz") }
        let stem = fileName.dropLast(".tar.".count + compression.rawValue.count)
        guard let dot = stem.firstIndex(of: ".") else { throw refuse("it has no '.v<version>' after the app's name") }
        guard let name = AppName(String(stem[..<dot])) else {
            throw refuse("the app's name must be 1 to 64 of the characters A-Z a-z 0-9 _ -")
        }
        guard stem[dot...].hasPrefix(".v") else { throw refuse("'.v<version>' must follow the app's name '\(name)'") }
        guard let version = Version(String(stem[dot...].dropFirst(2))) else {
            throw refuse("the version must be 1 to 128 bytes without '/', white space and control characters")
        }
        return PackageName(name: name, version: version, compression: compression)
    }

    /// Names of gwe's own programs: a package of such a name needs an `app.yaml`, so that Gateway Engine's own old
    /// tarballs are refused (D24).
    public static let reservedNames: Set<String> = ["gwe", "gmq", "gdc", "device-client"]

    /// Whether the package has the name of one of gwe's own programs; see `reservedNames`.
    public var isReserved: Bool { PackageName.reservedNames.contains(name.text) }
}

/// A file name that is no package's name.
public struct PackageNameError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The name as it was given.
    public var fileName: String
    /// What is wrong with it; lower case, no full stop.
    public var reason: String

    /// An error of `PackageName.parse`.
    public init(fileName: String, reason: String) {
        self.fileName = fileName
        self.reason = reason
    }

    /// One sentence: the name, what is wrong, and what the form is.
    public var description: String {
        "cannot read package name \(DocumentText.quoted(fileName)): \(reason); the form is <name>.v<version>.tar.gz"
    }
}
