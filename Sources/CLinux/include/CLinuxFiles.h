// For files and threads: GNU extensions that Swift does not import.
#pragma once
#include <pthread.h>

/// pthread_setname_np(3). At most 15 bytes.
int gwe_thread_name(pthread_t thread, const char *name);

/// Characters in a line of a terminal (ioctl_tty(2), TIOCGWINSZ); 0 when that is not known.
int gwe_terminal_columns(int fd);

/// 1 when somebody has the file of a read-only descriptor open for writing, 0 when nobody has, or when the kernel does
/// not say (another user's file, a network file system). By a read lease that is given back at once (fcntl(2), F_SETLEASE);
/// who opens the file for writing meanwhile waits for that moment.
int gwe_file_is_open_for_writing(int fd);
