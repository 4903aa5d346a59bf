// SPDX-License-Identifier: Apache-2.0
#include "attest/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "attest/chain.h"
#include "crypto/der.h"
#include "crypto/digest.h"

namespace birthmark::attest {
namespace {

std::unexpected<Error> MalformedElement(std::string_view element, const Error& e) {
  // tpm.* tell what is wrong inside a structure; here it matters which structure.
  if (e.code.starts_with("attest.")) return std::unexpected(e);
  return Refused("attest.malformed", fmt::format("{}: {}", element, e.message), e.fix);
}

// BM_TRY with the element's name.
#define ATTEST_TRY(var, element, ...)                                    \
  auto BM_CONCAT(try_, __LINE__) = (__VA_ARGS__);                        \
  if (!BM_CONCAT(try_, __LINE__))                                        \
    return MalformedElement(element, BM_CONCAT(try_, __LINE__).error()); \
  var = std::move(*BM_CONCAT(try_, __LINE__))

bool Names(const std::vector<std::string>& list, std::string_view oid) {
  return std::ranges::find(list, oid) != list.end();
}

bool IsAkCertificate(const crypto::Certificate& c) {
  return !c.is_ca() &&
         (Names(c.eku(), oid::kAikCertificate) || Names(c.policies(), oid::kVerifiedRestricted) ||
          Names(c.eku(), oid::kVerifiedRestricted));
}

// Some EK certificates carry no extendedKeyUsage; those that do must name this one.
bool IsEkCertificate(const crypto::Certificate& c) {
  return !c.is_ca() && Names(c.eku(), oid::kEkCertificate);
}

// Checker holds what is known so far about one piece of evidence.
class Checker {
 public:
  Checker(const Evidence& e, const VerifyOptions& options) : e_(e), o_(options) {}

  Result<Verdict> Run(ByteView spki) {
    BM_CHECK(FindAk());
    BM_CHECK(CheckSignature());
    BM_CHECK(CheckTcg());
    BM_CHECK(CheckKey(spki));
    BM_CHECK(CheckNonce());
    BM_CHECK(CheckCreation());
    BM_CHECK(CheckBinding());
    Conclude();
    return std::move(v_);
  }

 private:
  Status FindAk() {
    const Bytes& area = e_.statement.ak_public_area;
    if (area.empty()) return FindAkByCertificate();
    ATTEST_TRY(TpmPublic ak, "attestation key", ReadSizedPublic(area));
    BM_CHECK(CheckAttestationKey(ak));
    ATTEST_TRY(ak_spki_, "attestation key", ak.Spki());
    v_.ak_name = ak.Name();
    for (const crypto::Certificate& c : e_.certs) {
      if (IsAkCertificate(c) && SpkiOf(c) == ak_spki_) ak_certificate_ = &c;
    }
    return {};
  }

  Status FindAkByCertificate() {
    bool any = false;
    for (const crypto::Certificate& c : e_.certs) {
      if (c.is_ca()) continue;
      any = true;
      if (!IsAkCertificate(c) || !c.public_key()) continue;
      Bytes spki = SpkiOf(c);
      if (ak_certificate_ == nullptr || Signed(spki).has_value()) {
        ak_certificate_ = &c;
        ak_spki_ = std::move(spki);
      }
    }
    if (ak_certificate_ != nullptr) return {};
    return Refused("attest.not-restricted",
                   any ? "no certificate that came along is an attestation key's (tcg-kp-"
                         "AIKCertificate), so nothing says that the signing key is restricted"
                       : "neither the attestation key nor a certificate for it came along",
                   "send the attestation key's certificate, or its public area with the "
                   "endorsement key's certificate");
  }

  Status Signed(ByteView ak) {
    ATTEST_TRY(TpmSignature s, "signature", ReadSignature(e_.statement.signature, ak));
    return VerifySignature(ak, s, e_.statement.attest);
  }

  Status CheckSignature() {
    if (auto ok = Signed(ak_spki_); !ok)
      return std::unexpected(std::move(ok).error().Context("attest"));
    ATTEST_TRY(attest_, "attest", ReadAttest(e_.statement.attest));
    return {};
  }

  // The whole of a TCG_CSR_IDEVID is signed by the IAK, or by the IDevID where both are made in
  // one pass (section 6.2 there).
  Status CheckTcg() {
    if (!e_.tcg) return {};
    const TcgCsr& c = *e_.tcg;
    ATTEST_TRY(TpmPublic key, "signingPub", ReadSizedPublic(c.signing_public));
    ATTEST_TRY(Bytes signing, "signingPub", key.Spki());
    const std::pair<std::string_view, const Bytes*> signers[] = {
        {"initial attestation key", &ak_spki_}, {"IDevID key", &signing}};
    for (const auto& [who, spki] : signers) {
      auto s = ReadSignature(c.signature, *spki);
      if (!s || !VerifySignature(*spki, *s, c.signed_part)) continue;
      v_.covers.push_back({std::string(who),
                           "product, serial number, EK certificate and both keys, as one "
                           "TCG_CSR_IDEVID"});
      v_.product_model = c.product_model;
      v_.product_serial = c.product_serial;
      return {};
    }
    return Refused("attest.tampered",
                   "TCG_CSR_IDEVID: its signature is neither the attestation key's nor the "
                   "IDevID key's");
  }

  Status CheckKey(ByteView spki) {
    if (e_.statement.public_area.empty()) {
      return Refused("attest.malformed",
                     "public: the key's public area is missing, so there is nothing that the "
                     "certified name could be compared with",
                     "send tpmTPublic in the statement");
    }
    ATTEST_TRY(key_, "public", ReadSizedPublic(e_.statement.public_area));
    v_.key_name = key_.Name();
    if (v_.key_name != attest_.name) return NameDiffers();
    ATTEST_TRY(Bytes own, "public", key_.Spki());
    if (!spki.empty() && !std::ranges::equal(own, spki)) {
      return Refused("attest.key-differs",
                     "the attested key is not the key that asks: SHA-256 of the attested one is " +
                         ToHex(crypto::Sha256(own)),
                     "attest the key that the request is signed with");
    }
    v_.key = crypto::Sha256(own);
    if (!key_.Has(o_.needed)) {
      std::string missing;
      for (const ObjectAttribute& a : ObjectAttributes()) {
        if ((o_.needed & a.bit) != 0 && !key_.Has(a.bit)) missing += " " + std::string(a.name);
      }
      return Refused("attest.attributes", "the key's attributes lack" + missing,
                     "have the TPM make the key itself, fixed to it and to its parent");
    }
    return {};
  }

  // Says which bits were altered when that alone makes the difference: one or two of them.
  std::unexpected<Error> NameDiffers() const {
    auto fits = [&](uint32_t flipped) {
      TpmPublic t = key_;
      const uint32_t bits = key_.attributes ^ flipped;
      for (int i = 0; i < 4; ++i)
        t.octets[4 + static_cast<size_t>(i)] = static_cast<uint8_t>(bits >> (24 - 8 * i));
      return t.Name() == attest_.name;
    };
    auto all = ObjectAttributes();
    for (const ObjectAttribute& a : all) {
      for (const ObjectAttribute& b : all) {
        const uint32_t flipped = a.bit == b.bit ? a.bit : a.bit | b.bit;
        if (!fits(flipped)) continue;
        return Refused("attest.attributes",
                       fmt::format("public: the attribute{} {} altered after the TPM certified "
                                   "the key",
                                   a.bit == b.bit ? "" : "s",
                                   a.bit == b.bit ? std::string(a.name) + " was"
                                                  : fmt::format("{} and {} were", a.name, b.name)));
      }
    }
    return Refused("attest.name",
                   fmt::format("public: its name is {}, the TPM certified {}", ToHex(v_.key_name),
                               ToHex(attest_.name)),
                   "send the public area of the key that was certified, unchanged");
  }

  Status CheckNonce() {
    v_.nonce = attest_.extra;
    if (!o_.nonce || *o_.nonce == attest_.extra) return {};
    return Refused("attest.nonce",
                   fmt::format("attest, field extraData: the nonce is {}, not the one that was "
                               "given: it is stale or another's",
                               attest_.extra.empty() ? "missing" : ToHex(attest_.extra)),
                   "attest again with the nonce of this exchange");
  }

  Status CheckCreation() {
    const bool creation = attest_.kind == AttestKind::kCreation;
    v_.kind = e_.tcg ? "tcg-csr-idevid" : creation ? "tpm2-certify-creation" : "tpm2-certify";
    if (creation == !e_.statement.creation_data.empty()) {
      if (!creation) return {};
      ATTEST_TRY(CreationData data, "creationData", ReadCreationData(e_.statement.creation_data));
      ATTEST_TRY(Bytes hash, "creationData", HashOf(key_.name_alg, data.octets));
      if (hash == attest_.creation_hash) {
        primary_ = data.IsPrimary();
        return {};
      }
      return Refused("attest.creation", "creationData: its hash is not the one that was certified");
    }
    return Refused("attest.creation",
                   creation ? "creationData: TPM2_CertifyCreation came without it"
                            : "creationData: no signature covers it (TPM2_CertifyCreation does)");
  }

  Status CheckBinding() {
    if (ak_certificate_ != nullptr) {
      BM_TRY(v_.chain, ChainToRoot(*ak_certificate_, e_.certs, o_.roots, o_.at));
      v_.binding = AkBinding::kCertificate;
    } else {
      const crypto::Certificate* ek = nullptr;
      for (const crypto::Certificate& c : e_.certs) {
        if (IsEkCertificate(c)) ek = &c;
      }
      if (ek == nullptr) {
        return Refused("attest.unknown-root",
                       "neither the attestation key nor the endorsement key has a certificate of "
                       "the TPM's maker here");
      }
      BM_TRY(v_.chain, ChainToRoot(*ek, e_.certs, o_.roots, o_.at));
      const Digest digest = EkDigestOf(*ek);
      if (std::ranges::any_of(o_.activated, [&](const Activation& a) {
            return a.ek == digest && a.ak_name == v_.ak_name;
          }))
        v_.binding = AkBinding::kActivated;
    }
    v_.root = v_.chain.back().digest();
    if (v_.binding == AkBinding::kNone && o_.need_binding) {
      return Refused("attest.not-bound",
                     "the endorsement key's certificate is good, but nothing shows that the "
                     "attestation key " +
                         ToHex(v_.ak_name) + " is in the same TPM",
                     "let it open a credential (TPM2_ActivateCredential), or certify it");
    }
    return {};
  }

  void Conclude() {
    v_.firmware = attest_.firmware;
    v_.facts = key_.Facts();
    if (primary_) v_.facts.push_back({"primaryKey", *primary_});
    v_.facts.push_back({"akBound", v_.binding != AkBinding::kNone});
    v_.facts.push_back({"fresh", o_.nonce.has_value()});
    std::string what = fmt::format(
        "the key with the name {} is loaded in the same TPM, with its "
        "attributes and policy",
        ToHex(v_.key_name));
    if (attest_.kind == AttestKind::kCreation)
      what = fmt::format(
          "the key with the name {} was created in the same TPM, under the parent in "
          "its creation data",
          ToHex(v_.key_name));
    if (!v_.nonce.empty()) what += ", and the nonce " + ToHex(v_.nonce);
    v_.covers.push_back({"attestation key", what});
    for (size_t i = 0; i + 1 < v_.chain.size(); ++i) {
      v_.covers.push_back(
          {v_.chain[i + 1].subject(),
           (i == 0 ? (v_.binding == AkBinding::kCertificate
                          ? "the attestation key, in the certificate of "
                          : "the endorsement key, in the certificate of ")
                   : "the authority ") +
               (v_.chain[i].subject().empty() ? "an empty subject" : v_.chain[i].subject())});
    }
    if (v_.binding == AkBinding::kActivated) {
      v_.covers.push_back(
          {"opened credential", "the attestation key and the endorsement key are in one TPM"});
    }
    if (v_.binding == AkBinding::kNone) return;
    v_.policies.emplace_back(oid::kVerifiedResidency);
    // "TPM 2.0 Keys for Device Identity and Attestation", section 8: residency, and one of fixed
    // (IDevID) and restricted (IAK).
    if (!key_.Has(object::kFixedTpm | object::kFixedParent)) return;
    v_.policies.emplace_back(key_.Has(object::kRestricted) ? oid::kVerifiedRestricted
                                                           : oid::kVerifiedFixed);
  }

  const Evidence& e_;
  const VerifyOptions& o_;
  Verdict v_;
  Bytes ak_spki_;
  const crypto::Certificate* ak_certificate_ = nullptr;
  TpmAttest attest_;
  TpmPublic key_;
  std::optional<bool> primary_;
};

#undef ATTEST_TRY

Result<std::vector<crypto::Certificate>> ReadCerts(const std::vector<Bytes>& ders) {
  std::vector<crypto::Certificate> out;
  for (const Bytes& d : ders) {
    auto c = crypto::Certificate::FromDer(d);
    if (!c) return MalformedElement(fmt::format("certificate {} of certs", out.size()), c.error());
    out.push_back(std::move(*c));
  }
  return out;
}

}  // namespace

// A restricted key signs what a TPM wrote and nothing that somebody hands it. Part 1 section 31.2.
Status CheckAttestationKey(const TpmPublic& ak) {
  constexpr uint32_t kNeeded = object::kRestricted | object::kSign | object::kFixedTpm |
                               object::kFixedParent | object::kSensitiveDataOrigin;
  if (ak.Has(kNeeded) && (ak.attributes & object::kDecrypt) == 0) return {};
  return Refused("attest.not-restricted",
                 fmt::format("the attestation key {} is no restricted signing key of this TPM "
                             "(attributes {:08x}): it could sign anything",
                             ToHex(ak.Name()), ak.attributes),
                 "make it with restricted, sign, fixedTPM, fixedParent, sensitiveDataOrigin");
}

std::string_view ToText(AkBinding b) {
  switch (b) {
    case AkBinding::kNone:
      return "none";
    case AkBinding::kCertificate:
      return "certificate";
    case AkBinding::kActivated:
      return "activated";
  }
  return "none";
}

Result<Evidence> EvidenceFrom(const TcgCsr& c) {
  Evidence e;
  e.tcg = c;
  e.statement = {.attest = c.signing_certify_info,
                 .signature = c.signing_certify_signature,
                 .public_area = c.signing_public,
                 .creation_data = {},
                 .ak_public_area = c.attest_public};
  if (c.ek_certificate.empty()) return e;
  BM_TRY(e.certs, ReadCerts({c.ek_certificate}));
  return e;
}

Result<Evidence> EvidenceFrom(const Bundle& b) {
  std::string kinds;
  for (const Statement& s : b.statements) {
    if (s.type == oid::kTcgCsrIdevid) {
      crypto::DerReader r(s.stmt);
      auto octets = r.Expect(crypto::der::kOctetString);
      if (!octets) return MalformedElement("TCG_CSR_IDEVID", octets.error());
      BM_TRY(TcgCsr c, DecodeTcgCsr(*octets));
      BM_TRY(Evidence e, EvidenceFrom(c));
      BM_TRY(std::vector<crypto::Certificate> more, ReadCerts(b.certs));
      e.certs.insert(e.certs.end(), more.begin(), more.end());
      return e;
    }
    auto statement = DecodeTpmStatement(s);
    if (statement) {
      BM_TRY(std::vector<crypto::Certificate> certs, ReadCerts(b.certs));
      return Evidence{.statement = std::move(*statement), .tcg = {}, .certs = std::move(certs)};
    }
    if (statement.error().code != "attest.kind") return std::unexpected(statement.error());
    kinds += (kinds.empty() ? "" : ", ") + s.type;
  }
  return Refused("attest.kind", "no statement of a kind that is understood: " + kinds,
                 "tcg-attest-tpm-certify (2.23.133.20.1) is");
}

Result<Verdict> Verify(const Evidence& e, ByteView spki, const VerifyOptions& options) {
  return Checker(e, options).Run(spki);
}

Result<Verdict> VerifyBundle(ByteView bundle, ByteView spki, const VerifyOptions& options) {
  BM_TRY(Bundle b, DecodeBundle(bundle));
  BM_TRY(Evidence e, EvidenceFrom(b));
  return Verify(e, spki, options);
}

}  // namespace birthmark::attest
