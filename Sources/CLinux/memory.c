#include "CLinuxMemory.h"
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

void gwe_limit_arenas(int count) {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, count);
#else
    (void)count;
#endif
}

/// Whether the loader wrote relocations into segments that are not writable now: those pages are in no file.
static int has_changed_code(const struct dl_phdr_info *info) {
    for (int index = 0; index < info->dlpi_phnum; index++) {
        if (info->dlpi_phdr[index].p_type != PT_DYNAMIC) continue;
        const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[index].p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_TEXTREL) return 1;
            if (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0) return 1;
        }
        return 0;
    }
    return 1;  // nothing known of it
}

/// Segments that are never written hold what their file holds. What the loader relocated and then protected (RELRO) lies
/// in a segment that is writable by its header, and is left alone. A page that is needed again comes from the page cache.
static int unmap_constant_pages(struct dl_phdr_info *info, size_t size, void *page) {
    (void)size;
    uintptr_t mask = *(const uintptr_t *)page - 1;
    // Without a name: the program itself, or the kernel's vdso, which has no file. The program has PT_PHDR or PT_INTERP.
    if (info->dlpi_name == NULL || has_changed_code(info)) return 0;
    if (info->dlpi_name[0] != '/' && info->dlpi_name[0] != 0) return 0;
    if (info->dlpi_name[0] == 0) {
        int is_program = 0;
        for (int index = 0; index < info->dlpi_phnum; index++)
            is_program |= info->dlpi_phdr[index].p_type == PT_PHDR || info->dlpi_phdr[index].p_type == PT_INTERP;
        if (!is_program) return 0;
    }
    for (int index = 0; index < info->dlpi_phnum; index++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[index];
        if (header->p_type != PT_LOAD || (header->p_flags & PF_W) != 0) continue;
        uintptr_t from = (info->dlpi_addr + header->p_vaddr + mask) & ~mask;
        uintptr_t to = (info->dlpi_addr + header->p_vaddr + header->p_filesz) & ~mask;
        if (from < to) madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 0;
}

void gwe_release_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    dl_iterate_phdr(unmap_constant_pages, &page);
}
