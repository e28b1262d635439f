#include "CLinuxFiles.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>

int gwe_thread_name(pthread_t thread, const char *name) { return pthread_setname_np(thread, name); }

int gwe_file_is_open_for_writing(int fd) {
    // The signal for a holder whose lease is asked back: one that is ignored. That of SIGIO, the default, would end us.
    if (fcntl(fd, F_SETSIG, SIGURG) != 0) return 0;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN;
    fcntl(fd, F_SETLEASE, F_UNLCK);
    return 0;
}

int gwe_terminal_columns(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
