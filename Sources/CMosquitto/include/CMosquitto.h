// libmosquitto, loaded when it is first used: see mosquitto.c. Of its functions those can be called that mosquitto.c
// names; any other is an undefined symbol when gwe is linked. TLS is set up by tls.c, with the OpenSSL that libmosquitto
// itself uses.
#pragma once
#include <mosquitto.h>
#include <stddef.h>

/// Loads libmosquitto. NULL when it is there, else why not, in words of dlerror(3) that stay valid. May be called again
/// and from any thread. Nothing else here may be called before it has succeeded.
const char *gwe_mosquitto_load(void);

/// mosquitto_new(3) with a clean session, but SIGPIPE's disposition stays as it is: libmosquitto sets it for the whole
/// process.
struct mosquitto *gwe_mosquitto_new(const char *identity);

/// How TLS is spoken with one host: 1.2 or newer, its certificate always verified.
struct gwe_mosquitto_tls;

/// - host: the name, or the numeric address, that the certificate must be for; a name goes out as SNI (RFC 6066, 3).
/// - ca_file: trust these roots only; NULL: the system's.
/// - certificate, key: PEM files of the client's; NULL: none. Without a key file the certificate's has it.
/// Returns NULL with words in `problem` when a file cannot be used.
struct gwe_mosquitto_tls *gwe_mosquitto_tls_new(
    const char *host, const char *ca_file, const char *certificate, const char *key, char *problem, size_t size);
void gwe_mosquitto_tls_free(struct gwe_mosquitto_tls *tls);

/// Makes a client that is not connected speak TLS. Both must live until the client is destroyed. 0: done.
int gwe_mosquitto_tls_use(struct gwe_mosquitto_tls *tls, struct mosquitto *client);

/// Why the server's certificate was refused: X509_V_ERR_… of <openssl/x509_vfy.h>, 0 when it was not.
int gwe_mosquitto_tls_refusal(const struct gwe_mosquitto_tls *tls);
/// The same in OpenSSL's words.
const char *gwe_mosquitto_tls_refusal_text(const struct gwe_mosquitto_tls *tls);
/// X509_V_ERR_CERT_NOT_YET_VALID: the certificate's time has not begun.
bool gwe_mosquitto_tls_is_too_early(const struct gwe_mosquitto_tls *tls);
/// X509_V_ERR_CERT_HAS_EXPIRED: the certificate's time is over.
bool gwe_mosquitto_tls_is_expired(const struct gwe_mosquitto_tls *tls);
/// The fatal alert that the server sent (RFC 8446, 6.2), in words; NULL without one.
const char *gwe_mosquitto_tls_alert(const struct gwe_mosquitto_tls *tls);

/// Whether a client's handshake goes on, and whether it waits to write.
bool gwe_mosquitto_tls_is_handshaking(struct mosquitto *client, bool *wants_write);

/// Whether something was received that libmosquitto has not read yet: then the socket does not say so (SSL_pending(3)).
bool gwe_mosquitto_tls_has_pending(struct mosquitto *client);
