// swift-tools-version: 6.1
// The rooms of gwe and the arrows between them. `ArchitectureTests` reads the same
// arrows from this file and fails when a source file imports against them.
import PackageDescription

let common: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]
let strict = common + [.enableUpcomingFeature("MemberImportVisibility")]

/// A C library of the system. Only GatewaySystem may import these; CTLSServer is the stand-in cloud's own.
func systemLibrary(_ name: String, apt: String) -> Target {
    .systemLibrary(name: name, path: "Sources/\(name)", providers: [.apt([apt])])
}

func library(
    _ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = strict,
    linker: [LinkerSetting] = []
) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings, linkerSettings: linker)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)", swiftSettings: strict)
}

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "gwe",
    products: [
        .executable(name: "gwe", targets: ["gwe"]),
        .executable(name: "murano-sandbox", targets: ["murano-sandbox"]),
        .library(name: "DeviceClient", targets: ["DeviceClient"]),
        // What others read of a gateway, and the values it is made of.
        .library(name: "Wire", targets: ["Wire"]),
        .library(name: "GatewayModel", targets: ["GatewayModel"]),
    ],
    traits: [
        .default(enabledTraits: ["MQTT"]),
        // Off: neither libmosquitto's headers when gwe is built, nor libmosquitto later. gwe then says so where it is asked.
        .trait(name: "MQTT", description: "The device client also speaks MQTT, by libmosquitto."),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        // C: module maps of system libraries, and the few system calls Swift cannot spell.
        systemLibrary("CYAML", apt: "libyaml-dev"),
        systemLibrary("CSQLite", apt: "libsqlite3-dev"),
        systemLibrary("CArchive", apt: "libarchive-dev"),
        systemLibrary("CCrypto", apt: "libssl-dev"),
        // Loaded when first used, see there: libcurl4-openssl-dev, libmicrohttpd-dev and libmosquitto-dev have the headers.
        .target(name: "CCurl"),
        .target(name: "CMicroHTTP"),
        .target(name: "CMosquitto", cSettings: [.define("GWE_MQTT", .when(traits: ["MQTT"]))]),
        // Loaded when first used and there at all: libisal-dev has the header. Without either, zlib does its work.
        .target(name: "CInflate"),
        .target(name: "CLinux", cSettings: [.define("_GNU_SOURCE")]),
        // TLS for the stand-in cloud alone: no gateway links it. libgnutls28-dev has the headers.
        .target(name: "CTLSServer", linkerSettings: [.linkedLibrary("gnutls")]),

        // Values. No I/O, no C, no clock.
        library("Documents"),
        library("GatewayModel", ["Documents"]),
        // What leaves the process: names and two-way codecs of everything that others read.
        library("Wire", ["Documents", "GatewayModel"]),

        // The machine: the only importer of C modules.
        library(
            "GatewaySystem",
            [
                "Documents", "CYAML", "CCurl", "CSQLite", "CArchive", "CCrypto", "CInflate", "CMicroHTTP",
                "CLinux", .target(name: "CMosquitto", condition: .when(traits: ["MQTT"])),
            ],
            // Types such as timespec belong to whichever C module the compiler happens to read first, so whether a
            // member is visible would depend on the order of the files.
            settings: common,
            linker: [
                // libarchive is linked statically: Debian's shared one pulls libxml2 and,
                // through it, 30 MB of ICU. The archive member for xar is never used.
                .linkedLibrary(":libarchive.a"), .linkedLibrary("z"), .linkedLibrary("zstd"), .linkedLibrary("lzma"),
            ]),

        // The cloud's device API.
        library("DeviceClient", ["Documents", "GatewaySystem"]),

        // Policy: plan, journal, steps, supervision, reports.
        library("GatewayAgent", ["Documents", "GatewayModel", "Wire", "GatewaySystem", "DeviceClient"]),

        .executableTarget(
            name: "gwe",
            dependencies: [
                "Documents", "GatewayModel", "Wire", "GatewaySystem", "DeviceClient", "GatewayAgent", argumentParser,
            ],
            swiftSettings: strict),

        // The stand-in cloud. Not for gateways.
        library("MuranoSandbox", ["Documents", "GatewaySystem", "CTLSServer", argumentParser]),
        .executableTarget(name: "murano-sandbox", dependencies: ["MuranoSandbox"], swiftSettings: strict),

        // Apps as users of DeviceClient write them, see Examples/README.md.
        .executableTarget(
            name: "load_reporter", dependencies: ["DeviceClient"], path: "Examples/load_reporter",
            exclude: ["app.yaml", "gwe-buildfile.json"], swiftSettings: common),

        // What the tests share. Full Foundation is allowed there, as in the tests.
        .target(
            name: "TestSupport", dependencies: ["Documents", "GatewaySystem", "MuranoSandbox"], path: "Tests/Support",
            swiftSettings: strict),
        // A process that tests of databases kill, and whose system calls they let fail.
        .executableTarget(
            name: "database-peer", dependencies: ["GatewaySystem"], path: "Tests/Peers/database",
            swiftSettings: common),
        tests("DocumentsTests", ["Documents"]),
        tests("GatewayModelTests", ["GatewayModel", "Wire", "GatewaySystem", "Documents"]),
        tests("WireTests", ["Wire", "GatewayModel", "Documents"]),
        tests("GatewaySystemTests", ["GatewaySystem", "Documents", "database-peer"]),
        tests("DeviceClientTests", ["DeviceClient", "GatewayAgent", "GatewaySystem", "MuranoSandbox"]),
        tests(
            "GatewayAgentTests",
            ["GatewayAgent", "GatewayModel", "Wire", "GatewaySystem", "DeviceClient", "Documents", "MuranoSandbox"]),
        tests("MuranoSandboxTests", ["MuranoSandbox", "GatewaySystem", "Documents"]),
        tests("CommandLineTests", ["gwe", "GatewayAgent", "GatewayModel", "GatewaySystem", "Wire", "Documents"]),
        tests(
            "EndToEndTests",
            [
                "gwe", "murano-sandbox", "load_reporter", "MuranoSandbox", "DeviceClient", "GatewayAgent",
                "GatewaySystem", "Documents", "GatewayModel",
            ]),
    ]
)
