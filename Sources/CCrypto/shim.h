// SHA-256 of OpenSSL's libcrypto, linked statically: five of its object files, 38 KB. The shared library would be
// loaded and relocated at every start, which takes longer than the digests of twenty inventories do.
//
// The functions are those beneath EVP. They are marked as deprecated in favour of EVP, which pulls all of libcrypto in;
// they do the same with the same instructions of the processor.
#pragma once
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
