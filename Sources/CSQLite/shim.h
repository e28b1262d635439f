#pragma once
#include <sqlite3.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/stat.h>
#include <unistd.h>
// SQLITE_TRANSIENT is a cast macro, which Swift does not import.
static inline int gwe_sqlite_bind_text(sqlite3_stmt *s, int i, const char *t, int n) { return sqlite3_bind_text(s, i, t, n, SQLITE_TRANSIENT); }
static inline int gwe_sqlite_bind_blob(sqlite3_stmt *s, int i, const void *b, int n) { return sqlite3_bind_blob(s, i, b, n, SQLITE_TRANSIENT); }
// sqlite3_config is variadic, which Swift does not import. Only before the first database is opened (SQLITE_MISUSE later).
static inline int gwe_sqlite_set_log(void (*log)(void *, int, const char *)) { return sqlite3_config(SQLITE_CONFIG_LOG, log, (void *)0); }
// As root, SQLite gives each journal that it opens the owner of its database, also one that it only reads. A file that has
// that owner already is left as it is: a dry run writes nothing, not even a time.
static inline int gwe_sqlite_fchown(int fd, uid_t uid, gid_t gid) {
    struct stat status;
    if (fstat(fd, &status) == 0 && status.st_uid == uid && status.st_gid == gid) return 0;
    return fchown(fd, uid, gid);
}
// The file change counter in the header of a database's file, 0 for one in memory; read by SQLite's own descriptor: closing
// another one of the file would end the process's locks on it (fcntl(2)).
static inline int gwe_sqlite_change_counter(sqlite3 *database, uint32_t *value) {
    sqlite3_file *file = 0;
    unsigned char bytes[4];
    *value = 0;
    int code = sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (code != SQLITE_OK || !file || !file->pMethods) return code;
    code = file->pMethods->xRead(file, bytes, 4, 24);
    if (code == SQLITE_IOERR_SHORT_READ) return SQLITE_OK;
    if (code == SQLITE_OK)
        *value = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return code;
}
// Lets SQLite work by these (https://www.sqlite.org/c3ref/vfs.html, xSetSystemCall). Which of the names it uses depends on
// how it was built. Only before the first database is opened.
static inline void gwe_sqlite_set_calls(
    ssize_t (*reading)(int, void *, size_t, off_t), ssize_t (*writing)(int, const void *, size_t, off_t),
    int (*opening)(const char *, int, int), int (*looking)(const char *, void *),
    int (*opening_folder)(const char *, int *)) {
    sqlite3_vfs *vfs = sqlite3_vfs_find((const char *)0);
    // SQLite is built with large files: the types must be the same.
    if (sizeof(off_t) != 8 || !vfs || vfs->iVersion < 3 || !vfs->xSetSystemCall) return;
    vfs->xSetSystemCall(vfs, "fchown", (sqlite3_syscall_ptr)gwe_sqlite_fchown);
    vfs->xSetSystemCall(vfs, "openDirectory", (sqlite3_syscall_ptr)opening_folder);
    vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)opening);
    vfs->xSetSystemCall(vfs, "stat", (sqlite3_syscall_ptr)looking);
    vfs->xSetSystemCall(vfs, "pread", (sqlite3_syscall_ptr)reading);
    vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)reading);
    vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)writing);
    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)writing);
}
