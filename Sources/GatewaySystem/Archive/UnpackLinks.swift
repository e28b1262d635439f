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

    /// - Throws: with the link whose own target leads out, not with one that leads to it.
    func check() throws(UnpackError) {
        let sorted = links.keys.sorted { $0.lexicographicallyPrecedes($1) }
        for path in sorted {
            guard let target = links[path], target.first == 47 else { continue }
            throw refusal(path, "a symlink to the absolute path '\(UnpackPath.printable(target))'")
        }
        for path in sorted {
            guard let culprit = wayOut(from: path), let target = links[culprit] else { continue }
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
    private func wayOut(from path: [UInt8]) -> [UInt8]? {
        var here = Array(path.split(separator: 47).dropLast())
        var rest: [(component: ArraySlice<UInt8>, link: [UInt8])] = []
        func push(_ link: [UInt8]) {
            rest += (links[link] ?? []).split(separator: 47).reversed().map { ($0, link) }
        }
        push(path)
        var followed = 0
        while let (component, link) = rest.popLast() {
            if component.elementsEqual([46]) { continue }
            if component.elementsEqual([46, 46]) {
                guard !here.isEmpty else { return link }
                here.removeLast()
                continue
            }
            here.append(component)
            let place = UnpackPath.joined(here)
            guard links[place] != nil else { continue }
            // A loop leads nowhere, and the kernel says so (ELOOP); as do more links than it follows.
            followed += 1
            guard followed <= 40 else { return nil }
            here.removeLast()
            push(place)
        }
        return nil
    }
}
