// System calls and macros that Swift cannot import: variadic functions, GNU extensions, fork and exec.
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include "CLinuxClock.h"
#include "CLinuxFiles.h"
#include "CLinuxLogs.h"
#include "CLinuxMemory.h"
#include "CLinuxNotices.h"
#include "CLinuxProcess.h"
#include "CLinuxTCP.h"

/// renameat2(2).
int gwe_renameat2(int old_dir, const char *old_path, int new_dir, const char *new_path, unsigned flags);
/// SQLite's log (https://www.sqlite.org/errlog.html), which keeps for this thread what system call failed.
void gwe_sqlite_log(void *context, int code, const char *message);
/// errno(3) that the log told last, on this thread, of this extended result code; 0 if none. It is told once.
int gwe_sqlite_logged_errno(int code);
/// pread(2), pwrite(2), open(2) and stat(2) for SQLite, which keep for this thread the error of one that failed.
ssize_t gwe_sqlite_pread(int fd, void *bytes, size_t count, off_t offset);
ssize_t gwe_sqlite_pwrite(int fd, const void *bytes, size_t count, off_t offset);
int gwe_sqlite_open(const char *path, int flags, int mode);
int gwe_sqlite_stat(const char *path, void *facts);
/// Opens the folder of a rollback journal, for SQLite to sync its name; leaves it out, as SQLite does where it cannot be opened,
/// while this thread has said that the name is durable.
int gwe_sqlite_open_directory(const char *path, int *fd);
/// Whether the name of the journal that this thread is about to use is durable; back to 0 after that.
void gwe_sqlite_set_name_durable(int value);
/// errno(3) of the last of these that failed on this thread; 0 if none has since this was asked. It is told once.
int gwe_sqlite_failed_errno(void);
/// syncfs(2).
int gwe_syncfs(int fd);
/// fallocate(2) of the first bytes. -1 and EOPNOTSUPP where the file system cannot.
int gwe_allocate(int fd, off_t count);
/// Whether chattr(1) has made a file or folder immutable, or append-only; 0 where that is not known.
int gwe_is_immutable(int fd);
/// pidfd_open(2). -1 and ENOSYS before Linux 5.3.
int gwe_pidfd_open(pid_t pid, unsigned flags);
