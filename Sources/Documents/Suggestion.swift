/// The valid word that someone most likely meant.
public enum Suggestion {
    /// The nearest candidate: fewest edits (insert, delete, replace, swap of neighbours), letter case and the
    /// difference of `-` and `_` not counted, and no more than a third of the word; or a candidate that the word
    /// begins (`env` for `environment`). nil when nothing is near. Takes no word longer than 64 bytes.
    public static func nearest(to word: String, among candidates: [String]) -> String? {
        guard (1...64).contains(word.utf8.count) else { return nil }
        let folded = fold(word)
        let limit = max(1, folded.count / 3)
        var best: (candidate: String, edits: Int)?
        for candidate in candidates {
            let edits = distance(folded, fold(candidate))
            if edits <= limit, edits < best?.edits ?? .max { best = (candidate, edits) }
        }
        if let best { return best.candidate }
        return folded.count < 3 ? nil : candidates.first { fold($0).starts(with: folded) }
    }

    private static func fold(_ word: String) -> [UInt8] {
        word.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
    }

    /// Optimal string alignment distance.
    static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
        var beforeLast: [Int] = []
        var last = Array(0...b.count)
        for i in 1...a.count {
            var row = [i]
            for j in 1...b.count {
                let same = a[i - 1] == b[j - 1]
                var edits = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    edits = min(edits, beforeLast[j - 2] + 1)
                }
                row.append(edits)
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }
}
