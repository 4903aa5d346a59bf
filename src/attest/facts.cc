// SPDX-License-Identifier: Apache-2.0
#include "attest/facts.h"

#include <algorithm>

namespace birthmark::attest {
namespace {

Source TpmSource(std::span<const Fact> f) {
  // TPM2_Import and TPM2_LoadExternal leave sensitiveDataOrigin clear: somebody brought the key.
  auto origin = ValueOf(f, "sensitiveDataOrigin");
  if (!origin) return Source::kUnknown;
  if (!*origin) return Source::kLoaded;
  // TPM2_CreatePrimary sets the same bits as TPM2_Create; only creation data tells them apart.
  auto primary = ValueOf(f, "primaryKey");
  if (!primary) return Source::kMadeInside;
  return *primary ? Source::kDeviceDerived : Source::kGeneratedOnDevice;
}

Protection TpmProtection(std::span<const Fact> f, bool fixed) {
  if (!fixed) {
    return ValueOf(f, "encryptedDuplication").value_or(false) ? Protection::kExtractableForBackup
                                                              : Protection::kExtractableByUser;
  }
  return ValueOf(f, "storedOutside").value_or(false) ? Protection::kExtractableForStorage
                                                     : Protection::kNonExtractable;
}

Source Pkcs11Source(std::span<const Fact> f) {
  auto local = ValueOf(f, "CKA_LOCAL");
  if (!local) return Source::kUnknown;
  if (*local) return Source::kGeneratedOnDevice;
  // What was brought in was outside once, so it was not always sensitive; a derived key inherits
  // that from its base key (PKCS #11 3.0, C_DeriveKey).
  auto always = ValueOf(f, "CKA_ALWAYS_SENSITIVE");
  if (!always) return Source::kUnknown;
  return *always ? Source::kDeviceDerived : Source::kLoaded;
}

Protection Pkcs11Protection(std::span<const Fact> f) {
  if (ValueOf(f, "CKA_SENSITIVE") == false) return Protection::kNoneOrSoftware;
  auto extractable = ValueOf(f, "CKA_EXTRACTABLE");
  if (!extractable) return Protection::kUnknown;
  if (*extractable) {
    return ValueOf(f, "CKA_WRAP_WITH_TRUSTED").value_or(false) ? Protection::kExtractableForBackup
                                                               : Protection::kExtractableByUser;
  }
  auto never = ValueOf(f, "CKA_NEVER_EXTRACTABLE");
  if (!never) return Protection::kUnknown;
  return *never ? Protection::kNonExtractable : Protection::kOnceExtractable;
}

}  // namespace

std::optional<bool> ValueOf(std::span<const Fact> facts, std::string_view name) {
  auto it = std::ranges::find(facts, name, &Fact::name);
  if (it == facts.end()) return std::nullopt;
  return it->value;
}

Labels LabelsOf(std::span<const Fact> f) {
  Labels out;
  if (auto fixed = ValueOf(f, "fixedTPM")) {
    out = {TpmSource(f), TpmProtection(f, *fixed)};
  } else {
    out = {Pkcs11Source(f), Pkcs11Protection(f)};
  }
  // No module has a bit for these: the factory's own records say so.
  if (ValueOf(f, "keyAgreement") == true) out.source = Source::kKeyAgreement;
  if (ValueOf(f, "coGenerated") == true) out.source = Source::kCoGenerated;
  if (ValueOf(f, "kdf") == true) out.source = Source::kKdf;
  return out;
}

std::string_view ToText(Source s) {
  switch (s) {
    case Source::kUnknown:
      return "unknown";
    case Source::kLoaded:
      return "loaded";
    case Source::kDeviceDerived:
      return "device derived";
    case Source::kGeneratedOnDevice:
      return "generated on device";
    case Source::kKeyAgreement:
      return "key agreement";
    case Source::kCoGenerated:
      return "co-generated";
    case Source::kKdf:
      return "KDF";
    case Source::kMadeInside:
      return "generated or derived on device";
  }
  return "unknown";
}

std::string_view ToText(Protection p) {
  switch (p) {
    case Protection::kUnknown:
      return "unknown";
    case Protection::kNoneOrSoftware:
      return "none/software";
    case Protection::kExtractableByUser:
      return "extractable by the user";
    case Protection::kExtractableForBackup:
      return "extractable for backup";
    case Protection::kExtractableForStorage:
      return "extractable for storage";
    case Protection::kNonExtractable:
      return "non extractable";
    case Protection::kOnceExtractable:
      return "not extractable now but once was";
  }
  return "unknown";
}

}  // namespace birthmark::attest
