#include "CLinux.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

// TCP states that <linux/tcp.h> does not name (include/net/tcp_states.h).
enum { ESTABLISHED = 1, TIME_WAIT = 6, CLOSE_WAIT = 8, LAST_ACK = 9, CLOSING = 11 };

int gwe_tcp_usage(int fd, int closing, struct gwe_tcp_usage *usage) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    memset(&info, 0, sizeof info);
    memset(usage, 0, sizeof *usage);
    // A kernel that knows less fills less.
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return -1;
    int state = info.tcpi_state;
    int peer_has_ended = state == CLOSE_WAIT || state == LAST_ACK || state == CLOSING || state == TIME_WAIT;

    // Before Linux 4.19 only what the peer has acknowledged is told, its SYN counted as one byte.
    if (length >= offsetof(struct tcp_info, tcpi_bytes_sent) + sizeof info.tcpi_bytes_sent)
        usage->sent = (int64_t)info.tcpi_bytes_sent;
    else if (info.tcpi_bytes_acked > 0)
        usage->sent = (int64_t)info.tcpi_bytes_acked - 1;
    usage->received = (int64_t)info.tcpi_bytes_received;
    // The peer's FIN counts as a byte (tcp_rcv_nxt_update() takes the segment's last number).
    if (peer_has_ended && usage->received > 0) usage->received--;
    if (closing && (state == ESTABLISHED || state == CLOSE_WAIT)) usage->sent += info.tcpi_notsent_bytes;

    int domain = 0;
    socklen_t size = sizeof domain;
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    int64_t header = (domain == AF_INET6 ? 40 : 20) + 20 + (info.tcpi_options & TCPI_OPT_TIMESTAMPS ? 12 : 0);
    int64_t segments_out = info.tcpi_segs_out, segments_in = info.tcpi_segs_in;
    // What follows close(2): our FIN and its acknowledgement, and as much from the peer unless it has ended before.
    if (closing && (state == ESTABLISHED || state == CLOSE_WAIT)) {
        segments_out += peer_has_ended ? 1 : 2;
        segments_in += peer_has_ended ? 1 : 2;
    }
    // The first segment each way has more options: maximum segment size, selective acknowledgements, window scale.
    usage->sent_with_headers = usage->sent + segments_out * header + (segments_out ? 8 : 0);
    usage->received_with_headers = usage->received + segments_in * header + (segments_in ? 8 : 0);
    return 0;
}

/// The address without port and scope; 0 when there is none. IPv4 in IPv6 (RFC 4291, 2.5.5.2) becomes IPv4.
static int host(const struct sockaddr *address, unsigned char bytes[16]) {
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, none[16];
    if (address->sa_family == AF_INET) {
        memcpy(bytes, &((const struct sockaddr_in *)address)->sin_addr, 4);
        return memcmp(bytes, none, 4) ? 4 : 0;
    }
    if (address->sa_family != AF_INET6) return 0;
    memcpy(bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    if (memcmp(bytes, mapped, 12) == 0) {
        memmove(bytes, bytes + 12, 4);
        return memcmp(bytes, none, 4) ? 4 : 0;
    }
    return memcmp(bytes, none, 16) ? 16 : 0;
}

int gwe_tcp_interface(int fd, char *name) {
    struct sockaddr_storage local, peer;
    socklen_t length = sizeof local;
    unsigned char ours[16], other[16];
    if (getsockname(fd, (struct sockaddr *)&local, &length) != 0) return -1;
    int size = host((struct sockaddr *)&local, ours);
    if (!size) return -1;
    // To an address of our own: whichever interface has it, the packets never leave the machine.
    length = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0 && host((struct sockaddr *)&peer, other) == size &&
        memcmp(ours, other, size) == 0) {
        strcpy(name, "lo");
        return 0;
    }
    length = IFNAMSIZ;
    memset(name, 0, IFNAMSIZ);
    if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length) == 0 && length > 1 && name[0]) return 0;

    struct ifaddrs *list;
    if (getifaddrs(&list) != 0) return -1;
    int found = -1;
    for (struct ifaddrs *entry = list; entry && found; entry = entry->ifa_next) {
        if (!entry->ifa_addr || host(entry->ifa_addr, other) != size || memcmp(ours, other, size) != 0) continue;
        strncpy(name, entry->ifa_name, IFNAMSIZ - 1);
        found = 0;
    }
    // All of 127.0.0.0/8 is the loopback's, though only one address is listed.
    if (found && size == 4 && ours[0] == 127) {
        strcpy(name, "lo");
        found = 0;
    }
    freeifaddrs(list);
    return found;
}
