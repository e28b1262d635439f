internal import Documents

extension PolicyLayer {
    static let keys = [
        "keep_versions", "require_signature", "allow_downgrade", "allow_setuid", "window", "bandwidth", "precedence",
        "atomic", "log_budget", "log_rate", "data_budget", "environment",
    ]

    /// Reads the `policy` mapping of a manifest; what is wrong goes to the field's problems.
    static func decode(_ field: Field) -> PolicyLayer? {
        guard let fields = Fields(field, keys: keys) else { return nil }
        var policy = PolicyLayer()
        policy.keepVersions = fields.field("keep_versions")?.integer(in: 1...100).map { Int($0) }
        policy.requireSignature = fields.field("require_signature")?.bool()
        policy.allowDowngrade = fields.field("allow_downgrade")?.bool()
        policy.allowSetuid = fields.field("allow_setuid")?.bool()
        policy.window = fields.field("window").flatMap { field in
            guard let window = field.node.string.flatMap(Quantities.window) else {
                field.expected(Quantities.windowForm)
                return nil
            }
            return window
        }
        policy.bandwidth = fields.field("bandwidth")?.amount(Quantities.rateForm, Quantities.rate)
        policy.precedence = fields.field("precedence")?.choice(of: Policy.Precedence.allCases.map(\.rawValue))
            .flatMap(Policy.Precedence.init)
        policy.atomic = fields.field("atomic")?.choice(of: Policy.Atomicity.allCases.map(\.rawValue))
            .flatMap(Policy.Atomicity.init)
        policy.logBudget = fields.field("log_budget")?.amount(Quantities.byteCountForm) { Quantities.byteCount($0) }
        policy.logRate = fields.field("log_rate").flatMap { field in
            if field.node.string == "unlimited" { return Policy.unlimitedLogRate }
            return field.integer(in: 1...Int64(Policy.unlimitedLogRate)).map { Int($0) }
        }
        policy.dataBudget = fields.field("data_budget").flatMap(dataBudget)
        policy.environment = fields.field("environment")?.choice(of: Policy.Environment.allCases.map(\.rawValue))
            .flatMap(Policy.Environment.init)
        return policy
    }

    private static func dataBudget(_ field: Field) -> [String: DataBudget]? {
        guard let entries = field.mapping("a mapping of interfaces to budgets") else { return nil }
        var budgets: [String: DataBudget] = [:]
        for entry in entries {
            let child = Field(
                entry.node, keyMark: entry.keyMark, path: field.path.child(entry.key), problems: field.problems)
            // IFNAMSIZ is 16 with its NUL (netdevice(7)); the kernel refuses / and white space.
            let bad = entry.key.unicodeScalars.contains {
                // A pattern would be a budget for no interface at all.
                "/*?[]".unicodeScalars.contains($0) || $0.value <= 0x20 || $0.value >= 0x7F
            }
            guard !bad, (1...15).contains(entry.key.utf8.count) else {
                field.problems.report(
                    "no name of a network interface: 1 to 15 ASCII characters", at: entry.keyMark, path: child.path)
                continue
            }
            guard let budget = entry.node.string.flatMap(Quantities.budget) else {
                child.expected(Quantities.budgetForm)
                continue
            }
            budgets[entry.key] = budget
        }
        return budgets
    }
}
