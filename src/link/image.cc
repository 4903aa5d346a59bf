// SPDX-License-Identifier: Apache-2.0
#include "link/image.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/codec.h"
#include "cbor/cose.h"
#include "crypto/digest.h"
#include "link/fields.h"

namespace birthmark::link {
namespace {

constexpr size_t kHead = 8;
constexpr size_t kMaxEnvelope = 16384;
constexpr std::string_view kMagic = "BMI1";

void Put32(Bytes& out, uint32_t v) {
  for (int i = 0; i < 4; i++) out.push_back(static_cast<uint8_t>(v >> (8 * i)));
}

cbor::Value EncodePolicy(const AnchorPolicy& p) {
  cbor::Map m;
  if (!p.levels.empty()) m.emplace_back("levels", cbor::Array(p.levels.begin(), p.levels.end()));
  if (p.eku) m.emplace_back("eku", *p.eku);
  if (p.policy_oid) m.emplace_back("policy_oid", *p.policy_oid);
  if (p.subject) m.emplace_back("subject", *p.subject);
  if (p.organization) m.emplace_back("organization", *p.organization);
  if (p.subordinate) m.emplace_back("subordinate", *p.subordinate);
  if (!p.algorithms.empty()) {
    m.emplace_back("algorithms", cbor::Array(p.algorithms.begin(), p.algorithms.end()));
  }
  if (!p.dns.empty()) m.emplace_back("dns", cbor::Array(p.dns.begin(), p.dns.end()));
  return m;
}

std::unexpected<Error> BadStage(std::string what) {
  return Refused("image.stage", "the stage's payload " + std::move(what),
                 "make the image again with this version");
}

// Text copies an optional text member; false when it is there and no text.
bool Text(const cbor::Value& map, const char* key, std::optional<std::string>* out) {
  const cbor::Value* v = map.Find(key);
  if (!v) return true;
  if (auto* text = v->AsText()) *out = *text;
  return v->AsText() != nullptr;
}

Status DecodePolicy(const cbor::Value& v, AnchorPolicy* p) {
  if (!Text(v, "eku", &p->eku) || !Text(v, "policy_oid", &p->policy_oid) ||
      !Text(v, "subject", &p->subject) || !Text(v, "organization", &p->organization) ||
      !Text(v, "subordinate", &p->subordinate)) {
    return BadStage("has a policy member that is no text");
  }
  for (const char* key : {"levels", "algorithms", "dns"}) {
    const cbor::Value* list = v.Find(key);
    if (!list) continue;
    if (!list->AsArray()) return BadStage("has a policy list that is no array");
    for (const cbor::Value& item : *list->AsArray()) {
      bool levels = std::string_view(key) == "levels";
      auto* level = levels ? item.AsUint() : nullptr;
      auto* name = levels ? nullptr : item.AsText();
      if (level) {
        p->levels.push_back(*level);
      } else if (name) {
        (std::string_view(key) == "dns" ? p->dns : p->algorithms).push_back(*name);
      } else {
        return BadStage("has a policy list of another type");
      }
    }
  }
  return {};
}

std::unexpected<Error> BadFormat(std::string what) {
  return Refused("image.format", "no device image: " + std::move(what),
                 "read the partition again, or install the image again");
}

}  // namespace

Bytes EncodeStage(const Stage& stage) {
  cbor::Array anchors;
  for (const StageAnchor& a : stage.anchors) {
    anchors.push_back(cbor::Map{{"id", a.id},
                                {"kind", a.kind},
                                {"verifies", a.verifies},
                                {"form", a.form},
                                {"data", a.data},
                                {"policy", EncodePolicy(a.policy)}});
  }
  return cbor::Encode(cbor::Map{{"code", stage.code}, {"anchors", std::move(anchors)}});
}

Result<Stage> DecodeStage(ByteView payload) {
  BM_TRY(cbor::Value v, cbor::Decode(payload));
  Stage stage;
  Fields f(v);
  f.Get("code", &stage.code);
  for (const cbor::Value& item : f.List("anchors")) {
    StageAnchor& a = stage.anchors.emplace_back();
    Fields g(item);
    g.Get("id", &a.id);
    g.Get("kind", &a.kind);
    g.Get("verifies", &a.verifies);
    g.Get("form", &a.form);
    g.Get("data", &a.data);
    f.Take(g);
    if (item.Find("policy")) BM_CHECK(DecodePolicy(*item.Find("policy"), &a.policy));
  }
  if (!f.Done()) return BadStage("lacks a member: " + f.Done().error().message);
  return stage;
}

Result<Bytes> SignObject(ByteView payload, crypto::Signer& signer, const SignerHeaders& headers) {
  cbor::CoseSigning what;
  what.headers.x5chain = headers.x5chain;
  if (headers.bare_key) {
    ByteView spki = signer.public_key().spki();
    what.headers.other.emplace_back("spki", Bytes(spki.begin(), spki.end()));
  }
  BM_TRY(cbor::CoseSign1 message, cbor::SignCose(what, payload, signer));
  return cbor::EncodeCose(message);
}

Result<Bytes> BuildImage(const Manifest& manifest, ByteView payload, crypto::Signer& signer,
                         const SignerHeaders& headers) {
  cbor::Map map{{"kind", manifest.kind},
                {"name", manifest.name},
                {"version", manifest.version},
                {"size", uint64_t{payload.size()}},
                {"sha256", crypto::Sha256(payload)},
                {"factory_commands", manifest.factory_commands}};
  if (!manifest.privileges.empty()) {
    map.emplace_back("privileges",
                     cbor::Array(manifest.privileges.begin(), manifest.privileges.end()));
  }
  if (manifest.product) {
    map.emplace_back("product", cbor::Map{{"oem", uint64_t{manifest.product->oem}},
                                          {"model", manifest.product->model},
                                          {"hardware", manifest.product->hardware}});
  }
  Bytes body = cbor::Encode(std::move(map));
  BM_TRY(Bytes envelope, SignObject(body, signer, headers));
  if (envelope.size() > kMaxEnvelope) {
    return Refused(
        "image.too-large",
        "the image's envelope has " + std::to_string(envelope.size()) + " bytes, 16384 is most",
        "send a shorter certificate chain with it");
  }
  Bytes image = ToBytes(kMagic);
  Put32(image, static_cast<uint32_t>(envelope.size()));
  image.insert(image.end(), envelope.begin(), envelope.end());
  image.insert(image.end(), payload.begin(), payload.end());
  return image;
}

Result<DecodedImage> DecodeImage(ByteView region) {
  if (region.size() < kHead || AsText(region.first(4)) != kMagic) return BadFormat("no magic");
  size_t envelope_size =
      region[4] | size_t{region[5]} << 8 | size_t{region[6]} << 16 | size_t{region[7]} << 24;
  if (envelope_size > kMaxEnvelope || envelope_size > region.size() - kHead) {
    return BadFormat("the envelope is longer than the region");
  }
  ByteView envelope = region.subspan(kHead, envelope_size);
  ByteView rest = region.subspan(kHead + envelope_size);
  BM_TRY(cbor::CoseSign1 cose, cbor::ParseCose(envelope));
  if (!cose.payload) return BadFormat("the envelope has no manifest");
  BM_TRY(cbor::Value v, cbor::Decode(*cose.payload));
  DecodedImage out;
  uint64_t size = 0;
  Bytes sha256;
  Fields f(v);
  f.Get("kind", &out.manifest.kind);
  f.Get("name", &out.manifest.name);
  f.Get("version", &out.manifest.version);
  f.Get("factory_commands", &out.manifest.factory_commands);
  f.Get("size", &size);
  f.Get("sha256", &sha256);
  if (!f.Done()) return BadFormat(f.Done().error().message);
  if (const cbor::Value* list = v.Find("privileges")) {
    if (list->AsArray() == nullptr) return BadFormat("its privileges are no list");
    for (const cbor::Value& item : *list->AsArray()) {
      if (const std::string* word = item.AsText()) out.manifest.privileges.push_back(*word);
    }
  }
  if (const cbor::Value* product = v.Find("product")) {
    Fields g(*product);
    uint64_t oem = 0;
    Manifest::Product& p = out.manifest.product.emplace();
    g.Get("oem", &oem);
    g.Get("model", &p.model);
    g.Get("hardware", &p.hardware);
    if (!g.Done() || oem > UINT32_MAX) return BadFormat("its product is not as it must be");
    p.oem = static_cast<uint32_t>(oem);
  }
  if (size > rest.size()) return BadFormat("it is shorter than its manifest says");
  ByteView payload = rest.first(size);
  if (!std::ranges::equal(crypto::Sha256(payload), sha256)) {
    return Refused("image.digest", "the image is not the one its manifest describes",
                   "install the image again");
  }
  if (!std::ranges::all_of(rest.subspan(size), [](uint8_t b) { return b == 0xFF; })) {
    return Refused("image.trailing", "there is something behind the image",
                   "erase the partition and install the image again");
  }
  out.envelope.assign(envelope.begin(), envelope.end());
  out.payload.assign(payload.begin(), payload.end());
  out.x5chain = cose.headers.x5chain;
  out.algorithm = cose.headers.algorithm.value_or(0);
  out.size = kHead + envelope_size + size;
  out.sha256 = crypto::Sha256(region.first(out.size));
  return out;
}

Result<ChainCell> EncodeChainCell(std::string_view slot, const std::vector<Bytes>& chain) {
  constexpr std::string_view kSlots[] = {"idevid", "attestation", "decrypt", "group"};
  constexpr size_t kCellSize = 2 * kEraseBlock, kCellHead = 48;
  auto at = std::ranges::find(kSlots, slot);
  if (at == std::end(kSlots))
    return Refused("image.slot", "no board has a slot " + std::string(slot));
  cbor::Array items(chain.begin(), chain.end());
  Bytes data = cbor::Encode(cbor::Value(std::move(items)));
  if (data.size() > kCellSize - kCellHead) {
    return Refused("image.too-large", "the certificate chain does not fit its cell",
                   "use fewer or smaller certificates");
  }
  ChainCell out;
  out.offset = static_cast<uint32_t>(at - std::begin(kSlots)) * 2 * kCellSize;
  out.content.resize(kCellHead);
  std::ranges::copy(AsBytes("BMFC"), out.content.begin());
  out.content[4] = 1;  // the sequence, little-endian
  for (size_t i = 0; i < 4; ++i) out.content[8 + i] = static_cast<uint8_t>(data.size() >> (8 * i));
  std::ranges::copy(crypto::Sha256(data), out.content.begin() + 16);
  out.content.insert(out.content.end(), data.begin(), data.end());
  return out;
}

SecretBytes EncodeFactoryRecord(const std::string& serial,
                                const std::vector<FactoryIdentity>& identities,
                                const Configuration& configuration) {
  SecretAccess access;
  // Written by hand instead of as a DOM, so that the keys pass through one buffer that is wiped.
  // Keys of a map in order: shorter first, then bytewise (RFC 8949 section 4.2.1).
  size_t room = 256 + serial.size();
  for (const FactoryIdentity& id : identities) {
    room += 128 + id.slot.size() + id.key.size();
    for (const Bytes& der : id.chain) room += der.size() + 9;
  }
  std::vector<std::pair<std::string, std::string>> settings(configuration.begin(),
                                                            configuration.end());
  std::ranges::stable_sort(settings, {}, [](const auto& s) { return s.first.size(); });
  for (const auto& [name, value] : settings) room += name.size() + value.size() + 18;
  Bytes body;
  body.reserve(room);
  cbor::Writer w(body);
  w.MapHead(settings.empty() ? 2 : 3);
  w.Text("slots");
  w.ArrayHead(identities.size());
  for (const FactoryIdentity& id : identities) {
    w.MapHead(4);
    w.Text("key");
    w.ByteString(id.key.Read(access));
    w.Text("slot");
    w.Text(id.slot);
    w.Text("chain");
    w.ArrayHead(id.chain.size());
    for (const Bytes& der : id.chain) w.ByteString(der);
    w.Text("algorithm");
    w.Text("p256");
  }
  if (!settings.empty()) {
    w.Text("config");
    w.MapHead(settings.size());
    for (const auto& [name, value] : settings) {
      w.Text(name);
      w.Text(value);
    }
  }
  w.Text("serial");
  w.Text(serial);
  Bytes record = ToBytes("BMFD");
  record.reserve(40 + body.size());
  Put32(record, static_cast<uint32_t>(body.size()));
  Digest digest = crypto::Sha256(body);
  record.insert(record.end(), digest.begin(), digest.end());
  record.insert(record.end(), body.begin(), body.end());
  Wipe(body.data(), body.size());
  return SecretBytes::Take(std::move(record));
}

Result<SecretBytes> ComposeFlash(const Board& board, const std::vector<FlashPart>& parts) {
  size_t end = 0;
  for (const FlashPart& part : parts) {
    const Partition* p = board.Find(part.partition);
    if (!p) {
      return Refused("image.partition",
                     "board " + board.name + " has no partition \"" + part.partition + "\"");
    }
    if (part.content.size() > p->size) {
      return Refused("image.too-large", "\"" + part.partition + "\" has " +
                                            std::to_string(p->size) + " bytes, the content " +
                                            std::to_string(part.content.size()));
    }
    end = std::max<size_t>(end, p->offset + part.content.size());
  }
  SecretBytes flash(end);
  auto out = flash.Write(SecretAccess());
  std::ranges::fill(out, uint8_t{0xFF});
  for (const FlashPart& part : parts) {
    std::ranges::copy(part.content, out.begin() + board.Find(part.partition)->offset);
  }
  return flash;
}

}  // namespace birthmark::link
