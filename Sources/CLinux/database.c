// The system's error behind SQLite's: what SQLite keeps of a connection is lost where it rolls back, and the file that
// had it may be closed. It tells its log, at the time, with the number in brackets: "os_unix.c:36523: (28) full_fsync(…)".
#include "CLinux.h"
#include <stdlib.h>
#include <string.h>

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
