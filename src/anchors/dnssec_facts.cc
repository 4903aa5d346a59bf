// SPDX-License-Identifier: Apache-2.0
#include "anchors/dnssec_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "crypto/digest.h"

namespace birthmark::anchors {
namespace {

std::unexpected<Error> Malformed(std::string what) {
  return Refused("anchors.dnssec-malformed", std::move(what),
                 "take the record from its publisher again");
}

constexpr uint16_t kZone = 0x0100, kRevoke = 0x0080, kSep = 0x0001;

// ModulusBits reads the RSA public key of a DNSKEY; 0 when it is malformed. Source: RFC 3110
// section 2.
uint32_t ModulusBits(ByteView key) {
  if (key.size() < 3) return 0;
  size_t at = 1;
  size_t exponent = key[0];
  if (exponent == 0) {  // a long exponent: two more octets of length
    exponent = size_t{key[1]} << 8 | key[2];
    at = 3;
  }
  if (exponent == 0 || key.size() <= at + exponent) return 0;
  const ByteView modulus = key.subspan(at + exponent);
  if (modulus[0] == 0) return 0;
  return static_cast<uint32_t>(modulus.size() * 8 -
                               static_cast<size_t>(std::countl_zero(modulus[0])));
}

size_t FixedKeyLength(std::string_view algorithm) {
  if (algorithm == "ecdsa-p256") return 64;  // RFC 6605 section 4
  if (algorithm == "ecdsa-p384") return 96;
  if (algorithm == "ed25519") return 32;  // RFC 8080 section 3
  return algorithm == "ed448" ? 57 : 0;
}

uint32_t FixedKeyBits(std::string_view algorithm) {
  if (algorithm == "ecdsa-p256" || algorithm == "ed25519") return 256;
  if (algorithm == "ecdsa-p384") return 384;
  return algorithm == "ed448" ? 456 : 0;
}

}  // namespace

Bytes DigestOfType(uint8_t digest_type, ByteView data) {
  auto octets = [](const auto& digest) { return Bytes(digest.begin(), digest.end()); };
  switch (digest_type) {
    // RFC 8624 section 3.3: SHA-1 must not be used for new records; old files still hold it.
    case 1:
      return octets(crypto::Sha1ForKeyId(data));
    case 2:
      return octets(crypto::Sha256(data));
    case 4:
      return octets(crypto::Sha384(data));
    default:
      return {};
  }
}

Result<AnchorEntry> EntryOf(const Dnskey& key) {
  const DnsAlgorithm algorithm = DnsAlgorithmOf(key.algorithm);
  if (algorithm.key.empty()) {
    return Malformed(fmt::format("DNSSEC algorithm {} is unknown or withdrawn", key.algorithm));
  }
  // RFC 4034 section 2.1.1: without the Zone Key flag the record is no key for validating a zone.
  if (!(key.flags & kZone)) return Malformed("the DNSKEY has no Zone Key flag");
  AnchorEntry e;
  e.form = EntryForm::kDnskey;
  e.key_tag = key.KeyTag();
  e.label = fmt::format(". DNSKEY {}", *e.key_tag);
  e.signature = algorithm.signature;
  if (algorithm.key == "rsa") {
    e.key_bits = ModulusBits(key.key);
    if (*e.key_bits < 512 || *e.key_bits > 16384)
      return Malformed("the RSA key of the DNSKEY is malformed");
    e.algorithm = fmt::format("rsa-{}", *e.key_bits);
  } else {
    if (key.key.size() != FixedKeyLength(algorithm.key)) {
      return Malformed(fmt::format("a DNSKEY of algorithm {} has {} octets, not {}", key.algorithm,
                                   FixedKeyLength(algorithm.key), key.key.size()));
    }
    e.key_bits = FixedKeyBits(algorithm.key);
    e.algorithm = algorithm.key;
  }
  e.uses = (key.flags & kSep) ? "ksk" : "zsk";
  if (key.flags & kRevoke) *e.uses += " revoked";  // RFC 5011 section 2.1
  e.fingerprint = key.DsDigest(2);
  return e;
}

Result<AnchorEntry> EntryOf(const Ds& ds) {
  const DnsAlgorithm algorithm = DnsAlgorithmOf(ds.algorithm);
  if (algorithm.key.empty()) {
    return Malformed(fmt::format("DNSSEC algorithm {} is unknown or withdrawn", ds.algorithm));
  }
  const size_t length = DigestOfType(ds.digest_type, {}).size();
  if (length == 0) return Malformed(fmt::format("DS digest type {} is unknown", ds.digest_type));
  if (ds.digest.size() != length) {
    return Malformed(fmt::format("a digest of type {} has {} octets, not {}", ds.digest_type,
                                 length, ds.digest.size()));
  }
  AnchorEntry e;
  e.form = EntryForm::kDs;
  e.key_tag = ds.tag;
  e.label = fmt::format(". DS {} type {}", ds.tag, ds.digest_type);
  e.algorithm = algorithm.key;
  e.signature = algorithm.signature;
  if (const uint32_t bits = FixedKeyBits(algorithm.key); bits != 0) e.key_bits = bits;
  e.fingerprint = ds.digest;
  return e;
}

void NoteContradictions(AnchorFacts& facts) {
  for (size_t i = 0; i < facts.entries.size(); ++i) {
    const AnchorEntry& a = facts.entries[i];
    const bool seen = std::any_of(
        facts.entries.begin(), facts.entries.begin() + static_cast<long>(i),
        [&](const AnchorEntry& b) { return a.form == b.form && a.fingerprint == b.fingerprint; });
    if (seen)
      facts.notes.push_back({"anchors.entry-twice", fmt::format("{} is there twice", a.label)});
    // Only SHA-256 digests compare: that is the form a DNSKEY's fingerprint has here.
    if (a.form != EntryForm::kDs || a.fingerprint.size() != 32) continue;
    bool same_tag = false, fits = false;
    for (const AnchorEntry& key : facts.entries) {
      if (key.form != EntryForm::kDnskey || key.key_tag != a.key_tag) continue;
      same_tag = true;
      fits |= key.fingerprint == a.fingerprint;
    }
    if (same_tag && !fits) {
      facts.notes.push_back(
          {"anchors.ds-mismatch",
           fmt::format("DS {} does not fit the DNSKEY of the same key tag", *a.key_tag)});
    }
  }
}

}  // namespace birthmark::anchors
