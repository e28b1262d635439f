#pragma once
#include <archive.h>
#include <archive_entry.h>
// libarchive's own gzip reader does not check the CRC and overlooks what follows a stream.
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
