// SPDX-License-Identifier: Apache-2.0
#include "pki/validate.h"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "crypto/openssl.h"
#include "pki/validate_ocsp.h"
#include "pki/validate_rules.h"

namespace birthmark::pki {
namespace {

void FreeBorrowed(STACK_OF(X509) * s) { sk_X509_free(s); }
void FreeCrls(STACK_OF(X509_CRL) * s) { sk_X509_CRL_pop_free(s, X509_CRL_free); }
using BorrowedPtr = crypto::Owned<STACK_OF(X509), FreeBorrowed>;
using CrlsPtr = crypto::Owned<STACK_OF(X509_CRL), FreeCrls>;
using ContextPtr = crypto::Owned<X509_STORE_CTX, X509_STORE_CTX_free>;
using AnchorsPtr = crypto::Owned<X509_STORE, X509_STORE_free>;

struct WantedWord {
  Wanted use;
  std::string_view word;
};
constexpr std::array<WantedWord, 8> kWantedWords = {{{Wanted::kAny, "any"},
                                                     {Wanted::kDevice, "device"},
                                                     {Wanted::kClient, "client"},
                                                     {Wanted::kServer, "server"},
                                                     {Wanted::kCodeSigning, "code-signing"},
                                                     {Wanted::kUpdateSigning, "update-signing"},
                                                     {Wanted::kDisclosure, "disclosure"},
                                                     {Wanted::kAuthority, "authority"}}};

// Told is one error of the engine, with the certificate it was about.
struct Told {
  int error = 0;
  size_t place = 0;
  bool operator==(const Told&) const = default;
};

// Collect lets the engine go on after an error, so that it finds everything. The path of a CRL's
// issuer is judged in a context of its own, which ends at its first error.
int Collect(int ok, X509_STORE_CTX* ctx) {
  auto* all = static_cast<std::vector<Told>*>(X509_STORE_CTX_get_app_data(ctx));
  if (ok == 1 || all == nullptr) return ok;
  Told told{X509_STORE_CTX_get_error(ctx),
            static_cast<size_t>(std::max(X509_STORE_CTX_get_error_depth(ctx), 0))};
  if (std::ranges::find(*all, told) == all->end()) all->push_back(told);
  return 1;
}

BorrowedPtr Lend(std::span<const crypto::Certificate> certificates) {
  BorrowedPtr stack(sk_X509_new_null());
  for (const crypto::Certificate& c : certificates) sk_X509_push(stack.get(), c.x509());
  return stack;
}

Result<CrlsPtr> ReadCrls(std::span<const Bytes> crls) {
  CrlsPtr stack(sk_X509_CRL_new_null());
  for (size_t i = 0; i < crls.size(); ++i) {
    const uint8_t* at = crls[i].data();
    X509_CRL* crl = d2i_X509_CRL(nullptr, &at, static_cast<long>(crls[i].size()));
    if (crl == nullptr || at != crls[i].data() + crls[i].size()) {
      X509_CRL_free(crl);
      return Refused("chain.input", fmt::format("CRL {} does not read as one", i + 1));
    }
    sk_X509_CRL_push(stack.get(), crl);
  }
  return stack;
}

// Aim tells the engine what is asked.
Status Aim(X509_STORE_CTX* ctx, const Validation& ask) {
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(ctx);
  unsigned long flags = X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE |
                        X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_EXTENDED_CRL_SUPPORT |
                        X509_V_FLAG_USE_DELTAS;
  if (ask.partial) flags |= X509_V_FLAG_PARTIAL_CHAIN;
  if (!ask.crls.empty()) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  if (!ask.policies.empty()) flags |= X509_V_FLAG_EXPLICIT_POLICY;
  X509_VERIFY_PARAM_set_flags(param, flags);
  X509_VERIFY_PARAM_set_time(
      param, std::chrono::duration_cast<std::chrono::seconds>(ask.at.time_since_epoch()).count());
  // 112 bits of strength (NIST SP 800-57 part 1 table 2): RSA-2048, P-224, SHA-224 and better.
  X509_VERIFY_PARAM_set_auth_level(param, 2);
  if (ask.max_between) X509_VERIFY_PARAM_set_depth(param, *ask.max_between);
  // Where none is named any will do, which the engine wants to be told.
  const std::vector<std::string> any = {"2.5.29.32.0"};
  for (const std::string& oid : ask.policies.empty() ? any : ask.policies) {
    ASN1_OBJECT* policy = OBJ_txt2obj(oid.c_str(), 1);
    if (policy == nullptr || X509_VERIFY_PARAM_add0_policy(param, policy) != 1) {
      ASN1_OBJECT_free(policy);
      return Usage("chain.input", oid + ": is no object identifier", "write it as 1.3.6.1.4.1.…");
    }
  }
  if (ask.host.empty()) return {};
  // RFC 9525 section 6.3: names in subjectAltName alone, and "*" for the whole left-most label.
  X509_VERIFY_PARAM_set_hostflags(
      param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, ask.host.c_str()) == 1) return {};
  if (X509_VERIFY_PARAM_set1_host(param, ask.host.data(), ask.host.size()) == 1) return {};
  return Usage("chain.input", ask.host + ": is neither a DNS name nor an address");
}

Path PathOf(X509_STORE_CTX* ctx, const crypto::Certificate& end, const Validation& ask) {
  Path path;
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(ctx);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* found = sk_X509_value(chain, i);
    auto is_it = [found](const crypto::Certificate& c) { return X509_cmp(c.x509(), found) == 0; };
    if (i == 0) {
      path.push_back(end);
    } else if (auto it = std::ranges::find_if(ask.anchors, is_it); it != ask.anchors.end()) {
      path.push_back(*it);
    } else if (auto mid = std::ranges::find_if(ask.untrusted, is_it); mid != ask.untrusted.end()) {
      path.push_back(*mid);
    }
  }
  if (path.empty()) path.push_back(end);
  return path;
}

std::vector<std::string> PoliciesOf(X509_STORE_CTX* ctx) {
  std::vector<std::string> out;
  const X509_POLICY_TREE* tree = X509_STORE_CTX_get0_policy_tree(ctx);
  if (tree == nullptr) return out;
  const STACK_OF(X509_POLICY_NODE)* nodes = X509_policy_tree_get0_user_policies(tree);
  for (int i = 0; i < sk_X509_POLICY_NODE_num(nodes); ++i) {
    const ASN1_OBJECT* oid = X509_policy_node_get0_policy(sk_X509_POLICY_NODE_value(nodes, i));
    char text[128];
    OBJ_obj2txt(text, sizeof text, oid, 1);
    out.emplace_back(std::string_view(text) == "2.5.29.32.0" ? "any" : text);
  }
  std::ranges::sort(out);
  return out;
}

bool LedToAnchor(const Path& path, const Validation& ask) {
  return std::ranges::any_of(ask.anchors, [&](const crypto::Certificate& a) {
    return a.digest() == path.back().digest();
  });
}

}  // namespace

std::string_view ToText(Wanted w) {
  return std::ranges::find(kWantedWords, w, &WantedWord::use)->word;
}
bool FromText(std::string_view s, Wanted& w) {
  auto it = std::ranges::find(kWantedWords, s, &WantedWord::word);
  if (it == kWantedWords.end()) return false;
  w = it->use;
  return true;
}

Result<Validated> Validate(const crypto::Certificate& end, const Validation& ask) {
  if (ask.anchors.size() > kMaxCertificates || ask.untrusted.size() > kMaxCertificates ||
      ask.crls.size() > kMaxStatements || ask.ocsp.size() > kMaxStatements) {
    return Refused("chain.too-many", fmt::format("more than {} certificates or {} statements",
                                                 kMaxCertificates, kMaxStatements));
  }
  BorrowedPtr offered = Lend(ask.untrusted);
  BM_TRY(CrlsPtr crls, ReadCrls(ask.crls));
  // A store, and not a stack of the context: the path of a CRL's issuer looks there for its anchor.
  AnchorsPtr store(X509_STORE_new());
  for (const crypto::Certificate& a : ask.anchors) X509_STORE_add_cert(store.get(), a.x509());
  ContextPtr ctx(X509_STORE_CTX_new());
  if (X509_STORE_CTX_init(ctx.get(), store.get(), end.x509(), offered.get()) != 1)
    return std::unexpected(crypto::OpenSslError("chain.engine", "preparing path validation"));
  X509_STORE_CTX_set0_crls(ctx.get(), crls.get());
  BM_CHECK(Aim(ctx.get(), ask));
  std::vector<Told> told;
  X509_STORE_CTX_set_app_data(ctx.get(), &told);
  X509_STORE_CTX_set_verify_cb(ctx.get(), Collect);
  const int answer = X509_verify_cert(ctx.get());
  // What the engine refuses without asking, such as a lack of memory, is in its own error.
  const int error = X509_STORE_CTX_get_error(ctx.get());
  if (answer != 1 && told.empty())
    told.push_back({error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error, 0});

  Validated out;
  out.path = PathOf(ctx.get(), end, ask);
  out.policies = PoliciesOf(ctx.get());
  std::vector<bool> good(out.path.size(), false);
  if (!ask.ocsp.empty()) {
    BM_TRY(good, CheckOcsp(out.path, ask, out.findings));
  }
  const bool led = LedToAnchor(out.path, ask);
  for (const Told& t : told) {
    RuleFinding f = EngineFinding(t.error);
    const size_t place = std::min(t.place, out.path.size() - 1);
    f.place = place;
    // A good answer of OCSP stands for a CRL that is not there (RFC 6960 section 1).
    if (t.error == X509_V_ERR_UNABLE_TO_GET_CRL && good[place]) continue;
    // Whether an anchor holds is not for lists to say (RFC 5280 section 6.1.1 (d)).
    const bool of_anchor = led && out.path.size() > 1 && place + 1 == out.path.size();
    if (of_anchor && f.code.starts_with("chain.crl-")) continue;
    if (t.error == X509_V_ERR_NO_EXPLICIT_POLICY) f.place.reset();  // it is about the path
    out.findings.push_back(std::move(f));
  }
  for (size_t i = 0; i < out.path.size(); ++i) CheckProfile(out.path[i], i, out.findings);
  CheckUse(out.path, ask.use, out.findings);
  if (!led && std::ranges::none_of(out.findings,
                                   [](const auto& f) { return f.code == "chain.no-anchor"; })) {
    RuleFinding f = EngineFinding(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    f.place = out.path.size() - 1;
    out.findings.push_back(std::move(f));
  }
  for (RuleFinding& f : out.findings) {
    if (f.place) f.subject = out.path[*f.place].subject();
  }
  std::ranges::stable_sort(out.findings, {},
                           [](const RuleFinding& f) { return f.place.value_or(SIZE_MAX); });
  out.holds = std::ranges::none_of(
      out.findings, [](const RuleFinding& f) { return f.severity == Severity::kError; });
  return out;
}

}  // namespace birthmark::pki
