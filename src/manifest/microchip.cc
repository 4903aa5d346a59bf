// SPDX-License-Identifier: Apache-2.0
#include "manifest/microchip.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"
#include "crypto/p256.h"
#include "manifest/strict_json.h"

namespace birthmark::manifest {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxKeys = 32;  // slots of an element
constexpr size_t kMaxChain = 4;  // certificates beside a key

std::unexpected<Error> Form(std::string what) {
  return Refused("manifest.format", std::move(what),
                 "docs/formats/manifest.md says what is read; ask the maker about this element");
}

bool IsUid(std::string_view s) {
  return s.size() >= 8 && s.size() <= 64 && s.size() % 2 == 0 && std::ranges::all_of(s, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// NameOf is the organization of an EntityName; empty when there is none.
Result<std::string> NameOf(const Json& payload, const char* member) {
  const Json* entity = Object(payload, member);
  if (entity == nullptr) return "";
  const std::string* name = Text(*entity, "organizationName");
  if (name == nullptr) name = Text(*entity, "organizationalUnitName");
  if (name != nullptr && !IsName(*name)) return Form(fmt::format("its {} has no name", member));
  return name == nullptr ? "" : *name;
}

// NamedBy takes a member that names something.
Status NamedBy(const Json& element, const char* member, std::string& out) {
  const std::string* text = Text(element, member);
  if (text == nullptr) return {};
  if (!IsName(*text)) return Form(fmt::format("its {} is no name", member));
  out = *text;
  return {};
}

struct Curve {
  std::string_view name;
  size_t octets;
  std::string_view spki;  // all of a SubjectPublicKeyInfo before the point's x
};
using namespace std::string_view_literals;
// RFC 5480 section 2 with an uncompressed point.
constexpr Curve kCurves[] = {
    {"P-256", 32,
     "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
     "\x03\x42\x00\x04"sv},
    {"P-384", 48,
     "\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00"
     "\x04"sv},
};

// SpkiOf makes a SubjectPublicKeyInfo of a JWK; empty for curves that no identity here can have.
Result<Bytes> SpkiOf(const Json& jwk) {
  const std::string* crv = Text(jwk, "crv");
  const std::string* x = Text(jwk, "x");
  const std::string* y = Text(jwk, "y");
  if (crv == nullptr || x == nullptr || y == nullptr) return Form("a key lacks crv, x or y");
  const Curve* curve = std::ranges::find(kCurves, *crv, &Curve::name);
  if (curve == std::end(kCurves)) return Bytes();
  auto xs = FromBase64Url(*x);
  auto ys = FromBase64Url(*y);
  // RFC 7518 section 6.2.1.2: the octets of a coordinate have the full length.
  if (!xs || !ys || xs->size() != curve->octets || ys->size() != curve->octets)
    return Refused("manifest.key", "a key's coordinates have not the length of its curve",
                   "ask the maker about this element");
  Bytes spki(curve->spki.begin(), curve->spki.end());
  spki.insert(spki.end(), xs->begin(), xs->end());
  spki.insert(spki.end(), ys->begin(), ys->end());
  bool on_curve = curve->octets == 32 ? crypto::P256PublicKey(ByteView(spki).last(65)) != nullptr
                                      : crypto::PublicKey::FromSpki(spki).has_value();
  if (!on_curve)
    return Refused("manifest.key", "a key is no point of its curve",
                   "ask the maker about this element");
  return spki;
}

}  // namespace

struct MicrochipReader::Impl {
  Impl(Source source, crypto::Certificate c, ChainChecker checker, Wanted w)
      : splitter(std::move(source)),
        signer(std::move(c)),
        chain(std::move(checker)),
        wanted(std::move(w)) {}

  Result<Part> Check(std::string_view text, std::string& uid) {
    BM_TRY(Json jws, ParseStrict(text));
    const std::string* payload = Text(jws, "payload");
    const std::string* protected_header = Text(jws, "protected");
    const std::string* signature = Text(jws, "signature");
    const Json* header = Object(jws, "header");
    if (jws.contains("signatures")) return Form("several signatures: one is expected");
    if (payload == nullptr || protected_header == nullptr || signature == nullptr)
      return Form("no JWS: payload, protected and signature have to be there");
    const std::string* outside = header == nullptr ? nullptr : Text(*header, "uniqueId");
    if (outside != nullptr && IsUid(*outside)) uid = *outside;
    BM_CHECK(CheckUnprotected(header));
    BM_CHECK(CheckProtected(*protected_header));
    BM_CHECK(CheckSignature(*protected_header, *payload, *signature));
    auto plain = FromBase64Url(*payload);
    if (!plain) return Form("the payload is not base64url");
    BM_TRY(Json element, ParseStrict(AsText(*plain)));
    const std::string* signed_uid = Text(element, "uniqueId");
    if (signed_uid == nullptr || !IsUid(*signed_uid))
      return Form("its uniqueId is no lower-case hexadecimal");
    // The header is there for searching and nobody signed it (RFC 7515 section 4).
    if (outside == nullptr || *outside != *signed_uid) {
      return Refused("manifest.unique-id",
                     fmt::format("its signed uniqueId is {}, the one outside the signature is {}",
                                 *signed_uid, outside == nullptr ? "missing" : Shown(*outside)),
                     "somebody changed the file: ask the maker for it again");
    }
    return Describe(element, *signed_uid);
  }

  Status CheckUnprotected(const Json* header) const {
    if (header == nullptr) return {};
    for (const char* name : {"alg", "kid", "x5t#S256", "x5t", "x5c", "jwk", "jku", "x5u", "crit"}) {
      if (header->contains(name)) {
        return Refused(
            "manifest.unprotected",
            fmt::format("\"{}\" stands outside the signature, where nobody signed it", name),
            "the file was changed, or is no manifest: ask the maker for it again");
      }
    }
    return {};
  }

  // CheckProtected accepts the header before anything of it is used. All elements of a file have
  // the same one as a rule: what was accepted once is accepted again.
  Status CheckProtected(const std::string& text) {
    if (text == accepted) return {};
    auto plain = FromBase64Url(text);
    if (!plain) return Form("the protected header is not base64url");
    BM_TRY(Json h, ParseStrict(AsText(*plain)));
    const std::string* alg = Text(h, "alg");
    std::string_view meant = half == 32 ? "ES256" : "ES384";
    if (alg == nullptr || *alg != meant) {
      return Refused("manifest.algorithm",
                     fmt::format("alg is {}; with this signer only {} is taken",
                                 alg == nullptr ? "missing" : "\"" + Shown(*alg) + "\"", meant),
                     "an element that is not signed as the maker signs is not the maker's");
    }
    if (h.contains("crit") || h.contains("b64"))
      return Form("its protected header asks for an extension (crit, b64)");
    const std::string* kid = Text(h, "kid");
    const std::string* x5t = Text(h, "x5t#S256");
    if (kid == nullptr || x5t == nullptr || *kid != key_id || *x5t != thumbprint) {
      return Refused("manifest.signer",
                     "kid and x5t#S256 name another signer than the certificate that was given",
                     "give the certificate of whoever signed this file: --signer CERT");
    }
    accepted = text;
    return {};
  }

  Status CheckSignature(const std::string& head, const std::string& payload,
                        const std::string& signature) const {
    auto raw = FromBase64Url(signature);
    bool good = false;
    // RFC 7518 section 3.4: R and S, each of the full length.
    if (raw && raw->size() == 2 * half) {
      auto form = crypto::EcdsaRawToDer(*raw);
      if (form && fast) {
        crypto::Sha256Hasher hasher;
        hasher.Update(AsBytes(head)).Update(AsBytes(".")).Update(AsBytes(payload));
        good = crypto::P256VerifyDigest(fast.get(), hasher.Finish(), *form);
      } else if (form) {
        good = signer.public_key()->Verify(AsBytes(head + "." + payload), *form);
      }
    }
    if (good) return {};
    return Refused("manifest.signature", "its signature does not hold",
                   "the element was changed after it was signed: ask the maker for the file again");
  }

  Status CheckCustomer(const Json& element, const Part& part) const {
    auto other = [&](std::string_view what, const std::string& is, const std::string& meant) {
      return Refused(
          "manifest.customer",
          fmt::format("its {} is \"{}\", not \"{}\": it is another's", what, Shown(is), meant),
          "this list is not for this order: look at what was delivered");
    };
    if (!wanted.group.empty() && part.reel != wanted.group && !part.reel.empty())
      return other("groupId", part.reel, wanted.group);
    if (!wanted.part_number.empty() && part.part_number != wanted.part_number)
      return other("partNumber", part.part_number, wanted.part_number);
    if (!wanted.provisioner.empty()) {
      BM_TRY(std::string is, NameOf(element, "provisioner"));
      if (is != wanted.provisioner) return other("provisioner", is, wanted.provisioner);
    }
    return {};
  }

  Result<Part> Describe(const Json& element, const std::string& uid) {
    auto version = element.find("version");
    if (version == element.end() || !version->is_number_unsigned() ||
        version->get<uint64_t>() < 1 || version->get<uint64_t>() > 3) {
      return Refused("manifest.version", "its version is not 1, 2 or 3",
                     "this release reads versions 1, 2 and 3");
    }
    Part part;
    part.uid = uid;
    if (const std::string* model = Text(element, "model"); model == nullptr || model->empty())
      return Form("it names no model");
    BM_CHECK(NamedBy(element, "partNumber", part.part_number));
    BM_CHECK(NamedBy(element, "groupId", part.reel));
    BM_TRY(part.maker, NameOf(element, "manufacturer"));
    // The first version's text has "distributer", its example and the third "distributor".
    for (const char* name : {"distributor", "distributer"}) {
      if (element.contains(name) && Object(element, name) == nullptr)
        return Form(fmt::format("its {} is no name", name));
    }
    BM_CHECK(CheckCustomer(element, part));
    if (const Json* sealed = Object(element, "encryptedSecretKeySet")) {
      const Json* keys = Array(*sealed, "keys");
      part.sealed_secrets = keys == nullptr ? 1 : keys->size();
    }
    if (const Json* set = Object(element, "publicKeySet")) BM_CHECK(TakeKeys(*set, part));
    return part;
  }

  // TakeKeys keeps the key that is certified, or else the first one; every key is looked at.
  Status TakeKeys(const Json& set, Part& part) {
    const Json* keys = Array(set, "keys");
    if (keys == nullptr || keys->size() > kMaxKeys)
      return Form("its publicKeySet has no keys, or too many");
    bool certified = false;
    std::vector<std::string_view> slots;
    for (const Json& jwk : *keys) {
      if (!jwk.is_object()) return Form("a key is no JWK");
      if (jwk.contains("d") || jwk.contains("k")) {
        return Refused("manifest.private-key", "a private or secret key stands in it, in the clear",
                       "that key is no secret any more: the part cannot be used");
      }
      const std::string* kty = Text(jwk, "kty");
      const std::string* slot = Text(jwk, "kid");
      if (kty == nullptr || *kty != "EC" || slot == nullptr || slot->empty() || slot->size() > 16 ||
          !std::ranges::all_of(*slot, [](char c) { return c >= '0' && c <= '9'; }))
        return Form("a key is not of type EC, or its kid is no slot's number");
      if (std::ranges::find(slots, *slot) != slots.end())
        return Form(fmt::format("two keys are said to be in slot {}", *slot));
      slots.push_back(*slot);
      BM_TRY(Bytes spki, SpkiOf(jwk));
      const Json* x5c = Array(jwk, "x5c");
      Bytes cert;
      if (x5c != nullptr) {
        BM_TRY(cert, CheckChain(*x5c, spki));
      }
      if (spki.empty() || certified || (cert.empty() && !part.spki.empty())) continue;
      certified = !cert.empty();
      part.slot = *slot;
      part.cert = std::move(cert);
      part.spki = std::move(spki);
      part.key = crypto::Sha256(part.spki);
    }
    return {};
  }

  // CheckChain gives the certificate of the key: the first of the chain. RFC 7517 section 4.7.
  Result<Bytes> CheckChain(const Json& x5c, const Bytes& spki) {
    if (x5c.empty() || x5c.size() > kMaxChain)
      return Form("an x5c has no certificates, or too many");
    std::vector<Bytes> all;
    for (const Json& one : x5c) {
      // Standard base64 here, in the middle of base64url.
      auto der = one.is_string() ? FromBase64(one.get_ref<const std::string&>()) : std::nullopt;
      if (!der) return Form("an x5c is not base64");
      all.push_back(std::move(*der));
    }
    BM_TRY(ByteView found, chain.Check(all.front(), std::span(all).subspan(1)));
    if (!spki.empty() && !std::ranges::equal(found, spki)) {
      return Refused("manifest.chain", "its certificate is for another key than the one listed",
                     "ask the maker about this element");
    }
    return std::move(all.front());
  }

  ArraySplitter splitter;
  crypto::Certificate signer;
  ChainChecker chain;
  Wanted wanted;
  crypto::EcKeyPtr fast;  // a P-256 signer's key
  size_t half = 32;
  std::string key_id, thumbprint;  // as the protected header writes them
  std::string accepted;            // the last protected header
  uint64_t number = 0;
};

MicrochipReader::MicrochipReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MicrochipReader::~MicrochipReader() = default;

Result<std::unique_ptr<MicrochipReader>> MicrochipReader::Make(Source source,
                                                               crypto::Certificate signer,
                                                               ChainChecker chain, Wanted wanted) {
  const auto& key = signer.public_key();
  bool p256 = key && key->algorithm() == crypto::Algorithm::kEcdsaP256;
  bool p384 = key && key->algorithm() == crypto::Algorithm::kEcdsaP384;
  if (!p256 && !p384) {
    return Refused("manifest.signer", "the signer's key is neither P-256 nor P-384",
                   "give the certificate of whoever signs this maker's manifests");
  }
  auto impl = std::make_unique<Impl>(std::move(source), std::move(signer), std::move(chain),
                                     std::move(wanted));
  impl->half = p256 ? 32 : 48;
  const crypto::PublicKey& k = *impl->signer.public_key();
  if (p256) impl->fast = crypto::P256PublicKey(k.spki().last(std::tuple_size_v<crypto::P256Point>));
  // A signer without the extension is named by what RFC 5280 section 4.2.1.2 would put there.
  impl->key_id = ToBase64Url(impl->signer.ski() ? *impl->signer.ski() : [&] {
    auto id = k.KeyIdentifier();
    return Bytes(id.begin(), id.end());
  }());
  impl->thumbprint = ToBase64Url(impl->signer.digest());
  return std::unique_ptr<MicrochipReader>(new MicrochipReader(std::move(impl)));
}

Result<std::optional<Item>> MicrochipReader::Next() {
  BM_TRY(auto text, impl_->splitter.Next());
  if (!text) return std::nullopt;
  ++impl_->number;
  std::string uid;
  Result<Part> part = impl_->Check(*text, uid);
  return Item{.number = impl_->number,
              .name = uid.empty() ? fmt::format("element {}", impl_->number)
                                  : fmt::format("element {} ({})", impl_->number, uid),
              .part = std::move(part)};
}

}  // namespace birthmark::manifest
