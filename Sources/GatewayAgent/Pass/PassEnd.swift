/// How a pass came to its end.
enum PassEnd: Sendable {
    case finished(PassResult)
    /// It was told not to go on. Every point of a pass can be taken up again: the next one finds what this one left.
    case interrupted
}
