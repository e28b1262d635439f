// Runs a program and writes what it took. usage: measure FILE PROGRAM [ARGUMENT...]
//
// FILE gets one line: exit code, wall seconds, CPU seconds of it and all that it waited for, and the peak resident
// KiB of the largest of those processes. Linux counts what a process held before exec into its peak
// (getrusage(2), ru_maxrss), so the starter must be small: from Python nothing seems to take less than 11 MiB.
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double seconds(struct timeval t) { return t.tv_sec + t.tv_usec / 1e6; }

int main(int count, char **words) {
    if (count < 3) return 64;
    double begin = now();
    pid_t child = fork();
    if (child < 0) return 71;
    if (child == 0) {
        execvp(words[2], words + 2);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child) return 71;
    double wall = now() - begin;
    FILE *file = fopen(words[1], "w");
    if (!file) return 73;
    fprintf(file, "%d %.6f %.6f %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), wall,
            seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss);
    return fclose(file) ? 74 : 0;
}
