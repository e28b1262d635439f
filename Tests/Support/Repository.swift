import Foundation

/// Where the sources and the built programs are.
public enum Repository {
    /// The folder of Package.swift.
    public static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

    /// The folder in which the build put the test bundle and the executables.
    public static let products = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
}
