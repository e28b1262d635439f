// ISA-L is loaded when it is first used, as libcurl is (Sources/CCurl), and need not be there: Debian has it as a shared
// library alone, and zlib takes its place. Only its decoder behind the gzip header is used: the header may arrive in
// pieces, which isal_inflate of 2.30 does not stand.
//
// Only for processors that it has assembly for and that it was measured on: its plain C takes half as long again as zlib.
#include "CInflate.h"

#if defined(__x86_64__) && __has_include(<isa-l/igzip_lib.h>)
#include <isa-l/igzip_lib.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

struct gwe_inflater { struct inflate_state state; };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static __typeof__(isal_inflate_init) *init;
static __typeof__(isal_inflate) *inflate;

static void load(void) {
    // The name of the interface that the header describes, since 2015.
    void *library = dlopen("libisal.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    init = (__typeof__(init))dlsym(library, "isal_inflate_init");
    inflate = (__typeof__(inflate))dlsym(library, "isal_inflate");
}

gwe_inflater *gwe_inflater_make(void) {
    pthread_once(&once, load);
    return init && inflate ? malloc(sizeof(gwe_inflater)) : NULL;
}

void gwe_inflater_free(gwe_inflater *inflater) { free(inflater); }

void gwe_inflater_begin(gwe_inflater *inflater) {
    init(&inflater->state);
    // No header, but CRC-32 and length at the end, both checked.
    inflater->state.crc_flag = ISAL_GZIP_NO_HDR_VER;
}

// Its counters have 32 bits.
static uint32_t piece(size_t count) { return count < 1u << 30 ? (uint32_t)count : 1u << 30; }

int gwe_inflater_run(
    gwe_inflater *inflater, const void *input, size_t inputCount, size_t *consumed, void *output, size_t outputCount,
    size_t *produced) {
    struct inflate_state *state = &inflater->state;
    uint32_t given = piece(inputCount), room = piece(outputCount);
    state->next_in = (uint8_t *)input;
    state->avail_in = given;
    state->next_out = output;
    state->avail_out = room;
    int result = inflate(state);
    *consumed = given - state->avail_in;
    *produced = room - state->avail_out;
    if (result != ISAL_DECOMP_OK) return -1;
    return state->block_state == ISAL_BLOCK_FINISH;
}
#else
gwe_inflater *gwe_inflater_make(void) { return NULL; }
void gwe_inflater_free(gwe_inflater *inflater) { (void)inflater; }
void gwe_inflater_begin(gwe_inflater *inflater) { (void)inflater; }
int gwe_inflater_run(
    gwe_inflater *inflater, const void *input, size_t inputCount, size_t *consumed, void *output, size_t outputCount,
    size_t *produced) {
    (void)inflater, (void)input, (void)inputCount, (void)output, (void)outputCount;
    *consumed = *produced = 0;
    return -1;
}
#endif
