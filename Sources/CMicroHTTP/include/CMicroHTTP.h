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
