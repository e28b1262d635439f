#pragma once
#include <sys/types.h>
#include <sys/socket.h>
#include <stdint.h>
#include <stdarg.h>
#include <microhttpd.h>
// Variadic functions, which Swift does not import. 0 is no timeout.
static inline void gwe_mhd_set_timeout(struct MHD_Connection *c, unsigned seconds) { MHD_set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT, seconds); }
static inline int gwe_mhd_connection_fd(struct MHD_Connection *c) {
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    return i ? (int)i->connect_fd : -1;
}
