// SPDX-License-Identifier: Apache-2.0
#include "artifact/lock.h"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "crypto/pem.h"
#include "pki/name.h"
#include "pki/validate.h"

namespace birthmark::artifact {
namespace {

using GeneralNamesPtr = crypto::Owned<GENERAL_NAMES, GENERAL_NAMES_free>;

bool Same(const crypto::PublicKey& a, const crypto::PublicKey& b) {
  return a.spki_digest() == b.spki_digest();
}

// PathFound is a signer with the certificates between it and the anchor.
struct PathFound {
  crypto::PublicKey signer;
  pki::Path path;  // the signer's certificate first, the anchor's last where it has one
  int level = 0;
};

// FromBareKey follows the chain as it came, up to the key that is trusted. Each is signed by the
// next; a key has no name and no dates to compare.
std::optional<PathFound> FromBareKey(const Opened& a, const crypto::PublicKey& anchor,
                                     const crypto::PublicKey& signer, Time at) {
  PathFound out{.signer = signer, .path = {}, .level = 0};
  for (size_t i = 0; i < a.chain.size(); ++i) {
    const crypto::Certificate& c = a.chain[i];
    if (at < c.not_before() || c.not_after() < at || (i > 0 && !c.is_ca())) return std::nullopt;
    out.path.push_back(c);
    if (c.IsSignedBy(anchor)) {
      out.level = static_cast<int>(i) + 2;
      return out;
    }
    if (i + 1 == a.chain.size() || !a.chain[i + 1].public_key() ||
        !c.IsSignedBy(*a.chain[i + 1].public_key()))
      return std::nullopt;
  }
  return std::nullopt;
}

// FindPath looks for one way from the signer to one anchor; `why` says what was wrong with the way
// that was nearest.
Result<std::optional<PathFound>> FindPath(const Opened& a, const Trusted& anchor, Time at,
                                          std::string& why) {
  const std::optional<crypto::Certificate> own = !a.chain.empty() && a.chain.front().public_key()
                                                     ? std::optional(a.chain.front())
                                                     : std::nullopt;
  if (a.signed_by(anchor.key)) {
    PathFound out{.signer = anchor.key, .path = {}, .level = 1};
    if (anchor.certificate) {
      out.path.push_back(*anchor.certificate);
    } else if (own && Same(*own->public_key(), anchor.key)) {
      out.path.push_back(*own);
    }
    return out;
  }
  if (!own || !a.signed_by(*own->public_key())) return std::nullopt;
  std::optional<crypto::Certificate> top = anchor.certificate;
  for (const crypto::Certificate& c : a.chain) {
    if (!top && c.public_key() && Same(*c.public_key(), anchor.key)) top = c;
  }
  if (!top) {
    std::optional<PathFound> found = FromBareKey(a, anchor.key, *own->public_key(), at);
    if (!found) why = "its certificates do not lead to the key that is trusted";
    return found;
  }
  const crypto::Certificate anchors[] = {*top};
  BM_TRY(pki::Validated judged, pki::Validate(*own, {.anchors = anchors,
                                                     .untrusted = std::span(a.chain).subspan(1),
                                                     .crls = {},
                                                     .ocsp = {},
                                                     .at = at,
                                                     .use = pki::Wanted::kAny,
                                                     .policies = {},
                                                     .host = "",
                                                     .max_between = std::nullopt,
                                                     .partial = true}));
  if (judged.holds) {
    const int level = static_cast<int>(judged.path.size());
    return PathFound{.signer = *own->public_key(), .path = std::move(judged.path), .level = level};
  }
  for (const pki::RuleFinding& f : judged.findings) {
    if (f.severity == Severity::kError) {
      why = fmt::format("{}: {} ({})", f.code, f.rule, f.section);
      break;
    }
  }
  return std::nullopt;
}

bool SubjectIs(const crypto::Certificate& c, const std::string& wanted) {
  if (c.subject() == wanted || c.common_name() == wanted || c.subject_serial_number() == wanted)
    return true;
  auto name = pki::Name::FromDer(c.subject_der());
  return name && std::ranges::any_of(name->attributes(), [&](const pki::Attribute& a) {
           return a.type + "=" + a.value == wanted;
         });
}

std::vector<std::string> DnsNames(const crypto::Certificate& c) {
  std::vector<std::string> out;
  GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(c.x509(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* n = sk_GENERAL_NAME_value(names.get(), i);
    if (n->type != GEN_DNS) continue;
    out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(n->d.dNSName)),
                     static_cast<size_t>(ASN1_STRING_length(n->d.dNSName)));
  }
  return out;
}

// Under is RFC 5280 section 4.2.1.10: a directory name lies under its first attributes, a DNS name
// under its last labels.
bool Under(const crypto::Certificate& c, std::string_view constraint) {
  if (constraint.starts_with("dns:")) {
    const std::string_view base = constraint.substr(4);
    const std::vector<std::string> names = DnsNames(c);
    return !names.empty() && std::ranges::all_of(names, [&](std::string_view n) {
      return n == base ||
             (n.size() > base.size() && n.ends_with(base) && n[n.size() - base.size() - 1] == '.');
    });
  }
  if (!constraint.starts_with("dn:")) return false;
  auto base = pki::Name::Parse(constraint.substr(3));
  auto name = pki::Name::FromDer(c.subject_der());
  return base && name && base->attributes().size() <= name->attributes().size() &&
         std::ranges::equal(base->attributes(),
                            std::span(name->attributes()).first(base->attributes().size()));
}

// Names checks the constraints: of each kind that is named, one must fit.
bool NamesFit(const crypto::Certificate& c, const std::vector<std::string>& constraints) {
  for (const std::string_view kind : {"dn:", "dns:"}) {
    bool named = false, fits = false;
    for (const std::string& n : constraints) {
      if (!n.starts_with(kind)) continue;
      named = true;
      fits |= Under(c, n);
    }
    if (named && !fits) return false;
  }
  return true;
}

bool GoesThrough(const pki::Path& path, const Lock& lock) {
  for (size_t i = 1; i < path.size(); ++i) {
    const crypto::Certificate& c = path[i];
    if (lock.subordinate && c.common_name() == *lock.subordinate) return true;
    if (lock.subordinate_key && c.public_key() &&
        c.public_key()->spki_digest() == *lock.subordinate_key)
      return true;
  }
  return false;
}

void CheckLock(const Opened& a, const PathFound& found, const Lock& lock,
               std::vector<Refusal>& out) {
  auto refuse = [&](const char* code, std::string message) {
    out.push_back({code, std::move(message)});
  };
  if (!lock.levels.empty() && std::ranges::find(lock.levels, found.level) == lock.levels.end())
    refuse("artifact.level",
           fmt::format("it is signed at level {}, and {} {} accepted", found.level,
                       fmt::join(lock.levels, ", "), lock.levels.size() == 1 ? "is" : "are"));
  const crypto::Certificate* signer = found.path.empty() ? nullptr : &found.path.front();
  auto lacks = [&](const std::vector<std::string>& wanted, auto list) {
    for (const std::string& oid : wanted) {
      if (signer == nullptr || std::ranges::find(list(*signer), oid) == list(*signer).end())
        return oid;
    }
    return std::string();
  };
  auto uses = [](const crypto::Certificate& c) -> const auto& { return c.eku(); };
  auto policies = [](const crypto::Certificate& c) -> const auto& { return c.policies(); };
  if (std::string oid = lacks(lock.eku, uses); !oid.empty())
    refuse("artifact.eku", "the signer lacks the extended key usage " + oid);
  if (std::string oid = lacks(lock.policy_oid, policies); !oid.empty())
    refuse("artifact.policy", "the signer lacks the certificate policy " + oid);
  const std::string who = signer == nullptr ? "a bare key" : signer->subject();
  if (lock.subject && (signer == nullptr || !SubjectIs(*signer, *lock.subject)))
    refuse("artifact.subject", fmt::format("the signer is {}, not {}", who, *lock.subject));
  if (!lock.name_constraints.empty() &&
      (signer == nullptr || !NamesFit(*signer, lock.name_constraints)))
    refuse("artifact.name-constraints", fmt::format("the names of {} do not lie under {}", who,
                                                    fmt::join(lock.name_constraints, ", ")));
  if ((lock.subordinate || lock.subordinate_key) && !GoesThrough(found.path, lock))
    refuse("artifact.subordinate",
           fmt::format("the path does not go through {}",
                       lock.subordinate ? *lock.subordinate : "the authority that is asked for"));
  if (lock.installed_version && a.version.value_or(0) < *lock.installed_version)
    refuse("artifact.rolled-back", a.version ? fmt::format("its version is {}, and {} is installed",
                                                           *a.version, *lock.installed_version)
                                             : "it says no version, so it could be an older one");
}

}  // namespace

Result<std::vector<Trusted>> ReadTrusted(ByteView file, const std::string& name) {
  std::vector<Trusted> out;
  auto add = [&](std::string_view label, ByteView der) -> Status {
    if (label == "PUBLIC KEY") {
      BM_TRY(crypto::PublicKey key, crypto::PublicKey::FromSpki(der));
      out.push_back({std::move(key), std::nullopt});
      return {};
    }
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(der));
    BM_TRY(crypto::PublicKey key, c.public_key());
    out.push_back({std::move(key), std::move(c)});
    return {};
  };
  if (!file.empty() && file.front() == 0x30) {
    if (!add("CERTIFICATE", file)) BM_CHECK(add("PUBLIC KEY", file));
    return out;
  }
  BM_TRY(const std::vector<crypto::PemBlock> blocks, crypto::ReadPem(AsText(file)));
  for (const crypto::PemBlock& b : blocks) {
    if (b.label == "CERTIFICATE" || b.label == "PUBLIC KEY") BM_CHECK(add(b.label, b.der));
  }
  if (out.empty()) {
    return Refused("artifact.anchor-file", name + ": no certificate and no public key in it",
                   "give the anchor's certificate or key in PEM");
  }
  return out;
}

Lock LockOf(const plan::Anchor& a) {
  return {.levels = a.levels,
          .eku = a.eku,
          .policy_oid = a.policy_oid,
          .subject = a.subject,
          .name_constraints = a.name_constraints,
          .subordinate = a.subordinate,
          .subordinate_key = std::nullopt,
          .installed_version = std::nullopt};
}

Result<Verdict> Judge(const Opened& artifact, std::span<const Trusted> anchors, const Lock& lock,
                      Time at) {
  Verdict out;
  std::string why;
  for (const Trusted& anchor : anchors) {
    BM_TRY(const std::optional<PathFound> found, FindPath(artifact, anchor, at, why));
    if (!found) continue;
    std::vector<Refusal> refused;
    CheckLock(artifact, *found, lock, refused);
    // The first anchor that takes it, else what the first that leads to it says.
    if (out.level != 0 && !refused.empty()) continue;
    out.level = found->level;
    out.signer = found->signer;
    out.path.clear();
    for (const crypto::Certificate& c : found->path) out.path.push_back(c.subject());
    out.refused = std::move(refused);
    if (out.refused.empty()) return out;
  }
  if (out.level != 0) return out;
  const bool by_its_own = !artifact.chain.empty() && artifact.chain.front().public_key() &&
                          artifact.signed_by(*artifact.chain.front().public_key());
  if (by_its_own) {
    out.refused.push_back({"artifact.path", "the signer does not lead to an anchor" +
                                                (why.empty() ? "" : ": " + why)});
  } else {
    out.refused.push_back({"artifact.signature",
                           "no key that is trusted, and none that came along, made the signature"});
  }
  return out;
}

}  // namespace birthmark::artifact
