// libmicrohttpd is loaded when the first server starts, not when the program does: it brings GnuTLS, which commands
// that serve nothing have no use for. The same way as CCurl/curl.c, where it is explained.
#define _GNU_SOURCE  // accept4
#include "CMicroHTTP.h"
#include <dlfcn.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>

#define FUNCTIONS(F) \
    F(start_daemon_va) F(stop_daemon) F(create_response_from_buffer) F(create_response_from_callback) \
    F(add_response_header) F(queue_response) F(destroy_response) F(get_connection_values_n) F(get_connection_info) \
    F(set_connection_option) F(add_connection) F(get_daemon_info)

#define MEMBER(name) __typeof__(MHD_##name) *name;
static struct { FUNCTIONS(MEMBER) } mhd;

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
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
    // What failed is tried again at the next call: a lack of memory or of descriptors passes.
    pthread_mutex_lock(&loading);
    if (!is_loaded) load();
    int is_there = is_loaded;
    pthread_mutex_unlock(&loading);
    if (!is_there) {
        errno = ELIBACC;
        return NULL;
    }
    return mhd.start_daemon_va(flags, port, accept, accept_context, handler, handler_context, options);
}

void MHD_stop_daemon(struct MHD_Daemon *daemon) { mhd.stop_daemon(daemon); }
enum MHD_Result MHD_add_connection(
    struct MHD_Daemon *daemon, MHD_socket client, const struct sockaddr *address, socklen_t length) {
    return mhd.add_connection(daemon, client, address, length);
}
int gwe_mhd_accept(int listener, struct sockaddr *address, socklen_t *length) {
    return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
unsigned gwe_mhd_connection_count(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = mhd.get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info ? info->num_connections : 0;
}
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

// GnuTLS is there once libmicrohttpd is; only a server that asks its clients for certificates gets here.
#define TLS_FUNCTIONS(F) \
    F(certificate_get_peers) F(certificate_verify_peers) F(x509_crt_init) F(x509_crt_import) F(x509_crt_deinit) \
    F(x509_crt_get_dn_by_oid)
#define TLS_MEMBER(name) __typeof__(gnutls_##name) *name;
static struct { TLS_FUNCTIONS(TLS_MEMBER) } tls;
static pthread_once_t tls_once = PTHREAD_ONCE_INIT;
static int has_tls;

static void load_tls(void) {
    void *library = dlopen("libgnutls.so.30", RTLD_LAZY | RTLD_LOCAL);
    if (!library) return;
    has_tls = 1;
#define TLS_BIND(name) \
    if (!(tls.name = (__typeof__(tls.name))dlsym(library, "gnutls_" #name))) has_tls = 0;
    TLS_FUNCTIONS(TLS_BIND)
}

int gwe_mhd_client_name(struct MHD_Connection *c, char *name, size_t size) {
    pthread_once(&tls_once, load_tls);
    const union MHD_ConnectionInfo *info = mhd.get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (!has_tls || !info) return -1;
    gnutls_session_t session = info->tls_session;
    unsigned count = 0, status = 0;
    const gnutls_datum_t *chain = tls.certificate_get_peers(session, &count);
    if (!chain || count == 0) return -1;
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT, .size = 0,
    };
    if (tls.certificate_verify_peers(session, &purpose, 1, &status) != 0 || status != 0) return -1;
    gnutls_x509_crt_t certificate;
    if (tls.x509_crt_init(&certificate) < 0) return -1;
    int length = -1;
    if (tls.x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == 0
        && tls.x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) == 0)
        length = (int)size;
    tls.x509_crt_deinit(certificate);
    return length;
}
