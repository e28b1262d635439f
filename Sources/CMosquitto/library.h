// Between mosquitto.c and tls.c.
#pragma once
#include "CMosquitto.h"

#pragma GCC visibility push(hidden)
/// Finds OpenSSL's functions among what libmosquitto has loaded. NULL, or why not.
const char *gwe_openssl_bind(void *library);
#pragma GCC visibility pop
