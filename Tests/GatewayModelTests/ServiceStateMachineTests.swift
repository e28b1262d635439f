import GatewayModel
import Testing

@Suite struct ServiceStateMachineTests {
    typealias Event = ServiceStateMachine.Event
    typealias Action = ServiceStateMachine.Action

    /// startsecs 1, stopwaitsecs 10, autorestart unexpected, no startretries.
    private func machine(
        restart: ServiceDefinition.Restart = .unexpected, startSeconds: Int = 1, retries: Int? = nil
    ) throws -> ServiceStateMachine {
        let app = try #require(AppName("app"))
        var definition = ServiceDefinition(
            app: app, command: ["app"], context: .init(release: "1", directory: "/", logFolder: "/"))
        definition.restart = restart
        definition.startSeconds = startSeconds
        definition.startRetries = retries
        return ServiceStateMachine(rules: .init(definition))
    }

    /// A machine in a state, by the shortest way.
    private func machine(in state: ServiceState, retries: Int? = nil) throws -> ServiceStateMachine {
        let ways: [ServiceState: [Event]] = [
            .stopped: [], .starting: [.start, .spawned], .running: [.start, .spawned, .timer],
            .backoff: [.start, .spawned, .ended(.code(1), uptime: .zero)],
            .stopping: [.start, .spawned, .stop],
            .exited: [.start, .spawned, .timer, .ended(.code(0), uptime: .seconds(2))],
            .fatal: [.start, .spawnFailed(permanent: true)], .unknown: [.start, .spawned, .stop, .signalFailed],
        ]
        var machine = try machine(retries: retries)
        for event in try #require(ways[state]) { _ = machine.handle(event, randomness: 1) }
        #expect(machine.state == state)
        return machine
    }

    private static let stopping: [Action] = [.signalStop, .setTimer(.seconds(10))]
    private static let firstDelay: [Action] = [.setTimer(.milliseconds(100))]
    private static let spawn: [Action] = [.cancelTimer, .spawn]
    private static let short = Event.ended(.code(1), uptime: .milliseconds(500))
    private static let long = Event.ended(.code(1), uptime: .seconds(5))
    private static let done = Event.ended(.code(0), uptime: .seconds(5))

    /// Every state with every kind of event: the state after it and the actions.
    static let table: [(ServiceState, Event, ServiceState, [Action])] = [
        (.stopped, .start, .starting, spawn),
        (.stopped, .stop, .stopped, [.cancelTimer]),
        (.stopped, .restart, .starting, spawn),
        (.stopped, .spawned, .stopping, stopping),
        (.stopped, .spawnFailed(permanent: false), .stopped, []),
        (.stopped, .spawnPostponed, .stopped, []),
        (.stopped, .spawnFailed(permanent: true), .stopped, []),
        (.stopped, .adopted(uptime: .seconds(9)), .running, [.cancelTimer]),
        (.stopped, .adopted(uptime: .zero), .starting, [.setTimer(.seconds(1))]),
        (.stopped, short, .stopped, []), (.stopped, long, .stopped, []), (.stopped, done, .stopped, []),
        (.stopped, .unhealthy(healthyFor: nil), .stopped, []), (.stopped, .unhealthy(healthyFor: .zero), .stopped, []),
        (.stopped, .timer, .stopped, []), (.stopped, .signalFailed, .stopped, []),

        (.starting, .start, .starting, []),
        (.starting, .stop, .stopping, stopping),
        (.starting, .restart, .stopping, stopping),
        (.starting, .spawned, .starting, [.setTimer(.seconds(1))]),
        (.starting, .spawnFailed(permanent: false), .backoff, firstDelay),
        (.starting, .spawnPostponed, .backoff, firstDelay),
        (.starting, .spawnFailed(permanent: true), .fatal, [.cancelTimer]),
        (.starting, .adopted(uptime: .seconds(9)), .running, [.cancelTimer]),
        (.starting, .adopted(uptime: .zero), .starting, [.setTimer(.seconds(1))]),
        (.starting, short, .backoff, firstDelay), (.starting, long, .starting, spawn),
        (.starting, done, .exited, [.cancelTimer]),
        (.starting, .unhealthy(healthyFor: nil), .stopping, stopping),
        (.starting, .unhealthy(healthyFor: .zero), .stopping, stopping),
        (.starting, .timer, .running, []), (.starting, .signalFailed, .starting, []),

        (.running, .start, .running, []),
        (.running, .stop, .stopping, stopping),
        (.running, .restart, .stopping, stopping),
        (.running, .spawned, .running, []),
        (.running, .spawnFailed(permanent: false), .running, []),
        (.running, .spawnPostponed, .running, []),
        (.running, .spawnFailed(permanent: true), .running, []),
        (.running, .adopted(uptime: .seconds(9)), .running, []),
        (.running, .adopted(uptime: .zero), .running, []),
        (.running, short, .starting, spawn), (.running, long, .starting, spawn),
        (.running, done, .exited, [.cancelTimer]),
        (.running, .unhealthy(healthyFor: nil), .stopping, stopping),
        (.running, .unhealthy(healthyFor: .zero), .stopping, stopping),
        (.running, .timer, .running, []), (.running, .signalFailed, .running, []),

        (.backoff, .start, .starting, spawn),
        (.backoff, .stop, .stopped, [.cancelTimer]),
        (.backoff, .restart, .starting, spawn),
        (.backoff, .spawned, .stopping, stopping),
        (.backoff, .spawnFailed(permanent: false), .backoff, []),
        (.backoff, .spawnPostponed, .backoff, []),
        (.backoff, .spawnFailed(permanent: true), .backoff, []),
        (.backoff, .adopted(uptime: .seconds(9)), .running, [.cancelTimer]),
        (.backoff, .adopted(uptime: .zero), .starting, [.setTimer(.seconds(1))]),
        (.backoff, short, .backoff, []), (.backoff, long, .backoff, []), (.backoff, done, .backoff, []),
        (.backoff, .unhealthy(healthyFor: nil), .backoff, []), (.backoff, .unhealthy(healthyFor: .zero), .backoff, []),
        (.backoff, .timer, .starting, [.spawn]), (.backoff, .signalFailed, .backoff, []),

        (.stopping, .start, .stopping, []),
        (.stopping, .stop, .stopping, []),
        (.stopping, .restart, .stopping, []),
        (.stopping, .spawned, .stopping, []),
        (.stopping, .spawnFailed(permanent: false), .stopping, []),
        (.stopping, .spawnPostponed, .stopping, []),
        (.stopping, .spawnFailed(permanent: true), .stopping, []),
        (.stopping, .adopted(uptime: .seconds(9)), .stopping, []),
        (.stopping, .adopted(uptime: .zero), .stopping, []),
        (.stopping, short, .stopped, [.cancelTimer]), (.stopping, long, .stopped, [.cancelTimer]),
        (.stopping, done, .stopped, [.cancelTimer]),
        (.stopping, .unhealthy(healthyFor: nil), .stopping, []),
        (.stopping, .unhealthy(healthyFor: .zero), .stopping, []),
        (.stopping, .timer, .stopping, [.kill, .setTimer(.seconds(10))]),
        (.stopping, .signalFailed, .unknown, [.cancelTimer]),

        (.exited, .start, .starting, spawn),
        (.exited, .stop, .stopped, [.cancelTimer]),
        (.exited, .restart, .starting, spawn),
        (.exited, .spawned, .stopping, stopping),
        (.exited, .spawnFailed(permanent: false), .exited, []),
        (.exited, .spawnPostponed, .exited, []),
        (.exited, .spawnFailed(permanent: true), .exited, []),
        (.exited, .adopted(uptime: .seconds(9)), .running, [.cancelTimer]),
        (.exited, .adopted(uptime: .zero), .starting, [.setTimer(.seconds(1))]),
        (.exited, short, .exited, []), (.exited, long, .exited, []), (.exited, done, .exited, []),
        (.exited, .unhealthy(healthyFor: nil), .exited, []), (.exited, .unhealthy(healthyFor: .zero), .exited, []),
        (.exited, .timer, .exited, []), (.exited, .signalFailed, .exited, []),

        (.fatal, .start, .starting, spawn),
        (.fatal, .stop, .stopped, [.cancelTimer]),
        (.fatal, .restart, .starting, spawn),
        (.fatal, .spawned, .stopping, stopping),
        (.fatal, .spawnFailed(permanent: false), .fatal, []),
        (.fatal, .spawnPostponed, .fatal, []),
        (.fatal, .spawnFailed(permanent: true), .fatal, []),
        (.fatal, .adopted(uptime: .seconds(9)), .running, [.cancelTimer]),
        (.fatal, .adopted(uptime: .zero), .starting, [.setTimer(.seconds(1))]),
        (.fatal, short, .fatal, []), (.fatal, long, .fatal, []), (.fatal, done, .fatal, []),
        (.fatal, .unhealthy(healthyFor: nil), .fatal, []), (.fatal, .unhealthy(healthyFor: .zero), .fatal, []),
        (.fatal, .timer, .fatal, []), (.fatal, .signalFailed, .fatal, []),

        (.unknown, .start, .unknown, []),
        (.unknown, .stop, .stopping, stopping),
        (.unknown, .restart, .stopping, stopping),
        (.unknown, .spawned, .unknown, []),
        (.unknown, .spawnFailed(permanent: false), .unknown, []),
        (.unknown, .spawnPostponed, .unknown, []),
        (.unknown, .spawnFailed(permanent: true), .unknown, []),
        (.unknown, .adopted(uptime: .seconds(9)), .unknown, []),
        (.unknown, .adopted(uptime: .zero), .unknown, []),
        (.unknown, short, .stopped, [.cancelTimer]), (.unknown, long, .stopped, [.cancelTimer]),
        (.unknown, done, .stopped, [.cancelTimer]),
        (.unknown, .unhealthy(healthyFor: nil), .unknown, []), (.unknown, .unhealthy(healthyFor: .zero), .unknown, []),
        (.unknown, .timer, .unknown, []), (.unknown, .signalFailed, .unknown, []),
    ]

    @Test("every state and event pair is decided", arguments: table.indices)
    func pair(_ index: Int) throws {
        let (before, event, after, actions) = ServiceStateMachineTests.table[index]
        var machine = try machine(in: before)
        let got = machine.handle(event, randomness: 1)
        #expect(machine.state == after && got == actions, "\(before.rawValue) and \(event)")
    }

    @Test("the table names every pair")
    func tableIsComplete() {
        #expect(ServiceStateMachineTests.table.count == ServiceState.allCases.count * 16)
        let pairs = Set(ServiceStateMachineTests.table.map { "\($0.0) \($0.1)" })
        #expect(pairs.count == ServiceStateMachineTests.table.count)
    }

    @Test("a restart comes up again when the stop is done, a stop meanwhile takes that back")
    func restart() throws {
        var first = try machine(in: .running)
        #expect(first.handle(.restart, randomness: 1) == ServiceStateMachineTests.stopping)
        #expect(first.handle(ServiceStateMachineTests.done, randomness: 1) == ServiceStateMachineTests.spawn)
        #expect(first.state == .starting)

        var second = try machine(in: .running)
        _ = second.handle(.restart, randomness: 1)
        _ = second.handle(.stop, randomness: 1)
        #expect(second.handle(ServiceStateMachineTests.done, randomness: 1) == [.cancelTimer])
        #expect(second.state == .stopped)
    }

    @Test("without startretries it is never given up, and the delay ends at five minutes")
    func neverGivesUp() throws {
        var machine = try machine(in: .starting)
        var last: [Action] = []
        for _ in 0..<1_000 {
            last = machine.handle(.ended(.code(1), uptime: .zero), randomness: 1)
            #expect(machine.state == .backoff)
            _ = machine.handle(.timer, randomness: 1)
            _ = machine.handle(.spawned, randomness: 1)
        }
        #expect(last == [.setTimer(.seconds(300))])
    }

    @Test("what the machine had no room for is tried again and again, ever more rarely, whatever startretries says")
    func postponed() throws {
        var machine = try machine(retries: 0)
        _ = machine.handle(.start, randomness: 1)
        var last: [Action] = []
        for _ in 0..<100 {
            last = machine.handle(.spawnPostponed, randomness: 1)
            #expect(machine.state == .backoff && machine.failedStarts == 0)
            _ = machine.handle(.timer, randomness: 1)
        }
        #expect(last == [.setTimer(.seconds(300))])
    }

    @Test("with startretries=2 the third failed start is fatal, and a person's start tries anew")
    func givesUp() throws {
        var machine = try machine(retries: 2)
        _ = machine.handle(.start, randomness: 1)
        for state in [ServiceState.backoff, .backoff, .fatal] {
            _ = machine.handle(.spawned, randomness: 1)
            _ = machine.handle(.ended(.code(1), uptime: .zero), randomness: 1)
            #expect(machine.state == state)
            if state == .backoff { _ = machine.handle(.timer, randomness: 1) }
        }
        #expect(machine.handle(.start, randomness: 1) == ServiceStateMachineTests.spawn)
        #expect(machine.failedStarts == 0)
    }

    @Test("an app that was up is restarted at once; one that keeps crashing soon after waits longer and longer")
    func flapping() throws {
        var machine = try machine(in: .running)
        #expect(
            machine.handle(.ended(.signal(11), uptime: .seconds(600)), randomness: 1) == ServiceStateMachineTests.spawn)
        for delay in [100, 200, 400, 800] {
            _ = machine.handle(.spawned, randomness: 1)
            _ = machine.handle(.timer, randomness: 1)
            #expect(machine.state == .running)
            let actions = machine.handle(.ended(.signal(11), uptime: .seconds(5)), randomness: 1)
            #expect(machine.state == .backoff && actions == [.setTimer(.milliseconds(delay))])
            _ = machine.handle(.timer, randomness: 1)
        }
        _ = machine.handle(.spawned, randomness: 1)
        _ = machine.handle(.timer, randomness: 1)
        #expect(
            machine.handle(.ended(.signal(11), uptime: .seconds(60)), randomness: 1) == ServiceStateMachineTests.spawn)
    }

    @Test("a job that ends as expected and shall always run is run again at once, but cannot spin")
    func job() throws {
        var machine = try machine(restart: .always, startSeconds: 0)
        _ = machine.handle(.start, randomness: 1)
        for _ in 0..<10 {
            _ = machine.handle(.spawned, randomness: 1)
            #expect(machine.state == .running)
            #expect(
                machine.handle(.ended(.code(0), uptime: .seconds(2)), randomness: 1) == ServiceStateMachineTests.spawn)
        }
        _ = machine.handle(.spawned, randomness: 1)
        _ = machine.handle(.ended(.code(0), uptime: .zero), randomness: 1)
        _ = machine.handle(.spawned, randomness: 1)
        _ = machine.handle(.ended(.code(0), uptime: .zero), randomness: 1)
        #expect(machine.state == .backoff)
    }

    @Test("the unknown end of an adopted process counts as unexpected")
    func adoptedEnd() throws {
        var machine = try machine()
        _ = machine.handle(.adopted(uptime: .seconds(100)), randomness: 1)
        #expect(
            machine.handle(.ended(.unknown, uptime: .seconds(200)), randomness: 1) == ServiceStateMachineTests.spawn)
    }

    @Test("with autorestart=false a process stays down whatever its end")
    func never() throws {
        for event in [ServiceStateMachineTests.short, ServiceStateMachineTests.long, ServiceStateMachineTests.done] {
            var machine = try machine(restart: .never)
            _ = machine.handle(.start, randomness: 1)
            _ = machine.handle(.spawned, randomness: 1)
            _ = machine.handle(event, randomness: 1)
            #expect(machine.state == .exited)
        }
    }

    /// Becomes unhealthy when it runs, stops, and what happens then.
    private func unhealthy(_ machine: inout ServiceStateMachine, healthyFor: Duration?) -> [Action] {
        #expect(machine.handle(.unhealthy(healthyFor: healthyFor), randomness: 1) == ServiceStateMachineTests.stopping)
        return machine.handle(.ended(.signal(15), uptime: .seconds(600)), randomness: 1)
    }

    private func comeUp(_ machine: inout ServiceStateMachine) {
        if machine.state == .backoff { _ = machine.handle(.timer, randomness: 1) }
        _ = machine.handle(.spawned, randomness: 1)
        _ = machine.handle(.timer, randomness: 1)
        #expect(machine.state == .running)
    }

    @Test("an unhealthy app is restarted at once the first time, then ever more rarely, and never given up")
    func unhealthyDelays() throws {
        var machine = try machine(in: .running)
        #expect(unhealthy(&machine, healthyFor: .seconds(600)) == ServiceStateMachineTests.spawn)
        var last: [Action] = []
        for number in 0..<20 {
            comeUp(&machine)
            last = unhealthy(&machine, healthyFor: number == 3 ? .seconds(5) : nil)
            #expect(machine.state == .backoff)
            if number < 3 { #expect(last == [.setTimer(.milliseconds(100 << number))]) }
        }
        #expect(last == [.setTimer(.seconds(300))])
        comeUp(&machine)
        #expect(unhealthy(&machine, healthyFor: .seconds(60)) == ServiceStateMachineTests.spawn)
    }

    @Test("with startretries=1 the second start after which it is never healthy is fatal; one that was healthy is none")
    func unhealthyGivesUp() throws {
        var machine = try machine(in: .running, retries: 1)
        for (healthyFor, state) in [
            (Duration?.none, ServiceState.starting), (.seconds(1), .backoff), (nil, .backoff), (nil, .fatal),
        ] {
            _ = unhealthy(&machine, healthyFor: healthyFor)
            #expect(machine.state == state)
            if state != .fatal { comeUp(&machine) }
        }
        #expect(machine.handle(.start, randomness: 1) == ServiceStateMachineTests.spawn)
    }

    @Test("with autorestart=false an unhealthy app runs on")
    func unhealthyNever() throws {
        var machine = try machine(restart: .never)
        _ = machine.handle(.start, randomness: 1)
        comeUp(&machine)
        #expect(machine.handle(.unhealthy(healthyFor: nil), randomness: 1) == [])
        #expect(machine.state == .running)
    }

    @Test("a stop that comes while an unhealthy app is stopping wins, and so does a start")
    func unhealthyAndPerson() throws {
        var stopped = try machine(in: .running)
        _ = stopped.handle(.unhealthy(healthyFor: nil), randomness: 1)
        _ = stopped.handle(.stop, randomness: 1)
        #expect(stopped.handle(ServiceStateMachineTests.done, randomness: 1) == [.cancelTimer])
        #expect(stopped.state == .stopped)

        var started = try machine(in: .running)
        for _ in 0..<3 {
            _ = unhealthy(&started, healthyFor: nil)
            comeUp(&started)
        }
        _ = started.handle(.unhealthy(healthyFor: nil), randomness: 1)
        _ = started.handle(.start, randomness: 1)
        #expect(started.handle(ServiceStateMachineTests.done, randomness: 1) == ServiceStateMachineTests.spawn)
        #expect(started.failures == 0)
    }
}
