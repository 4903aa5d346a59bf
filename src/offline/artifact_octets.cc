// SPDX-License-Identifier: Apache-2.0
#include "offline/artifact_octets.h"

#include "artifact/cms_attributes.h"
#include "artifact/fit.h"
#include "artifact/mcuboot.h"
#include "cbor/codec.h"
#include "crypto/der.h"
#include "crypto/digest.h"

namespace birthmark::offline {
namespace {

using cbor::Array;
using cbor::Value;

std::unexpected<Error> BadArtifactRequest(std::string what) {
  return Refused("request.artifact", "no request for an artifact's signature: " + std::move(what),
                 "make it again: birthmark artifact sign");
}

const Bytes* BytesIn(const Value* v) { return v == nullptr ? nullptr : v->AsBytes(); }

// Decoded is a value out of octets inside a value; null where there is none.
Value Decoded(const Bytes* octets) {
  if (octets == nullptr) return {};
  auto v = cbor::Decode(*octets);
  return v ? std::move(*v) : Value();
}

// UpdateSays finds out whether a manifest in SUIT's form is of this version and content, and the
// one whose digest is signed (docs/formats/update-manifest.md).
bool UpdateSays(const ArtifactRequest& r, const Bytes& payload) {
  const Value digest = Decoded(&payload);
  const Array* signed_digest = digest.AsArray();
  if (signed_digest == nullptr || signed_digest->size() != 2) return false;
  const Digest whole = crypto::Sha256(cbor::Encode(Value(r.object)));
  if ((*signed_digest)[1] != Value(whole)) return false;
  const Value manifest = Decoded(&r.object);
  const Value* sequence = manifest.Find(2);
  const Value common = Decoded(BytesIn(manifest.Find(3)));
  const Value shared = Decoded(BytesIn(common.Find(4)));
  const Array* commands = shared.AsArray();
  if (sequence == nullptr || *sequence != Value(r.version) || commands == nullptr ||
      commands->size() < 2)
    return false;
  const Value image = Decoded(BytesIn((*commands)[1].Find(3)));
  const Array* pair = image.AsArray();
  return pair != nullptr && pair->size() == 2 && (*pair)[1] == Value(r.content);
}

bool ImageSays(const ArtifactRequest& r, const Bytes& payload) {
  const Value manifest = Decoded(&payload);
  const Value* name = manifest.Find("name");
  const Value* version = manifest.Find("version");
  const Value* sha256 = manifest.Find("sha256");
  return name != nullptr && *name == Value(r.name) && version != nullptr &&
         *version == Value(r.version) && sha256 != nullptr && *sha256 == Value(r.content) &&
         r.object.empty();
}

// TamSays is about a message to a TAM: its name is what it asks for, its content the message.
bool TamSays(const ArtifactRequest& r, const Bytes& payload) {
  const Value message = Decoded(&payload);
  const Value* action = message.Find("do");
  const Value* sequence = message.Find("sequence");
  return action != nullptr && *action == Value(r.name) && sequence != nullptr &&
         *sequence == Value(r.version) && Value(crypto::Sha256(payload)) == Value(r.content) &&
         r.object.empty();
}

// CmsSays is about signed attributes: `content` is the digest that stands in them.
bool CmsSays(const ArtifactRequest& r) {
  if (r.message.empty() || r.message.front() != 0x31 || !r.object.empty()) return false;
  crypto::DerReader outer(r.message);
  const auto set = outer.Expect(0x31);
  const auto said =
      set && outer.AtEnd() ? artifact::ReadCmsAttributes(*set) : std::unexpected(Error{});
  // Nothing but these attributes, each as it would be written here.
  return said &&
         artifact::CmsAttributes(said->digest, said->package) == Bytes(set->begin(), set->end()) &&
         said->digest == r.content && (said->package ? said->package->version : 0) == r.version;
}

Status CheckStructure(const ArtifactRequest& r) {
  const Value structure = Decoded(&r.message);
  const Array* parts = structure.AsArray();
  // RFC 9052 section 4.4: context, protected header, external data, payload.
  if (parts == nullptr || parts->size() != 4 || (*parts)[0] != Value("Signature1") ||
      BytesIn(&(*parts)[1]) == nullptr || (*parts)[2] != Value(Bytes{}) ||
      BytesIn(&(*parts)[3]) == nullptr)
    return BadArtifactRequest("what it wants signed is no COSE structure");
  const Bytes& payload = *(*parts)[3].AsBytes();
  const bool says = (r.kind == "update" && UpdateSays(r, payload)) ||
                    (r.kind == "device-image" && ImageSays(r, payload)) ||
                    (r.kind == "tam" && TamSays(r, payload));
  if (says) return {};
  return BadArtifactRequest("its words and the octets to sign are not of the same artifact");
}

// Catcher is a signer that only learns what it would sign.
class Catcher : public crypto::Signer, public crypto::PssSigner {
 public:
  explicit Catcher(crypto::PublicKey key) : key_(std::move(key)) {}
  const crypto::PublicKey& public_key() const override { return key_; }
  Result<Bytes> Sign(ByteView message) override { return Catch(message, std::nullopt); }
  Result<Bytes> SignPss(ByteView message, crypto::PssSalt salt) override {
    return Catch(message, salt);
  }
  const ArtifactOctets& caught() const { return caught_; }

 private:
  Result<Bytes> Catch(ByteView message, std::optional<crypto::PssSalt> pss) {
    caught_ = {.message = Bytes(message.begin(), message.end()), .pss = pss};
    return Internal("request.artifact", "nothing is signed yet");
  }

  crypto::PublicKey key_;
  ArtifactOctets caught_;
};

// FromFile makes the octets of a boot image from the file that was carried.
Result<ArtifactOctets> FromFile(const ArtifactRequest& r) {
  if (!r.key || !r.terms || !r.message.empty() ||
      Value(crypto::Sha256(r.object)) != Value(r.content))
    return BadArtifactRequest("the file that it carries is not the one that it names");
  BM_TRY(crypto::PublicKey key, crypto::PublicKey::FromSpki(*r.key));
  if (Value(key.spki_digest()) != Value(r.issuer))
    return BadArtifactRequest("its key is not the one of the authority");
  Catcher catcher(std::move(key));
  artifact::Signing signing{.signer = catcher, .chain = {}, .root = std::nullopt};
  const auto made = r.kind == "fit" ? artifact::SignFit(r.object,
                                                        {.key_name = r.terms->key_name,
                                                         .configuration = r.terms->configuration,
                                                         .pss = r.terms->pss},
                                                        signing)
                                    : artifact::SignMcuboot(
                                          r.object, artifact::McubootVersionOf(r.version), signing);
  if (!catcher.caught().message.empty()) return catcher.caught();
  return std::unexpected(made.error());
}

}  // namespace

bool CarriesFile(std::string_view kind) { return kind == "fit" || kind == "mcuboot"; }

Result<ArtifactOctets> OctetsOf(const ArtifactRequest& r) {
  if (CarriesFile(r.kind)) return FromFile(r);
  if (r.key || r.terms) return BadArtifactRequest("it holds what its kind does not need");
  if (r.kind == "cms") {
    if (!CmsSays(r))
      return BadArtifactRequest(
          "its words and the attributes to sign are not of the same artifact");
  } else {
    BM_CHECK(CheckStructure(r));
  }
  return ArtifactOctets{.message = r.message, .pss = std::nullopt};
}

}  // namespace birthmark::offline
