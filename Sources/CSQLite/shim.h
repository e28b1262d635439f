#pragma once
#include <sqlite3.h>
// SQLITE_TRANSIENT is a cast macro, which Swift does not import.
static inline int gwe_sqlite_bind_text(sqlite3_stmt *s, int i, const char *t, int n) { return sqlite3_bind_text(s, i, t, n, SQLITE_TRANSIENT); }
static inline int gwe_sqlite_bind_blob(sqlite3_stmt *s, int i, const void *b, int n) { return sqlite3_bind_blob(s, i, b, n, SQLITE_TRANSIENT); }
// sqlite3_config is variadic, which Swift does not import. Only before the first database is opened (SQLITE_MISUSE later).
static inline int gwe_sqlite_set_log(void (*log)(void *, int, const char *)) { return sqlite3_config(SQLITE_CONFIG_LOG, log, (void *)0); }
