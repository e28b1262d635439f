#pragma once

/// Whether somebody keeps the kernel's clock synchronised (adjtimex(2), STA_UNSYNC); -1 when the kernel does not tell.
int gwe_clock_is_synchronised(void);
