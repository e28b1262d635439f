#include "CLinuxNotices.h"
#include <errno.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int gwe_clock_step_timer(void) {
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) return -1;
    if (gwe_arm_clock_step_timer(fd) < 0) {
        int code = errno;
        close(fd);
        errno = code;
        return -1;
    }
    return fd;
}

int gwe_arm_clock_step_timer(int fd) {
    struct itimerspec spec;
    memset(&spec, 0, sizeof spec);
    // The end of time, as far as time_t goes.
    spec.it_value.tv_sec = sizeof(time_t) == 4 ? INT_MAX : (time_t)(LLONG_MAX / 1000000000);
    return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL);
}

int gwe_route_socket(void) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0) return -1;
    struct sockaddr_nl address;
    memset(&address, 0, sizeof address);
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int code = errno;
        close(fd);
        errno = code;
        return -1;
    }
    return fd;
}

// Whether an address is new, not one whose lifetimes a router advertisement or a lease has refreshed: then it was updated
// after it was created. The kernel tells both times, in hundredths of a second since boot.
static int is_new_address(struct nlmsghdr *header) {
    struct ifaddrmsg *address = NLMSG_DATA(header);
    if (address->ifa_scope >= RT_SCOPE_LINK) return 0;
    int left = (int)IFA_PAYLOAD(header);
    for (struct rtattr *part = IFA_RTA(address); RTA_OK(part, left); part = RTA_NEXT(part, left)) {
        if (part->rta_type != IFA_CACHEINFO || RTA_PAYLOAD(part) < sizeof(struct ifa_cacheinfo)) continue;
        struct ifa_cacheinfo info;
        memcpy(&info, RTA_DATA(part), sizeof info);
        return (int)(info.tstamp - info.cstamp) <= 0;
    }
    return 1;
}

// IPv6 tells of a route that replaces an equal one, as each router advertisement may; IPv4 does not.
static int is_new_route(struct nlmsghdr *header) {
    struct rtmsg *route = NLMSG_DATA(header);
    if (route->rtm_dst_len != 0 || route->rtm_type != RTN_UNICAST) return 0;
    return route->rtm_family != AF_INET6 || (header->nlmsg_flags & NLM_F_REPLACE) == 0;
}

static int is_news(struct nlmsghdr *header) {
    if (header->nlmsg_type == RTM_NEWADDR && header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
        return is_new_address(header);
    if (header->nlmsg_type == RTM_NEWROUTE && header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct rtmsg)))
        return is_new_route(header);
    return 0;
}

int gwe_route_news(int fd) {
    // Aligned for the headers.
    long long buffer[2048];
    int found = 0;
    for (;;) {
        struct sockaddr_nl sender;
        socklen_t size = sizeof sender;
        ssize_t count = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&sender, &size);
        if (count < 0 && errno == EINTR) continue;
        // So many that some were lost.
        if (count < 0 && errno == ENOBUFS) {
            found = 1;
            continue;
        }
        if (count <= 0) return found;
        // Only the kernel's own.
        if (sender.nl_pid != 0) continue;
        int left = (int)count;
        for (struct nlmsghdr *header = (void *)buffer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left))
            found |= is_news(header);
    }
}
