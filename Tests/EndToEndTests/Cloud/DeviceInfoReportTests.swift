import Foundation
import GatewaySystem
import MuranoSandbox
import TestSupport
import Testing

/// `device_info` as it arrives in the cloud.
@Suite("The report of the device")
struct DeviceInfoReportTests {
    @Test("it prints by the seed's jq lines as df and free do, and no child process was made for it")
    func seed() throws {
        let gateway = try GatewayFixture()
        let trace = gateway.root + "/trace"
        let process = try TestProcess(
            "/usr/bin/strace",
            ["-f", "-qq", "-e", "trace=process", "-o", trace, Repository.products + "/gwe", "reconcile"],
            environment: gateway.variables, scratch: gateway.root + "/scratch")
        let ran = process.wait()
        #expect(ran.code == 0, "\(ran)")
        let calls = try #require(gateway.read(trace)).split(separator: "\n")
        #expect(calls.count { $0.contains("execve(") } == 1)
        let clones = calls.filter { $0.contains("clone") || $0.contains("fork(") }
        #expect(clones.allSatisfy { $0.contains("CLONE_THREAD") || $0.contains("resumed") }, "\(clones)")

        func shell(_ command: String) throws -> [Substring] {
            let variables = gateway.variables.merging([
                "MURANO_SANDBOX_URL": gateway.sandbox.url, "LC_ALL": "C",
                "PATH": Repository.products + ":/usr/sbin:/usr/bin:/sbin:/bin",
            ]) { $1 }
            let process = try TestProcess(
                "/bin/bash", ["-c", "set -o pipefail; " + command], environment: variables,
                scratch: gateway.root + "/scratch")
            let ran = process.wait()
            #expect(ran.code == 0, "\(ran)")
            return ran.out.split(separator: "\n")
        }
        func ours(_ key: String) throws -> [Substring] {
            try shell(
                "murano-sandbox device read \(gateway.id) device_info --json | jq -r .device_info.reported | jq -r .\(key)"
            )
        }
        // The columns, where what they hold does not move.
        let df = try ours("df")
        let theirs = try shell("df -k -l")
        #expect(df.first?.split(separator: " ") == theirs.first?.split(separator: " "))
        let root = { (rows: [Substring]) in rows.first { $0.hasSuffix(" /") }?.split(separator: " ") }
        #expect(root(df)?.prefix(2) == root(theirs)?.prefix(2) && root(df)?.count == 6)
        let free = try ours("free")
        let known = try shell("free")
        #expect(free.first == known.first && free.count == known.count)
        #expect(free.map { $0.split(separator: " ").prefix(2) } == known.map { $0.split(separator: " ").prefix(2) })
        #expect(try ours("uname") == shell("uname -a"))
        #expect(try ours("date").first?.split(separator: " ").count == 6)
        #expect(try ours("ipaddrs").first == "{")
        for key in ["load", "temperature", "uptime", "boot_id", "agent"] {
            #expect(try ours(key).first != "null", "\(key)")
        }
        #expect(try ours("boot_id") == shell("cat /proc/sys/kernel/random/boot_id"))
    }
}
