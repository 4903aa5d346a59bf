// SPDX-License-Identifier: Apache-2.0
// The DNSSEC root's anchors: DNSKEY and DS records in zone-file form (root.key, root.ds) and
// root-anchors.xml. Leaves out the RFC 5011 life (rfc5011.h) and every other zone. Pure;
// thread-compatible.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchors/facts.h"
#include "base/error.h"

namespace birthmark::anchors {

// Dnskey is one DNSKEY record of the root. Source: RFC 4034 section 2.
struct Dnskey {
  uint16_t flags = 0;
  uint8_t algorithm = 0;
  Bytes key;
  // Rdata is the record's wire form: flags, protocol 3, algorithm, key.
  Bytes Rdata() const;
  // KeyTag sums the wire form; the REVOKE bit therefore changes it. Source: RFC 4034 appendix B.
  uint16_t KeyTag() const;
  // DsDigest hashes the owner name (the root: one zero octet) and the wire form; empty for a digest
  // type we do not know. Source: RFC 4034 section 5.1.4, RFC 4509, RFC 6605.
  Bytes DsDigest(uint8_t digest_type) const;
};

// DnsAlgorithm names a DNSSEC algorithm number: key "rsa", "ecdsa-p256", … and signature
// "rsa-pkcs1-sha256", …; empty names for a number we do not know.
// Source: IANA "DNS Security Algorithm Numbers".
struct DnsAlgorithm {
  std::string_view key;
  std::string_view signature;
};
DnsAlgorithm DnsAlgorithmOf(uint8_t number);

// ReadDnsRecords reads a zone file that holds nothing but DNSKEY and DS records of the root.
// Errors: anchors.dnssec-malformed.
Result<AnchorFacts> ReadDnsRecords(std::string_view text);
// ReadRootAnchorsXml reads IANA's XML. A DOCTYPE is refused: the format has none and entities are
// how XML readers are harmed. Source: RFC 9718 section 2. Errors: anchors.dnssec-malformed.
Result<AnchorFacts> ReadRootAnchorsXml(std::string_view xml);

// RootKey is one key signing key the root has had, with the days of its life (root_history.cc names
// the source of each). What is absent has not happened and is not announced.
struct RootKey {
  std::string_view name;  // "KSK-2017"
  uint16_t tag;
  std::string_view sha256;  // DS digest type 2, upper case hexadecimal
  std::string_view key;     // the DNSKEY's public key in base64; flags 257, algorithm 8
  Time published;           // from then on firmware could be built with it
  Time in_zone;
  Time signs_from;
  std::optional<Time> signs_until, revoked, removed;
  Dnskey Record() const;
};
// IsAnnounced is true for dates of the history that were announced when it was written down, and
// not yet seen to happen.
bool IsAnnounced(Time at);
// RootKeys is the history we know, oldest first.
const std::vector<RootKey>& RootKeys();
// RootKeysIn names the known keys a file holds, found by digest and never by key tag alone.
std::vector<const RootKey*> RootKeysIn(const AnchorFacts& facts);

// RootFreshness says whether a validator with these anchors alone can validate the root at a time.
enum class RootFreshness {
  kCurrent,     // holds the key that signs then
  kStale,       // holds only keys that no longer sign
  kNotYet,      // holds only keys that do not sign yet
  kUnknownKey,  // holds none that we know
};
RootFreshness FreshnessAt(const AnchorFacts& facts, Time at);

}  // namespace birthmark::anchors
