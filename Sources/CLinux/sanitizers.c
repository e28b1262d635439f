// What the sanitizers do in a build of Scripts/test-sanitized: every process that a test starts, and every one that those
// start, writes its reports into one folder, whatever its environment is. In any other build nothing of this is there.
#if defined(__has_feature) && defined(GWE_SANITIZER_REPORTS)
#if __has_feature(thread_sanitizer)
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
    return "log_path=" GWE_SANITIZER_REPORTS "/report:exitcode=0:history_size=4:suppressions=" GWE_SANITIZER_REPORTS
           "/suppressions";
}
#elif __has_feature(address_sanitizer)
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    // Swift's runtime keeps what it has made until the end: no leaks are looked for.
    return "log_path=" GWE_SANITIZER_REPORTS "/report:detect_leaks=0:detect_stack_use_after_return=0";
}
#endif
#endif
