#include "CLinux.h"
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int gwe_renameat2(int old_dir, const char *old_path, int new_dir, const char *new_path, unsigned flags) {
    return (int)syscall(SYS_renameat2, old_dir, old_path, new_dir, new_path, flags);
}

int gwe_syncfs(int fd) { return syncfs(fd); }

int gwe_pidfd_open(pid_t pid, unsigned flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
