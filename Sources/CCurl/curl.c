// libcurl is loaded when it is first used, not when the program starts: with the thirty libraries that it needs itself
// that takes longer than a whole pass over twenty apps with nothing to do (docs/measured.md#a-pass-with-nothing-to-do).
//
// The functions below have libcurl's own names and hand over to it, as an import library does elsewhere. They are
// hidden, so that libcurl and whatever else is in the process never sees them.
#define _GNU_SOURCE  // POLLRDHUP
#include "CCurl.h"
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define FUNCTIONS(F) \
    F(global_init) F(easy_init) F(easy_cleanup) F(easy_reset) F(easy_perform) F(easy_setopt) F(easy_getinfo) \
    F(easy_strerror) F(slist_append) F(slist_free_all)

#define MEMBER(name) __typeof__(curl_##name) *name;
static struct { FUNCTIONS(MEMBER) } curl;

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static atomic_int is_loaded;

// NULL, or the loader's words, which stay until the next call of this thread.
static const char *load(void) {
    static __thread char problem[256];
    // The name of the interface that <curl/curl.h> describes; distributions keep it for years.
    void *library = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL);
    const char *missing = library ? NULL : dlerror();
#define BIND(name) \
    if (library && !missing && !(curl.name = (__typeof__(curl.name))dlsym(library, "curl_" #name))) missing = dlerror();
    FUNCTIONS(BIND)
    if (library && !missing) return NULL;
    snprintf(problem, sizeof problem, "%s", missing ? missing : "unknown");
    return problem;
}

// What failed is tried again at the next call: a lack of memory or of descriptors passes.
const char *gwe_curl_load(void) {
    if (atomic_load(&is_loaded)) return NULL;
    pthread_mutex_lock(&loading);
    const char *problem = atomic_load(&is_loaded) ? NULL : load();
    if (!problem) atomic_store(&is_loaded, 1);
    pthread_mutex_unlock(&loading);
    return problem;
}

#pragma GCC visibility push(hidden)

// Where everything begins: what comes later needs what these return.
CURLcode curl_global_init(long flags) { return gwe_curl_load() ? CURLE_FAILED_INIT : curl.global_init(flags); }
CURL *curl_easy_init(void) { return gwe_curl_load() ? NULL : curl.easy_init(); }
struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text) {
    return gwe_curl_load() ? NULL : curl.slist_append(list, text);
}
const char *curl_easy_strerror(CURLcode code) {
    const char *why = gwe_curl_load();
    return why ? why : curl.easy_strerror(code);
}

void curl_easy_cleanup(CURL *h) { curl.easy_cleanup(h); }
void curl_easy_reset(CURL *h) { curl.easy_reset(h); }
CURLcode curl_easy_perform(CURL *h) { return curl.easy_perform(h); }
void curl_slist_free_all(struct curl_slist *list) {
    if (list) curl.slist_free_all(list);
}

#pragma GCC visibility pop

void gwe_curl_end_closed_connection(CURL *h) {
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl.easy_getinfo(h, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD) return;
    struct pollfd state = {.fd = fd, .events = POLLRDHUP};
    if (poll(&state, 1, 0) != 1 || !(state.revents & (POLLRDHUP | POLLHUP | POLLERR))) return;
    char rest[4096];
    for (int i = 0; i < 64 && recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0; i++) {}
    shutdown(fd, SHUT_RDWR);
}

CURLcode gwe_curl_set_long(CURL *h, CURLoption o, long v) { return curl.easy_setopt(h, o, v); }
CURLcode gwe_curl_set_offset(CURL *h, CURLoption o, curl_off_t v) { return curl.easy_setopt(h, o, v); }
CURLcode gwe_curl_set_string(CURL *h, CURLoption o, const char *v) { return curl.easy_setopt(h, o, v); }
CURLcode gwe_curl_set_pointer(CURL *h, CURLoption o, void *v) { return curl.easy_setopt(h, o, v); }
CURLcode gwe_curl_set_list(CURL *h, CURLoption o, struct curl_slist *v) { return curl.easy_setopt(h, o, v); }
CURLcode gwe_curl_set_data_callback(CURL *h, CURLoption o, gwe_curl_data_callback f) {
    return curl.easy_setopt(h, o, f);
}
CURLcode gwe_curl_set_progress_callback(CURL *h, gwe_curl_progress_callback f) {
    return curl.easy_setopt(h, CURLOPT_XFERINFOFUNCTION, f);
}
CURLcode gwe_curl_get_long(CURL *h, CURLINFO i, long *v) { return curl.easy_getinfo(h, i, v); }
CURLcode gwe_curl_get_offset(CURL *h, CURLINFO i, curl_off_t *v) { return curl.easy_getinfo(h, i, v); }
CURLcode gwe_curl_get_string(CURL *h, CURLINFO i, char **v) { return curl.easy_getinfo(h, i, v); }
CURLcode gwe_curl_get_certificates(CURL *h, struct curl_certinfo **v) {
    return curl.easy_getinfo(h, CURLINFO_CERTINFO, v);
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose;
    const struct gwe_curl_sockets *sockets = context;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0 && address->family != AF_UNIX) sockets->opened(sockets->context, fd);
    return fd;
}

static int close_socket(void *context, curl_socket_t fd) {
    const struct gwe_curl_sockets *sockets = context;
    sockets->closing(sockets->context, fd);
    return close(fd);
}

CURLcode gwe_curl_set_sockets(CURL *h, const struct gwe_curl_sockets *sockets) {
    CURLcode code = curl.easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    if (!code) code = curl.easy_setopt(h, CURLOPT_OPENSOCKETDATA, sockets);
    if (!code) code = curl.easy_setopt(h, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    if (!code) code = curl.easy_setopt(h, CURLOPT_CLOSESOCKETDATA, sockets);
    return code;
}
