// libarchive's tar writer calls one function of the file that also holds the table of all formats. Linked statically,
// that table pulls in the writer for xar, and with it libxml2 and 30 MB of ICU. With the function defined here the
// table stays out. TarWriter writes regular files, folders and symlinks only, which every format supports, so the call
// is never made.
struct archive;
struct archive_entry;

void __archive_write_entry_filetype_unsupported(
    struct archive *archive, struct archive_entry *entry, const char *format) {
    (void)archive;
    (void)entry;
    (void)format;
}
