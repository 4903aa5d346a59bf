// SPDX-License-Identifier: Apache-2.0
#include "artifact/suit.h"

#include <fmt/format.h>

#include <array>

#include "cbor/codec.h"
#include "cbor/cose.h"
#include "crypto/digest.h"

namespace birthmark::artifact {
namespace {

using cbor::Array;
using cbor::Map;
using cbor::Value;

// Numbers of draft-ietf-suit-manifest section 11 and, for coswid, of
// draft-ietf-suit-update-management.
constexpr uint64_t kEnvelopeTag = 107;
constexpr int kAuthentication = 2, kManifest = 3;
constexpr int kVersion = 1, kSequence = 2, kCommon = 3, kReferenceUri = 4, kValidate = 7,
              kCoswid = 14;
constexpr int kSbomUri = -1;  // ours: numbers below zero are left to profiles
constexpr int kComponents = 2, kSharedSequence = 4;
constexpr int kOverride = 20, kVendor = 1, kClass = 2, kImageDigest = 3, kImageSize = 14, kUri = 21;
constexpr int kVendorMatch = 1, kClassMatch = 2, kImageMatch = 3, kReportAll = 15;
constexpr int kCoseSha256 = -16;  // RFC 9054

std::unexpected<Error> BadUpdate(std::string what) {
  return BadArtifact(Kind::kUpdate, std::move(what));
}

Bytes SuitDigest(const Digest& d) { return cbor::Encode(Array{kCoseSha256, d}); }

// DigestOfWrapped is over the byte string with its head, as the draft's examples have it.
Digest DigestOfWrapped(const Bytes& manifest) {
  return crypto::Sha256(cbor::Encode(Value(manifest)));
}

std::optional<Digest> ReadSuitDigest(const Value* v) {
  if (v == nullptr || v->AsBytes() == nullptr) return std::nullopt;
  const auto item = cbor::Decode(*v->AsBytes());
  const Array* a = item ? item->AsArray() : nullptr;
  if (a == nullptr || a->size() != 2 || (*a)[0].AsInt() != kCoseSha256) return std::nullopt;
  const Bytes* octets = (*a)[1].AsBytes();
  Digest out{};
  if (octets == nullptr || octets->size() != out.size()) return std::nullopt;
  std::copy(octets->begin(), octets->end(), out.begin());
  return out;
}

Bytes EncodeManifest(const UpdateManifest& m) {
  Map parameters{{kVendor, m.vendor},
                 {kClass, m.device_class},
                 {kImageDigest, SuitDigest(m.content.sha256)},
                 {kImageSize, m.content.size}};
  if (m.uri) parameters.emplace_back(kUri, *m.uri);
  Array component;
  for (const std::string& name : m.component) component.emplace_back(ToBytes(name));
  const Bytes shared = cbor::Encode(
      Array{kOverride, std::move(parameters), kVendorMatch, kReportAll, kClassMatch, kReportAll});
  Array components;
  components.emplace_back(std::move(component));
  const Bytes common =
      cbor::Encode(Map{{kComponents, std::move(components)}, {kSharedSequence, shared}});
  Map manifest{{kVersion, 1},
               {kSequence, m.sequence},
               {kCommon, common},
               {kValidate, cbor::Encode(Array{kImageMatch, kReportAll})}};
  if (m.sbom) {
    manifest.emplace_back(kCoswid, SuitDigest(m.sbom->sha256));
    manifest.emplace_back(kSbomUri, m.sbom->uri);
  }
  return cbor::Encode(manifest);
}

Bytes Uuid5(ByteView name_space, ByteView name) {
  Bytes in(name_space.begin(), name_space.end());
  in.insert(in.end(), name.begin(), name.end());
  const auto sha1 = crypto::Sha1ForKeyId(in);
  Bytes out(sha1.begin(), sha1.begin() + 16);
  out[6] = static_cast<uint8_t>((out[6] & 0x0f) | 0x50);
  out[8] = static_cast<uint8_t>((out[8] & 0x3f) | 0x80);
  return out;
}

// ReadParameters takes what the shared sequence overrides; it is the one command that we know
// beside the conditions.
Status ReadParameters(const Bytes& shared, UpdateManifest& out) {
  BM_TRY(const Value sequence, cbor::Decode(shared));
  const Array* a = sequence.AsArray();
  if (a == nullptr || a->size() < 2 || a->size() % 2 != 0) return BadUpdate("its shared sequence");
  if ((*a)[0].AsInt() != kOverride || (*a)[1].AsMap() == nullptr)
    return BadUpdate("its shared sequence does not begin with parameters");
  bool vendor = false, device_class = false;
  for (size_t i = 2; i < a->size(); i += 2) {
    const auto command = (*a)[i].AsInt();
    vendor |= command == kVendorMatch;
    device_class |= command == kClassMatch;
    if (command != kVendorMatch && command != kClassMatch)
      return BadUpdate("a command that this profile does not have");
  }
  if (!vendor || !device_class) return BadUpdate("it does not say whom it is for");
  for (const auto& [key, value] : *(*a)[1].AsMap()) {
    const auto number = key.AsInt();
    if (number == kVendor && value.AsBytes() != nullptr) {
      out.vendor = *value.AsBytes();
    } else if (number == kClass && value.AsBytes() != nullptr) {
      out.device_class = *value.AsBytes();
    } else if (number == kImageDigest) {
      const auto digest = ReadSuitDigest(&value);
      if (!digest) return BadUpdate("its image digest");
      out.content.sha256 = *digest;
    } else if (number == kImageSize && value.AsUint() != nullptr) {
      out.content.size = *value.AsUint();
    } else if (number == kUri && value.AsText() != nullptr) {
      out.uri = *value.AsText();
    } else {
      return BadUpdate("a parameter that this profile does not have");
    }
  }
  if (out.vendor.size() != 16 || out.device_class.size() != 16)
    return BadUpdate("vendor and class are UUIDs of 16 octets");
  return {};
}

Result<UpdateManifest> ReadManifest(const Bytes& octets) {
  BM_TRY(const Value m, cbor::Decode(octets));
  UpdateManifest out;
  const Value* version = m.Find(kVersion);
  const Value* sequence = m.Find(kSequence);
  const Value* common = m.Find(kCommon);
  const Value* validate = m.Find(kValidate);
  if (version == nullptr || version->AsInt() != 1) return BadUpdate("a manifest version but 1");
  if (sequence == nullptr || sequence->AsUint() == nullptr || common == nullptr ||
      common->AsBytes() == nullptr || validate == nullptr || validate->AsBytes() == nullptr)
    return BadUpdate("sequence number, common part or validation is missing");
  out.sequence = *sequence->AsUint();
  if (*validate->AsBytes() != cbor::Encode(Array{kImageMatch, kReportAll}))
    return BadUpdate("its validation is not the image's digest");
  BM_TRY(const Value c, cbor::Decode(*common->AsBytes()));
  const Value* components = c.Find(kComponents);
  const Value* shared = c.Find(kSharedSequence);
  const Array* list = components != nullptr ? components->AsArray() : nullptr;
  if (list == nullptr || list->size() != 1 || list->front().AsArray() == nullptr ||
      shared == nullptr || shared->AsBytes() == nullptr)
    return BadUpdate("it is not about one component");
  for (const Value& name : *list->front().AsArray()) {
    if (name.AsBytes() == nullptr || !IsUtf8(AsText(*name.AsBytes())))
      return BadUpdate("its component's name");
    out.component.emplace_back(AsText(*name.AsBytes()));
  }
  BM_CHECK(ReadParameters(*shared->AsBytes(), out));
  const Value* sbom_uri = m.Find(kSbomUri);
  const auto sbom = ReadSuitDigest(m.Find(kCoswid));
  if ((sbom_uri != nullptr) != sbom.has_value() || (sbom && sbom_uri->AsText() == nullptr))
    return BadUpdate("its bill of materials");
  if (sbom) out.sbom = Sbom{*sbom_uri->AsText(), *sbom};
  if (EncodeManifest(out) != octets) return BadUpdate("a member that this profile does not have");
  return out;
}

}  // namespace

Bytes VendorId(uint32_t enterprise_number) {
  // The name space of OIDs, RFC 9562 section 6.6.
  constexpr std::array<uint8_t, 16> kOids = {0x6b, 0xa7, 0xb8, 0x12, 0x9d, 0xad, 0x11, 0xd1,
                                             0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
  return Uuid5(kOids, AsBytes(fmt::format("1.3.6.1.4.1.{}", enterprise_number)));
}

Bytes ClassId(const Bytes& vendor, std::string_view product) {
  return Uuid5(vendor, AsBytes(product));
}

Bytes EncodeUpdate(const UpdateManifest& manifest) { return EncodeManifest(manifest); }

Result<Bytes> SignUpdate(const UpdateManifest& m, const Signing& signing) {
  if (m.component.empty() || m.vendor.size() != 16 || m.device_class.size() != 16) {
    return Internal("artifact.manifest",
                    "a manifest needs a component, and UUIDs of vendor and class");
  }
  const Bytes manifest = EncodeManifest(m);
  const Bytes digest = SuitDigest(DigestOfWrapped(manifest));
  cbor::CoseSigning what{.headers = {}, .unprotected = {}, .external_aad = {}, .detached = true};
  for (const crypto::Certificate& c : signing.chain)
    what.headers.x5chain.emplace_back(c.der().begin(), c.der().end());
  BM_TRY(const cbor::CoseSign1 block, cbor::SignCose(what, digest, signing.signer));
  const Bytes wrapper = cbor::Encode(Array{digest, cbor::EncodeCose(block)});
  return cbor::Encode(
      Value::Tag(kEnvelopeTag, Map{{kAuthentication, wrapper}, {kManifest, manifest}}));
}

bool LooksLikeUpdate(ByteView file) {
  return file.size() > 3 && file[0] == 0xd8 && file[1] == kEnvelopeTag;
}

Result<OpenedUpdate> OpenUpdate(ByteView file) {
  if (file.size() > kMaxEnvelope) return BadUpdate("it is larger than any manifest");
  BM_TRY(const Value v, cbor::Decode(file));
  const cbor::Tagged* tagged = v.AsTagged();
  if (tagged == nullptr || tagged->tag != kEnvelopeTag || tagged->item.size() != 1 ||
      tagged->item.front().AsMap() == nullptr || tagged->item.front().AsMap()->size() != 2)
    return BadUpdate("the envelope is not a map of wrapper and manifest with tag 107");
  const Value* wrapper = tagged->item.front().Find(kAuthentication);
  const Value* manifest = tagged->item.front().Find(kManifest);
  if (wrapper == nullptr || wrapper->AsBytes() == nullptr || manifest == nullptr ||
      manifest->AsBytes() == nullptr)
    return BadUpdate("wrapper or manifest is missing");
  BM_TRY(const Value blocks, cbor::Decode(*wrapper->AsBytes()));
  const Array* list = blocks.AsArray();
  if (list == nullptr || list->size() != 2 || (*list)[1].AsBytes() == nullptr)
    return BadUpdate("the wrapper is not a digest and one signature");
  const auto digest = ReadSuitDigest(&list->front());
  if (!digest) return BadUpdate("the wrapper's digest");
  if (*digest != DigestOfWrapped(*manifest->AsBytes())) {
    return Refused("artifact.content", "the manifest is not the one that was signed",
                   "fetch the update again");
  }
  OpenedUpdate out;
  BM_TRY(out.manifest, ReadManifest(*manifest->AsBytes()));
  BM_TRY(const cbor::CoseSign1 block, cbor::ParseCose(*(*list)[1].AsBytes()));
  if (block.payload) return BadUpdate("the signature's payload is not detached");
  // Detached or not, the octets that are signed are the same (RFC 9052 section 4.4).
  cbor::CoseSign1 with = block;
  with.payload = *list->front().AsBytes();
  out.attached = cbor::EncodeCose(with);
  Opened& o = out.opened;
  o.kind = Kind::kUpdate;
  o.name = fmt::format("{}", fmt::join(out.manifest.component, "/"));
  o.version = out.manifest.sequence;
  o.algorithm = block.headers.algorithm ? fmt::format("cose {}", *block.headers.algorithm) : "";
  o.content = out.manifest.content.sha256;
  o.content_size = out.manifest.content.size;
  for (const Bytes& der : block.headers.x5chain) {
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(der));
    o.chain.push_back(std::move(c));
  }
  o.facts = {{"vendor", ToHex(out.manifest.vendor)}, {"class", ToHex(out.manifest.device_class)}};
  if (out.manifest.uri) o.facts.emplace_back("uri", *out.manifest.uri);
  if (out.manifest.sbom) {
    o.facts.emplace_back("sbom", out.manifest.sbom->uri);
    o.facts.emplace_back("sbom-sha256", ToHex(out.manifest.sbom->sha256));
  }
  o.signed_by = [block, payload = *list->front().AsBytes()](const crypto::PublicKey& key) {
    return cbor::VerifyCose(block, key, {}, ByteView(payload)).has_value();
  };
  return out;
}

}  // namespace birthmark::artifact
