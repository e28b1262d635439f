internal import CArchive
internal import CCrypto
internal import CLinux
internal import CMicroHTTP
// Goes with the first file that uses each of them.
func unused() { _ = archive_version_number(); _ = EVP_sha256(); _ = gwe_syncfs(0); _ = MHD_get_version(); }
