import Foundation

/// The pages of the repository, and what leads from one to another.
struct DocumentationPages {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Markdown by path from the root.
    let pages: [String: String]
    /// Every file and folder that a link may lead to.
    let files: Set<String>
    /// The numbers of the decisions.
    let decisions: Set<String>

    init(pages: [String: String], files: Set<String>) {
        self.pages = pages
        self.files = files
        let headings = DocumentationPages.headings(in: pages["docs/decisions.md"] ?? "")
        decisions = Set(headings.compactMap { $0.firstMatch(of: #/^(D[0-9]+)\. /#).map { String($0.1) } })
    }

    static func all() throws -> DocumentationPages { try loaded.get() }

    private static let loaded = Result { try load() }

    private static func load() throws -> DocumentationPages {
        var pages: [String: String] = [:]
        var files: Set<String> = []
        for path in try RepositoryFiles.all() {
            files.insert(path)
            var folder = path
            while let slash = folder.lastIndex(of: "/") {
                folder = String(folder[..<slash])
                files.insert(folder)
            }
            guard path.hasSuffix(".md") else { continue }
            pages[path] = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        }
        return DocumentationPages(pages: pages, files: files)
    }

    // MARK: links

    /// `page: link` of every link within the repository that leads nowhere.
    func brokenLinks() -> [String] {
        pages.keys.sorted().flatMap { page in
            DocumentationPages.links(in: pages[page] ?? "").filter { !leads($0, from: page) }.map { "\(page): \($0)" }
        }
    }

    private func leads(_ link: String, from page: String) -> Bool {
        if link.contains("://") || link.hasPrefix("mailto:") { return true }
        let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let target = parts[0].isEmpty ? page : DocumentationPages.resolved(parts[0], from: page)
        guard files.contains(target) else { return false }
        guard parts.count == 2 else { return true }
        return anchors(of: target).contains(parts[1])
    }

    static func resolved(_ path: String, from page: String) -> String {
        var folders = page.split(separator: "/").dropLast().map(String.init)
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = folders.popLast() } else { folders.append(String(part)) }
        }
        return folders.joined(separator: "/")
    }

    /// The targets of inline links, images included; not in code.
    static func links(in page: String) -> [String] {
        prose(of: page).flatMap { line in
            line.matches(of: /\]\(([^()\s]+)\)/).map { String($0.1) }
        }
    }

    /// The lines of a page without its blocks of code and without code in lines.
    static func prose(of page: String) -> [String] {
        var isCode = false
        return page.split(separator: "\n", omittingEmptySubsequences: false).compactMap { line in
            if line.drop(while: { $0 == " " }).hasPrefix("```") {
                isCode.toggle()
                return nil
            }
            return isCode ? nil : String(line.replacing(/`[^`]*`/, with: ""))
        }
    }

    // MARK: headings

    /// The anchors of a page's headings, as GitHub makes them: lower case, no punctuation but `-` and `_`, spaces as `-`,
    /// and a number for each further heading of the same text.
    func anchors(of page: String) -> [String] {
        var counts: [String: Int] = [:]
        return DocumentationPages.headings(in: pages[page] ?? "").map { heading in
            let text = heading.replacing(/\[([^\]]*)\]\([^)]*\)/) { String($0.1) }
            let anchor = String(
                text.lowercased().compactMap { character -> Character? in
                    if character == " " { return "-" }
                    return character.isLetter || character.isNumber || character == "-" || character == "_"
                        ? character : nil
                })
            defer { counts[anchor, default: 0] += 1 }
            return counts[anchor].map { "\(anchor)-\($0)" } ?? anchor
        }
    }

    /// The texts of a page's headings, in order.
    static func headings(in page: String) -> [String] {
        var isCode = false
        return page.split(separator: "\n").compactMap { line in
            if line.hasPrefix("```") { isCode.toggle() }
            guard !isCode, let match = line.firstMatch(of: /^#{1,6} +(.+?) *$/) else { return nil }
            return String(match.1)
        }
    }

    /// `page: D99` of every decision that a page names and that is not there.
    func unknownDecisions() -> [String] {
        pages.keys.sorted().flatMap { page in
            DocumentationPages.prose(of: pages[page] ?? "").flatMap { line in
                line.matches(of: /\bD[0-9]+\b/).map { String($0.0) }.filter { !decisions.contains($0) }
            }.map { "\(page): \($0)" }
        }
    }

    /// Whether a citation of a comment leads to a decision, a page or a heading.
    func has(citation: String) -> Bool {
        guard citation.hasPrefix("docs/") else { return decisions.contains(citation) }
        let parts = citation.split(separator: "#", maxSplits: 1).map(String.init)
        guard pages[parts[0]] != nil else { return false }
        return parts.count == 1 || anchors(of: parts[0]).contains(parts[1])
    }
}

/// The files of the repository, without what is built or fetched.
enum RepositoryFiles {
    static func all() throws -> [String] { try listed.get() }

    private static let listed = Result { try list("") }

    private static func list(_ folder: String) throws -> [String] {
        let url = DocumentationPages.root.appendingPathComponent(folder)
        var files: [String] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() {
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            let hidden = name.hasPrefix(".") && ![".ci", ".swift-format", ".editorconfig", ".gitignore"].contains(name)
            if hidden { continue }
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: url.appendingPathComponent(name).path, isDirectory: &isFolder)
            else { continue }
            files += isFolder.boolValue ? try list(path) : [path]
        }
        return files
    }
}
