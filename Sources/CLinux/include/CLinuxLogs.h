// What log pipes need beside splice(2) and tee(2).
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Newlines among `count` bytes, up to `limit` of them. `*end` is the offset behind the last one that was counted, 0
/// without one; `*more` is whether another one follows.
size_t gwe_count_lines(const void *bytes, size_t count, size_t limit, size_t *end, int *more);

/// What a thread was before `gwe_enter_fs_user`.
struct gwe_fs_user {
    uid_t uid;
    gid_t gid;
    int group_count;
    gid_t groups[64];
};
/// Makes the kernel judge this thread's file accesses as those of another user, without any other group: setfsuid(2),
/// setfsgid(2) and the plain system call setgroups(2), which are per thread. -1 and errno, and nothing is changed, when
/// that is not possible. Only root may do so.
int gwe_enter_fs_user(uid_t uid, gid_t gid, struct gwe_fs_user *before);
/// Takes it back. A process that could not would be stuck with the wrong rights: it ends.
void gwe_leave_fs_user(const struct gwe_fs_user *before);
/// fcntl(F_DUPFD_CLOEXEC).
int gwe_duplicate(int fd);
