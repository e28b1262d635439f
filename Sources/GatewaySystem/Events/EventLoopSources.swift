internal import CLinux
internal import Glibc

extension EventLoop {
    /// Calls the handler with each of these signals that comes. They are blocked in the calling thread and in those that
    /// it starts from now on: call this before any other thread exists. Children get them unblocked.
    /// The signals are watched for as long as the process lives.
    public func onSignals(_ numbers: [Int32], handler: @escaping @Sendable (Int32) -> Void) throws(SystemError) {
        let fd = gwe_signalfd(numbers, numbers.count)
        guard fd >= 0 else { throw .last("watch signals") }
        _ = try add(fd, .readable) {
            while case let number = gwe_next_signal(fd), number > 0 { handler(number) }
        }
    }

    /// Calls the handler when a file may have changed: written, replaced, removed or made. Changes that follow each other
    /// within `quiet` are one. The folder is watched and must exist; a folder on the way that is renamed is not noticed.
    /// Symbolic links on the way are followed: a change of the link counts, and one of the file that it names. Where the
    /// kernel cannot watch more, see `FileWatch`.
    public func onChange(
        ofFile path: String, quiet: Duration = .milliseconds(200), handler: @escaping Handler
    ) throws(SystemError) -> FileWatch {
        try FileWatch(loop: self, path: path, quiet: quiet, handler: handler)
    }
}
