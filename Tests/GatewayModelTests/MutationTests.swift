import Documents
import Foundation
import GatewayModel
import GatewaySystem
import Testing

@Suite("Damaged documents")
struct MutationTests {
    /// Good documents with bytes flipped, cut, doubled and moved about: each is read or refused, none crashes, and what
    /// is read can be stored and read again.
    @Test("a damaged document is read or refused with its place", arguments: CorpusDocument.all("Manifests"))
    func damage(document: CorpusDocument) throws {
        let original = try document.bytes()
        var generator = LayerGenerator(seed: UInt64(original.count))
        var (accepted, refused) = (0, 0)
        for _ in 0..<400 {
            var bytes = original
            for _ in 0...Int.random(in: 0..<4, using: &generator) { mutate(&bytes, with: &generator) }
            do throws(DocumentErrors) {
                let layer = try layer(of: document, bytes: bytes)
                if let layer {
                    let again = try Layer.stored(layer.canonicalJSON().text(), source: "journal", origin: .cloud)
                    #expect(again == layer, "\(String(decoding: bytes, as: UTF8.self))")
                }
                accepted += 1
            } catch {
                #expect(!error.errors.isEmpty && error.errors.allSatisfy { $0.mark != nil && !$0.message.isEmpty })
                refused += 1
            }
        }
        #expect(accepted > 0 && refused > 0)
    }

    private func layer(of document: CorpusDocument, bytes: [UInt8]) throws(DocumentErrors) -> Layer? {
        guard document.isFetch || document.isOtau else {
            return try ManifestDecoder.decode(bytes, source: document.name, kind: .cloud, yaml: YAML.read)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let command =
            document.isOtau
            ? try ConfigOtau.decode(text, yaml: YAML.read)?.command ?? .empty
            : try EngineFetch.decode(text, yaml: YAML.read)
        var layer = Layer()
        if case .install(let entries, let remove) = command {
            layer.apply(install: entries, remove: remove, commandNumber: 1)
        }
        return layer
    }

    private func mutate(_ bytes: inout [UInt8], with generator: inout LayerGenerator) {
        let here = Int.random(in: 0..<max(1, bytes.count), using: &generator)
        guard bytes.indices.contains(here) else { return bytes.append(0x2D) }
        switch generator.next() % 6 {
        case 0: bytes[here] = UInt8(truncatingIfNeeded: generator.next())
        case 1: bytes[here] = Array("\"'{}[]:,&*!#-\n\t 0".utf8).randomElement(using: &generator) ?? 0
        case 2: bytes.remove(at: here)
        case 3: bytes.insert(bytes[here], at: here)
        case 4: bytes.removeSubrange(here..<min(bytes.count, here + Int(generator.next() % 20)))
        default: bytes.swapAt(here, Int.random(in: 0..<bytes.count, using: &generator))
        }
    }
}
