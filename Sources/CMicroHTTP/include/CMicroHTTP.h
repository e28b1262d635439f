// libmicrohttpd, loaded when the first server starts: see microhttpd.c. Of its functions those can be called that
// microhttpd.c names; any other is an undefined symbol when gwe is linked.
#pragma once
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <microhttpd.h>

// Variadic functions, which Swift does not import.
/// 0 is no timeout.
void gwe_mhd_set_timeout(struct MHD_Connection *c, unsigned seconds);
int gwe_mhd_connection_fd(struct MHD_Connection *c);
/// accept4(2): a descriptor that does not block and is closed by exec; -1 and errno.
int gwe_mhd_accept(int listener, struct sockaddr *address, socklen_t *length);
/// Connections that the server has now.
unsigned gwe_mhd_connection_count(struct MHD_Daemon *daemon);

/// The common name of the certificate that the connection's client has shown, if it is signed by the CA of
/// MHD_OPTION_HTTPS_MEM_TRUST and good for a client now. Its length, without a NUL; -1 otherwise.
int gwe_mhd_client_name(struct MHD_Connection *c, char *name, size_t size);
