// Making processes, and the calls of supervision that Swift cannot import.
#pragma once
#include <stdint.h>
#include <sys/types.h>

/// The words that the program was started with, as the C runtime had them before main: /proc need not be there. They stay
/// in place for as long as the process lives. NULL and 0 where the C library does not tell.
char *const *gwe_arguments(int *count);

/// How far a spawn came; sent back with errno when it failed.
enum gwe_spawn_step {
    GWE_SPAWN_OK = 0,
    GWE_SPAWN_FORK,
    GWE_SPAWN_SESSION,
    GWE_SPAWN_FILES,
    GWE_SPAWN_GROUPS,
    GWE_SPAWN_USER,
    GWE_SPAWN_DIRECTORY,
    GWE_SPAWN_RECORD,
    GWE_SPAWN_ORPHANED,
    GWE_SPAWN_CONTROL_GROUP,
    GWE_SPAWN_EXEC,
};

/// What a child becomes. All pointers stay the caller's.
struct gwe_spawn {
    /// execve(2): a path; looked up after chdir.
    const char *path;
    char *const *argv;
    char *const *envp;
    /// NULL: stay.
    const char *directory;
    /// Descriptors for 0, 1 and 2.
    int standard_input, standard_output, standard_error;
    /// -1: stay who we are. Otherwise groups, then gid, then uid are set.
    int64_t uid, gid;
    const gid_t *groups;
    size_t group_count;
    /// -1: inherit.
    int umask;
    /// -1: none. Otherwise "pid <pid> <start>\n" is appended to it before exec: pid, and the start time in clock ticks
    /// after boot (field 22 of /proc/PID/stat). A child whose parent is gone by then ends without exec.
    int record;
    /// -1: stay. Otherwise the folder of a cgroup v2 that the child is in before it runs anything.
    int control_group;
    /// 0: inherit. Otherwise the soft limit of descriptors (RLIMIT_NOFILE).
    uint64_t descriptor_limit;
    /// Non-zero: the kernel sends SIGKILL when the thread that spawned ends. Lost when exec changes the user.
    int die_with_parent;
};

/// vfork(2) and exec in a session of its own, with all signals at their default and unblocked and only descriptors 0, 1
/// and 2 open. Returns the pid; or -1 with errno set and *step telling where it failed, and no process left.
/// With a control group it is clone3(2) with CLONE_INTO_CGROUP where the kernel has it (Linux 5.7): a process that is moved
/// after it was made waits some 8 ms for a lock of the kernel.
pid_t gwe_spawn(const struct gwe_spawn *spec, enum gwe_spawn_step *step);

/// getrlimit(2) and setrlimit(2) of RLIMIT_NOFILE, how many descriptors this process may have. 0, or -1 and errno.
int gwe_descriptor_limit(uint64_t *soft, uint64_t *hard);
int gwe_set_descriptor_limit(uint64_t soft);

/// The soft limit of RLIMIT_FSIZE: how many bytes a file may have that this process writes. 0, or -1 where there is none.
int gwe_file_size_limit(uint64_t *soft);

/// tee(2) and splice(2) without waiting. `offset` may be NULL.
ssize_t gwe_tee(int from, int to, size_t length);
ssize_t gwe_splice(int from, int to, int64_t *offset, size_t length);
/// fcntl(F_SETPIPE_SZ) and fcntl(F_GETPIPE_SZ).
int gwe_set_pipe_size(int fd, int byte_count);
int gwe_pipe_size(int fd);
/// ioctl(FIONREAD): bytes waiting in a pipe, or -1.
int gwe_bytes_waiting(int fd);
/// open(2) with a mode, which is variadic in C.
int gwe_open(const char *path, int flags, mode_t mode);
/// waitid(P_PID, …). Returns 1 and the status when `pid` has ended, 0 when it has not, -1 and errno (ECHILD: not ours).
/// With `reap` 0 the zombie stays, and with it its number. With `block` 1 it waits.
int gwe_wait(pid_t pid, int reap, int block, int *killed_by_signal, int *status);

/// waitid(P_ALL): the pid of a child that has ended and stays a zombie; 0 when there is none.
pid_t gwe_ended_child(void);
/// prctl(PR_SET_CHILD_SUBREAPER): orphans among the descendants become children of this process. 0, or -1 and errno.
int gwe_become_subreaper(void);
/// prctl(PR_GET_CHILD_SUBREAPER) or being process 1.
int gwe_gets_orphans(void);

/// signalfd(2) for the given signals, which the calling thread blocks first. -1 and errno.
int gwe_signalfd(const int *signals, size_t count);
/// The next signal of a signalfd, 0 when there is none.
int gwe_next_signal(int fd);
/// pipe2(2) with O_CLOEXEC.
int gwe_pipe(int ends[2]);
/// environ(7), which Swift 6 does not let one read: a NULL-terminated array.
char **gwe_environment(void);
/// timerfd_create(2) on CLOCK_MONOTONIC; armed absolutely and for one shot, 0 disarms.
int gwe_timerfd(void);
int gwe_arm_timerfd(int fd, int64_t seconds, int64_t nanoseconds);
/// epoll(7). `flags` as below; `id` comes back with the event.
enum gwe_poll_flags { GWE_POLL_READ = 1, GWE_POLL_WRITE = 2, GWE_POLL_EDGE = 4, GWE_POLL_ONCE = 8, GWE_POLL_PRIORITY = 16 };
int gwe_epoll(void);
int gwe_epoll_add(int epoll, int fd, int flags, uint64_t id);
int gwe_epoll_modify(int epoll, int fd, int flags, uint64_t id);
int gwe_epoll_remove(int epoll, int fd);
/// Waits for `timeout` milliseconds, without end when it is -1. Fills at most `capacity` ids; the number, 0 also when a signal
/// came in between, or -1.
int gwe_epoll_wait(int epoll, uint64_t *ids, int capacity, int timeout);
/// recv(2) with MSG_TRUNC, and the user that sent (SO_PASSCRED, unix(7)); (uid_t)-1 where the kernel tells none.
ssize_t gwe_receive_from(int socket, void *bytes, size_t limit, uid_t *sender);
/// Lets `gwe_receive_from` know the sender.
int gwe_pass_credentials(int socket);
/// eventfd(2), non-blocking.
int gwe_eventfd(void);
/// inotify(7), non-blocking; and a folder watched for everything that can change what a name in it means: its number, or
/// -1 and errno.
int gwe_inotify(void);
int gwe_inotify_add(int fd, const char *folder);
/// memrchr(3): the offset of the last byte `value`, or -1.
int64_t gwe_last_index(const void *bytes, size_t count, unsigned char value);
