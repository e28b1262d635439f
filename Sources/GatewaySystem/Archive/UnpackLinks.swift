/// Checks that no symlink leads out of a tree, also by way of other symlinks.
///
/// It is asked when all entries are known, because what a link's target means depends on links that may come later.
/// Until then no entry was written through any symlink.
struct UnpackLinks {
    /// Every symlink of the tree: its path and its target.
    private let links: [[UInt8]: [UInt8]]

    init(_ links: [[UInt8]: [UInt8]]) { self.links = links }

    func check() throws(UnpackError) {
        for (path, target) in links.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            func refused(_ reason: String) -> UnpackError {
                .refused(entry: UnpackPath.printable(path), reason: reason)
            }
            let words = UnpackPath.printable(target)
            guard target.first != 47 else { throw refused("a symlink to the absolute path '\(words)'") }
            guard leadsInside(path, target) else {
                throw refused("a symlink that leads out of the package: '\(words)'")
            }
        }
    }

    /// Follows a link as the kernel would, with the tree's root as the limit (path_resolution(7)).
    private func leadsInside(_ path: [UInt8], _ target: [UInt8]) -> Bool {
        var here = Array(path.split(separator: 47).dropLast())
        var rest = Array(target.split(separator: 47).reversed())
        var followed = 0
        while let component = rest.popLast() {
            if component.elementsEqual([46]) { continue }
            if component.elementsEqual([46, 46]) {
                guard !here.isEmpty else { return false }
                here.removeLast()
                continue
            }
            here.append(component)
            guard let next = links[UnpackPath.joined(here)] else { continue }
            // A loop leads nowhere, and the kernel says so (ELOOP); as do more links than it follows.
            followed += 1
            guard followed <= 40 else { return true }
            guard next.first != 47 else { return false }
            here.removeLast()
            rest += next.split(separator: 47).reversed()
        }
        return true
    }
}
