// The system's error behind SQLite's: what SQLite keeps of a connection is lost where it rolls back, and the file that
// had it may be closed. It tells its log, at the time, with the number in brackets: "os_unix.c:36523: (28) full_fsync(…)".
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static __thread int last_code;
static __thread int last_errno;

void gwe_sqlite_log(void *context, int code, const char *message) {
    (void)context;
    const char *number = message ? strstr(message, ": (") : NULL;
    int value = number ? atoi(number + 3) : 0;
    if (value == 0) return;
    last_code = code;
    last_errno = value;
}

int gwe_sqlite_logged_errno(int code) {
    int value = last_code == code ? last_errno : 0;
    last_code = last_errno = 0;
    return value;
}

// Other calls that fail are told to no log, and what SQLite keeps of them is overwritten when it rolls back; of a read
// it makes "malformed", and after a journal that could not be opened it writes to no file at all (EBADF).
static __thread int failed_errno;

// What is not there, or belongs to others, is no failure of the machine; SQLite goes on after EINTR by itself.
static void keep_failure(void) {
    int code = errno;
    if (code == EIO || code == ENOSPC || code == EDQUOT || code == EROFS || code == EMFILE || code == ENFILE
        || code == ENOMEM)
        failed_errno = code;
}

ssize_t gwe_sqlite_pread(int fd, void *bytes, size_t count, off_t offset) {
    ssize_t result = pread(fd, bytes, count, offset);
    if (result < 0) keep_failure();
    return result;
}

ssize_t gwe_sqlite_pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    ssize_t result = pwrite(fd, bytes, count, offset);
    if (result < 0) keep_failure();
    return result;
}

int gwe_sqlite_open(const char *path, int flags, int mode) {
    int fd = open(path, flags, mode);
    if (fd < 0) keep_failure();
    return fd;
}

int gwe_sqlite_stat(const char *path, void *facts) {
    int result = stat(path, facts);
    if (result != 0) keep_failure();
    return result;
}

static __thread int name_is_durable;

void gwe_sqlite_set_name_durable(int value) { name_is_durable = value; }

// As SQLite's own: what it cannot open it leaves unsynced.
int gwe_sqlite_open_directory(const char *path, int *fd) {
    const int ok = 0, cannot_open = 14;  // SQLITE_OK, SQLITE_CANTOPEN
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t count = slash ? (size_t)(slash - path) : 0;
    *fd = -1;
    if (name_is_durable || count >= sizeof folder) return cannot_open;
    memcpy(folder, path, count);
    folder[count] = 0;
    *fd = open(count > 0 ? folder : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0) keep_failure();
    return *fd < 0 ? cannot_open : ok;
}

int gwe_sqlite_failed_errno(void) {
    int value = failed_errno;
    failed_errno = 0;
    return value;
}
