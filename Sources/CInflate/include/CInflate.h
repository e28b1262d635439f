// The quick decoder of DEFLATE (RFC 1951) of ISA-L, loaded when it is first used: see inflate.c. zlib does the same work
// where it is not there.
#pragma once
#include <stddef.h>

typedef struct gwe_inflater gwe_inflater;

/// NULL where ISA-L is not installed, where gwe was built without its header or for another processor, or where memory
/// lacks.
gwe_inflater *gwe_inflater_make(void);
void gwe_inflater_free(gwe_inflater *inflater);

/// Begins anew: what follows is the first byte behind a gzip header (RFC 1952, 2.3).
void gwe_inflater_begin(gwe_inflater *inflater);

/// Decodes as much as there is input and room, and says how much that was; both may be 0.
/// 0: there may be more; 1: that was the end, with the right checksum and length behind it; -1: the data is not right.
int gwe_inflater_run(
    gwe_inflater *inflater, const void *input, size_t inputCount, size_t *consumed, void *output, size_t outputCount,
    size_t *produced);
