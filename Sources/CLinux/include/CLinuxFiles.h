// For files and threads: GNU extensions that Swift does not import.
#pragma once
#include <pthread.h>

/// pthread_setname_np(3). At most 15 bytes.
int gwe_thread_name(pthread_t thread, const char *name);
