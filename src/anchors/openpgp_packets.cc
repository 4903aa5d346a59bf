// SPDX-License-Identifier: Apache-2.0
#include "anchors/openpgp_packets.h"

#include <fmt/format.h>

#include <optional>

namespace birthmark::anchors {
namespace {

constexpr size_t kMaxPackets = 65536;

struct Packet {
  int type = 0;
  ByteView body;
};

// Take cuts the first packet off; absent when its header or length is not one we take: partial and
// indeterminate lengths are for streams, never for keys.
std::optional<Packet> Take(ByteView& data) {
  const uint8_t head = data[0];
  if (!(head & 0x80)) return std::nullopt;
  Packet p;
  size_t at = 1, octets = 0;
  size_t length = 0;
  if (head & 0x40) {  // RFC 9580 section 4.2.1
    p.type = head & 0x3f;
    if (data.size() < 2) return std::nullopt;
    const uint8_t first = data[1];
    at = 2;
    if (first < 192) {
      length = first;
    } else if (first < 224) {
      if (data.size() < 3) return std::nullopt;
      length = (size_t{first} - 192) * 256 + data[2] + 192;
      at = 3;
    } else if (first == 255) {
      octets = 4;
    } else {
      return std::nullopt;
    }
  } else {  // section 4.2.2
    p.type = head >> 2 & 0xf;
    if ((head & 3) == 3) return std::nullopt;
    octets = size_t{1} << (head & 3);
  }
  if (data.size() < at + octets) return std::nullopt;
  for (size_t i = 0; i < octets; ++i) length = length << 8 | data[at + i];
  at += octets;
  if (data.size() - at < length) return std::nullopt;
  p.body = data.subspan(at, length);
  data = data.subspan(at + length);
  return p;
}

}  // namespace

Status CheckOpenpgpPackets(ByteView data) {
  auto malformed = [](size_t number, std::string_view what) {
    return Refused("anchors.openpgp-malformed",
                   fmt::format("OpenPGP keyring: packet {} {}", number, what),
                   "export the keys again: gpg --export KEY…");
  };
  // RFC 9580 section 5: the packets of a public key's certificate, and what old keyrings add.
  constexpr int kSignature = 2, kSecretKey = 5, kPublicKey = 6, kSecretSubkey = 7, kTrust = 12,
                kUserId = 13, kPublicSubkey = 14, kUserAttribute = 17;
  for (size_t number = 1; !data.empty(); ++number) {
    if (number > kMaxPackets) return malformed(number, "is one too many");
    const auto packet = Take(data);
    if (!packet) return malformed(number, "is cut short or has no definite length");
    switch (packet->type) {
      case kSecretKey:
      case kSecretSubkey:
        return Refused("anchors.private-key",
                       fmt::format("OpenPGP keyring: packet {} is a private key", number),
                       "keep private keys apart from anchors, and treat this one as disclosed");
      case kPublicKey:
        break;
      case kSignature:
      case kTrust:
      case kUserId:
      case kPublicSubkey:
      case kUserAttribute:
        if (number > 1) break;
        [[fallthrough]];
      default:
        return malformed(number, "does not belong into a public keyring there");
    }
  }
  return {};
}

}  // namespace birthmark::anchors
