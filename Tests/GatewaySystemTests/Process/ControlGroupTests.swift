import Foundation
import TestSupport
import Testing

@testable import GatewaySystem

@Suite struct ControlGroupTests {
    private static let hybrid = """
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        34 31 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
        38 31 0:35 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
        """

    @Test(
        "the own group is found wherever cgroup2 is mounted, and its absence is normal",
        arguments: [
            (hybrid, "3:cpuset:/\n0::/\n", "/sys/fs/cgroup/unified"),
            (hybrid, "0::/system.slice/gwe.service\n", "/sys/fs/cgroup/unified/system.slice/gwe.service"),
            ("31 23 0:28 / /sys/fs/cgroup rw - cgroup2 none rw", "0::/a\n", "/sys/fs/cgroup/a"),
            // A container without a cgroup namespace of its own sees the host's path on both sides.
            ("31 23 0:28 /docker/1 /sys/fs/cgroup rw - cgroup2 none rw", "0::/docker/1\n", "/sys/fs/cgroup"),
            ("31 23 0:28 /docker/1 /sys/fs/cgroup rw - cgroup2 none rw", "0::/docker/1/b\n", "/sys/fs/cgroup/b"),
            ("31 23 0:28 /docker/1 /sys/fs/cgroup rw - cgroup2 none rw", "0::/docker/12\n", nil),
            ("31 23 0:28 /lxc/föö /sys/fs/cgroup rw - cgroup2 none rw", "0::/lxc/föö/x/yz\n", "/sys/fs/cgroup/x/yz"),
            ("31 23 0:28 / /sys/fs/cgroup rw shared:1 master:2 - cgroup2 none rw", "0::/a\n", "/sys/fs/cgroup/a"),
            ("31 23 0:28 / /mnt/my\\040groups rw - cgroup2 none rw", "0::/a\n", "/mnt/my groups/a"),
            ("31 23 0:28 / /sys/fs/cgroup rw - cgroup2 none rw", "0::/../other\n", nil),
            ("31 23 0:28 / /sys/fs/cgroup rw - cgroup2 none rw", "0::/gone (deleted)\n", nil),
            ("31 23 0:28 / /sys/fs/cgroup rw - tmpfs none rw", "0::/\n", nil),
            (hybrid, "3:cpuset:/\n", nil),
            ("", "", nil),
        ] as [(String, String, String?)])
    func ownGroup(mountinfo: String, cgroup: String, path: String?) {
        #expect(ControlGroups.own(mountinfo: mountinfo, cgroup: cgroup) == path)
    }

    @Test("names of groups hold no character that a path or the kernel could take otherwise")
    func names() {
        #expect(ControlGroups.encode("web") == "app-web")
        #expect(ControlGroups.encode("cgroup.procs") == "app-cgroup%2Eprocs")
        #expect(ControlGroups.encode("web:../x\n") == "app-web%3A%2E%2E%2Fx%0A")
    }

    @Test("two state folders have different keys, and one has the same key by every path")
    func keys() throws {
        let scratch = TemporaryFolder()
        mkdir(scratch("a"), 0o755)
        mkdir(scratch("b"), 0o755)
        symlink(scratch("a"), scratch("link"))
        #expect(ControlGroups.key(scratch("a")) == ControlGroups.key(scratch("link")))
        #expect(ControlGroups.key(scratch("a")) != ControlGroups.key(scratch("b")))
    }

    private func withGroup(_ body: (ControlGroups, ControlGroup) throws -> Void) throws {
        let scratch = TemporaryFolder()
        let groups = try #require(
            ControlGroups(stateFolder: scratch.path), "tests need a cgroup v2 that can be written (root)")
        defer { groups.remove() }
        let group = try groups.create("web")
        defer {
            group.kill()
            #expect(eventually { group.remove() })
        }
        try body(groups, group)
    }

    private func start(_ group: ControlGroup, _ script: String) throws -> Int32 {
        var request = SpawnRequest(executable: "/bin/sh", arguments: ["-c", script], environment: [:])
        request.controlGroup = group
        return try ChildProcess.spawn(request)
    }

    @Test("a child is in its group before it runs, and so is what left its session and its parent")
    func membership() throws {
        try withGroup { groups, group in
            #expect(group.isPopulated == false && group.processes == [])
            let pid = try start(group, "setsid sh -c 'env -i sleep 1000 & exec sleep 0' & sleep 0.2; exec sleep 1000")
            #expect(group.isPopulated == true && group.processes.contains(pid))
            #expect(groups.all == [group])
            #expect(!group.remove(), "a group with processes stays")
            #expect(eventually { group.processes.count == 2 })
            let second = try groups.create("web")
            #expect(second != group)
            #expect(second.remove())
            group.kill()
            #expect(try ChildProcess.wait(pid) == .signal(9))
            #expect(eventually { group.isPopulated == false })
        }
    }

    @Test("kernels without cgroup.kill: all are killed one by one, also while they make new ones")
    func killOneByOne() throws {
        try withGroup { _, group in
            let pid = try start(group, "f() { for i in $(seq 400); do (sleep 1000 &); done; }; f & f & wait")
            #expect(eventually { group.processes.count > 20 })
            group.killOneByOne()
            _ = try ChildProcess.wait(pid)
            #expect(eventually { group.isPopulated == false })
        }
    }

    @Test("groups that an app made within its own are killed and removed too")
    func nested() throws {
        try withGroup { _, group in
            let script = "mkdir \(group.path)/x; echo $$ >\(group.path)/x/cgroup.procs; exec sleep 1000"
            let pid = try start(group, script)
            #expect(eventually { FileManager.default.fileExists(atPath: group.path + "/x/cgroup.procs") })
            #expect(eventually { group.processes == [pid] })
            group.kill()
            _ = try ChildProcess.wait(pid)
            #expect(eventually { group.remove() })
        }
    }

    @Test("a tree's watch tells when the last of its processes has ended")
    func watch() throws {
        try withGroup { _, group in
            let pid = try start(group, "setsid sleep 1000 & exec true")
            _ = try ChildProcess.wait(pid)
            let tree = ProcessTree(
                leader: pid, startTicks: 0, controlGroup: group, search: .init(variable: "NONE", value: ""))
            let left = tree.descendants()
            #expect(left.count == 1)
            let loop = try EventLoop()
            let told = ProcessTreeTests.Flag()
            let watch = try ProcessTreeWatch(loop: loop, tree: tree, descendants: left) { told.set() }
            defer { watch.close() }
            ProcessTree.signal(SIGTERM, to: left)
            loop.run { told.isSet }
            #expect(tree.descendants().isEmpty)
        }
    }
}
