internal import GatewayModel
internal import GatewaySystem

/// The calls that gwe makes, with their answers as values. `restart` and `shutdown` of supervisord itself are not among
/// them, and never will be: they would end what others run.
struct SupervisordConnection: Sendable {
    let client: SupervisordClient
    let programs: SupervisordPrograms

    init(_ context: GatewayContext) throws(SupervisordFailure) {
        let places = try SupervisordPlaces.find(context.configuration)
        client = SupervisordClient(places: places)
        programs = SupervisordPrograms(places: places, servicesFolder: context.folders.stateFolder + "/services")
    }

    /// Every process, also of programs that have nothing to do with gwe.
    func processes() throws(SupervisordFailure) -> [SupervisordProcess] {
        let answer = try client.call("getAllProcessInfo")
        guard let elements = answer.elements else { throw strange("getAllProcessInfo") }
        var processes: [SupervisordProcess] = []
        for element in elements {
            guard let process = SupervisordProcess(element) else { throw strange("getAllProcessInfo") }
            processes.append(process)
        }
        return processes
    }

    /// The processes of an app: of the group of its name, else those of that name in a `[group:x]` of somebody's.
    static func processes(of app: AppName, among all: [SupervisordProcess]) -> [SupervisordProcess] {
        let group = all.filter { $0.group == app.text }
        return group.isEmpty ? all.filter { $0.name == app.text } : group
    }

    struct Changes: Sendable {
        var added: Set<String>
        var changed: Set<String>
        var removed: Set<String>
    }

    /// Makes supervisord read its files; nothing is started or stopped by it. Says in what they differ from what it runs.
    func reload() throws(SupervisordFailure) -> Changes {
        let answer = try client.call("reloadConfig", retrying: true)
        guard let lists = answer.elements?.first?.elements, lists.count == 3 else { throw strange("reloadConfig") }
        let names = lists.map { Set($0.elements?.compactMap(\.string) ?? []) }
        return Changes(added: names[0], changed: names[1], removed: names[2])
    }

    func add(_ app: AppName) throws(SupervisordFailure) {
        try tolerating(SupervisordFailure.Code.alreadyAdded, "addProcessGroup", [.string(app.text)])
    }

    /// The group must be stopped.
    func drop(_ app: AppName) throws(SupervisordFailure) {
        try tolerating(SupervisordFailure.Code.badName, "removeProcessGroup", [.string(app.text)])
    }

    /// Returns at once; what comes of it is in the processes' states. Throws what keeps it from being tried at all: no
    /// such program, not executable.
    func start(_ process: SupervisordProcess) throws(SupervisordFailure) {
        try tolerating(
            SupervisordFailure.Code.alreadyStarted, "startProcess", [.string(process.specification), .bool(false)])
    }

    /// Returns at once.
    func stop(_ process: SupervisordProcess) throws(SupervisordFailure) {
        try tolerating(
            SupervisordFailure.Code.notRunning, "stopProcess", [.string(process.specification), .bool(false)])
    }

    /// Asks for nothing but an answer.
    func ping() throws(SupervisordFailure) { _ = try client.call("getState") }

    private func tolerating(_ code: Int64, _ method: String, _ parameters: [XMLRPCValue]) throws(SupervisordFailure) {
        do throws(SupervisordFailure) {
            _ = try client.call(method, parameters, retrying: true)
        } catch {
            if error.code != code { throw error }
        }
    }

    private func strange(_ method: String) -> SupervisordFailure {
        .strange("cannot use \(client.places.address): its answer to \(method) is not supervisord's")
    }
}
