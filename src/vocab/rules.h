// SPDX-License-Identifier: Apache-2.0
// What the taxonomy's words imply for one another: which transfers a method has, where its key is
// born, and the method that facts amount to under a revision. Facts first, names second: a ledger
// stores BirthFacts, a name is derived when somebody asks. Pure functions.
#pragma once

#include "vocab/vocab.h"

namespace birthmark::vocab {

// MethodAllows is false for the cells of methods x transfers that -02 leaves empty: what the device
// or its element has to make itself cannot be written in from outside.
// Source: draft -02 section 1.1, 4.1.1.
bool MethodAllows(Method m, Transfer t);

// BirthOf is where a method's key is born. Sapodilla's is device-generated as salak's is, in
// another factory (4.1.1.5).
Birth BirthOf(Method m);

// Maker is the module in which a private key first existed.
enum class Maker { kCpu, kFirmwareTpm, kDiscreteTpm, kSecureElement, kFactorySystem };
std::string_view ToText(Maker m);
bool FromText(std::string_view s, Maker& m);

// BirthFacts is what the ledger knows about how a key came to be.
struct BirthFacts {
  Maker maker = Maker::kCpu;
  bool from_shared_seed = false;        // derived from a seed that somebody else holds too
  bool in_silicon_oem_factory = false;  // made before the part reached the device's maker
};

// MethodFor names the facts in a revision's words. A discrete TPM that makes its own key is salak
// in -02 (4.1.1.4) and avocado in -15; nothing stored changes.
Method MethodFor(const BirthFacts& facts, Revision r = kDefaultRevision);

// BirthFactsOf is what a recorded method (in -02's words) and the kind of the store that the key is
// in say about its birth, so that it can be named in another revision's words.
BirthFacts BirthFactsOf(Method recorded, StoreKind store);

// IsInternal is true for a store inside the processor's package. Source: draft -02 section 6.1.
bool IsInternal(StoreKind s);

// FieldType is the type of one member of a map value.
enum class FieldType { kInteger, kBoolean, kText, kDate, kDuration, kDurationOrNone, kWord };
struct Field {
  std::string_view name;
  FieldType type;
  std::string_view words;  // kWord: the words, separated by spaces
  std::string_view summary;
};
// FieldsOf is the members of a map value (kGap, kStorage, kLifespan); empty for other types. All
// are optional. No member holds k, n, a person or a place.
std::span<const Field> FieldsOf(ValueType t);

// IsLocation is true for "internal(STORE)" with an internal store and "external(STORE)" with
// another.
bool IsLocation(std::string_view s);
std::string LocationText(StoreKind s);
// IsKeyLocation is true for "none" and for "KIND in STORE", KIND one of public-key, key-digest,
// hash, mac-key.
bool IsKeyLocation(std::string_view s);
// IsEncryption is true for no, yes-shared-key, yes-per-device-key.
bool IsEncryption(std::string_view s);
// IsLockPolicy is true for the words of pki-lock-policy: none, eku, policy-oid, subject,
// name-constraints, specific-subordinate, key-pin.
bool IsLockPolicy(std::string_view s);

}  // namespace birthmark::vocab
