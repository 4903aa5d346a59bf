// SPDX-License-Identifier: Apache-2.0
#include "anchors/trial_build.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "anchors/trial_plan.h"
#include "cbor/codec.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/software_signer.h"

namespace birthmark::anchors {
namespace {

using crypto::DerWriter;
namespace der = crypto::der;

constexpr std::string_view kServerAuth = "1.3.6.1.5.5.7.3.1";

// CommonName is a name of one attribute, or of two where an organization is given.
Bytes CommonName(std::string_view cn, std::string_view organization = "") {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& name) {
    auto attribute = [&](std::string_view oid, std::string_view value) {
      name.Nest(der::kSet, [&](DerWriter& set) {
        set.Sequence([&](DerWriter& a) {
          a.Oid(oid);
          a.Utf8(value);
        });
      });
    };
    if (!organization.empty()) attribute("2.5.4.10", organization);
    attribute("2.5.4.3", cn);
  });
  return out;
}

// SignatureAlgorithm is the AlgorithmIdentifier of a crypto::Signer's signatures in certificates.
Bytes SignatureAlgorithm(crypto::Algorithm a) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    switch (a) {
      case crypto::Algorithm::kEcdsaP256:
        return w.Oid("1.2.840.10045.4.3.2");
      case crypto::Algorithm::kEcdsaP384:
        return w.Oid("1.2.840.10045.4.3.3");
      case crypto::Algorithm::kEd25519:
        return w.Oid("1.3.101.112");
      case crypto::Algorithm::kRsa2048:
      case crypto::Algorithm::kRsa3072:
      case crypto::Algorithm::kRsa4096:
        w.Oid("1.2.840.113549.1.1.11");
        return w.Null();  // RFC 4055 section 5
    }
  });
  return out;
}

void Extension(DerWriter& list, std::string_view oid, bool critical,
               const std::function<void(DerWriter&)>& fill) {
  Bytes value;
  DerWriter inner(value);
  fill(inner);
  list.Sequence([&](DerWriter& e) {
    e.Oid(oid);
    if (critical) e.Boolean(true);
    e.OctetString(value);
  });
}

std::string_view KeyText(const crypto::Signer& s) { return crypto::ToText(s.algorithm()); }

size_t CoordinateOf(crypto::Algorithm a) {
  if (a == crypto::Algorithm::kEcdsaP256) return 32;
  return a == crypto::Algorithm::kEcdsaP384 ? 48 : 0;
}

// KeyId is the usual identifier of a key (RFC 5280 section 4.2.1.2, method 1).
std::array<uint8_t, 20> KeyId(ByteView spki) {
  crypto::DerReader outer(spki);
  auto inner = outer.Enter();
  if (!inner || !inner->Next()) return {};
  const auto bits = inner->BitStringOctets();
  return bits ? crypto::Sha1ForKeyId(*bits) : std::array<uint8_t, 20>{};
}

// ToBeSigned is the Sig_structure of RFC 9052 section 4.4.
Bytes ToBeSigned(ByteView protected_header, ByteView payload) {
  Bytes out;
  cbor::Writer w(out);
  w.ArrayHead(4);
  w.Text("Signature1");
  w.ByteString(protected_header);
  w.ByteString({});
  w.ByteString(payload);
  return out;
}

Bytes ProtectedHeader(int64_t algorithm, const std::vector<Bytes>& chain, ByteView bare_key) {
  cbor::Map header{{cbor::Value(1), cbor::Value(algorithm)}};
  if (chain.size() == 1) header.emplace_back(33, chain[0]);  // RFC 9360 section 2: one is no array
  if (chain.size() > 1) header.emplace_back(33, cbor::Array(chain.begin(), chain.end()));
  if (!bare_key.empty()) header.emplace_back("spki", Bytes(bare_key.begin(), bare_key.end()));
  return cbor::Encode(header);
}

}  // namespace

Result<crypto::Signer*> TrialBuilder::TestAuthority(const std::string& role) {
  if (const auto it = authorities_.find(role); it != authorities_.end()) return it->second.get();
  // A forger's key is of the anchor's own kind, so that the key itself is the only difference.
  const bool forger = role == "forger" && setup_.anchor != nullptr;
  BM_TRY(auto signer, crypto::SoftwareSigner::Generate(forger ? setup_.anchor->algorithm()
                                                              : crypto::Algorithm::kEcdsaP256));
  return authorities_.emplace(role, std::move(signer)).first->second.get();
}

Result<Bytes> TrialBuilder::Certify(const Issuer& issuer, ByteView subject, ByteView spki,
                                    const TrialSpec* end_entity, int path_len,
                                    const std::string& dns) {
  const Bytes algorithm = SignatureAlgorithm(issuer.signer->algorithm());
  std::array<uint8_t, 16> serial{};
  rng_.Fill(serial);
  serial[0] = static_cast<uint8_t>(0x40 | (serial[0] & 0x3f));  // positive, of full length
  const auto issuer_id = issuer.signer->public_key().KeyIdentifier();
  const auto subject_id = KeyId(spki);
  Bytes tbs;
  DerWriter(tbs).Sequence([&](DerWriter& t) {
    t.Nest(der::Context(0, true), [](DerWriter& v) { v.Unsigned(2); });
    t.Unsigned(ByteView(serial));
    t.Raw(algorithm);
    t.Raw(issuer.name);
    t.Sequence([&](DerWriter& v) {
      v.Validity(setup_.now - std::chrono::hours(1));
      v.Validity(setup_.now + setup_.lifetime);
    });
    t.Raw(subject);
    t.Raw(spki);
    t.Nest(der::Context(3, true), [&](DerWriter& x) {
      x.Sequence([&](DerWriter& list) {
        Extension(list, "2.5.29.35", false, [&](DerWriter& w) {
          w.Sequence([&](DerWriter& id) { id.Element(der::Context(0, false), issuer_id); });
        });
        if (end_entity == nullptr) {
          Extension(list, "2.5.29.14", false, [&](DerWriter& w) { w.OctetString(subject_id); });
          Extension(list, "2.5.29.19", true, [&](DerWriter& w) {
            w.Sequence([&](DerWriter& c) {
              c.Boolean(true);
              c.Unsigned(static_cast<uint64_t>(path_len));
            });
          });
        }
        // keyCertSign (bit 5) for an authority, digitalSignature (bit 0) for a signer.
        const uint8_t usage = end_entity == nullptr ? 0x04 : 0x80;
        Extension(list, "2.5.29.15", true, [&](DerWriter& w) {
          w.BitString(ByteView(&usage, 1), end_entity == nullptr ? 2 : 7);
        });
        if (end_entity != nullptr && end_entity->eku) {
          Extension(list, "2.5.29.37", false, [&](DerWriter& w) {
            w.Sequence([&](DerWriter& u) {
              u.Oid(setup_.eku);
              // Beside the plan's own usage a server needs the one of servers (RFC 5280 4.2.1.12).
              if (!dns.empty() && setup_.eku != kServerAuth) u.Oid(kServerAuth);
            });
          });
        }
        if (!dns.empty()) {
          Extension(list, "2.5.29.17", false, [&](DerWriter& w) {
            w.Sequence([&](DerWriter& n) { n.Element(der::Context(2, false), AsBytes(dns)); });
          });
        }
        // RFC 5280 section 6.1.3 (d): a policy holds when the whole chain has it, so authorities
        // carry it.
        if (end_entity == nullptr || end_entity->policy) {
          Extension(list, "2.5.29.32", false, [&](DerWriter& w) {
            w.Sequence([&](DerWriter& all) {
              all.Sequence([&](DerWriter& one) { one.Oid(setup_.policy_oid); });
            });
          });
        }
      });
    });
  });
  BM_TRY(Bytes signature, issuer.signer->Sign(tbs));
  Bytes certificate;
  DerWriter(certificate).Sequence([&](DerWriter& c) {
    c.Raw(tbs);
    c.Raw(algorithm);
    c.BitString(signature);
  });
  return certificate;
}

Result<std::vector<Bytes>> TrialBuilder::Chain(const TrialSpec& spec, const Issuer& top,
                                               ByteView spki, const std::string& dns) {
  std::vector<Bytes> chain;  // from the anchor downwards; turned round at the end
  Issuer issuer = top;
  // Levels 2 to level-1 are subordinates; the real ones are used for what the plan's PKI has, as
  // long as the object is not about another subordinate.
  const bool real =
      spec.subordinate && spec.right_key && setup_.subordinates.size() + 2 == spec.level;
  for (uint32_t level = 2; level < spec.level; ++level) {
    if (real) {
      const TrialIssuer& s = setup_.subordinates[level - 2];
      const ByteView name = s.certificate.subject_der();
      chain.emplace_back(s.certificate.der().begin(), s.certificate.der().end());
      issuer = {Bytes(name.begin(), name.end()), s.signer};
      continue;
    }
    const std::string role =
        fmt::format("{} subordinate {}", spec.subordinate ? "trial" : "other", level);
    BM_TRY(crypto::Signer * signer, TestAuthority(role));
    // Where the device insists on an authority, it insists on a name; the key is the trial's own.
    const bool insisted = spec.subordinate && level == 2 && !setup_.subordinate.empty();
    const Bytes name = CommonName(insisted ? setup_.subordinate : role);
    BM_TRY(Bytes certificate, Certify(issuer, name, signer->public_key().spki(), nullptr,
                                      static_cast<int>(spec.level - level - 1)));
    chain.push_back(std::move(certificate));
    issuer = {name, signer};
  }
  BM_TRY(Bytes certificate, Certify(issuer, SubjectOf(spec), spki, &spec, 0, dns));
  chain.push_back(std::move(certificate));
  std::ranges::reverse(chain);
  return chain;
}

Bytes TrialBuilder::SubjectOf(const TrialSpec& spec) const {
  const bool elsewhere = spec.varies == Varies::kNames && !setup_.organization.empty();
  return CommonName(spec.subject ? setup_.subject : "Somebody else",
                    elsewhere ? "Another organization" : setup_.organization);
}

// TopOf is who signs the highest certificate, once it is clear that the spec can be made.
Result<TrialBuilder::Issuer> TrialBuilder::TopOf(const TrialSpec& spec) {
  if (spec.right_key && setup_.anchor == nullptr) {
    return Refused(
        "trial.no-key",
        fmt::format("{}: the private key of anchor {} is not at hand", spec.id, spec.anchor),
        "offer a forger's object only, or hold the trial where the key is");
  }
  const TrialAlgorithm* algorithm = FindTrialAlgorithm(spec.algorithm);
  if (algorithm == nullptr || spec.level < 1 || spec.level > kMaxTrialLevel) {
    return Usage(
        "trial.spec",
        fmt::format("{}: level {} with \"{}\" cannot be made", spec.id, spec.level, spec.algorithm),
        fmt::format("use levels 1 to {} and a trial algorithm", kMaxTrialLevel));
  }
  Issuer top;
  top.name = CommonName("Anchor");
  if (setup_.certificate)
    top.name.assign(setup_.certificate->subject_der().begin(),
                    setup_.certificate->subject_der().end());
  top.signer = setup_.anchor;
  if (!spec.right_key) {
    BM_TRY(top.signer, TestAuthority("forger"));
  }
  if (spec.level == 1 && KeyText(*top.signer) != algorithm->key) {
    return Usage("trial.spec",
                 fmt::format("{}: at level 1 the anchor's own key signs, which is {}", spec.id,
                             KeyText(*top.signer)),
                 "use the algorithm of the anchor's key");
  }
  return top;
}

Result<TrialServer> TrialBuilder::BuildServer(const TrialSpec& spec) {
  BM_TRY(const Issuer top, TopOf(spec));
  TrialServer out;
  out.spec = spec;
  out.host =
      spec.varies == Varies::kNames && !setup_.elsewhere.empty() ? setup_.elsewhere : setup_.host;
  const std::string dns = spec.varies == Varies::kHost ? "other." + out.host : out.host;
  if (spec.level > 1) {
    BM_TRY(const Bytes spki, keys_.Spki(*FindTrialAlgorithm(spec.algorithm)));
    BM_TRY(out.chain, Chain(spec, top, spki, dns));
  } else if (spec.varies == Varies::kLevel && setup_.certificate) {
    out.chain.emplace_back(setup_.certificate->der().begin(), setup_.certificate->der().end());
    out.key = TrialServer::Key::kNobody;
  } else {
    // A pinned key answers itself; its certificate only carries it. A forger carries his own.
    Issuer self = top;
    self.name = SubjectOf(spec);
    Bytes spki(top.signer->public_key().spki().begin(), top.signer->public_key().spki().end());
    if (!spec.right_key) {
      BM_TRY(spki, keys_.Spki(*FindTrialAlgorithm(spec.algorithm)));
    }
    BM_TRY(Bytes certificate, Certify(self, self.name, spki, &spec, 0, dns));
    out.chain.push_back(std::move(certificate));
    out.key = spec.right_key ? TrialServer::Key::kAnchor : TrialServer::Key::kTrial;
  }
  // A digest names the anchor's key without giving it: a certificate of that key comes along.
  if (setup_.anchor_travels && spec.level > 1) {
    if (setup_.certificate && spec.right_key) {
      out.chain.emplace_back(setup_.certificate->der().begin(), setup_.certificate->der().end());
    } else {
      BM_TRY(Bytes own,
             Certify(top, top.name, top.signer->public_key().spki(), nullptr, kMaxTrialLevel));
      out.chain.push_back(std::move(own));
    }
  }
  Bytes all;
  for (const Bytes& c : out.chain) all.insert(all.end(), c.begin(), c.end());
  out.digest = crypto::Sha256(all);
  return out;
}

Result<TrialObject> TrialBuilder::Build(const TrialSpec& spec, ByteView payload) {
  BM_TRY(const Issuer top, TopOf(spec));
  const TrialAlgorithm* algorithm = FindTrialAlgorithm(spec.algorithm);
  TrialObject out;
  out.spec = spec;
  out.payload.assign(payload.begin(), payload.end());
  out.cose_algorithm = algorithm->cose_id;
  if (spec.level > 1) {
    BM_TRY(Bytes spki, keys_.Spki(*algorithm));
    BM_TRY(out.x5chain, Chain(spec, top, spki));
  }
  // A digest names the anchor's key without giving it: certificate or bare key comes along. A
  // forger sends his own key there, for the real one would not verify his chain.
  Bytes bare_key;
  if (setup_.anchor_travels && setup_.certificate && spec.right_key) {
    out.x5chain.emplace_back(setup_.certificate->der().begin(), setup_.certificate->der().end());
  } else if (setup_.anchor_travels) {
    bare_key.assign(top.signer->public_key().spki().begin(), top.signer->public_key().spki().end());
  }
  const Bytes header = ProtectedHeader(out.cose_algorithm, out.x5chain, bare_key);
  const Bytes message = ToBeSigned(header, out.payload);
  Bytes signature;
  if (spec.level > 1) {
    BM_TRY(signature, keys_.Sign(*algorithm, message));
  } else {
    BM_TRY(Bytes plain, top.signer->Sign(message));
    BM_TRY(signature, ToCoseSignature(plain, CoordinateOf(top.signer->algorithm())));
  }
  Bytes content = out.payload;
  if (spec.tampered) {
    if (content.empty())
      return Usage("trial.spec", spec.id + ": an empty payload has no bit to flip",
                   "give a payload");
    content.back() ^= 1;
  }
  cbor::Writer w(out.object);
  w.TagHead(18);
  w.ArrayHead(4);
  w.ByteString(header);
  w.MapHead(0);
  w.ByteString(content);
  w.ByteString(signature);
  out.digest = crypto::Sha256(out.object);
  return out;
}

}  // namespace birthmark::anchors
