// SPDX-License-Identifier: Apache-2.0
#include "voucher/verify.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

namespace birthmark::voucher {
namespace {

using StorePtr = crypto::Owned<X509_STORE, X509_STORE_free>;
using ContextPtr = crypto::Owned<X509_STORE_CTX, X509_STORE_CTX_free>;
void FreeBorrowed(STACK_OF(X509) * s) { sk_X509_free(s); }
using StackPtr = crypto::Owned<STACK_OF(X509), FreeBorrowed>;

constexpr auto kFuture = std::chrono::minutes(5);  // by how much two clocks may differ

std::unexpected<Error> Engine() {
  return std::unexpected(crypto::OpenSslError("voucher.engine", "looking for a path"));
}

void CheckTimes(const Statement& s, Time at, Findings& out) {
  if (s.created_on && *s.created_on > at + kFuture) {
    out.Error("voucher.not-yet", "created-on " + FormatTime(*s.created_on) + " lies in the future",
              "see whether the clock is right, or name the time with --time");
  }
  if (s.expires_on && *s.expires_on <= at) {
    out.Error("voucher.expired", "it expired on " + FormatTime(*s.expires_on),
              "ask the MASA for a new one");
  }
  if (s.kind == Kind::kVoucher && s.nonce.empty() && !s.expires_on) {
    out.Warn("voucher.forever", "it has neither a nonce nor an end: it holds for ever");
  }
}

void CheckWish(const Statement& s, const Wish& wish, Findings& out) {
  if (!wish.serial.empty() && s.serial_number != wish.serial) {
    out.Error("voucher.serial",
              fmt::format("it is for serial number {}, not {}", s.serial_number, wish.serial));
  }
  if (wish.nonce.empty()) return;
  if (s.nonce.empty()) {
    out.Error("voucher.nonceless", "it has no nonce, and one was asked for");
  } else if (!NonceIs(s, wish.nonce)) {
    out.Error("voucher.nonce", "its nonce is " + NonceText(s) + ": it answers another request",
              "a voucher counts once; ask for one with the nonce of this request");
  }
}

void CheckPin(const Statement& s, Findings& out) {
  if (s.kind != Kind::kVoucher) return;
  if (!s.assertion) out.Error("voucher.assertion", "it asserts nothing");
  if (s.pinned_domain_cert.empty()) {
    if (s.pinned_domain_pubk.empty() && s.pinned_domain_pubk_sha256.empty())
      out.Error("voucher.pin", "it pins no domain: pinned-domain-cert is missing");
    return;
  }
  auto pinned = crypto::Certificate::FromDer(s.pinned_domain_cert);
  if (!pinned) {
    out.Error("voucher.pin", "pinned-domain-cert is no certificate: " + pinned.error().message);
  } else if (s.expires_on && *s.expires_on > pinned->not_after()) {
    out.Error("voucher.pin", "it holds longer than the certificate that it pins");
  }
}

}  // namespace

Result<std::vector<crypto::Certificate>> ChainTo(const crypto::Certificate& leaf,
                                                 std::span<const crypto::Certificate> carried,
                                                 std::span<const crypto::Certificate> anchors,
                                                 Time at) {
  StorePtr store(X509_STORE_new());
  StackPtr between(sk_X509_new_null());
  ContextPtr ctx(X509_STORE_CTX_new());
  if (store == nullptr || between == nullptr || ctx == nullptr) return Engine();
  for (const crypto::Certificate& a : anchors) X509_STORE_add_cert(store.get(), a.x509());
  for (const crypto::Certificate& c : carried) sk_X509_push(between.get(), c.x509());
  if (X509_STORE_CTX_init(ctx.get(), store.get(), leaf.x509(), between.get()) != 1) return Engine();
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(ctx.get());
  // Whatever is named is trusted, be it self-signed or not: a MASA's own certificate will do.
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
  X509_VERIFY_PARAM_set_depth(rules, 8);
  X509_VERIFY_PARAM_set_time(
      rules, static_cast<time_t>(
                 std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count()));
  const int good = X509_verify_cert(ctx.get());
  const int why = X509_STORE_CTX_get_error(ctx.get());
  ERR_clear_error();
  if (good != 1) {
    switch (why) {
      case X509_V_ERR_CERT_HAS_EXPIRED:
      case X509_V_ERR_CERT_NOT_YET_VALID: {
        std::string who = leaf.subject();
        X509* at_fault = X509_STORE_CTX_get_current_cert(ctx.get());
        for (const auto* list : {&carried, &anchors}) {
          for (const crypto::Certificate& c : *list) {
            if (at_fault != nullptr && X509_cmp(c.x509(), at_fault) == 0) who = c.subject();
          }
        }
        return Refused(
            "voucher.certificate-date",
            fmt::format("at {} the certificate {} {}", FormatTime(at), who,
                        why == X509_V_ERR_CERT_HAS_EXPIRED ? "had expired" : "did not hold yet"),
            "name the time it was made for with --time");
      }
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return Refused("voucher.unknown-masa",
                       leaf.subject() + " signed it, and leads to none of the anchors");
      default:
        return Refused("voucher.certificate",
                       fmt::format("{}: {}", leaf.subject(), X509_verify_cert_error_string(why)));
    }
  }
  std::vector<crypto::Certificate> path{leaf};
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(ctx.get());
  for (int i = 1; i < sk_X509_num(chain); ++i) {
    X509* link = sk_X509_value(chain, i);
    for (const auto* list : {&carried, &anchors}) {
      for (const crypto::Certificate& c : *list) {
        if (path.size() == static_cast<size_t>(i) && X509_cmp(c.x509(), link) == 0)
          path.push_back(c);
      }
    }
  }
  return path;
}

Judged Judge(const Message& m, std::span<const crypto::Certificate> anchors, const Wish& wish) {
  Judged out;
  auto add = [&](const Error& e) { out.findings.Error(e.code, e.message, e.fix); };
  if (auto signer = SignerOf(m, anchors)) {
    out.signer = std::move(*signer);
    const auto& usage = out.signer->key_usage();
    bool signs = !usage;
    for (const std::string& u : usage.value_or(std::vector<std::string>{}))
      signs = signs || u == "digitalSignature";
    if (!signs) out.findings.Error("voucher.certificate", "the signer's key may sign nothing");
    if (auto path = ChainTo(*out.signer, m.certificates, anchors, wish.at)) {
      out.path = std::move(*path);
    } else {
      add(path.error());
    }
  } else if (signer.error().code == "voucher.no-signer" ||
             (m.form == Form::kCose && m.certificates.empty())) {
    // Nothing came along to say whose key it was: as far as these anchors go, a stranger's.
    out.findings.Error("voucher.unknown-masa",
                       "none of the anchors made the signature: " + signer.error().message);
  } else {
    add(signer.error());
  }
  CheckTimes(m.statement, wish.at, out.findings);
  CheckWish(m.statement, wish, out.findings);
  CheckPin(m.statement, out.findings);
  for (const std::string& name : m.statement.others)
    out.findings.Note("voucher.other", "a member that is not understood here: " + name);
  return out;
}

}  // namespace birthmark::voucher
