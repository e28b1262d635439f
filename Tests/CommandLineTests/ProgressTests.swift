import GatewayModel
import Testing
import Wire

@testable import gwe

@Suite("Progress") struct ProgressTests {
    private func app(_ name: String) throws -> AppName { try #require(AppName(name)) }

    private func step(_ app: AppName, _ step: Step, _ outcome: StepOutcome) -> PassLine.StepLine {
        .init(app: app, step: Word(step), outcome: Word(outcome), message: "")
    }

    @Test("a download has count, part, rate and time left, each as far as it is known")
    func download() throws {
        let web = try app("web")
        func text(_ bytes: Int64, of total: Int64?, counted: Int64, in time: Duration, _ position: String? = nil)
            -> String
        {
            ProgressLine.text(
                .init(app: web, byteCount: bytes, total: total), position, counted: counted, in: time, isUTF8: false)
        }
        #expect(
            text(5 << 20, of: 10 << 20, counted: 4 << 20, in: .seconds(4), "3 of 30")
                == "[3 of 30] web: ############............ 50 % of 10.0 MiB, 1.0 MiB/s, 5 s left")
        #expect(text(5 << 20, of: nil, counted: 4 << 20, in: .seconds(4)) == "web: 5.0 MiB, 1.0 MiB/s")
        // A resumed download: what was here before is no rate, and neither is what came in the first moment.
        #expect(text(5 << 20, of: nil, counted: 0, in: .seconds(4)) == "web: 5.0 MiB")
        #expect(text(5 << 20, of: nil, counted: 1 << 20, in: .milliseconds(10)) == "web: 5.0 MiB")
        #expect(text(9, of: 3, counted: 9, in: .seconds(1)).hasSuffix("100 % of 3 B, 9 B/s"))
        #expect(text(1, of: .max, counted: 1, in: .seconds(1_000_000)).hasSuffix("left"))
    }

    @Test(
        "apps are counted once for fetching and once for the rest; what failed is over, and what waits is not counted")
    func positions() throws {
        let (a, b, c, d) = (try app("a"), try app("b"), try app("c"), try app("d"))
        var plan = Plan()
        plan.apps = [a, b, c].map {
            AppPlan(
                app: $0, action: .install, reason: "not installed", origin: .cloud, steps: [.download, .unpack, .start])
        }
        plan.apps[2].steps = [.start]
        plan.apps.append(
            AppPlan(
                app: d, action: .upgrade, reason: "x", origin: .cloud, steps: [.download, .start], deferral: "later"))
        var position = PassPosition(PlanDocument(plan))
        #expect(position.words(a, isFetch: true) == "1 of 2" && position.words(d, isFetch: true) == nil)
        position.note(step(a, .download, .done))
        position.note(step(a, .unpack, .done))
        #expect(position.words(b, isFetch: true) == "2 of 2" && position.words(b, isFetch: false) == "1 of 3")
        position.note(step(b, .download, .failed))
        position.note(step(a, .start, .started))
        #expect(position.words(a, isFetch: false) == "2 of 3")
        position.note(step(a, .start, .done))
        #expect(position.words(c, isFetch: false) == "3 of 3")
        #expect(PassPosition().words(a, isFetch: true) == nil)
    }
}
