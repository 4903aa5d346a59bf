// SPDX-License-Identifier: Apache-2.0
#include "pki/path.h"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "crypto/openssl.h"

namespace birthmark::pki {
namespace {

void FreeStack(STACK_OF(X509) * s) { sk_X509_free(s); }
using StackPtr = crypto::Owned<STACK_OF(X509), FreeStack>;
using StoreCtxPtr = crypto::Owned<X509_STORE_CTX, X509_STORE_CTX_free>;
using StorePtr = crypto::Owned<X509_STORE, X509_STORE_free>;
using ObjectPtr = crypto::Owned<ASN1_OBJECT, ASN1_OBJECT_free>;
void FreeUses(EXTENDED_KEY_USAGE* e) { EXTENDED_KEY_USAGE_free(e); }
using UsesPtr = crypto::Owned<EXTENDED_KEY_USAGE, FreeUses>;

// The stack borrows the certificates: they outlive it.
StackPtr Borrow(std::span<const crypto::Certificate> certificates) {
  StackPtr stack(sk_X509_new_null());
  for (const crypto::Certificate& c : certificates) sk_X509_push(stack.get(), c.x509());
  return stack;
}

struct Use {
  const char* oid;  // null: no use is asked for
  bool must_be_named;
};

Use UseOf(Purpose p) {
  switch (p) {
    case Purpose::kDevice:
      return {"1.3.6.1.5.5.7.3.2", false};
    case Purpose::kCodeSigning:
      return {"1.3.6.1.5.5.7.3.3", true};
    case Purpose::kUpdateSigning:
      return {"1.3.6.1.5.5.7.3.43", true};
    case Purpose::kDisclosure:
      return {"1.3.6.1.5.5.7.3.36", true};
    case Purpose::kClient:
      return {"1.3.6.1.5.5.7.3.2", true};
    case Purpose::kServer:
      return {"1.3.6.1.5.5.7.3.1", true};
    case Purpose::kOcspResponder:
      return {"1.3.6.1.5.5.7.3.9", true};
    case Purpose::kAuthority:
      return {nullptr, false};
  }
  return {nullptr, false};
}

// NamesUse is RFC 5280 section 4.2.1.12. anyExtendedKeyUsage does not count as naming one.
bool NamesUse(X509* cert, const Use& use) {
  UsesPtr uses(static_cast<EXTENDED_KEY_USAGE*>(
      X509_get_ext_d2i(cert, NID_ext_key_usage, nullptr, nullptr)));
  if (uses == nullptr) return !use.must_be_named;
  ObjectPtr want(OBJ_txt2obj(use.oid, 1));
  for (int i = 0; i < sk_ASN1_OBJECT_num(uses.get()); ++i) {
    if (OBJ_cmp(sk_ASN1_OBJECT_value(uses.get(), i), want.get()) == 0) return true;
  }
  return false;
}

Status CheckEnd(const crypto::Certificate& leaf, Purpose purpose) {
  X509* cert = leaf.x509();
  if (!leaf.public_key()) {
    return Refused("path.key", fmt::format("the key is {}: {}", leaf.key_text(),
                                           leaf.public_key().error().message));
  }
  const uint32_t flags = X509_get_extension_flags(cert);
  if (purpose == Purpose::kAuthority) {
    if (X509_check_ca(cert) != 1) {
      return Refused("path.usage", "the certificate is not an authority's");
    }
    return {};
  }
  if ((flags & EXFLAG_CA) != 0) {
    return Refused("path.usage", "the certificate is an authority's, not an end entity's");
  }
  // RFC 5280 section 4.2.1.3: where keyUsage stands, it must allow signing.
  if ((flags & EXFLAG_KUSAGE) != 0 && (X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE) == 0) {
    return Refused("path.usage", "keyUsage does not allow digitalSignature");
  }
  const Use use = UseOf(purpose);
  if (!NamesUse(cert, use)) {
    return Refused("path.usage",
                   fmt::format("extendedKeyUsage does not name {}, which this use takes", use.oid));
  }
  return {};
}

std::unexpected<Error> EngineError(X509_STORE_CTX* ctx) {
  const int err = X509_STORE_CTX_get_error(ctx);
  const int depth = X509_STORE_CTX_get_error_depth(ctx);
  const std::string what =
      fmt::format("certificate {} from the end: {}", depth, X509_verify_cert_error_string(err));
  switch (err) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
      return Refused("path.none", what, "give the missing certificates, or the right anchor");
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Refused("path.date", what);
    case X509_V_ERR_INVALID_PURPOSE:
      return Refused("path.usage", what);
    default:
      return Refused("path.invalid", what);
  }
}

}  // namespace

Result<Path> BuildPath(const crypto::Certificate& leaf,
                       std::span<const crypto::Certificate> intermediates,
                       std::span<const crypto::Certificate> anchors, Time at, Purpose purpose) {
  if (intermediates.size() > kMaxOffered || anchors.size() > kMaxOffered) {
    return Refused("path.too-many",
                   fmt::format("more than {} certificates were offered", kMaxOffered));
  }
  StackPtr offered = Borrow(intermediates), trusted = Borrow(anchors);
  StorePtr store(X509_STORE_new());
  StoreCtxPtr ctx(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(ctx.get(), store.get(), leaf.x509(), offered.get()) != 1) {
    return std::unexpected(crypto::OpenSslError("path.engine", "preparing path validation"));
  }
  X509_STORE_CTX_set0_trusted_stack(ctx.get(), trusted.get());
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(ctx.get());
  X509_VERIFY_PARAM_set_flags(
      param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_CHECK_SS_SIGNATURE);
  X509_VERIFY_PARAM_set_time(
      param, std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
  X509_VERIFY_PARAM_set_depth(param, kMaxPathCertificates - 2);  // counts what stands between
  X509_VERIFY_PARAM_set_auth_level(param, 2);  // 112 bits: RSA-2048, P-224, SHA-224 and better
  if (X509_verify_cert(ctx.get()) != 1) return EngineError(ctx.get());
  BM_CHECK(CheckEnd(leaf, purpose));

  Path path;
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(ctx.get());
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* found = sk_X509_value(chain, i);
    auto is_it = [found](const crypto::Certificate& c) { return X509_cmp(c.x509(), found) == 0; };
    if (i == 0) {
      path.push_back(leaf);
    } else if (auto it = std::ranges::find_if(anchors, is_it); it != anchors.end()) {
      path.push_back(*it);
    } else if (auto mid = std::ranges::find_if(intermediates, is_it); mid != intermediates.end()) {
      path.push_back(*mid);
    }
  }
  return path;
}

}  // namespace birthmark::pki
