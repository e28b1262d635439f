import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

@Suite struct FileLockTests {
    let scratch = TemporaryFolder()

    @Test("a second holder is told who has the lock, and gets it when the first lets go")
    func exclusive() throws {
        var first: FileLock? = try FileLock.acquire(scratch("lock"), purpose: "reconcile")
        let failure = try #require(throws: FileLock.Failure.self) {
            try FileLock.acquire(scratch("lock"), purpose: "run")
        }
        guard case .held(_, let holder) = failure else {
            Issue.record(failure)
            return
        }
        #expect(holder.processIdentifier == getpid())
        #expect(holder.purpose == "reconcile")
        #expect(holder.bootIdentifier == FileSystemInfo.bootIdentifier)
        #expect(
            failure.description
                == "cannot lock \(scratch("lock")): held by gwe reconcile, process \(getpid()), since \(holder.since)")
        _ = first
        first = nil
        let second = try FileLock.acquire(scratch("lock"), purpose: "run")
        #expect(try FileLock.probe(scratch("lock"))?.purpose == "run")
        _ = second
    }

    @Test("looking makes no file, and a lock file that nobody holds is free")
    func probe() throws {
        #expect(try FileLock.probe(scratch("lock")) == nil)
        #expect(try FileLock.probe(scratch("none/lock")) == nil)
        #expect(scratch.names.isEmpty)
        do { _ = try FileLock.acquire(scratch("lock"), purpose: "run") }
        #expect(try FileLock.probe(scratch("lock")) == nil)
    }

    @Test("the lock of a killed process is free")
    func killed() throws {
        let process = try TestProcess(
            "/bin/sh", ["-c", "exec 9>'\(scratch("lock"))'; flock 9; echo held; exec sleep 1000"])
        #expect(eventually { process.out == "held\n" })
        #expect(try FileLock.probe(scratch("lock"))?.description == "another process")
        #expect(throws: FileLock.Failure.self) { try FileLock.acquire(scratch("lock"), purpose: "run") }
        process.kill()
        _ = try FileLock.acquire(scratch("lock"), purpose: "run")
    }

    @Test("a stranger who holds a lock file of ours loses its name; a file's own user keeps it, against root too")
    func strangers() throws {
        for isOwner in [true, false] {
            let path = try scratch.write("lock-\(isOwner)", "")
            if isOwner { try #require(chown(path, 65_534, 65_534) == 0) }
            let script = "exec 9<'\(path)'; flock 9; echo held; exec sleep 1000"
            let process = try TestProcess(
                "setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh", "-c", script])
            defer { process.kill() }
            #expect(eventually { process.out == "held\n" })
            if isOwner {
                #expect(throws: FileLock.Failure.self) { try FileLock.acquire(path, purpose: "run") }
            } else {
                #expect(try FileLock.acquire(path, purpose: "run").isNamed)
            }
        }
    }
}
