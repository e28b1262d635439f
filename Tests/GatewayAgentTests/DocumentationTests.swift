import Foundation
import GatewayModel
import Testing

/// What the pages say of this repository, checked against it: links, citations, names of tests and scripts, commands and
/// exit codes. Each check is also shown a text that it must find fault with.
@Suite("The documentation") struct DocumentationTests {
    @Test("every link of every page leads to a file and, where it names one, to a heading")
    func links() throws {
        let pages = try DocumentationPages.all()
        #expect(pages.pages.count > 15)
        #expect(pages.brokenLinks() == [])
        #expect(pages.unknownDecisions() == [])
    }

    @Test("a link to a missing file, a missing heading or a missing image is found")
    func brokenLinksAreFound() {
        let pages = DocumentationPages(
            pages: [
                "README.md": """
                # One
                [good](docs/a.md) [good too](docs/a.md#two-and-three) [here](#one)
                [no file](docs/b.md) [no heading](docs/a.md#four) [no heading here](#two) ![no image](picture.png)
                ```
                [in code](docs/nowhere.md)
                ```
                `[in code too](docs/nowhere.md)` <https://example.org/x.md> [web](https://example.org/x.md#y)
                """,
                "docs/a.md":
                    "# A\n## Two, and *three*!\n### A `code` heading\n### A `code` heading\n[up](../README.md#one)",
            ], files: ["README.md", "docs/a.md"])
        #expect(
            pages.brokenLinks() == [
                "README.md: docs/b.md", "README.md: docs/a.md#four", "README.md: #two", "README.md: picture.png",
            ])
        #expect(pages.anchors(of: "docs/a.md") == ["a", "two-and-three", "a-code-heading", "a-code-heading-1"])
    }

    @Test("every citation in a comment is a decision or a heading of docs/")
    func citations() throws {
        let pages = try DocumentationPages.all()
        let comments = try SourceComments.all()
        #expect(comments.count > 2_000)
        let citations = comments.flatMap(SourceComments.citations)
        #expect(citations.count > 80)
        #expect(comments.flatMap { SourceComments.faults($0, pages) } == [])
    }

    @Test("a citation of nothing, and of what nobody can open, is found")
    func badCitationsAreFound() {
        let pages = DocumentationPages(
            pages: ["docs/decisions.md": "## D1. First\n## D12. Twelfth\n", "docs/cloud.md": "## Long poll\n"],
            files: ["docs/decisions.md", "docs/cloud.md"])
        let page = DocumentationPages(pages: ["docs/decisions.md": "## D1. A\n(D1) (D7) `(D8)`"], files: [])
        #expect(page.unknownDecisions() == ["docs/decisions.md: D7"])
        func faults(_ text: String) -> [String] {
            SourceComments.faults(.init(place: "a.swift:1", text: text), pages)
        }
        for good in [
            "it is so (D1)", "(D1, D12)", "see docs/cloud.md#long-poll.", "(docs/cloud.md)", "RFC 9110, 10.1.1",
            "the rules of the package", "holds one reference to it", "60 rules in all",
        ] { #expect(faults(good) == [], "\(good)") }
        for bad in [
            "(D2)", "(D1, D13)", "docs/cloud.md#short-poll", "docs/nothing.md", "(rules 11)", "see rule 27",
            "rules 5 and 6",
            "(reference, 1b)", "(reference: Murano device API, 7)", "product.md 5", "house.md", "rules.md", "§2",
        ] { #expect(faults(bad).count == 1, "\(bad)") }
    }

    @Test("comments are told from code and from texts")
    func commentsAreFound() {
        let swift = """
            let a = "// no comment (D99)" // one (D1)
            /// two
            let b = 1
            /* three
               (D2) */ let c = "http://x/*y*/"
            """
        #expect(
            SourceComments.comments(of: swift, place: "x.swift", style: .slashes).map(\.text) == [
                "one (D1) two", "three (D2)",
            ])
        let shell = "#!/bin/bash\n# one\necho \"# two\" # three\necho ${x#y}\n"
        #expect(
            SourceComments.comments(of: shell, place: "x", style: .hash).map(\.text) == ["!/bin/bash one three"])
    }

    @Test("the README has at most 150 lines")
    func readme() throws {
        let lines = try #require(DocumentationPages.all().pages["README.md"]).split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 150)
    }

    @Test("every test, script and file that the promises name is there")
    func promises() throws {
        let page = try #require(DocumentationPages.all().pages["docs/promises.md"])
        let named = PromiseNames(page)
        #expect(named.rows >= 57)
        let missing = named.missing(suites: try TestSuites.all(), root: DocumentationPages.root)
        #expect(missing == [])
    }

    @Test("every test that the log of field reports names is there, and its table counts its rows")
    func fieldReports() throws {
        let page = try #require(DocumentationPages.all().pages["docs/field-reports.md"])
        let named = Set(page.matches(of: /`([A-Z][A-Za-z]*Tests)`/).map { String($0.1) })
        let missing = named.subtracting(try TestSuites.all())
        #expect(named.count > 30 && missing == [])
        var counts: [String: Int] = [:]
        var section = ""
        for line in page.split(separator: "\n") {
            if line.hasPrefix("## ") { section = String(line.dropFirst(3)) }
            if !section.isEmpty, line.hasPrefix("| "), !line.hasPrefix("| report |") {
                counts[section, default: 0] += 1
            }
        }
        let told = page.matches(of: /\| \[([^\]]+)\]\([^)]*\) \| ([0-9]+) \|/).map { (String($0.1), Int($0.2)) }
        #expect(told.count == 12)
        for (name, count) in told { #expect(counts[name] == count, "\(name)") }
    }

    @Test("a promise without a test, and with one that is not there, is found")
    func badPromisesAreFound() {
        let named = PromiseNames(
            """
            | promise | checked by |
            |---|---|
            | It works | `GoodTests`, `BadTests` |
            | It runs | `Scripts/demo --short`, `Scripts/nothing`, `Tests/Goldens/nothing` |
            | It is said | by nobody |
            """)
        #expect(named.rows == 3)
        let missing = named.missing(suites: ["GoodTests"], root: DocumentationPages.root)
        #expect(missing == ["BadTests", "Scripts/nothing", "Tests/Goldens/nothing", "nothing checks: It is said"])
    }

    @Test("docs/commands.md names every command of gwe, and no other")
    func commands() throws {
        let page = try #require(DocumentationPages.all().pages["docs/commands.md"])
        let there = try CommandNames.declared()
        #expect(there.count > 30)
        #expect(there.subtracting(CommandNames.documented(page)) == [])
        #expect(CommandNames.documented(page).subtracting(there) == [])
    }

    @Test("a command that is not there, and one that is not named, is found")
    func badCommandsAreFound() {
        let page =
            "### gwe reconcile\n`gwe status APP` and `gwe status`, `gwe config set KEY`\n`gwe --help`\n```\ngwe stop x\n```"
        #expect(CommandNames.documented(page) == ["reconcile", "status", "config set", "config", "stop"])
    }

    @Test("docs/commands.md has every exit code with its meaning, and no other")
    func exitCodes() throws {
        let page = try #require(DocumentationPages.all().pages["docs/commands.md"])
        let codes = ExitCodeTable(page).meanings
        #expect(Set(codes.keys) == Set(ExitStatus.allCases.map(\.rawValue)))
        for status in ExitStatus.allCases {
            #expect(codes[status.rawValue]?.hasPrefix(status.meaning) == true, "\(status.rawValue)")
        }
    }

    @Test("an exit code that is missing or means something else is seen")
    func badExitCodesAreFound() {
        let codes = ExitCodeTable(
            "## Exit codes\n| code | means |\n|---|---|\n| 0 | all well |\n| 7 | odd |\n## JSON\n| 8 | x |"
        ).meanings
        #expect(codes == [0: "all well", 7: "odd"])
    }

    @Test("every fault point is in the list of crash windows, and no other")
    func faultPoints() throws {
        let page = try #require(DocumentationPages.all().pages["docs/architecture.md"])
        let there = try FaultPointNames.declared()
        #expect(there.count > 60)
        #expect(there.subtracting(FaultPointNames.documented(page)) == [])
        #expect(FaultPointNames.documented(page).subtracting(there) == [])
    }

    @Test("every folder of the sources that a page names is there, and every file of the rooms")
    func rooms() throws {
        let pages = try DocumentationPages.all().pages
        for name in ["CONTRIBUTING.md", "docs/architecture.md"] {
            // The walk tells of an older commit too.
            let page = try #require(pages[name]).components(separatedBy: "## The walk of one value")[0]
            #expect(Rooms(page).missing(below: DocumentationPages.root) == [], "\(name)")
        }
        let made = Rooms(
            "| x | `GatewayAgent/Nothing`: `Reconciler`; `GatewayModel/Plan`: `PlanMaker`, `NoSuchThing`, `Retry…` |")
        #expect(
            made.missing(below: DocumentationPages.root) == [
                "GatewayAgent/Nothing", "Reconciler in GatewayAgent/Nothing", "NoSuchThing in GatewayModel/Plan",
            ])
    }

    @Test("every station of the walk is a function of the file that is named")
    func walk() throws {
        let page = try #require(DocumentationPages.all().pages["docs/architecture.md"])
        let walk = Walk(page)
        #expect(walk.stations.count > 40)
        #expect(walk.missing(below: DocumentationPages.root) == [])
        let made = Walk(
            "### After\n| 1 | `GatewayModel/Plan/PlanMaker` | `planApp` | x |\n| 2 | `Documents/JSON` | `nothing` | y |"
        )
        #expect(made.missing(below: DocumentationPages.root) == ["nothing in Documents/JSON"])
    }

    @Test("every lock that has its place in the order is there")
    func locks() throws {
        let page = try #require(DocumentationPages.all().pages["docs/architecture.md"])
        let sources = try RepositoryFiles.all().filter { $0.hasPrefix("Sources/") && $0.hasSuffix(".swift") }.map {
            try String(contentsOf: DocumentationPages.root.appendingPathComponent($0), encoding: .utf8)
        }
        let locks = LockNames(page)
        #expect(locks.names.count >= 10)
        #expect(locks.missing(in: sources) == [])
        let made = LockNames("\n## Locks\n| `A.state`, `B.core` | x |\n")
        #expect(made.missing(in: ["final class A {\n    private let state = Lock(0)\n}"]) == ["B.core"])
    }
}
