#include "CLinuxLogs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(SYS_setgroups32)
#define SET_GROUPS SYS_setgroups32
#define GET_GROUPS SYS_getgroups32
#else
#define SET_GROUPS SYS_setgroups
#define GET_GROUPS SYS_getgroups
#endif

/// Newlines in a block: the inner counter is a byte, so that compilers add many at once.
static size_t count_block(const unsigned char *bytes, size_t count) {
    size_t found = 0;
    while (count > 0) {
        size_t part = count < 255 ? count : 255;
        unsigned char lines = 0;
        for (size_t at = 0; at < part; at++) lines = (unsigned char)(lines + (bytes[at] == '\n'));
        found += lines;
        bytes += part;
        count -= part;
    }
    return found;
}

size_t gwe_count_lines(const void *bytes, size_t count, size_t limit, size_t *end, int *more) {
    const unsigned char *start = bytes;
    size_t found = count_block(start, count);
    *more = found > limit;
    *end = 0;
    if (found <= limit) {
        const unsigned char *last = found == 0 ? NULL : memrchr(start, '\n', count);
        if (last != NULL) *end = (size_t)(last - start) + 1;
        return found;
    }
    const unsigned char *at = start;
    for (size_t line = 0; line < limit; line++) {
        at = memchr(at, '\n', count - (size_t)(at - start));
        at++;
    }
    *end = (size_t)(at - start);
    return limit;
}

int gwe_enter_fs_user(uid_t uid, gid_t gid, struct gwe_fs_user *before) {
    before->uid = geteuid();
    before->gid = getegid();
    before->group_count = (int)syscall(GET_GROUPS, 64, before->groups);
    if (before->group_count < 0) return -1;
    if (syscall(SET_GROUPS, 1, &gid) != 0) return -1;
    setfsgid(gid);
    // Neither call says whether it worked; asking with a user who cannot be does.
    setfsuid(uid);
    if ((uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid) return 0;
    gwe_leave_fs_user(before);
    errno = EPERM;
    return -1;
}

void gwe_leave_fs_user(const struct gwe_fs_user *before) {
    int code = errno;
    setfsuid(before->uid);
    setfsgid(before->gid);
    if (syscall(SET_GROUPS, (size_t)before->group_count, before->groups) != 0
        || (uid_t)setfsuid((uid_t)-1) != before->uid || (gid_t)setfsgid((gid_t)-1) != before->gid)
        abort();
    errno = code;
}

int gwe_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 3); }
