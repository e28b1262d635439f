#include "CTLSServer.h"
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ctls_server {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    int asks_for_certificate;
};

struct ctls_session {
    gnutls_session_t tls;
};

static gnutls_datum_t datum(const char *text) {
    return (gnutls_datum_t){ .data = (unsigned char *)text, .size = (unsigned)strlen(text) };
}

// Called during the handshake, also when the client sent none.
static int verify(gnutls_session_t tls) {
    unsigned count = 0, status = 0;
    if (!gnutls_certificate_get_peers(tls, &count) || count == 0) return 0;
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT, .size = 0,
    };
    if (gnutls_certificate_verify_peers(tls, &purpose, 1, &status) != 0) return GNUTLS_E_CERTIFICATE_ERROR;
    return status == 0 ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

ctls_server *ctls_server_new(
    const char *certificate, const char *key, const char *client_ca, char *error, size_t error_size) {
    ctls_server *server = calloc(1, sizeof *server);
    const char *step = "take memory";
    int code = GNUTLS_E_MEMORY_ERROR;
    if (!server) goto failed;
    code = gnutls_certificate_allocate_credentials(&server->credentials);
    if (code < 0) goto failed;
    gnutls_datum_t chain = datum(certificate), secret = datum(key);
    step = "use the certificate and its key";
    code = gnutls_certificate_set_x509_key_mem(server->credentials, &chain, &secret, GNUTLS_X509_FMT_PEM);
    if (code < 0) goto failed;
    if (client_ca) {
        gnutls_datum_t authorities = datum(client_ca);
        step = "use the clients' CA";
        code = gnutls_certificate_set_x509_trust_mem(server->credentials, &authorities, GNUTLS_X509_FMT_PEM);
        if (code == 0) code = GNUTLS_E_NO_CERTIFICATE_FOUND;
        if (code < 0) goto failed;
        gnutls_certificate_set_verify_function(server->credentials, verify);
        server->asks_for_certificate = 1;
    }
    step = "choose TLS 1.2 and 1.3";
    code = gnutls_priority_init(&server->priorities, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", NULL);
    if (code < 0) goto failed;
    return server;
failed:
    snprintf(error, error_size, "%s: %s", step, gnutls_strerror(code));
    ctls_server_free(server);
    return NULL;
}

void ctls_server_free(ctls_server *server) {
    if (!server) return;
    if (server->credentials) gnutls_certificate_free_credentials(server->credentials);
    if (server->priorities) gnutls_priority_deinit(server->priorities);
    free(server);
}

ctls_session *ctls_session_new(ctls_server *server, int descriptor) {
    ctls_session *session = calloc(1, sizeof *session);
    if (!session) return NULL;
    if (gnutls_init(&session->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0) {
        free(session);
        return NULL;
    }
    if (gnutls_priority_set(session->tls, server->priorities) < 0
        || gnutls_credentials_set(session->tls, GNUTLS_CRD_CERTIFICATE, server->credentials) < 0) {
        ctls_session_free(session);
        return NULL;
    }
    gnutls_certificate_server_set_request(
        session->tls, server->asks_for_certificate ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_IGNORE);
    gnutls_transport_set_int(session->tls, descriptor);
    gnutls_handshake_set_timeout(session->tls, 0);
    return session;
}

void ctls_session_free(ctls_session *session) {
    if (!session) return;
    gnutls_deinit(session->tls);
    free(session);
}

static int outcome(ctls_session *session, ssize_t code) {
    if (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED || !gnutls_error_is_fatal((int)code)) return CTLS_AGAIN;
    gnutls_alert_send_appropriate(session->tls, (int)code);
    return CTLS_FAILED;
}

int ctls_handshake(ctls_session *session) {
    int code;
    do code = gnutls_handshake(session->tls);
    while (code < 0 && code != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(code));
    return code == 0 ? 0 : outcome(session, code);
}

int ctls_waits_for_room(ctls_session *session) { return gnutls_record_get_direction(session->tls); }

ssize_t ctls_read(ctls_session *session, void *buffer, size_t size) {
    ssize_t count = gnutls_record_recv(session->tls, buffer, size);
    return count >= 0 ? count : outcome(session, count);
}

ssize_t ctls_write(ctls_session *session, const void *bytes, size_t count) {
    ssize_t written = gnutls_record_send(session->tls, bytes, count);
    return written >= 0 ? written : outcome(session, written);
}

void ctls_goodbye(ctls_session *session) { gnutls_bye(session->tls, GNUTLS_SHUT_WR); }

int ctls_client_name(ctls_session *session, char *name, size_t size) {
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session->tls, &count);
    gnutls_x509_crt_t certificate;
    if (!chain || count == 0 || gnutls_x509_crt_init(&certificate) < 0) return -1;
    int length = -1;
    if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == 0
        && gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) == 0)
        length = (int)size;
    gnutls_x509_crt_deinit(certificate);
    return length;
}
