#include "CLinuxFiles.h"

int gwe_thread_name(pthread_t thread, const char *name) { return pthread_setname_np(thread, name); }
