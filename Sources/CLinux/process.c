#include "CLinuxProcess.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

// The child shares the parent's memory until exec (vfork), or has a copy of it (clone3), beside the parent's other
// running threads. It must not allocate, take a lock, or use libc's set*id (they signal all threads of
// the process): plain system calls only.

struct report {
    int step;
    int code;
};

struct dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    unsigned short d_reclen;
    unsigned char d_type;
    char d_name[];
};

static __attribute__((noreturn)) void fail(int report_fd, int step) {
    struct report report = {step, errno};
    ssize_t ignored = write(report_fd, &report, sizeof report);
    (void)ignored;
    _exit(127);
}

/// Closes all descriptors from `first` on.
static void close_from(int first) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0) return;
#endif
    // Before Linux 5.9. Entries may move while they are closed: read again until nothing is left to close.
    int folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        for (int fd = first; fd < 1024; fd++) close(fd);
        return;
    }
    char buffer[1024] __attribute__((aligned(8)));
    int closed;
    do {
        closed = 0;
        lseek(folder, 0, SEEK_SET);
        long count;
        while ((count = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0) {
            for (long at = 0; at < count;) {
                struct dirent64 *entry = (struct dirent64 *)(buffer + at);
                at += entry->d_reclen;
                int fd = 0;
                const char *digit = entry->d_name;
                if (*digit < '0' || *digit > '9') continue;
                for (; *digit >= '0' && *digit <= '9'; digit++) fd = fd * 10 + (*digit - '0');
                if (fd >= first && fd != folder && close(fd) == 0) closed++;
            }
        }
    } while (closed > 0);
    if (folder >= first) close(folder);
}

int gwe_descriptor_limit(uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    *soft = (uint64_t)limit.rlim_cur;
    *hard = (uint64_t)limit.rlim_max;
    return 0;
}

int gwe_file_size_limit(uint64_t *soft) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return -1;
    *soft = (uint64_t)limit.rlim_cur;
    return 0;
}

int gwe_set_descriptor_limit(uint64_t soft) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    limit.rlim_cur = (rlim_t)soft < limit.rlim_max ? (rlim_t)soft : limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

static char *put_number(char *out, unsigned long long number) {
    char digits[24];
    int count = 0;
    do digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0) *out++ = digits[--count];
    return out;
}

/// Appends "pid <pid> <start>\n". Field 22 of /proc/self/stat (proc(5)); field 2 may hold blanks and brackets.
static int write_record(int fd) {
    char stat[1024];
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t length = read(file, stat, sizeof stat - 1);
    close(file);
    if (length <= 0) return -1;
    stat[length] = 0;
    char *at = strrchr(stat, ')');
    for (int field = 2; at != NULL && field < 22; field++) {
        at = strchr(at, ' ');
        if (at != NULL) at++;
    }
    if (at == NULL) { errno = EPROTO; return -1; }
    char line[80] = "pid ";
    // getpid of libc is a plain system call since glibc 2.25, but older ones cache it.
    char *out = put_number(line + 4, (unsigned long long)syscall(SYS_getpid));
    *out++ = ' ';
    while (*at >= '0' && *at <= '9' && out < line + sizeof line - 2) *out++ = *at++;
    *out++ = '\n';
    ssize_t wanted = out - line;
    ssize_t written = write(fd, line, (size_t)wanted);
    if (written >= 0 && written != wanted) { errno = ENOSPC; return -1; }
    return written < 0 ? -1 : 0;
}

#if defined(SYS_setuid32)
#define SET_UID SYS_setresuid32
#define SET_GID SYS_setresgid32
#define SET_GROUPS SYS_setgroups32
#else
#define SET_UID SYS_setresuid
#define SET_GID SYS_setresgid
#define SET_GROUPS SYS_setgroups
#endif

/// The arguments of clone3(2) as Linux 5.7 knows them; the headers of older systems do not.
struct clone3_arguments {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

static pid_t fork_into(int control_group) {
    struct clone3_arguments arguments;
    memset(&arguments, 0, sizeof arguments);
    arguments.flags = 0x200000000ULL;  // CLONE_INTO_CGROUP
    arguments.exit_signal = SIGCHLD;
    arguments.cgroup = (uint64_t)control_group;
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

static int enter(int control_group) {
    int file = openat(control_group, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t written = write(file, "0", 1);
    int code = errno;
    close(file);
    errno = code;
    return written == 1 ? 0 : -1;
}

static __attribute__((noreturn, noinline)) void child(
    const struct gwe_spawn *spec, int report_fd, pid_t parent, int has_entered) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++) sigaction(number, &action, NULL);

    if (setsid() < 0) fail(report_fd, GWE_SPAWN_SESSION);
    if (spec->control_group >= 0 && !has_entered && enter(spec->control_group) != 0)
        fail(report_fd, GWE_SPAWN_CONTROL_GROUP);

    // Out of the way of 0, 1 and 2, so that no dup2 overwrites what the next one needs.
    int report = fcntl(report_fd, F_DUPFD_CLOEXEC, 10);
    int input = fcntl(spec->standard_input, F_DUPFD_CLOEXEC, 10);
    int output = fcntl(spec->standard_output, F_DUPFD_CLOEXEC, 10);
    int error = fcntl(spec->standard_error, F_DUPFD_CLOEXEC, 10);
    int record = spec->record < 0 ? -1 : fcntl(spec->record, F_DUPFD_CLOEXEC, 10);
    if (report < 0 || input < 0 || output < 0 || error < 0 || (spec->record >= 0 && record < 0))
        fail(report_fd, GWE_SPAWN_FILES);
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(error, 2) < 0) fail(report, GWE_SPAWN_FILES);

    if (record >= 0) {
        // Parent alive after the record is written: whoever comes after the parent reads the record. Parent gone: a
        // second agent may have looked already and be starting this app, so this copy must not.
        if (write_record(record) != 0) fail(report, GWE_SPAWN_RECORD);
        if ((pid_t)syscall(SYS_getppid) != parent) fail(report, GWE_SPAWN_ORPHANED);
    }

    if (spec->directory != NULL && spec->uid < 0 && chdir(spec->directory) != 0) fail(report, GWE_SPAWN_DIRECTORY);
    if (spec->uid >= 0) {
        if (syscall(SET_GROUPS, spec->group_count, spec->groups) != 0) fail(report, GWE_SPAWN_GROUPS);
        if (syscall(SET_GID, spec->gid, spec->gid, spec->gid) != 0) fail(report, GWE_SPAWN_GROUPS);
        if (syscall(SET_UID, spec->uid, spec->uid, spec->uid) != 0) fail(report, GWE_SPAWN_USER);
        // As that user, so that a folder it may not enter is found out here and not by the app.
        if (spec->directory != NULL && chdir(spec->directory) != 0) fail(report, GWE_SPAWN_DIRECTORY);
    }
    if (spec->umask >= 0) umask((mode_t)spec->umask);
    if (spec->die_with_parent) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if ((pid_t)syscall(SYS_getppid) != parent) fail(report, GWE_SPAWN_ORPHANED);
    }

    if (dup3(report, 3, O_CLOEXEC) < 0 && report != 3) fail(report, GWE_SPAWN_FILES);
    close_from(4);

    if (spec->descriptor_limit > 0) gwe_set_descriptor_limit(spec->descriptor_limit);

    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(spec->path, spec->argv, spec->envp);
    fail(3, GWE_SPAWN_EXEC);
}

pid_t gwe_spawn(const struct gwe_spawn *spec, enum gwe_spawn_step *step) {
    int report_pipe[2];
    *step = GWE_SPAWN_FORK;
    if (pipe2(report_pipe, O_CLOEXEC) != 0) return -1;

    // No handler of ours may run in the child on the shared memory.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = spec->control_group >= 0 ? fork_into(spec->control_group) : -1;
    if (pid == 0) child(spec, report_pipe[1], parent, 1);
    if (pid < 0) {
        pid = vfork();
        if (pid == 0) child(spec, report_pipe[1], parent, 0);
    }
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    close(report_pipe[1]);
    if (pid < 0) {
        close(report_pipe[0]);
        errno = code;
        return -1;
    }
    // Exec closes the pipe. Where vfork is a fork (emulators), this waits for it.
    struct report report;
    ssize_t length;
    do length = read(report_pipe[0], &report, sizeof report);
    while (length < 0 && errno == EINTR);
    close(report_pipe[0]);
    if (length != sizeof report) {
        *step = GWE_SPAWN_OK;
        return pid;
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    *step = (enum gwe_spawn_step)report.step;
    errno = report.code;
    return -1;
}

ssize_t gwe_tee(int from, int to, size_t length) { return tee(from, to, length, SPLICE_F_NONBLOCK); }

ssize_t gwe_splice(int from, int to, int64_t *offset, size_t length) {
    loff_t at = offset == NULL ? 0 : (loff_t)*offset;
    ssize_t moved = splice(from, NULL, to, offset == NULL ? NULL : &at, length, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (moved > 0 && offset != NULL) *offset = (int64_t)at;
    return moved;
}

int gwe_set_pipe_size(int fd, int byte_count) { return fcntl(fd, F_SETPIPE_SZ, byte_count); }

int gwe_pipe_size(int fd) { return fcntl(fd, F_GETPIPE_SZ); }

int gwe_bytes_waiting(int fd) {
    int count = 0;
    return ioctl(fd, FIONREAD, &count) != 0 ? -1 : count;
}

int gwe_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }

int gwe_wait(pid_t pid, int reap, int block, int *killed_by_signal, int *status) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    int options = WEXITED | (reap ? 0 : WNOWAIT) | (block ? 0 : WNOHANG);
    int result;
    do result = waitid(P_PID, (id_t)pid, &info, options);
    while (result != 0 && errno == EINTR);
    if (result != 0) return -1;
    if (info.si_pid == 0) return 0;
    *killed_by_signal = info.si_code != CLD_EXITED;
    *status = info.si_status;
    return 1;
}

pid_t gwe_ended_child(void) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    int result;
    do result = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
    while (result != 0 && errno == EINTR);
    return result == 0 ? info.si_pid : 0;
}

int gwe_become_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

int gwe_gets_orphans(void) {
    int is_set = 0;
    return getpid() == 1 || (prctl(PR_GET_CHILD_SUBREAPER, &is_set, 0, 0, 0) == 0 && is_set != 0);
}

int gwe_signalfd(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t index = 0; index < count; index++) sigaddset(&set, signals[index]);
    int code = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (code != 0) { errno = code; return -1; }
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int gwe_next_signal(int fd) {
    struct signalfd_siginfo info;
    ssize_t length;
    do length = read(fd, &info, sizeof info);
    while (length < 0 && errno == EINTR);
    return length == sizeof info ? (int)info.ssi_signo : 0;
}

int gwe_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

char **gwe_environment(void) { return environ; }

int gwe_timerfd(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK); }

int gwe_arm_timerfd(int fd, int64_t seconds, int64_t nanoseconds) {
    struct itimerspec spec;
    memset(&spec, 0, sizeof spec);
    spec.it_value.tv_sec = (time_t)seconds;
    spec.it_value.tv_nsec = (long)nanoseconds;
    return timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

int gwe_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }

static int control(int epoll, int operation, int fd, int flags, uint64_t id) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    if (flags & GWE_POLL_READ) event.events |= EPOLLIN;
    if (flags & GWE_POLL_WRITE) event.events |= EPOLLOUT;
    if (flags & GWE_POLL_PRIORITY) event.events |= EPOLLPRI;
    if (flags & GWE_POLL_EDGE) event.events |= EPOLLET;
    if (flags & GWE_POLL_ONCE) event.events |= EPOLLONESHOT;
    event.data.u64 = id;
    return epoll_ctl(epoll, operation, fd, &event);
}

int gwe_epoll_add(int epoll, int fd, int flags, uint64_t id) { return control(epoll, EPOLL_CTL_ADD, fd, flags, id); }

int gwe_epoll_modify(int epoll, int fd, int flags, uint64_t id) { return control(epoll, EPOLL_CTL_MOD, fd, flags, id); }

int gwe_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

int gwe_epoll_wait(int epoll, uint64_t *ids, int capacity, int timeout) {
    struct epoll_event events[64];
    int count = epoll_wait(epoll, events, capacity < 64 ? capacity : 64, timeout);
    if (count < 0) return errno == EINTR ? 0 : -1;
    for (int index = 0; index < count; index++) ids[index] = events[index].data.u64;
    return count;
}

int gwe_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int gwe_inotify(void) { return inotify_init1(IN_CLOEXEC | IN_NONBLOCK); }

int gwe_inotify_add(int fd, const char *folder) {
    unsigned mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR;
    return inotify_add_watch(fd, folder, mask);
}

int64_t gwe_last_index(const void *bytes, size_t count, unsigned char value) {
    const char *found = memrchr(bytes, value, count);
    return found == NULL ? -1 : (int64_t)(found - (const char *)bytes);
}
