// The server's side of TLS over a non-blocking socket, with GnuTLS, for the stand-in cloud's MQTT listener.
// One thread at a time may use a session; many may share a server.
#pragma once
#include <stddef.h>
#include <sys/types.h>

typedef struct ctls_server ctls_server;
typedef struct ctls_session ctls_session;

/// PEM texts. With a client CA, clients are asked for a certificate; they may have none, but a wrong one ends the
/// handshake. NULL: see `error`, which gets GnuTLS's words.
ctls_server *ctls_server_new(
    const char *certificate, const char *key, const char *client_ca, char *error, size_t error_size);
/// After all of its sessions.
void ctls_server_free(ctls_server *server);

/// Over a descriptor that stays the caller's. NULL when there is no memory.
ctls_session *ctls_session_new(ctls_server *server, int descriptor);
void ctls_session_free(ctls_session *session);

enum { CTLS_AGAIN = -1, CTLS_FAILED = -2 };
/// 0 when it is done.
int ctls_handshake(ctls_session *session);
/// Whether the last call that answered CTLS_AGAIN waits for room in the socket, and not for bytes from it.
int ctls_waits_for_room(ctls_session *session);
/// Bytes, 0 at the end of the stream. No signal is raised by a peer that went away.
ssize_t ctls_read(ctls_session *session, void *buffer, size_t size);
/// After CTLS_AGAIN, the next call must begin with the same bytes.
ssize_t ctls_write(ctls_session *session, const void *bytes, size_t count);
/// Says that nothing more will be sent.
void ctls_goodbye(ctls_session *session);
/// The common name of the client's certificate, which the handshake has verified. Its length; -1 without one.
int ctls_client_name(ctls_session *session, char *name, size_t size);
