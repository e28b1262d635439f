// libcurl, loaded when it is first used: see curl.c. Of its functions those can be called that curl.c names; any other
// is an undefined symbol when gwe is linked.
#pragma once
#include <curl/curl.h>

/// Loads libcurl. NULL when it is there, else why not, in words of dlerror(3) that stay until this thread calls it again.
/// May be called again, which tries anew, and from any thread. Every other function fails quietly when it is not.
const char *gwe_curl_load(void);

/// Before another request: if the server has ended the connection of the last one, lets libcurl find that out. libcurl
/// 7.88 looks whether there is something to be read, takes TLS's farewell (close_notify) for a sign of life, and sends
/// the whole request into a connection that nobody reads any more, to send it once more over a new one.
void gwe_curl_end_closed_connection(CURL *h);

// curl_easy_setopt and curl_easy_getinfo are variadic: Swift needs one typed wrapper per kind of argument.
typedef size_t (*gwe_curl_data_callback)(char *, size_t, size_t, void *);
typedef int (*gwe_curl_progress_callback)(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
CURLcode gwe_curl_set_long(CURL *h, CURLoption o, long v);
CURLcode gwe_curl_set_offset(CURL *h, CURLoption o, curl_off_t v);
CURLcode gwe_curl_set_string(CURL *h, CURLoption o, const char *v);
CURLcode gwe_curl_set_pointer(CURL *h, CURLoption o, void *v);
CURLcode gwe_curl_set_list(CURL *h, CURLoption o, struct curl_slist *v);
CURLcode gwe_curl_set_data_callback(CURL *h, CURLoption o, gwe_curl_data_callback f);
CURLcode gwe_curl_set_progress_callback(CURL *h, gwe_curl_progress_callback f);
CURLcode gwe_curl_get_long(CURL *h, CURLINFO i, long *v);
CURLcode gwe_curl_get_offset(CURL *h, CURLINFO i, curl_off_t *v);
CURLcode gwe_curl_get_string(CURL *h, CURLINFO i, char **v);

/// CURLINFO_CERTINFO(3): what CURLOPT_CERTINFO had recorded of the last handshake; belongs to the handle.
CURLcode gwe_curl_get_certificates(CURL *h, struct curl_certinfo **v);

/// Told of every TCP socket, those of kept connections after the request too: it must outlive the handle.
struct gwe_curl_sockets {
    void (*opened)(void *context, int fd);
    /// Just before it is closed.
    void (*closing)(void *context, int fd);
    void *context;
};

/// CURLOPT_OPENSOCKETFUNCTION(3) and CURLOPT_CLOSESOCKETFUNCTION(3). Sockets are closed on exec: some versions of libcurl
/// leave them open there, where an app would hold an authenticated connection of its supervisor.
CURLcode gwe_curl_set_sockets(CURL *h, const struct gwe_curl_sockets *sockets);
