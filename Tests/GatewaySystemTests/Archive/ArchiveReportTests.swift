import Foundation
import Glibc
import TestSupport
import Testing

@testable import GatewaySystem

/// Archives that broke other programs, from their public reports, made again with the tools that made them.
@Suite struct ArchiveReportTests {
    let scratch = TemporaryFolder()

    struct Report: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// Lines of sh(1) that write the package `$1`.
        var script: String
        /// Paths that are there then, with what they hold; a link is written "-> target".
        var files: [String: String] = [:]
        /// A part of the refusal; nil where the package is taken.
        var refusal: String?
        /// A part of a note.
        var note: String?

        init(
            _ name: String, _ script: String, _ files: [String: String] = [:], note: String? = nil,
            refusal: String? = nil
        ) {
            testDescription = name
            self.script = script
            self.files = files
            self.refusal = refusal
            self.note = note
        }
    }

    private static let kernel = String(repeating: "\0", count: 100_000) + "end"
    private static let big = "0\n" + String(repeating: "\0", count: 1_048_574) + "1\n"
    private static let longName = String(repeating: "n", count: 150)

    static let reports: [Report] = [
        Report(
            "libarchive/libarchive#1381, isaacs/node-tar#398, landley/toybox#457: a name given twice",
            "echo hello > foo; tar -chzf \"$1\" foo foo", ["foo": "hello\n"]),
        Report(
            "megastep/makeself#239: a symlink listed twice",
            "mkdir subdir; ln -s ../a/target subdir/link; touch f; tar -czf \"$1\" f subdir subdir/link",
            ["subdir/link": "-> ../a/target"]),
        Report(
            "anchore/syft#1400: a file appended a second time",
            "echo one > abc; echo x > d; tar -cf t abc d; echo two > abc; tar -rf t ./abc; gzip -c t > \"$1\"",
            ["abc": "two\n", "d": "x\n"]),
        Report(
            "onekey-sec/unblob#314: zeros behind the gzip data",
            "echo x > f; echo y > g; tar -czf \"$1\" f g; truncate -s %512 \"$1\"", ["f": "x\n"]),
        Report(
            "qnap-dev/qdk2#15: other bytes behind the gzip data",
            "echo x > f; tar -czf \"$1\" f; echo garbage >> \"$1\"",
            refusal: "data after the end of the archive at byte "),
        Report(
            "systemd/systemd#16930: two tar files in a row",
            "echo x > f; echo y > g; tar -cf a f; tar -cf b g; cat a b | gzip > \"$1\"",
            refusal: "data after the end of its tar file at byte 10240 "),
        Report(
            "libarchive/libarchive#1357: what pzstd writes",
            """
            echo x > f; echo y > g; tar -cf t f g; head -c 5000 t > a; tail -c +5001 t > b
            for part in a b; do printf '\\120\\052\\115\\030\\004\\000\\000\\000size' >> "$1"; zstd -q -c $part >> "$1"; done
            """, ["f": "x\n", "g": "y\n"]),
        Report(
            "jib/archive-tar-new#34, landley/toybox#469: a sparse file lies under GNUSparseFile.0",
            "truncate -s 100000 kernel; printf end >> kernel; touch f; tar -H posix -Sczf \"$1\" kernel f",
            ["kernel": kernel]),
        Report(
            "composefs/tar-rs#243: a sparse file with content at its end",
            "for i in 0 1; do truncate -s ${i}M big; echo $i >> big; done; touch f; tar -H gnu -Sczf \"$1\" big f",
            ["big": big]),
        Report(
            "conda/conda-build#4869: .DS_Store beside the top folder",
            "mkdir app; echo x > app/Makefile; touch .DS_Store app/.DS_Store; tar -czf \"$1\" .DS_Store app",
            ["Makefile": "x\n"], note: "left out '.DS_Store' and 1 more"),
        Report(
            "charlesvestal/schwung#172, octos-org/octos#155: an AppleDouble file comes first",
            "mkdir module; echo x > module/main; head -c 163 /dev/zero > ._module; tar -czf \"$1\" ._module module",
            ["main": "x\n"], note: "left out '._module'"),
        Report(
            "conda/conda#12829: a file that everybody may write",
            "echo x > f; chmod 666 f; touch g; tar -czf \"$1\" f g", ["f": "x\n"], note: "'f' (mode 0666)"),
        Report(
            "influxdata/telegraf#19075, gebn/bmc_exporter#49: the folder '.' with a mode of its own",
            "mkdir t; echo x > t/f; echo y > t/g; chmod 1750 t; tar -czf \"$1\" -C t .", ["f": "x\n", "g": "y\n"]),
        Report(
            "isaacs/node-tar#7 and #42, fusioninventory/fusioninventory-for-glpi#87: folders without x",
            "mkdir -p a/b; echo x > a/b/f; touch g; tar --mode=0644 -czf \"$1\" a g", ["a/b/f": "x\n"],
            note: "the owner gets read permission on 'a'"),
        Report(
            "fleetdm/fleet#31525, hashicorp/go-extract#40: the global header of git archive",
            """
            git init -q .; echo x > f; git add f; git -c user.name=a -c user.email=b commit -qm c
            git archive --format=tar.gz --prefix=app/ HEAD > "$1"
            """, ["f": "x\n"], note: "group and others lose write permission on 'app/f' (mode 0664)"),
        Report(
            "gronxb/hot-updater#1184, ilbertt/nibrun#513: a long name in a pax header",
            "n=$(printf 'n%.0s' $(seq 150)); echo x > $n; touch f; tar -H posix -czf \"$1\" $n f",
            [longName: "x\n"]),
        Report(
            "composefs/tar-rs#171, wader/fq#86: no blocks of zeros at the end",
            "echo x > f; echo y > g; tar -cf t f g; head -c 2048 t | gzip > \"$1\"", ["f": "x\n", "g": "y\n"]),
        Report(
            "pytraveler/MiniMax-H3-Prompt-Rewriter-ComfyUI#3: links of shared libraries",
            "echo x > lib.so.0.1; ln -s lib.so.0.1 lib.so.0; ln -s lib.so.0 lib.so; tar -czf \"$1\" lib.so lib.so.0 lib.so.0.1",
            ["lib.so": "-> lib.so.0", "lib.so.0.1": "x\n"]),
        Report(
            "buildinspace/peru#232: a link may climb as far as the archive's root",
            "mkdir -p a/b; touch f; ln -s ../../f a/b/l; tar -czf \"$1\" a f", ["a/b/l": "-> ../../f"]),
        Report(
            "buildinspace/peru#232: and not further",
            "mkdir -p a/b; touch f; ln -s ../../../f a/b/l; tar -czf \"$1\" a f",
            refusal: "entry 'a/b/l': a symlink that leads out of the package: '../../../f'"),
        Report(
            "astral-sh/uv#21146: a virtual environment whose interpreter lies in no folder bin",
            "mkdir -p .venv/bin; ln -s /opt/python/3.12/python3 .venv/bin/python; touch f; tar -czf \"$1\" .venv f",
            refusal: "'/opt/python/3.12/python3'; it belongs to a virtual environment of Python"),
        Report(
            "prometheus/node_exporter#976: a symlink, and then a folder of its name",
            "mkdir d; ln -s d n; tar -cf t d n; rm n; mkdir n; tar -rf t n; gzip -c t > \"$1\"",
            refusal: "entry 'n/': something else has its name already"),
        Report(
            "aquaproj/aqua#5001: the size of a sparse file where that of its content should be",
            "truncate -s 100000 s; printf end >> s; tar -H posix -S --pax-option='size:=100003' -czf \"$1\" s",
            refusal: "sparse file"),
    ]

    @Test("is taken as it was meant, or refused with its cause", arguments: reports)
    func report(report: Report) throws {
        let folder = try scratch.folder("desk")
        try TestProcess.shell("umask 022; " + report.script, scratch("package"), directory: folder)
        if let refusal = report.refusal {
            let error = try #require(throws: UnpackError.self) {
                try Unpacker.unpack(from: .file(scratch("package")), into: scratch("r"))
            }
            #expect(error.description.contains(refusal), "\(error)")
            #expect(!FileTree.exists(scratch("r")))
            return
        }
        let unpacked = try Unpacker.unpack(from: .file(scratch("package")), into: scratch("r"))
        for (path, content) in report.files {
            if content.hasPrefix("-> ") {
                #expect(FileTree.linkTarget(scratch("r/\(path)")) == String(content.dropFirst(3)))
            } else {
                #expect(scratch.text("r/\(path)") == content, "\(path) of \(scratch.names("r"))")
            }
        }
        if let note = report.note {
            #expect(unpacked.notes.sentences.contains { $0.contains(note) }, "\(unpacked.notes.sentences)")
        } else {
            #expect(unpacked.notes.sentences.isEmpty, "\(unpacked.notes.sentences)")
        }
        let release = Inventory.Release(app: "a", version: "1", artifactDigest: "", origin: "")
        #expect(Inventory(release, entries: unpacked.entries).verify(scratch("r"), deep: true).isEmpty)
    }
}
