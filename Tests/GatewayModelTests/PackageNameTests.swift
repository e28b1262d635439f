import GatewayModel
import Testing

@Suite struct PackageNameTests {
    @Test(
        "names that Gateway Engine's documentation uses are read as it read them",
        arguments: [
            ("test_app.v1.tar.gz", "test_app", "1"),
            ("your_app.v1.2.3.tar.gz", "your_app", "1.2.3"),
            ("gwe.v1.5.RC68.tar.gz", "gwe", "1.5.RC68"),
            ("gmq.v1_8d09124.tar.gz", "gmq", "1_8d09124"),
            ("device-client.v1-4-13.tar.gz", "device-client", "1-4-13"),
            ("elementtree.v126-20050316.tar.gz", "elementtree", "126-20050316"),
        ])
    func documented(fileName: String, name: String, version: String) throws {
        let package = try PackageName.parse(fileName)
        #expect(package.name.text == name)
        #expect(package.version.text == version)
        #expect(package.compression == .gzip)
        #expect(package.fileName == fileName)
    }

    @Test("the ending tells the compression")
    func compression() throws {
        #expect(try PackageName.parse("a.v1.tar.zst").compression == .zstd)
        #expect(try PackageName.parse("a.v1.tar.xz").compression == .xz)
    }

    @Test("a version may itself look like a package's ending")
    func strangeVersion() throws {
        #expect(try PackageName.parse("a.v1.tar.gz.v2.tar.gz").version.text == "1.tar.gz.v2")
    }

    @Test(
        "what is no package's name is refused with the part that is wrong",
        arguments: [
            ("", "it is empty"),
            ("/tmp/a.v1.tar.gz", "it is a path"),
            ("../a.v1.tar.gz", "it is a path"),
            ("my app.v1.tar.gz", "white space"),
            ("a.v1\u{A0}.tar.gz", "U+00A0 no-break space"),
            ("a.v1.tgz", "write .tar.gz"),
            ("a.v1.tar", "does not end in"),
            ("a.v1.zip", "does not end in"),
            ("a.tar.gz", "no '.v<version>'"),
            ("a.1.tar.gz", "must follow"),
            ("a.b.v1.tar.gz", "must follow"),
            (".v1.tar.gz", "the app's name must be"),
            ("ä.v1.tar.gz", "the app's name must be"),
            ("a.v.tar.gz", "the version must be"),
            ("a.v...tar.gz", "the version must be"),
            ("a.v1\u{7}.tar.gz", "U+0007 bell"),
        ])
    func refused(fileName: String, reason: String) {
        let error = #expect(throws: PackageNameError.self) { try PackageName.parse(fileName) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "none")")
    }

    @Test("gwe's own names are reserved")
    func reserved() throws {
        #expect(try PackageName.parse("device-client.v1.tar.gz").isReserved)
        #expect(try !PackageName.parse("gwe-demo.v1.tar.gz").isReserved)
    }
}
