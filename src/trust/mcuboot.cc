// SPDX-License-Identifier: Apache-2.0
#include "trust/mcuboot.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/digest.h"
#include "trust/key_parts.h"
#include "trust/little.h"
#include "trust/mcuboot_verify.h"

namespace birthmark::trust {
namespace {

constexpr size_t kHeader = 32, kTlvHead = 4;
constexpr size_t kMaxTlvs = 256;
constexpr size_t kMaxSource = 1 << 20;

std::unexpected<Error> BadImage(std::string_view why) {
  return Refused("trust.mcuboot-malformed", fmt::format("not an MCUboot image: {}", why),
                 "give the image as imgtool wrote it");
}

// ReadArea reads one TLV area at the front of `rest` and gives its whole size.
Result<size_t> ReadArea(ByteView rest, uint16_t magic, McubootImage& image) {
  if (rest.size() < kTlvHead || Little16(rest, 0) != magic)
    return BadImage("a TLV area is missing");
  const size_t total = Little16(rest, 2);
  if (total < kTlvHead || total > rest.size()) return BadImage("a TLV area is cut short");
  for (size_t at = kTlvHead; at < total;) {
    if (total - at < kTlvHead) return BadImage("a TLV is cut short");
    const size_t length = Little16(rest, at + 2);
    if (length > total - at - kTlvHead) return BadImage("a TLV is longer than its area");
    if (image.tlvs.size() == kMaxTlvs) return BadImage("more than 256 TLVs");
    image.tlvs.push_back({Little16(rest, at), magic == kMcubootProtectedTlvMagic,
                          rest.subspan(at + kTlvHead, length)});
    at += kTlvHead + length;
  }
  return total;
}

Bytes HashOf(const McubootImage& image) {
  const Digest d = crypto::Sha256(image.hashed);
  return Bytes(d.begin(), d.end());
}

// AnchorOfKeyDer reads a key as MCUboot has it.
Result<TrustAnchor> AnchorOfKeyDer(ByteView der) {
  if (auto spki = SpkiOfPkcs1(der)) return AnchorOfKey(*spki);
  return AnchorOfKey(der);
}

// Identifier keeps what a C identifier may have.
std::string Identifier(const TrustAnchor& a, size_t number) {
  std::string out = "key_";
  for (char c : a.title) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out += plain ? c : '_';
    if (out.size() == 40) break;
  }
  return fmt::format("{}_{}", out, number);
}

}  // namespace

bool LooksLikeMcubootImage(ByteView data) {
  return data.size() >= kHeader && Little32(data, 0) == kMcubootMagic;
}

Result<McubootImage> ParseMcubootImage(ByteView region) {
  if (!LooksLikeMcubootImage(region)) return BadImage("its magic is not 0x96f3b83d");
  McubootImage image;
  image.header_size = Little16(region, 8);
  const size_t protected_size = Little16(region, 10);
  image.image_size = Little32(region, 12);
  image.flags = Little32(region, 16);
  image.version = fmt::format("{}.{}.{}+{}", region[20], region[21], Little16(region, 22),
                              Little32(region, 24));
  const size_t body = size_t{image.header_size} + image.image_size;
  if (image.header_size < kHeader || body > region.size() ||
      protected_size > region.size() - body) {
    return BadImage("it is cut short");
  }
  image.hashed = region.first(body + protected_size);
  size_t at = body;
  if (protected_size > 0) {
    BM_TRY(size_t size, ReadArea(region.subspan(at), kMcubootProtectedTlvMagic, image));
    if (size != protected_size)
      return BadImage("the protected TLVs are not as long as its header says");
    at += size;
  }
  BM_TRY(size_t size, ReadArea(region.subspan(at), kMcubootTlvMagic, image));
  image.size = at + size;
  return image;
}

Bytes KeyOfMcubootImage(const McubootImage& image) {
  for (const McubootTlv& t : image.tlvs) {
    if (t.type == McubootTlv::kKeyHash) return Bytes(t.value.begin(), t.value.end());
    if (t.type == McubootTlv::kPublicKey) {
      const Digest d = crypto::Sha256(t.value);
      return Bytes(d.begin(), d.end());
    }
  }
  return {};
}

const TrustAnchor* SignerOfMcubootImage(const McubootImage& image,
                                        const std::vector<TrustAnchor>& anchors) {
  for (const McubootTlv& t : image.tlvs) {
    if (!IsMcubootSignature(t.type)) continue;
    for (const TrustAnchor& a : anchors) {
      if (!a.spki.empty() && VerifiesMcuboot(a.spki, t.type, image.hashed, t.value)) return &a;
    }
  }
  return nullptr;
}

Result<Store> ReadMcubootImage(ByteView region) {
  BM_TRY(McubootImage image, ParseMcubootImage(region));
  Store store;
  store.format = Format::kMcubootImage;
  bool has_hash = false, has_signature = false;
  std::vector<TrustAnchor> carried;
  for (const McubootTlv& t : image.tlvs) {
    has_signature = has_signature || IsMcubootSignature(t.type);
    if (t.type == McubootTlv::kSha256) {
      has_hash = true;
      if (!std::ranges::equal(t.value, HashOf(image))) {
        store.findings.Error("trust.mcuboot-hash", "the image's hash is not that of the image",
                             "the image was altered or cut; build it again");
      }
    }
    if (t.type == McubootTlv::kKeyHash && t.value.size() == 32) {
      TrustAnchor a;
      a.form = Form::kKeyDigest;
      a.digest.assign(t.value.begin(), t.value.end());
      a.title = ToHex(a.digest);
      a.place = "TLV 0x01";
      store.anchors.push_back(std::move(a));
    }
    if (t.type == McubootTlv::kPublicKey) {
      auto a = AnchorOfKeyDer(t.value);
      if (!a) {
        store.findings.Error(a.error().code, "TLV 0x02: " + a.error().message, a.error().fix);
        continue;
      }
      a->place = "TLV 0x02";
      carried.push_back(*a);
      store.anchors.push_back(std::move(*a));
    }
  }
  if (!has_signature) {
    store.findings.Warn(
        "trust.mcuboot-unsigned",
        fmt::format("the image has {} and no signature", has_hash ? "a hash" : "neither a hash"),
        "sign it with imgtool or birthmark artifact sign");
  } else if (!carried.empty() && SignerOfMcubootImage(image, carried) == nullptr) {
    store.findings.Error("trust.mcuboot-hash",
                         "no signature of the image is by the key that it carries",
                         "the image was altered; build it again");
  }
  return store;
}

Result<Bytes> McubootKeyDer(const TrustAnchor& a) {
  if (auto rsa = RsaParts(a.spki)) {
    if (rsa->modulus.size() == 256 || rsa->modulus.size() == 384) return rsa->pkcs1;
  } else if (auto ec = EcParts(a.spki)) {
    if (ec->curve != kOidP521) return a.spki;
  } else if (auto ed = EdParts(a.spki)) {
    if (ed->curve == kOidEd25519) return a.spki;
  }
  return CannotCarry(Format::kMcubootKey, a,
                     "MCUboot verifies RSA-2048, RSA-3072, P-256, P-384 and Ed25519",
                     "sign the images under another anchor");
}

Result<Store> ReadMcubootKeys(ByteView data) {
  if (data.size() > kMaxSource) return Refused("trust.too-large", "a source of more than 1 MiB");
  Store store;
  store.format = Format::kMcubootKey;
  if (auto a = AnchorOfKeyDer(data)) {
    store.anchors.push_back(std::move(*a));
    return store;
  }
  // An array is "name[] = { 0x30, … }"; what else the source says does not matter.
  std::string_view rest = AsText(data);
  while (true) {
    const size_t open = rest.find("] = {");
    if (open == std::string_view::npos) break;
    const std::string_view before = rest.substr(0, rest.rfind('[', open));
    const size_t name_at = before.find_last_of(" \t\r\n*");
    const std::string_view name =
        before.substr(name_at == std::string_view::npos ? 0 : name_at + 1).substr(0, 64);
    rest.remove_prefix(open + 5);
    const std::string_view list = rest.substr(0, rest.find('}'));
    Bytes der;
    bool numbers = true;
    for (size_t at = list.find_first_not_of(" \t\r\n,"); at < list.size() && numbers;
         at = list.find_first_not_of(" \t\r\n,", at)) {
      const size_t end = std::min(list.find_first_of(" \t\r\n,", at), list.size());
      const std::string_view word = list.substr(at, end - at);
      auto octet = word.size() == 4 && word.starts_with("0x") ? FromHex(word.substr(2))
                                                              : std::optional<Bytes>();
      numbers = octet.has_value();
      if (numbers) der.push_back(octet->front());
      at = end;
    }
    if (!numbers || der.empty()) continue;
    auto a = AnchorOfKeyDer(der);
    if (!a) {
      store.findings.Warn("trust.key-malformed", fmt::format("array {} is no key", name));
      continue;
    }
    if (IsUtf8(name)) a->title = name;
    store.anchors.push_back(std::move(*a));
    if (store.anchors.size() == kMaxTlvs) break;
  }
  if (store.anchors.empty()) {
    return Refused("trust.mcuboot-malformed", "there is no key in the file",
                   "give imgtool getpub's output or one key in DER");
  }
  return store;
}

Result<std::string> WriteMcubootKeys(const std::vector<TrustAnchor>& anchors) {
  std::string arrays, table;
  for (size_t i = 0; i < anchors.size(); ++i) {
    BM_TRY(Bytes der, McubootKeyDer(anchors[i]));
    const std::string name = Identifier(anchors[i], i + 1);
    arrays += fmt::format("/* SHA-256 of the key: {} */\nconst unsigned char {}[] = {{",
                          ToHex(crypto::Sha256(der)), name);
    for (size_t k = 0; k < der.size(); ++k) {
      arrays += fmt::format("{}0x{:02x},", k % 12 == 0 ? "\n    " : " ", der[k]);
    }
    arrays += fmt::format("\n}};\nconst unsigned int {}_len = {};\n\n", name, der.size());
    table += fmt::format("    {{ .key = {}, .len = &{}_len }},\n", name, name);
  }
  return fmt::format(
      "/* Keys that MCUboot believes; compile this instead of its keys.c. */\n"
      "#include <bootutil/sign_key.h>\n\n{}"
      "const struct bootutil_key bootutil_keys[] = {{\n{}}};\nconst int bootutil_key_cnt = {};\n",
      arrays, table, anchors.size());
}

}  // namespace birthmark::trust
