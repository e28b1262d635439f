/// What an operator may tell an app: the last part of `POST /v1/apps/{app}/{verb}`, and a command of `gwe`.
public enum AppVerb: String, Sendable, Hashable, CaseIterable {
    case start, stop, restart, hold, unhold
}
