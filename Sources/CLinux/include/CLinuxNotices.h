#pragma once

/// A timer on the wall clock that never fires and that is cancelled when the clock is set: timerfd_create(2),
/// TFD_TIMER_CANCEL_ON_SET. Readable then; `arm` sets it anew.
int gwe_clock_step_timer(void);
int gwe_arm_clock_step_timer(int fd);

/// A socket with the kernel's news of addresses and routes, IPv4 and IPv6 (rtnetlink(7)), non-blocking.
int gwe_route_socket(void);
/// Takes all that is there. Whether an address of more than this host or link, or a default route, has appeared, or news
/// were lost. An address whose lifetimes were refreshed is not new.
int gwe_route_news(int fd);
