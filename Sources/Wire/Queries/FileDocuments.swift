public import Documents
public import GatewayModel

/// One line of `gwe validate --json`: a file and what is wrong with it.
public struct ValidationLine: WireValue {
    /// As it was named on the command line.
    public var file: String
    /// One problem each, with its place; empty for a good file.
    public var problems: [String]

    /// A file that was looked at.
    public init(file: String, problems: [String]) {
        self.file = file
        self.problems = problems
    }

    /// The line.
    public var json: JSONValue {
        ["file": file.json, "valid": problems.isEmpty.json, "problems": problems.json]
    }

    /// Reads the line; `valid` follows from the problems.
    public init(json: JSONValue) throws(WireError) {
        let members = try Members(of: json)
        file = try members.read("file")
        problems = try members.read("problems")
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
