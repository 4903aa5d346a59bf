// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "artifact/mcuboot.h"
#include "crypto/digest.h"
#include "crypto/pss.h"
#include "trust/mcuboot.h"

namespace birthmark::artifact {
namespace {

using trust::McubootTlv;

constexpr size_t kHeaderSize = 512;

void Put16(Bytes& out, uint16_t v) { out.insert(out.end(), {uint8_t(v), uint8_t(v >> 8)}); }
void PutWord(Bytes& out, uint32_t v) {
  Put16(out, static_cast<uint16_t>(v));
  Put16(out, static_cast<uint16_t>(v >> 16));
}

// Tlvs is one area: its magic, its whole length, its entries.
Bytes Tlvs(uint16_t magic, const std::vector<std::pair<uint16_t, Bytes>>& entries) {
  Bytes body;
  for (const auto& [type, value] : entries) {
    Put16(body, type);
    Put16(body, static_cast<uint16_t>(value.size()));
    body.insert(body.end(), value.begin(), value.end());
  }
  Bytes out;
  Put16(out, magic);
  Put16(out, static_cast<uint16_t>(body.size() + 4));
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

// Number reads digits up to one of `ends` and takes both away.
bool TakeNumber(std::string_view& text, std::string_view ends, uint64_t max, uint64_t& out) {
  const size_t end = std::min(text.find_first_of(ends), text.size());
  const auto [at, error] = std::from_chars(text.data(), text.data() + end, out);
  if (error != std::errc() || at != text.data() + end || out > max) return false;
  text.remove_prefix(end);
  return true;
}

}  // namespace

std::optional<uint16_t> McubootSignatureType(crypto::Algorithm a) {
  switch (a) {
    case crypto::Algorithm::kEcdsaP256:
      return McubootTlv::kEcdsa;
    case crypto::Algorithm::kEd25519:
      return McubootTlv::kEd25519;
    case crypto::Algorithm::kRsa2048:
      return McubootTlv::kRsa2048Pss;
    case crypto::Algorithm::kRsa3072:
      return McubootTlv::kRsa3072Pss;
    default:
      return std::nullopt;
  }
}

McubootVersion McubootVersionOf(uint64_t number) {
  return {static_cast<uint8_t>(number >> 56), static_cast<uint8_t>(number >> 48),
          static_cast<uint16_t>(number >> 32), static_cast<uint32_t>(number)};
}

Result<McubootVersion> ParseMcubootVersion(std::string_view text) {
  uint64_t part[4] = {};
  const uint64_t max[4] = {UINT8_MAX, UINT8_MAX, UINT16_MAX, UINT32_MAX};
  std::string_view rest = text;
  for (int i = 0; i < 4; ++i) {
    if (!TakeNumber(rest, ".+", max[i], part[i])) break;
    if (rest.empty()) {
      return McubootVersion{static_cast<uint8_t>(part[0]), static_cast<uint8_t>(part[1]),
                            static_cast<uint16_t>(part[2]), static_cast<uint32_t>(part[3])};
    }
    // Two dots, then a plus sign: from wherever it stands the build number comes.
    if (rest.front() == '+') {
      if (i == 3) break;
      i = 2;
    } else if (i >= 2) {
      break;
    }
    rest.remove_prefix(1);
  }
  return Usage("artifact.version", fmt::format("\"{}\" is no version of MCUboot", text),
               "major.minor.revision+build: 1.4.2+7");
}

Result<Bytes> SignMcuboot(ByteView body, const McubootVersion& version, const Signing& signing) {
  const crypto::Algorithm algorithm = signing.signer.algorithm();
  const bool ed25519 = algorithm == crypto::Algorithm::kEd25519;
  const std::optional<uint16_t> type = McubootSignatureType(algorithm);
  if (!type) {
    return Refused("artifact.algorithm",
                   fmt::format("MCUboot verifies no signatures of {}", crypto::ToText(algorithm)),
                   "ecdsa-p256, ed25519, rsa-2048 or rsa-3072");
  }
  if (body.empty() || body.size() > kMaxImage)
    return Refused("artifact.too-large", "an MCUboot image has 1 octet to 256 MiB");
  Bytes counter;
  PutWord(counter,
          uint32_t{version.major} << 24 | uint32_t{version.minor} << 16 | version.revision);
  const Bytes protected_tlvs =
      Tlvs(trust::kMcubootProtectedTlvMagic, {{McubootTlv::kSecurityCounter, counter}});
  Bytes out;
  PutWord(out, trust::kMcubootMagic);
  PutWord(out, 0);  // load address
  Put16(out, kHeaderSize);
  Put16(out, static_cast<uint16_t>(protected_tlvs.size()));
  PutWord(out, static_cast<uint32_t>(body.size()));
  PutWord(out, 0);  // flags
  out.push_back(version.major);
  out.push_back(version.minor);
  Put16(out, version.revision);
  PutWord(out, version.build);
  out.resize(kHeaderSize, 0);
  out.insert(out.end(), body.begin(), body.end());
  out.insert(out.end(), protected_tlvs.begin(), protected_tlvs.end());
  const Digest hash = crypto::Sha256(out);
  // Ed25519 signs the hash as a message; ECDSA signs the hash of what was hashed, which is the same
  // as signing all of it with SHA-256.
  const bool rsa = *type == McubootTlv::kRsa2048Pss || *type == McubootTlv::kRsa3072Pss;
  BM_TRY(const Bytes signature,
         rsa ? crypto::SignPss(signing.signer, out, crypto::PssSalt::kDigest)
             : signing.signer.Sign(ed25519 ? ByteView(hash) : ByteView(out)));
  const Digest& key = signing.signer.public_key().spki_digest();
  const Bytes tlvs =
      Tlvs(trust::kMcubootTlvMagic, {{McubootTlv::kSha256, Bytes(hash.begin(), hash.end())},
                                     {McubootTlv::kKeyHash, Bytes(key.begin(), key.end())},
                                     {*type, signature}});
  out.insert(out.end(), tlvs.begin(), tlvs.end());
  return out;
}

}  // namespace birthmark::artifact
