// curl_easy_setopt and curl_easy_getinfo are variadic: Swift needs one typed wrapper per kind of argument.
#pragma once
#include <curl/curl.h>

static inline CURLcode gwe_curl_set_long(CURL *h, CURLoption o, long v) { return (curl_easy_setopt)(h, o, v); }
static inline CURLcode gwe_curl_set_offset(CURL *h, CURLoption o, curl_off_t v) { return (curl_easy_setopt)(h, o, v); }
static inline CURLcode gwe_curl_set_string(CURL *h, CURLoption o, const char *v) { return (curl_easy_setopt)(h, o, v); }
static inline CURLcode gwe_curl_set_pointer(CURL *h, CURLoption o, void *v) { return (curl_easy_setopt)(h, o, v); }
typedef size_t (*gwe_curl_data_callback)(char *, size_t, size_t, void *);
static inline CURLcode gwe_curl_set_data_callback(CURL *h, CURLoption o, gwe_curl_data_callback f) { return (curl_easy_setopt)(h, o, f); }
typedef int (*gwe_curl_progress_callback)(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
static inline CURLcode gwe_curl_set_progress_callback(CURL *h, gwe_curl_progress_callback f) { return (curl_easy_setopt)(h, CURLOPT_XFERINFOFUNCTION, f); }
static inline CURLcode gwe_curl_get_long(CURL *h, CURLINFO i, long *v) { return (curl_easy_getinfo)(h, i, v); }
static inline CURLcode gwe_curl_get_offset(CURL *h, CURLINFO i, curl_off_t *v) { return (curl_easy_getinfo)(h, i, v); }
static inline CURLcode gwe_curl_get_string(CURL *h, CURLINFO i, char **v) { return (curl_easy_getinfo)(h, i, v); }
static inline CURLcode gwe_curl_set_list(CURL *h, CURLoption o, struct curl_slist *v) { return (curl_easy_setopt)(h, o, v); }

#include <sys/socket.h>
// CURLOPT_OPENSOCKETFUNCTION(3): some versions of libcurl leave sockets open across exec, where an app would hold an
// authenticated connection of its supervisor.
static inline curl_socket_t gwe_curl_open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)context;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}
static inline CURLcode gwe_curl_close_sockets_on_exec(CURL *h) { return (curl_easy_setopt)(h, CURLOPT_OPENSOCKETFUNCTION, gwe_curl_open_socket); }
