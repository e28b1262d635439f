public import Documents
public import GatewayModel

/// One line of `gwe validate --json`: a file and what is wrong with it.
public struct ValidationLine: WireValue {
    /// As it was named on the command line.
    public var file: String
    /// One problem each, with its place; empty for a good file.
    public var problems: [String]
    /// The same problems with their places as members; nil, and left out, only in a line of a gwe that had none.
    public var details: [Problem]?

    /// What is wrong at one place.
    public struct Problem: WireValue {
        /// The file as it is named in the message.
        public var source: String
        /// Counted from 1; nil, and left out, where no one place is to blame.
        public var line: Int?
        /// Counted from 1, in Unicode scalars; nil, and left out, without a line.
        public var column: Int?
        /// Where in the document: `apps.web.version`; nil, and left out, at its root.
        public var path: String?
        /// What is wrong and what was expected, without the place.
        public var message: String

        /// A problem that has no place in a text.
        public init(source: String, message: String) {
            self.source = source
            self.message = message
        }

        /// An error of a document.
        public init(_ error: DocumentError) {
            source = error.source
            line = error.mark?.line
            column = error.mark?.column
            path = error.path.isEmpty ? nil : error.path
            message = error.message
        }
    }

    /// A file that cannot be read, or a good one.
    public init(file: String, problems: [Problem]) {
        self.file = file
        self.problems = problems.map(\.message)
        details = problems
    }

    /// A file with errors.
    public init(file: String, errors: DocumentErrors) {
        self.file = file
        problems = errors.errors.map(\.description)
        details = errors.errors.map(Problem.init)
        if errors.omittedCount > 0 {
            let source = errors.errors.first?.source ?? file
            problems.append("\(source): and \(errors.omittedCount) more")
            details?.append(Problem(source: source, message: "and \(errors.omittedCount) more"))
        }
    }

    /// The line.
    public var json: JSONValue {
        var members = [("file", file.json), ("valid", problems.isEmpty.json), ("problems", problems.json)]
        members.add("details", details)
        return .object(members)
    }

    /// Reads the line; `valid` follows from the problems.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        file = try members.read("file")
        problems = try members.read("problems")
        details = try members.readIfAny("details")
    }
}

extension ValidationLine.Problem {
    /// One element of `details`.
    public var json: JSONValue {
        var members = [("source", source.json)]
        members.add("line", line)
        members.add("column", column)
        members.add("path", path)
        members.append(("message", message.json))
        return .object(members)
    }

    /// Reads one element of `details`.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        source = try members.read("source")
        line = try members.readIfAny("line")
        column = try members.readIfAny("column")
        path = try members.readIfAny("path")
        message = try members.read("message")
    }
}

/// One line of `gwe package check --json`: a package or a buildfile and what was found.
public struct PackageCheckLine: WireValue {
    /// As it was named on the command line.
    public var file: String
    /// In the order of the checks.
    public var findings: [Finding]

    /// What one check found.
    public struct Finding: WireValue {
        /// `pass`, `warn`, `fail`.
        public var level: Word<PackageCheck.Level>
        /// The part that was looked at: `install.sh`, `name`.
        public var subject: String
        /// What is to be said of it.
        public var message: String

        /// A finding of the check.
        public init(_ finding: PackageCheck.Finding) {
            level = Word(finding.level)
            subject = finding.subject
            message = finding.message
        }

        /// One element of `findings`.
        public var json: JSONValue { ["level": level.json, "subject": subject.json, "message": message.json] }

        /// Reads one element of `findings`.
        public init(json: JSONValue) throws(WireError) {
            let members = try Members(of: json)
            level = try members.read("level")
            subject = try members.read("subject")
            message = try members.read("message")
        }
    }

    /// A file that was looked at.
    public init(file: String, findings: [PackageCheck.Finding]) {
        self.file = file
        self.findings = findings.map(Finding.init)
    }

    /// Whether nothing would fail on a gateway.
    public var isGood: Bool { !findings.contains { $0.level.known == .fail } }

    /// The line.
    public var json: JSONValue { ["file": file.json, "ok": isGood.json, "findings": findings.json] }

    /// Reads the line; `ok` follows from the findings.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        file = try members.read("file")
        findings = try members.read("findings")
    }
}
