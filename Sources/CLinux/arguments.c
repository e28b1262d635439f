#include "CLinuxProcess.h"
#include <stddef.h>

static char **kept;
static int kept_count;

// glibc calls the constructors of a program with what main(3) gets; other C libraries call them with nothing that can be
// relied on.
#ifdef __GLIBC__
static __attribute__((constructor)) void keep_arguments(int argc, char **argv, char **envp) {
    (void)envp;
    kept = argv;
    kept_count = argc;
}
#endif

char *const *gwe_arguments(int *count) {
    *count = kept_count;
    return kept;
}
