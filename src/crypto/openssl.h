// SPDX-License-Identifier: Apache-2.0
// Owners for OpenSSL's handles, and the one funnel for its error queue.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "base/error.h"

namespace birthmark::crypto {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Deleter<Free>>;

// FreeEcKey keeps the deprecated EC_KEY_free out of everybody's includes (p256.cc).
void FreeEcKey(EC_KEY* key);

using BioPtr = Owned<BIO, BIO_free_all>;
using BignumPtr = Owned<BIGNUM, BN_free>;
using EcKeyPtr = Owned<EC_KEY, FreeEcKey>;
using EvpKeyPtr = Owned<EVP_PKEY, EVP_PKEY_free>;
using EvpMdCtxPtr = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using EvpKeyCtxPtr = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using EvpCipherCtxPtr = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using X509Ptr = Owned<X509, X509_free>;
using X509ReqPtr = Owned<X509_REQ, X509_REQ_free>;

// OpenSslError empties the error queue into one internal error: "doing what: reason; reason".
Error OpenSslError(std::string code, std::string_view doing);

}  // namespace birthmark::crypto
