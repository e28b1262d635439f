// libmicrohttpd is loaded when the first server starts, not when the program does: it brings GnuTLS, which commands
// that serve nothing have no use for. The same way as CCurl/curl.c, where it is explained.
#include "CMicroHTTP.h"
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#define FUNCTIONS(F) \
    F(start_daemon_va) F(stop_daemon) F(create_response_from_buffer) F(create_response_from_callback) \
    F(add_response_header) F(queue_response) F(destroy_response) F(get_connection_values_n) F(get_connection_info) \
    F(set_connection_option)

#define MEMBER(name) __typeof__(MHD_##name) *name;
static struct { FUNCTIONS(MEMBER) } mhd;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_loaded;

static void load(void) {
    void *library = dlopen("libmicrohttpd.so.12", RTLD_LAZY | RTLD_LOCAL);
    if (!library) return;
    is_loaded = 1;
#define BIND(name) \
    if (!(mhd.name = (__typeof__(mhd.name))dlsym(library, "MHD_" #name))) is_loaded = 0;
    FUNCTIONS(BIND)
}

#pragma GCC visibility push(hidden)

// Everything else is called with what this one started. ELIBACC: "can not access a needed shared library".
struct MHD_Daemon *MHD_start_daemon_va(
    unsigned flags, uint16_t port, MHD_AcceptPolicyCallback accept, void *accept_context,
    MHD_AccessHandlerCallback handler, void *handler_context, va_list options) {
    pthread_once(&once, load);
    if (!is_loaded) {
        errno = ELIBACC;
        return NULL;
    }
    return mhd.start_daemon_va(flags, port, accept, accept_context, handler, handler_context, options);
}

void MHD_stop_daemon(struct MHD_Daemon *daemon) { mhd.stop_daemon(daemon); }
struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *buffer, enum MHD_ResponseMemoryMode mode) {
    return mhd.create_response_from_buffer(size, buffer, mode);
}
struct MHD_Response *MHD_create_response_from_callback(
    uint64_t size, size_t block, MHD_ContentReaderCallback reader, void *context,
    MHD_ContentReaderFreeCallback release) {
    return mhd.create_response_from_callback(size, block, reader, context, release);
}
enum MHD_Result MHD_add_response_header(struct MHD_Response *r, const char *name, const char *value) {
    return mhd.add_response_header(r, name, value);
}
enum MHD_Result MHD_queue_response(struct MHD_Connection *c, unsigned status, struct MHD_Response *r) {
    return mhd.queue_response(c, status, r);
}
void MHD_destroy_response(struct MHD_Response *r) { mhd.destroy_response(r); }
int MHD_get_connection_values_n(
    struct MHD_Connection *c, enum MHD_ValueKind kind, MHD_KeyValueIteratorN each, void *context) {
    return mhd.get_connection_values_n(c, kind, each, context);
}

#pragma GCC visibility pop

void gwe_mhd_set_timeout(struct MHD_Connection *c, unsigned seconds) {
    mhd.set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}
int gwe_mhd_connection_fd(struct MHD_Connection *c) {
    const union MHD_ConnectionInfo *info = mhd.get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? (int)info->connect_fd : -1;
}
