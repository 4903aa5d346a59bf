// SPDX-License-Identifier: Apache-2.0
#include "attest/chain.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <algorithm>

#include "attest/verify.h"
#include "crypto/digest.h"
#include "crypto/openssl.h"

namespace birthmark::attest {
namespace {

constexpr size_t kMaxRoots = 256, kMaxOthers = 32;
constexpr int kMaxBetween = 6;

void FreeCertStack(STACK_OF(X509) * s) { sk_X509_free(s); }
using CertStack = crypto::Owned<STACK_OF(X509), FreeCertStack>;
using StoreContext = crypto::Owned<X509_STORE_CTX, X509_STORE_CTX_free>;
using Store = crypto::Owned<X509_STORE, X509_STORE_free>;

CertStack BorrowCerts(std::span<const crypto::Certificate> certs) {
  CertStack stack(sk_X509_new_null());
  for (const crypto::Certificate& c : certs) sk_X509_push(stack.get(), c.x509());
  return stack;
}

std::unexpected<Error> ChainError(X509_STORE_CTX* ctx, const crypto::Certificate& leaf) {
  const int err = X509_STORE_CTX_get_error(ctx);
  std::string what =
      fmt::format("{}: certificate {} above it: {}", leaf.subject(),
                  X509_STORE_CTX_get_error_depth(ctx), X509_verify_cert_error_string(err));
  ERR_clear_error();
  switch (err) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:  // a root of that name, but not that root
      return Refused("attest.unknown-root", what + "; it leads to none of the pinned roots",
                     "add the maker's root to vendor-roots only if you have it from the maker");
    default:
      return Refused("attest.chain", what);
  }
}

}  // namespace

Result<std::vector<crypto::Certificate>> ChainToRoot(const crypto::Certificate& leaf,
                                                     std::span<const crypto::Certificate> others,
                                                     std::span<const crypto::Certificate> roots,
                                                     Time at) {
  if (roots.empty()) {
    return Refused(
        "attest.unknown-root", "no vendor root is pinned",
        "name the makers' roots: vendor-roots in the plan, --anchor at the command line");
  }
  if (roots.size() > kMaxRoots || others.size() > kMaxOthers)
    return Refused("attest.chain", "too many certificates to look for a way");
  CertStack offered = BorrowCerts(others), trusted = BorrowCerts(roots);
  Store store(X509_STORE_new());
  StoreContext ctx(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(ctx.get(), store.get(), leaf.x509(), offered.get()) != 1)
    return std::unexpected(crypto::OpenSslError("attest.crypto", "preparing a path"));
  X509_STORE_CTX_set0_trusted_stack(ctx.get(), trusted.get());
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(ctx.get());
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time(
      param, std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
  X509_VERIFY_PARAM_set_depth(param, kMaxBetween);
  X509_VERIFY_PARAM_set_auth_level(param, 2);  // 112 bits: SHA-1 and RSA-1024 are not believed
  if (X509_verify_cert(ctx.get()) != 1) return ChainError(ctx.get(), leaf);
  std::vector<crypto::Certificate> chain;
  STACK_OF(X509)* found = X509_STORE_CTX_get0_chain(ctx.get());
  auto same = [](X509* x) {
    return [x](const crypto::Certificate& c) { return X509_cmp(c.x509(), x) == 0; };
  };
  for (int i = 0; i < sk_X509_num(found); ++i) {
    X509* x = sk_X509_value(found, i);
    if (i == 0) {
      chain.push_back(leaf);
    } else if (auto it = std::ranges::find_if(roots, same(x)); it != roots.end()) {
      chain.push_back(*it);
    } else if (auto o = std::ranges::find_if(others, same(x)); o != others.end()) {
      chain.push_back(*o);
    }
  }
  return chain;
}

Bytes SpkiOf(const crypto::Certificate& c) {
  unsigned char* p = nullptr;
  int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c.x509()), &p);
  Bytes out(p, p + std::max(n, 0));
  OPENSSL_free(p);
  return out;
}

Digest EkDigestOf(const crypto::Certificate& c) { return crypto::Sha256(SpkiOf(c)); }

}  // namespace birthmark::attest
