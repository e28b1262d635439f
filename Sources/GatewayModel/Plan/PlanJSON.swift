public import Documents

extension Plan {
    /// The plan as `gwe reconcile --json` prints it: additive changes only.
    public var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("type", "plan"), ("schema", "gwe/v1"),
            (
                "drift",
                .object(drift.keys.sorted().map { name in (name.text, .array((drift[name] ?? []).map(\.json))) })
            ),
            ("apps", .array(apps.map(\.json))),
            ("in_sync", .array(inSync.sorted().map { .string($0.text) })),
            ("errors", .array(errors.map(JSONValue.string))),
            ("notes", .array(notes.map(JSONValue.string))),
            ("changes", .int(Int64(work.count))),
            ("summary", .string(footer)),
        ]
        if let shortfall {
            members.append(
                (
                    "shortfall",
                    ["needed_bytes": .int(shortfall.neededByteCount), "free_bytes": .int(shortfall.freeByteCount)]
                ))
        }
        return .object(members)
    }
}

extension AppPlan {
    public var json: JSONValue {
        var members: [(String, JSONValue)] = [
            ("app", .string(app.text)), ("action", .string(action.rawValue)), ("symbol", .string(action.symbol)),
            ("reason", .string(reason)), ("source", .string(origin.description)),
            ("from", installed.map { .string($0.version.text) } ?? .null),
            ("to", action == .remove ? .null : wish.map { .string($0.version.text) } ?? .null),
            ("steps", .array(steps.map { .string($0.rawValue) })),
            ("download_bytes", downloadByteCount.map(JSONValue.int) ?? .null),
            ("disk_bytes", diskByteCount.map(JSONValue.int) ?? .null),
            ("interrupts", .bool(interrupts)),
        ]
        if let deferral { members.append(("deferred", .string(deferral))) }
        if defersDownload { members.append(("download_deferred", true)) }
        if let quarantine {
            let wait = max(0, quarantine.remaining.components.seconds)
            members.append(("quarantine", ["failures": .int(Int64(quarantine.attempts)), "retry_in_s": .int(wait)]))
        }
        return .object(members)
    }
}

extension Drift {
    public var json: JSONValue {
        ["kind": .string(word), "message": .string(description)]
    }
}
