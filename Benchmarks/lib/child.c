// What a supervisor is given to supervise. Times are CLOCK_MONOTONIC in nanoseconds.
//
// usage: child sleep                 sleeps for ever
//        child stamp FILE            first of all appends "<time> <pid>" to FILE, then sleeps for ever
//        child lines BYTES GO DONE   waits until the file GO is there, writes BYTES as numbered lines of 100 bytes and
//                                    a line END to standard output, then "<begin> <end> <lines>" to DONE; sleeps.
//                                    With DONE there already it sleeps at once.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { line_length = 100 };

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void sleep_for_ever(void) {
    for (;;) pause();
}

static int stamp(const char *path, long long started) {
    char text[64];
    int length = snprintf(text, sizeof text, "%lld %d\n", started, (int)getpid());
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (file < 0 || write(file, text, (size_t)length) != length) return 73;
    close(file);
    sleep_for_ever();
    return 0;
}

static int lines(long long bytes, const char *go, const char *done) {
    if (access(done, F_OK) == 0) sleep_for_ever();
    while (access(go, F_OK) != 0) usleep(5000);
    static char buffer[4096];  // what glibc takes for a pipe
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    char line[line_length];
    memset(line, 'x', sizeof line);
    line[line_length - 1] = '\n';
    long long count = bytes / line_length, begin = now();
    for (long long number = 0; number < count; number++) {
        char head[24];
        memcpy(line, head, (size_t)snprintf(head, sizeof head, "%012lld ", number));
        if (fwrite(line, 1, sizeof line, stdout) != sizeof line) return 74;
    }
    if (fputs("END\n", stdout) < 0 || fflush(stdout) != 0) return 74;
    long long end = now();
    FILE *file = fopen(done, "w");
    if (!file) return 73;
    fprintf(file, "%lld %lld %lld\n", begin, end, count);
    if (fclose(file) != 0) return 74;
    sleep_for_ever();
    return 0;
}

int main(int count, char **words) {
    long long started = now();
    if (count == 2 && strcmp(words[1], "sleep") == 0) sleep_for_ever();
    if (count == 3 && strcmp(words[1], "stamp") == 0) return stamp(words[2], started);
    if (count == 5 && strcmp(words[1], "lines") == 0) return lines(atoll(words[2]), words[3], words[4]);
    return 64;
}
