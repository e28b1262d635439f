internal import Glibc

/// What the caller of this process left open: the lock of a script, the end of a pipe. A daemon that kept it would keep its
/// caller waiting for as long as it runs.
public enum InheritedDescriptors {
    /// Closes all descriptors but 0, 1 and 2 and those named. Call it before anything is opened here.
    public static func close(keeping kept: [Int32]) {
        // Without /proc so many as a usual limit allows.
        let open = (try? FileTree.list("/proc/self/fd"))?.compactMap { Int32($0) } ?? Array(3..<1_024)
        for descriptor in open where descriptor > STDERR_FILENO && !kept.contains(descriptor) {
            _ = Glibc.close(descriptor)
        }
    }
}
