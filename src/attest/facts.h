// SPDX-License-Identifier: Apache-2.0
// The slides' words about a key, as labels of facts. Facts are what is kept: unordered booleans
// from the module. A label is a word people know; it has no rank and decides nothing.
// Pure functions. Source: docs/attestation.md.
#pragma once

#include <span>
#include <string_view>

#include "attest/tpm.h"

namespace birthmark::attest {

// Source is where a private key came from. No order is meant.
enum class Source {
  kUnknown,  // the facts do not say
  kLoaded,
  kDeviceDerived,
  kGeneratedOnDevice,
  kKeyAgreement,
  kCoGenerated,
  kKdf,
  kMadeInside,  // generated or derived: no creation data tells which
};
// Protection is what keeps it in. No order is meant.
enum class Protection {
  kUnknown,
  kNoneOrSoftware,
  kExtractableByUser,
  kExtractableForBackup,
  kExtractableForStorage,
  kNonExtractable,
  kOnceExtractable,  // not extractable now, but it once was
};
std::string_view ToText(Source s);      // "generated on device"
std::string_view ToText(Protection p);  // "non extractable"

struct Labels {
  Source source = Source::kUnknown;
  Protection protection = Protection::kUnknown;
};
// LabelsOf reads TPM facts (TPMA_OBJECT names, "primaryKey") and PKCS #11 facts ("CKA_LOCAL", …).
Labels LabelsOf(std::span<const Fact> facts);
// ValueOf is a fact's value; nullopt when the module said nothing about it.
std::optional<bool> ValueOf(std::span<const Fact> facts, std::string_view name);

}  // namespace birthmark::attest
