// SPDX-License-Identifier: Apache-2.0
// From DNSKEY and DS to facts, shared by the zone-file reader and the XML reader. Internal to
// anchors.
#pragma once

#include "anchors/dnssec.h"

namespace birthmark::anchors {

// Ds is one DS record. Source: RFC 4034 section 5.
struct Ds {
  uint16_t tag = 0;
  uint8_t algorithm = 0;
  uint8_t digest_type = 0;
  Bytes digest;
};

// DigestOfType hashes as a DS digest type says: 1 SHA-1, 2 SHA-256, 4 SHA-384; else empty.
Bytes DigestOfType(uint8_t digest_type, ByteView data);
// EntryOf checks lengths and gives the facts. Errors: anchors.dnssec-malformed.
Result<AnchorEntry> EntryOf(const Dnskey& key);
Result<AnchorEntry> EntryOf(const Ds& ds);
// NoteContradictions notes a DS that does not fit the DNSKEY of the same key tag, and repeated
// entries.
void NoteContradictions(AnchorFacts& facts);

}  // namespace birthmark::anchors
