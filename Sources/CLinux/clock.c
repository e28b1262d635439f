#include "CLinuxClock.h"
#include <sys/timex.h>

int gwe_clock_is_synchronised(void) {
    struct timex time = {.modes = 0};
    int state = adjtimex(&time);
    return state < 0 ? -1 : !(time.status & STA_UNSYNC);
}
