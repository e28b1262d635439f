import Foundation
import GatewaySystem
import Glibc
import Synchronization
import TestSupport
import Testing

/// A file that is reached through symbolic links.
@Suite("Watching a file through links") struct FileWatchTests {
    let scratch = TemporaryFolder()

    /// Waits until the handler was called once more.
    private func expectCall(
        _ loop: EventLoop, _ calls: borrowing Lock<Int>, _ what: String, _ change: () throws -> Void
    )
        throws
    {
        let before = calls.withLock { $0 }
        try change()
        let end = MonotonicTime.now + .seconds(30)
        let timer = loop.schedule(after: .seconds(30)) {}
        loop.run { calls.withLock { $0 } > before || MonotonicTime.now >= end }
        loop.cancel(timer)
        #expect(calls.withLock { $0 } == before + 1, "\(what)")
    }

    private final class Counter: Sendable { let calls = Lock(0) }

    @Test("the file at the end counts, and so does every link on the way, also one that is a folder")
    func links() throws {
        // As Kubernetes mounts a configuration: manifest.yaml -> ..data/manifest.yaml, ..data -> ..1
        try scratch.write("etc/..1/manifest.yaml", "1")
        try scratch.write("etc/..2/manifest.yaml", "2")
        try #require(symlink("..1", scratch("etc/..data")) == 0)
        try #require(symlink("..data/manifest.yaml", scratch("etc/manifest.yaml")) == 0)
        let loop = try EventLoop()
        let counter = Counter()
        let watch = try loop.onChange(ofFile: scratch("etc/manifest.yaml"), quiet: .milliseconds(20)) {
            counter.calls.withLock { $0 += 1 }
        }
        defer { watch.close() }
        try expectCall(loop, counter.calls, "the target is written") {
            try scratch.write("etc/..1/manifest.yaml", "1a")
        }
        try expectCall(loop, counter.calls, "the folder's link is moved") {
            try #require(symlink("..2", scratch("etc/..tmp")) == 0)
            try #require(rename(scratch("etc/..tmp"), scratch("etc/..data")) == 0)
        }
        try expectCall(loop, counter.calls, "the new target is written") {
            try scratch.write("etc/..2/manifest.yaml", "2a")
        }
        try expectCall(loop, counter.calls, "the link is replaced by a file") {
            try scratch.write("etc/new", "3")
            try #require(rename(scratch("etc/new"), scratch("etc/manifest.yaml")) == 0)
        }
        try expectCall(loop, counter.calls, "the file is written") { try scratch.write("etc/manifest.yaml", "4") }
    }

    @Test("links in a circle and a link to nothing are watched, and the file is seen when it comes")
    func dangling() throws {
        try scratch.write("etc/other", "")
        try #require(symlink("b", scratch("etc/a")) == 0)
        try #require(symlink("a", scratch("etc/b")) == 0)
        let loop = try EventLoop()
        try loop.onChange(ofFile: scratch("etc/a")) {}.close()
        try #require(symlink("../data/manifest.yaml", scratch("etc/manifest.yaml")) == 0)
        try #require(mkdir(scratch("data"), 0o755) == 0)
        let counter = Counter()
        let watch = try loop.onChange(ofFile: scratch("etc/manifest.yaml"), quiet: .milliseconds(20)) {
            counter.calls.withLock { $0 += 1 }
        }
        defer { watch.close() }
        try expectCall(loop, counter.calls, "the file comes") { try scratch.write("data/manifest.yaml", "1") }
    }
}
