/// Checks that no symlink leads out of a tree, also by way of other symlinks.
///
/// It is asked when all entries are known, because what a link's target means depends on links that may come later.
/// Until then no entry was written through any symlink.
struct UnpackLinks {
    /// Every symlink of the tree: its path and its target.
    private let links: [[UInt8]: [UInt8]]
    /// Folders that are virtual environments of Python.
    private let environments: Set<[UInt8]>

    init(_ links: [[UInt8]: [UInt8]], environments: Set<[UInt8]> = []) {
        self.links = links
        self.environments = environments
    }

    /// Bytes of paths that are looked up for all links together. What people pack needs some millions: links that lead
    /// through one another on purpose may need billions.
    private static let mostWork = 128 << 20

    /// - Throws: with the link whose own target leads out, not with one that leads to it; `tooLarge` where it would take
    ///   too long to tell.
    func check() throws(UnpackError) {
        var work = 0
        let sorted = links.keys.sorted { $0.lexicographicallyPrecedes($1) }
        for path in sorted {
            guard let target = links[path], target.first == 47 else { continue }
            throw refusal(path, "a symlink to the absolute path '\(UnpackPath.printable(target))'")
        }
        for path in sorted {
            guard let culprit = try wayOut(from: path, &work), let target = links[culprit] else { continue }
            throw refusal(culprit, "a symlink that leads out of the package: '\(UnpackPath.printable(target))'")
        }
    }

    private func refusal(_ path: [UInt8], _ what: String) -> UnpackError {
        var cure = "; leave it out, install.sh can make it"
        if isPython(path) {
            cure =
                "; it belongs to a virtual environment of Python: make that in install.sh, "
                + "or with 'python3 -m venv --copies'"
        }
        return .refused(entry: UnpackPath.printable(path), reason: what + cure)
    }

    private func isPython(_ path: [UInt8]) -> Bool {
        let components = path.split(separator: 47)
        return components.indices.contains { environments.contains(UnpackPath.joined(components[..<$0])) }
            || components.last?.starts(with: "python".utf8) == true
    }

    /// Follows a link as the kernel would, with the tree's root as the limit (path_resolution(7)).
    /// - Returns: nil if it stays inside; else the link whose target has the step that leaves the tree.
    /// - Parameter total: the work so far; see `mostWork`.
    private func wayOut(from path: [UInt8], _ total: inout Int) throws(UnpackError) -> [UInt8]? {
        var place: [UInt8] = []
        var lengths: [Int] = []
        func enter(_ component: ArraySlice<UInt8>) {
            lengths.append(place.count)
            if !place.isEmpty { place.append(47) }
            place += component
        }
        for component in path.split(separator: 47).dropLast() { enter(component) }
        var rest: [(component: ArraySlice<UInt8>, link: [UInt8])] = []
        var work = 0
        defer { total += work }
        func push(_ link: [UInt8]) {
            let target = links[link] ?? []
            work += target.count
            rest += target.split(separator: 47).reversed().map { ($0, link) }
        }
        push(path)
        var followed = 0
        while let (component, link) = rest.popLast() {
            work += 1
            guard total + work <= Self.mostWork else {
                throw .tooLarge(reason: "its symlinks lead through one another too often")
            }
            if component.elementsEqual([46]) { continue }
            if component.elementsEqual([46, 46]) {
                guard let length = lengths.popLast() else { return link }
                place.removeLast(place.count - length)
                continue
            }
            enter(component)
            work += place.count
            guard links[place] != nil else { continue }
            // A loop leads nowhere, and the kernel says so (ELOOP); as do more links than it follows.
            followed += 1
            guard followed <= 40 else { return nil }
            let next = place
            if let length = lengths.popLast() { place.removeLast(place.count - length) }
            push(next)
        }
        return nil
    }
}
