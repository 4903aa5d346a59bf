// SPDX-License-Identifier: Apache-2.0
// Sapodilla (draft 4.1.1.5): the key was made and certified in the silicon maker's factory, and the
// part arrived on a reel with a list of what is on it. At the unit's first boot the station has the
// part prove that it is one of those: it is listed, its reel is not in quarantine, no other unit
// has it, and it signs a fresh challenge with the listed key. Leaves out lists and reels (app).
#pragma once

#include "base/ids.h"
#include "link/console.h"
#include "method/method.h"

namespace birthmark::method {

// KnownElement is a part as its maker listed it.
struct KnownElement {
  std::string uid;  // lower-case hex
  std::string reel;
  std::string manifest;
  bool quarantined = false;
  Bytes cert;                          // DER; empty: none came with it
  Bytes key;                           // SubjectPublicKeyInfo; empty: no key is listed
  std::optional<std::string> used_in;  // the unit that holds it
};

// Elements remembers the parts that were received and where they went.
class Elements {
 public:
  virtual ~Elements() = default;
  virtual Result<std::optional<KnownElement>> Find(const std::string& uid) = 0;
  // Matched records that the unit holds the part, and takes `certificate` as the slot's identity
  // in the same commit, unless it is empty: then the slot's identity was issued here.
  // Errors: those of the ledger.
  virtual Status Matched(const Job& job, const KnownElement& element, ByteView certificate,
                         bool our_pki) = 0;
};

// WhoseCa says whose authority certified the part (draft 4.1.1.5, a to c).
enum class WhoseCa {
  kMaker,     // (a) the silicon maker's own, generic
  kOnBehalf,  // (b) one of our PKI whose key the silicon maker holds
  kOurs,      // (c) the maker's factory asked our server
};

// SapodillaTerms is what the plan says.
struct SapodillaTerms {
  WhoseCa ca = WhoseCa::kMaker;
  // What opens the part. It stands in every unit's firmware and opens every part of the order, so
  // it is no secret and may be logged; it only makes a stolen part useless to whoever has no
  // firmware (draft 4.1.1.5). Empty: the part needs none.
  std::string activation;
};

// ProvisionSapodilla brings a slot to "key proven, certificate read back". It may be called again
// after any interruption. Errors: sapodilla.no-element, sapodilla.not-listed,
// sapodilla.quarantined, sapodilla.used, sapodilla.no-key, sapodilla.other-key,
// sapodilla.activation, sapodilla.proof, sapodilla.certificate, sapodilla.not-enrolled; those of
// the link, of the desk and of Elements.
Result<Outcome> ProvisionSapodilla(link::DeviceConsole& device, Desk& desk, Elements& elements,
                                   const Job& job, const SapodillaTerms& terms, Rng& rng);

}  // namespace birthmark::method
