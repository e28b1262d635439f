/// What of this machine kept a pass from its work: a cause that says nothing of a release, a server or a network, and that
/// may be over in a minute.
struct MachineTrouble: Sendable, Hashable {
    /// In words, the cause first.
    var words: String
    /// Bytes that have to be free in the state folder before it is of any use to try again; nil where that is not known.
    var neededByteCount: Int64?
}
