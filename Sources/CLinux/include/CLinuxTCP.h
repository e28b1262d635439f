// What the kernel knows of a TCP connection (tcp(7), TCP_INFO).
#pragma once
#include <stdint.h>

/// Totals since the connection began.
struct gwe_tcp_usage {
    /// Payload. What was sent twice counts twice. What came in twice counts once: tcpi_bytes_received grows with the number
    /// that is acknowledged, and what is thrown away (a repetition, a segment beyond a full buffer) moves no number.
    int64_t sent, received;
    /// Estimates: the payload and the IP and TCP headers of all segments, those without payload too.
    int64_t sent_with_headers, received_with_headers;
};

/// Reads the totals. With `closing` set, what the kernel will still send after close(2) is in them. -1 for what is no TCP
/// socket.
int gwe_tcp_usage(int fd, int closing, struct gwe_tcp_usage *usage);
/// The name of the interface that a connected socket sends from, in `name` (16 bytes): the one it is bound to, or the one
/// that has its address. -1 while it has none.
int gwe_tcp_interface(int fd, char *name);
