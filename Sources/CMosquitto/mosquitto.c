// libmosquitto is loaded when it is first used, as libcurl is (Sources/CCurl): most gateways never do, and need not have
// it then.
//
// The functions below have libmosquitto's own names and hand over to it, as an import library does elsewhere. They are
// hidden, so that libmosquitto and whatever else is in the process never sees them.
#ifdef GWE_MQTT
#include "library.h"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#define FUNCTIONS(F) \
    F(lib_init) F(new) F(destroy) F(username_pw_set) F(connect_bind_async) F(disconnect) F(publish) F(subscribe) \
    F(loop_read) F(loop_write) F(loop_misc) F(socket) F(want_write) F(int_option) F(void_option) F(strerror) \
    F(connect_callback_set) F(publish_callback_set) \
    F(subscribe_callback_set) F(message_callback_set) F(ssl_get) \
    F(user_data_set)

#define MEMBER(name) __typeof__(mosquitto_##name) *name;
static struct { FUNCTIONS(MEMBER) } mosquitto;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char problem[256] = "not loaded";
static void *library;

static void load(void) {
    // The name of the interface that <mosquitto.h> describes, since 2010.
    library = dlopen("libmosquitto.so.1", RTLD_LAZY | RTLD_LOCAL);
    const char *missing = library ? NULL : dlerror();
#define BIND(name) \
    if (library && !missing && !(mosquitto.name = (__typeof__(mosquitto.name))dlsym(library, "mosquitto_" #name))) \
        missing = dlerror();
    FUNCTIONS(BIND)
    if (library && !missing) missing = gwe_openssl_bind(library);
    if (library && !missing && mosquitto.lib_init() != MOSQ_ERR_SUCCESS) missing = "it cannot be set up";
    if (!library || missing) snprintf(problem, sizeof problem, "%s", missing ? missing : "unknown");
    else problem[0] = 0;
}

const char *gwe_mosquitto_load(void) {
    pthread_once(&once, load);
    return problem[0] ? problem : NULL;
}

struct mosquitto *gwe_mosquitto_new(const char *identity) {
    struct sigaction before;
    int known = sigaction(SIGPIPE, NULL, &before);
    // libmosquitto refuses an empty text; for NULL 2.0 sends an empty identifier, where earlier ones make one up.
    struct mosquitto *client = mosquitto.new(identity && *identity ? identity : NULL, true, NULL);
    if (known == 0) sigaction(SIGPIPE, &before, NULL);
    return client;
}

#pragma GCC visibility push(hidden)

void mosquitto_destroy(struct mosquitto *m) { mosquitto.destroy(m); }
int mosquitto_username_pw_set(struct mosquitto *m, const char *name, const char *password) {
    return mosquitto.username_pw_set(m, name, password);
}
int mosquitto_connect_bind_async(struct mosquitto *m, const char *host, int port, int keepalive, const char *address) {
    return mosquitto.connect_bind_async(m, host, port, keepalive, address);
}
int mosquitto_disconnect(struct mosquitto *m) { return mosquitto.disconnect(m); }
int mosquitto_publish(
    struct mosquitto *m, int *id, const char *topic, int count, const void *payload, int qos, bool retain) {
    return mosquitto.publish(m, id, topic, count, payload, qos, retain);
}
int mosquitto_subscribe(struct mosquitto *m, int *id, const char *filter, int qos) {
    return mosquitto.subscribe(m, id, filter, qos);
}
int mosquitto_loop_read(struct mosquitto *m, int packets) { return mosquitto.loop_read(m, packets); }
int mosquitto_loop_write(struct mosquitto *m, int packets) { return mosquitto.loop_write(m, packets); }
int mosquitto_loop_misc(struct mosquitto *m) { return mosquitto.loop_misc(m); }
int mosquitto_socket(struct mosquitto *m) { return mosquitto.socket(m); }
bool mosquitto_want_write(struct mosquitto *m) { return mosquitto.want_write(m); }
int mosquitto_int_option(struct mosquitto *m, enum mosq_opt_t option, int value) {
    return mosquitto.int_option(m, option, value);
}
int mosquitto_void_option(struct mosquitto *m, enum mosq_opt_t option, void *value) {
    return mosquitto.void_option(m, option, value);
}
const char *mosquitto_strerror(int code) { return mosquitto.strerror(code); }
void mosquitto_user_data_set(struct mosquitto *m, void *context) { mosquitto.user_data_set(m, context); }
void *mosquitto_ssl_get(struct mosquitto *m) { return mosquitto.ssl_get(m); }
void mosquitto_connect_callback_set(struct mosquitto *m, void (*f)(struct mosquitto *, void *, int)) {
    mosquitto.connect_callback_set(m, f);
}
void mosquitto_publish_callback_set(struct mosquitto *m, void (*f)(struct mosquitto *, void *, int)) {
    mosquitto.publish_callback_set(m, f);
}
void mosquitto_subscribe_callback_set(
    struct mosquitto *m, void (*f)(struct mosquitto *, void *, int, int, const int *)) {
    mosquitto.subscribe_callback_set(m, f);
}
void mosquitto_message_callback_set(
    struct mosquitto *m, void (*f)(struct mosquitto *, void *, const struct mosquitto_message *)) {
    mosquitto.message_callback_set(m, f);
}

#pragma GCC visibility pop
#endif
