internal import CArchive
// Goes with the first file that uses each of them.
func unused() { _ = archive_version_number() }
