// Giving memory back. Needed in C for dl_iterate_phdr(3) and for functions that only glibc has.
#pragma once

/// At most so many arenas of malloc (mallopt(3), M_ARENA_MAX). Before other threads exist. Nothing without glibc.
void gwe_limit_arenas(int count);
/// Returns free heap to the system, and unmaps the pages of code and constants of the program and of its libraries.
void gwe_release_memory(void);
