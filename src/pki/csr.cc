// SPDX-License-Identifier: Apache-2.0
#include "pki/csr.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include <algorithm>

#include "crypto/der.h"
#include "crypto/openssl.h"
#include "crypto/pem.h"
#include "pki/profile.h"
#include "pki/tbs.h"

namespace birthmark::pki {
namespace {

using crypto::DerReader;
using crypto::DerWriter;
namespace der = crypto::der;

constexpr size_t kMaxExtensions = 64;

std::unexpected<Error> Malformed(std::string_view why) {
  return Refused("csr.malformed", fmt::format("not a PKCS #10 request in DER: {}", why));
}

// Walk is a request cut into its parts. RFC 2986 section 4.
struct Walk {
  ByteView info, spki, algorithm, signature, extensions, attestation;
  ByteView subject;
};

// RFC 5280 section 4.2: OID, critical, value; no extension twice.
Status CheckExtensions(ByteView whole) {
  DerReader outer(whole);
  BM_TRY(DerReader list, outer.Enter());
  std::vector<std::string> seen;
  while (!list.AtEnd()) {
    if (seen.size() == kMaxExtensions) return Malformed("too many extensions are asked for");
    BM_TRY(DerReader one, list.Enter());
    BM_TRY(std::string id, one.Oid());
    if (one.NextIs(der::kBoolean)) {
      BM_TRY(bool critical, one.Boolean());
      if (!critical) return Malformed("a default value is encoded");
    }
    BM_CHECK(one.Expect(der::kOctetString));
    BM_CHECK(one.End());
    if (std::ranges::find(seen, id) != seen.end()) return Malformed("an extension stands twice");
    seen.push_back(std::move(id));
  }
  return {};
}

Status WalkAttributes(DerReader attributes, Walk& w) {
  while (!attributes.AtEnd()) {
    BM_TRY(DerReader attribute, attributes.Enter());
    BM_TRY(std::string type, attribute.Oid());
    BM_TRY(DerReader values, attribute.Enter(der::kSet));
    BM_CHECK(attribute.End());
    if (type == oid::kAttestation) {
      // draft-ietf-lamps-csr-attestation section 4: at most one, with one value.
      if (!w.attestation.empty()) return Malformed("the attestation stands twice");
      BM_TRY(crypto::DerElement bundle, values.Next());
      BM_CHECK(values.End());
      w.attestation = bundle.whole;
    }
    if (type != oid::kExtensionRequest) continue;
    // RFC 2985 section 5.4.2: extensionRequest has a single value.
    if (!w.extensions.empty()) return Malformed("extensionRequest stands twice");
    BM_TRY(crypto::DerElement e, values.Next());
    BM_CHECK(values.End());
    BM_CHECK(CheckExtensions(e.whole));
    w.extensions = e.whole;
  }
  return {};
}

Result<Walk> WalkRequest(ByteView data) {
  Walk w;
  // Attributes that nobody here reads must be DER as well.
  BM_CHECK(crypto::CheckDer(data, 16));
  DerReader file(data);
  BM_TRY(DerReader request, file.Enter());
  BM_CHECK(file.End());
  const ByteView from_info = request.rest();
  BM_TRY(DerReader info, request.Enter());
  w.info = from_info.first(from_info.size() - request.rest().size());
  BM_TRY(crypto::DerElement algorithm, request.Next());
  if (algorithm.tag != der::kSequence) return Malformed("signatureAlgorithm is no SEQUENCE");
  w.algorithm = algorithm.whole;
  BM_TRY(w.signature, request.BitStringOctets());
  BM_CHECK(request.End());

  BM_TRY(uint64_t version, info.SmallUnsigned());
  if (version != 0) return Malformed("version is not 0");
  BM_TRY(crypto::DerElement subject, info.Next());
  w.subject = subject.whole;
  BM_TRY(crypto::DerElement spki, info.Next());
  w.spki = spki.whole;
  BM_TRY(DerReader attributes, info.Enter(der::Context(0, true)));
  BM_CHECK(info.End());
  BM_CHECK(WalkAttributes(attributes, w));
  return w;
}

// Says in the request's own words why PublicKey took no key; OpenSSL tells kinds and sizes apart.
std::unexpected<Error> KeyError(const Error& e, ByteView spki) {
  if (e.code == "key.weak") return Refused("csr.weak-key", e.message, e.fix);
  if (e.code != "key.unsupported") return Malformed(e.message);
  const uint8_t* p = spki.data();
  crypto::EvpKeyPtr key(d2i_PUBKEY(nullptr, &p, static_cast<long>(spki.size())));
  ERR_clear_error();
  if (key != nullptr && EVP_PKEY_get_security_bits(key.get()) < 112) {
    return Refused(
        "csr.weak-key",
        fmt::format("{}: a key of {} bits is too weak", e.message, EVP_PKEY_get_bits(key.get())),
        "use P-256, P-384, Ed25519 or RSA of 2048 bits and more");
  }
  return Refused("csr.key-type", e.message, e.fix);
}

std::unexpected<Error> BadSignature(std::string_view why) {
  return Refused("csr.signature",
                 fmt::format("the request does not prove possession of its key: {}", why));
}

// The road for hashes other than the one crypto::Algorithm pairs with a key: RSA with SHA-512, say.
Status VerifyWithOpenSsl(ByteView data, EVP_PKEY* key) {
  const uint8_t* p = data.data();
  crypto::X509ReqPtr req(d2i_X509_REQ(nullptr, &p, static_cast<long>(data.size())));
  if (req == nullptr || p != data.data() + data.size()) {
    ERR_clear_error();
    return Malformed("OpenSSL cannot read it");
  }
  int hash = NID_undef, kind = NID_undef;
  OBJ_find_sigid_algs(X509_REQ_get_signature_nid(req.get()), &hash, &kind);
  if (hash != NID_sha256 && hash != NID_sha384 && hash != NID_sha512) {
    return BadSignature("its signature is not over SHA-256, SHA-384 or SHA-512");
  }
  const bool ok = X509_REQ_verify(req.get(), key) == 1;
  ERR_clear_error();
  if (!ok) return BadSignature("the signature does not verify");
  return {};
}

}  // namespace

Result<Csr> ReadCsr(ByteView data) {
  if (data.size() > kMaxCsrBytes) {
    return Refused("csr.too-large", fmt::format("a request of {} octets; {} are allowed",
                                                data.size(), kMaxCsrBytes));
  }
  auto walk = WalkRequest(data);
  if (!walk) {
    return walk.error().code == "csr.malformed" ? std::unexpected(std::move(walk).error())
                                                : Malformed(walk.error().message);
  }
  auto name = Name::FromDer(walk->subject);
  if (!name) return Malformed(name.error().message);
  auto key = crypto::PublicKey::FromSpki(walk->spki);
  if (!key) return KeyError(key.error(), walk->spki);
  if (std::ranges::equal(walk->algorithm, internal::SignatureAlgorithm(key->algorithm()))) {
    if (!key->Verify(walk->info, walk->signature))
      return BadSignature("the signature does not verify");
  } else {
    BM_CHECK(VerifyWithOpenSsl(data, key->evp()));
  }
  return Csr{
      std::move(*key), std::move(*name), Bytes(walk->extensions.begin(), walk->extensions.end()),
      Bytes(walk->attestation.begin(), walk->attestation.end()), Bytes(data.begin(), data.end())};
}

Result<Csr> ReadCsrPem(std::string_view pem) {
  // Base64 takes a third more; the rest is room for words around the block.
  if (pem.size() > 2 * kMaxCsrBytes) {
    return Refused("csr.too-large", fmt::format("a request file of {} octets; {} are allowed",
                                                pem.size(), 2 * kMaxCsrBytes));
  }
  auto blocks = crypto::ReadPem(pem, 4);
  if (!blocks) return Malformed(blocks.error().message);
  for (const crypto::PemBlock& b : *blocks) {
    if (b.label == "CERTIFICATE REQUEST" || b.label == "NEW CERTIFICATE REQUEST") {
      return ReadCsr(b.der);
    }
  }
  return Malformed("there is no CERTIFICATE REQUEST block");
}

Result<Bytes> BuildCsr(const Name& subject, crypto::Signer& signer,
                       const std::optional<AuthorityRequest>& authority) {
  Bytes extensions;
  if (authority) {
    for (const Bytes& e : {internal::EncodeBasicConstraints(authority->path_len),
                           internal::EncodeKeyUsage(SubordinateProfile().key_usage),
                           internal::EncodeSubjectKeyId(signer.public_key().KeyIdentifier())}) {
      extensions.insert(extensions.end(), e.begin(), e.end());
    }
  }
  Bytes info;
  DerWriter(info).Sequence([&](DerWriter& w) {
    w.Unsigned(0);
    w.Raw(subject.der());
    w.Raw(signer.public_key().spki());
    w.Nest(der::Context(0, true), [&](DerWriter& attributes) {
      if (extensions.empty()) return;
      attributes.Sequence([&](DerWriter& attribute) {
        attribute.Oid(oid::kExtensionRequest);
        attribute.Nest(der::kSet,
                       [&](DerWriter& values) { values.Element(der::kSequence, extensions); });
      });
    });
  });
  BM_TRY(Bytes signature, signer.Sign(info));
  return internal::Assemble(info, signer.algorithm(), signature);
}

Result<std::optional<AuthorityRequest>> ReadAuthorityRequest(const Csr& csr) {
  if (csr.extensions.empty()) return std::nullopt;
  auto read = [&]() -> Result<std::optional<AuthorityRequest>> {
    DerReader outer(csr.extensions);
    BM_TRY(DerReader list, outer.Enter());
    while (!list.AtEnd()) {
      BM_TRY(DerReader one, list.Enter());
      BM_TRY(std::string id, one.Oid());
      if (one.NextIs(der::kBoolean)) BM_CHECK(one.Boolean());
      BM_TRY(ByteView value, one.Expect(der::kOctetString));
      if (id != oid::kBasicConstraints) continue;
      DerReader inner(value);
      BM_TRY(DerReader constraints, inner.Enter());
      BM_CHECK(inner.End());
      bool ca = false;
      if (constraints.NextIs(der::kBoolean)) {
        BM_TRY(ca, constraints.Boolean());
      }
      AuthorityRequest out;
      if (!constraints.AtEnd()) {
        BM_TRY(uint64_t len, constraints.SmallUnsigned());
        if (len > 255) return Malformed("a path length above 255");
        out.path_len = static_cast<int>(len);
      }
      BM_CHECK(constraints.End());
      if (!ca) return std::nullopt;
      return out;
    }
    return std::nullopt;
  };
  auto result = read();
  if (!result && result.error().code != "csr.malformed") return Malformed(result.error().message);
  return result;
}

}  // namespace birthmark::pki
