// TLS of an MQTT connection, with the OpenSSL that libmosquitto has loaded. libmosquitto's own settings would do for most
// of it, but it takes one string both for the address to connect to and for the name to verify, and it does not say
// why it refused a certificate. With a context of our own every address of a host can be tried in turn, and the reasons
// are known (SSL_CTX_set_info_callback(3), SSL_CTX_set_verify(3)).
#ifdef GWE_MQTT
#include "library.h"
#include <arpa/inet.h>
#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS(F) \
    F(TLS_client_method) F(SSL_CTX_new) F(SSL_CTX_free) F(SSL_CTX_ctrl) F(SSL_CTX_set_verify) F(SSL_CTX_set_ex_data) \
    F(SSL_CTX_get_ex_data) F(SSL_CTX_set_info_callback) F(SSL_CTX_get0_param) F(SSL_CTX_load_verify_file) \
    F(SSL_CTX_set_default_verify_paths) F(SSL_CTX_use_certificate_chain_file) F(SSL_CTX_use_PrivateKey_file) \
    F(SSL_CTX_check_private_key) F(SSL_CTX_set_default_passwd_cb) F(SSL_get_SSL_CTX) F(SSL_ctrl) F(SSL_in_init) \
    F(SSL_want) F(SSL_pending) F(SSL_get_ex_data_X509_STORE_CTX_idx) F(SSL_alert_desc_string_long) \
    F(X509_STORE_CTX_get_ex_data) \
    F(X509_STORE_CTX_get_error) F(X509_VERIFY_PARAM_set1_host) F(X509_VERIFY_PARAM_set1_ip_asc) \
    F(X509_VERIFY_PARAM_set_hostflags) F(X509_verify_cert_error_string) F(ERR_get_error) F(ERR_reason_error_string) \
    F(ERR_clear_error)

#define MEMBER(name) __typeof__(name) *name;
static struct { FUNCTIONS(MEMBER) } openssl;

struct gwe_mosquitto_tls {
    SSL_CTX *context;
    /// NULL for a numeric address, which is no name for SNI.
    char *name;
    int refusal;
    const char *alert;
};

const char *gwe_openssl_bind(void *library) {
#define BIND(name) \
    if (!(openssl.name = (__typeof__(openssl.name))dlsym(library, #name))) \
        return "it was built without TLS: it has no " #name;
    FUNCTIONS(BIND)
    return NULL;
}

static void info(const SSL *ssl, int where, int value) {
    struct gwe_mosquitto_tls *tls = openssl.SSL_CTX_get_ex_data(openssl.SSL_get_SSL_CTX(ssl), 0);
    if (!tls) return;
    // Before the first message is made; libmosquitto has set the address as the server's name.
    if (where & SSL_CB_HANDSHAKE_START) {
        openssl.SSL_ctrl((SSL *)ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, tls->name);
    }
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && value >> 8 == SSL3_AL_FATAL) {
        // RFC 8446; OpenSSL has no words for it.
        tls->alert = (value & 0xff) == 116 ? "certificate required" : openssl.SSL_alert_desc_string_long(value);
    }
}

static int verify(int ok, X509_STORE_CTX *store) {
    if (ok) return 1;
    SSL *ssl = openssl.X509_STORE_CTX_get_ex_data(store, openssl.SSL_get_ex_data_X509_STORE_CTX_idx());
    struct gwe_mosquitto_tls *tls = ssl ? openssl.SSL_CTX_get_ex_data(openssl.SSL_get_SSL_CTX(ssl), 0) : NULL;
    if (tls && !tls->refusal) tls->refusal = openssl.X509_STORE_CTX_get_error(store);
    return 0;
}

/// A key that wants a password is refused: nobody is there to type it.
static int no_password(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return 0;
}

static struct gwe_mosquitto_tls *failed(
    struct gwe_mosquitto_tls *tls, const char *what, const char *file, char *problem, size_t size) {
    unsigned long error = openssl.ERR_get_error();
    const char *reason = error ? openssl.ERR_reason_error_string(error) : NULL;
    snprintf(problem, size, "%s%s%s: %s", what, file ? " " : "", file ? file : "", reason ? reason : "unknown");
    openssl.ERR_clear_error();
    gwe_mosquitto_tls_free(tls);
    return NULL;
}

struct gwe_mosquitto_tls *gwe_mosquitto_tls_new(
    const char *host, const char *ca_file, const char *certificate, const char *key, char *problem, size_t size) {
    openssl.ERR_clear_error();
    struct gwe_mosquitto_tls *tls = calloc(1, sizeof *tls);
    if (!tls || !(tls->context = openssl.SSL_CTX_new(openssl.TLS_client_method()))) {
        return failed(tls, "set up TLS", NULL, problem, size);
    }
    SSL_CTX *context = tls->context;
    if (!openssl.SSL_CTX_set_ex_data(context, 0, tls)
        || !openssl.SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL)) {
        return failed(tls, "set up TLS", NULL, problem, size);
    }
    openssl.SSL_CTX_set_verify(context, SSL_VERIFY_PEER, verify);
    openssl.SSL_CTX_set_info_callback(context, info);
    openssl.SSL_CTX_set_default_passwd_cb(context, no_password);

    X509_VERIFY_PARAM *expected = openssl.SSL_CTX_get0_param(context);
    unsigned char address[16];
    bool numeric = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    if (numeric) {
        if (!openssl.X509_VERIFY_PARAM_set1_ip_asc(expected, host)) return failed(tls, "verify", host, problem, size);
    } else {
        openssl.X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (!openssl.X509_VERIFY_PARAM_set1_host(expected, host, 0) || !(tls->name = strdup(host))) {
            return failed(tls, "verify", host, problem, size);
        }
    }
    if (ca_file ? !openssl.SSL_CTX_load_verify_file(context, ca_file)
                : !openssl.SSL_CTX_set_default_verify_paths(context)) {
        return failed(tls, "read the roots", ca_file, problem, size);
    }
    if (certificate) {
        if (!openssl.SSL_CTX_use_certificate_chain_file(context, certificate)) {
            return failed(tls, "read the certificate", certificate, problem, size);
        }
        const char *file = key ? key : certificate;
        if (!openssl.SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM)
            || !openssl.SSL_CTX_check_private_key(context)) {
            return failed(tls, "read the key", file, problem, size);
        }
    }
    openssl.ERR_clear_error();
    return tls;
}

void gwe_mosquitto_tls_free(struct gwe_mosquitto_tls *tls) {
    if (!tls) return;
    if (tls->context) openssl.SSL_CTX_free(tls->context);
    free(tls->name);
    free(tls);
}

int gwe_mosquitto_tls_use(struct gwe_mosquitto_tls *tls, struct mosquitto *client) {
    int code = mosquitto_int_option(client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
    return code ? code : mosquitto_void_option(client, MOSQ_OPT_SSL_CTX, tls->context);
}

int gwe_mosquitto_tls_refusal(const struct gwe_mosquitto_tls *tls) { return tls->refusal; }
const char *gwe_mosquitto_tls_refusal_text(const struct gwe_mosquitto_tls *tls) {
    return openssl.X509_verify_cert_error_string(tls->refusal);
}
bool gwe_mosquitto_tls_is_too_early(const struct gwe_mosquitto_tls *tls) {
    return tls->refusal == X509_V_ERR_CERT_NOT_YET_VALID;
}
bool gwe_mosquitto_tls_is_expired(const struct gwe_mosquitto_tls *tls) {
    return tls->refusal == X509_V_ERR_CERT_HAS_EXPIRED;
}
const char *gwe_mosquitto_tls_alert(const struct gwe_mosquitto_tls *tls) { return tls->alert; }

bool gwe_mosquitto_tls_has_pending(struct mosquitto *client) {
    SSL *ssl = mosquitto_ssl_get(client);
    return ssl && openssl.SSL_pending(ssl) > 0;
}

bool gwe_mosquitto_tls_is_handshaking(struct mosquitto *client, bool *wants_write) {
    SSL *ssl = mosquitto_ssl_get(client);
    *wants_write = ssl && openssl.SSL_want(ssl) == SSL_WRITING;
    return ssl && openssl.SSL_in_init(ssl);
}
#endif
