import Documents
import Foundation
import GatewaySystem
import Glibc
import TestSupport
import Testing

/// The wall clock is set by a year while the daemon runs; by libfaketime, which leaves the monotonic clocks alone as
/// settimeofday(2) does.
@Suite("The clock") struct ClockTests {
    private static let library = ["/usr/lib", "/usr/lib64"].lazy.flatMap { folder -> [String] in
        let machines = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return machines.map { "\(folder)/\($0)/faketime/libfaketimeMT.so.1" } + [
            "\(folder)/faketime/libfaketimeMT.so.1"
        ]
    }.first { access($0, R_OK) == 0 }

    private let gateway: GatewayFixture
    /// What libfaketime reads anew at each call: the offset from the true time.
    private var clock: String { gateway.root + "/clock" }

    init() throws { gateway = try GatewayFixture(hasCloud: false) }

    /// Sets the daemon's wall clock, and waits until the daemon answers with that year in its header.
    private func set(_ offset: String, year: Int) throws {
        try offset.write(toFile: clock + ".new", atomically: false, encoding: .utf8)
        rename(clock + ".new", clock)
        try gateway.eventually("the daemon is in \(year)") {
            try curl(["-D", "-", "-o", "/dev/null"]).contains(" \(year) ")
        }
    }

    /// What the daemon answers about its services.
    private func curl(_ options: [String]) throws -> String {
        let arguments = ["-sS", "--unix-socket", gateway.socketFile] + options + ["http://gwe/v1/services"]
        let path = ["PATH": "/usr/bin:/bin"]
        return try TestProcess("/usr/bin/curl", arguments, environment: path, scratch: gateway.root).wait().out
    }

    /// When an app was started: seconds after boot.
    private func starts(_ app: String) -> [Double] {
        let path = "\(gateway.stateFolder)/data/\(app)/starts"
        let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        return text.split(separator: "\n").compactMap { Double($0.split(separator: " ").first ?? "") }
    }

    /// What no step of the clock may change of an app that runs, once its uptime is found to be true.
    private func facts(_ app: String) throws -> [String] {
        let service = try JSON.parse(Array(curl([]).utf8), source: "services").json[app] ?? .null
        let pid = try #require(service["pid"]?.int, "\(app): \(service)")
        let uptime = try #require(service["uptime_seconds"]?.int)
        let truth = try #require(ProcessFacts(Int32(pid))).uptime.components.seconds
        #expect(abs(uptime - truth) < 30, "\(app) is up for \(uptime) s, not \(truth) s")
        return [service["state"]?.string ?? "", "\(pid)", "\(service["restarts"]?.int ?? -1)"]
    }

    /// Installs an app for each state that a time has a part in.
    private func install() throws {
        let note = "cat /proc/uptime >>$GWE_DATA_DIR/starts"
        let apps = [
            "running": ("startsecs=0", "\(note); exec sleep 1000"),
            "starting": ("startsecs=100000", "\(note); exec sleep 1000"),
            "backoff": ("startsecs=100000", "\(note); exit 1"),
        ]
        var manifest = "schema: gwe/v1\napps:\n"
        for (name, (keys, script)) in apps {
            let package = TestPackage(
                name, "1",
                files: [
                    "supervisor.conf": .init("[supervisord]\ncommand=bin/run\n\(keys)\n"), "bin/run": .script(script),
                ])
            let path = "\(gateway.root)/\(package.fileName)"
            try Data(try package.bytes(scratch: gateway.root + "/scratch")).write(to: URL(fileURLWithPath: path))
            manifest += "  \(name): {version: \"1\", artifact: {path: \(path)}}\n"
        }
        try gateway.manifest(manifest)
        _ = try gateway.gwe("reconcile", "--offline")
    }

    /// libfaketime 0.9.10 shifts deadlines of the monotonic clock given to timerfd_settime(2), which no real step of the wall
    /// clock does. A library in front of it makes the system call.
    private func timers() throws -> String {
        let path = gateway.root + "/timers"
        try """
        #define _GNU_SOURCE
        #include <sys/syscall.h>
        #include <unistd.h>
        int timerfd_settime(int fd, int flags, const void *new, void *old)
        {
            return syscall(SYS_timerfd_settime, fd, flags, new, old);
        }
        """.write(toFile: path + ".c", atomically: false, encoding: .utf8)
        // The compiler that built the package's C code.
        let environment = ["PATH": ProcessFacts.environment["PATH"] ?? "/usr/bin:/bin"]
        let arguments = ["clang", "-shared", "-fPIC", "-o", path + ".so", path + ".c"]
        let made = try TestProcess("/usr/bin/env", arguments, environment: environment, scratch: gateway.root).wait()
        try #require(made.code == 0, "\(made)")
        return path + ".so"
    }

    @Test(
        "set forward and back by a year, it changes no state, pid, uptime or delay, and restarts nothing",
        .disabled(if: Sanitizer.isOn, "libfaketime does not go together with a sanitizer's library"))
    func year() throws {
        let library = try #require(Self.library, "Scripts/deps installs faketime")
        try install()
        try "+0".write(toFile: clock, atomically: false, encoding: .utf8)
        let daemon = try gateway.startDaemon(environment: [
            "LD_PRELOAD": "\(try timers()) \(library)", "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            // Else it takes waits until a monotonic time for ones until a wall clock time.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        ])
        defer {
            daemon.send(SIGTERM)
            _ = daemon.wait()
            gateway.killApps()
        }
        try gateway.eventually("the apps are where they are to be") {
            starts("running").count == 1 && starts("starting").count == 1 && starts("backoff").count >= 4
        }
        var parts = tm()
        var now = time(nil)
        gmtime_r(&now, &parts)
        let today = Int(parts.tm_year) + 1_900
        let before = (try facts("running"), try facts("starting"))
        #expect(before.0[0] == "RUNNING" && before.1[0] == "STARTING", "\(before)")

        for (offset, year) in [("+1y", today + 1), ("-1y", today - 1), ("+0", today)] {
            let attempts = starts("backoff").count
            try set(offset, year: year)
            #expect(try facts("running") == before.0 && facts("starting") == before.1, "\(offset)")
            // The next attempt comes after the delay that it had: not at once, and not in a year.
            try gateway.eventually("another attempt after \(offset)") { starts("backoff").count > attempts }
            #expect(try facts("running") == before.0 && facts("starting") == before.1, "\(offset)")
        }
        let times = starts("backoff")
        for (index, gap) in zip(times, times.dropFirst()).map({ $1 - $0 }).enumerated() {
            // At least half of 0.1 s, doubled each time; the file has hundredths.
            let least = 0.1 * Double(1 << index) / 2 - 0.02
            #expect(gap >= least, "attempt \(index + 2) came \(gap) s after the one before: \(times)")
        }
        #expect(starts("running").count == 1 && starts("starting").count == 1)
    }
}
