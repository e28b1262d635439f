internal import CArchive
internal import CCrypto
// Goes with the first file that uses each of them.
func unused() { _ = archive_version_number(); _ = EVP_sha256() }
