import GatewaySystem
import Testing

@Suite("Words of the database") struct DatabaseWordsTests {
    private func words(_ code: Int32, _ message: String) -> String {
        "\(DatabaseError(#"run "INSERT INTO layer (name) VALUES (?)" in database"#, path: "/s/journal.db", code: code, message: message))"
    }

    @Test("SQL is shown of a statement that is wrong, and of no other failure")
    func sql() {
        #expect(words(5, "Database is locked") == "cannot write /s/journal.db: database is locked (5)")
        #expect(
            words(11, "database disk image is malformed")
                == "cannot write /s/journal.db: database disk image is malformed (11)")
        #expect(words(1, "no such table: layer").contains("INSERT INTO layer"))
        #expect(words(19, "UNIQUE constraint failed").contains("INSERT INTO layer"))
    }
}
