// SPDX-License-Identifier: Apache-2.0
#include "vocab/rules.h"

#include <algorithm>
#include <iterator>

namespace birthmark::vocab {

bool MethodAllows(Method m, Transfer t) {
  if (t != Transfer::kMechanicallyInstalled) return true;
  return m == Method::kBamboo || m == Method::kCarrot;
}

Birth BirthOf(Method m) {
  switch (m) {
    case Method::kBamboo:
      return Birth::kInfrastructureGenerated;
    case Method::kCarrot:
      return Birth::kCoGenerated;
    case Method::kAvocado:
    case Method::kSalak:
    case Method::kSapodilla:
      return Birth::kDeviceGenerated;
  }
  return Birth::kDeviceGenerated;
}

namespace {
constexpr std::string_view kMakers[] = {"cpu", "firmware-tpm", "discrete-tpm", "secure-element",
                                        "factory-system"};
}

std::string_view ToText(Maker m) { return kMakers[static_cast<size_t>(m)]; }

bool FromText(std::string_view s, Maker& m) {
  for (size_t i = 0; i < std::size(kMakers); ++i) {
    if (kMakers[i] != s) continue;
    m = static_cast<Maker>(i);
    return true;
  }
  return false;
}

Method MethodFor(const BirthFacts& f, Revision r) {
  if (f.from_shared_seed) return Method::kCarrot;
  bool element = f.maker == Maker::kDiscreteTpm || f.maker == Maker::kSecureElement;
  if (element && f.in_silicon_oem_factory) return Method::kSapodilla;
  // -02 4.1.1.4 counts a discrete TPM here and the firmware TPM as avocado; -15 counts both as
  // avocado.
  if (f.maker == Maker::kDiscreteTpm) return r == Revision::k02 ? Method::kSalak : Method::kAvocado;
  if (f.maker == Maker::kSecureElement) return Method::kSalak;
  return f.maker == Maker::kFactorySystem ? Method::kBamboo : Method::kAvocado;
}

BirthFacts BirthFactsOf(Method recorded, StoreKind store) {
  BirthFacts f;
  f.from_shared_seed = recorded == Method::kCarrot;
  f.in_silicon_oem_factory = recorded == Method::kSapodilla;
  if (recorded == Method::kBamboo) {
    f.maker = Maker::kFactorySystem;
  } else if (store == StoreKind::kDiscreteTpm) {
    f.maker = Maker::kDiscreteTpm;
  } else if (store == StoreKind::kFirmwareTpm) {
    f.maker = Maker::kFirmwareTpm;
  } else if (store == StoreKind::kSecureElement || recorded == Method::kSapodilla ||
             recorded == Method::kSalak) {
    f.maker = Maker::kSecureElement;
  }
  return f;
}

bool IsInternal(StoreKind s) {
  switch (s) {
    case StoreKind::kMaskRom:
    case StoreKind::kOtpFuse:
    case StoreKind::kOnDieFlash:
    case StoreKind::kPrivateMemory:
    case StoreKind::kPufWrapped:
    case StoreKind::kFirmwareTpm:
      return true;
    case StoreKind::kSpiNor:
    case StoreKind::kEmmc:
    case StoreKind::kEeprom:
    case StoreKind::kSecureElement:
    case StoreKind::kDiscreteTpm:
      return false;
  }
  return false;
}

std::span<const Field> FieldsOf(ValueType t) {
  static constexpr Field kGap[] = {
      {"km-p50", FieldType::kInteger, "", "kilometres from first stage to lock, the middle unit"},
      {"km-max", FieldType::kInteger, "", "kilometres, the farthest unit"},
      {"time-p50", FieldType::kDuration, "", "time from first stage to lock, the middle unit"},
      {"time-p95", FieldType::kDuration, "", "time, 95 of 100 units are below"},
      {"time-max", FieldType::kDuration, "", "time, the slowest unit"},
      {"handovers", FieldType::kInteger, "", "times a board changed hands on the way, the most"},
      {"unlocked", FieldType::kInteger, "", "units written and never locked"},
  };
  static constexpr Field kStorage[] = {
      {"class", FieldType::kWord,
       "software module token hsm cloud-hsm tpm threshold third-party unknown", "kind of place"},
      {"description", FieldType::kText, "", "the draft's open description"},
      {"certification", FieldType::kText, "", "of the module, as its maker states it"},
      {"online", FieldType::kBoolean, "", "reachable without a person carrying requests"},
      {"split", FieldType::kBoolean, "", "split among several people"},
      {"copies", FieldType::kInteger, "", "copies kept"},
      {"days-used", FieldType::kInteger, "", "days in the period on which it signed"},
      {"uses", FieldType::kText, "", "times it signed in the period, as a bucket"},
      {"wait-max", FieldType::kDuration, "",
       "longest time from a request to its signature, or to the answer where that is all that is "
       "known"},
      {"dual-control", FieldType::kBoolean, "",
       "more than one person is needed (5.3.1 keeps the number)"},
  };
  static constexpr Field kLifespan[] = {
      {"not-before", FieldType::kDate, "", "start, where the anchor has dates"},
      {"not-after", FieldType::kDate, "", "end, where the anchor has dates"},
      {"dates", FieldType::kBoolean, "", "false: a bare key without dates"},
      {"interval", FieldType::kDurationOrNone, "", "between replacements, or none"},
      {"means", FieldType::kWord,
       "never signed-update rfc-5011 est-cacerts voucher workshop-tool recall",
       "by which it is replaced"},
  };
  switch (t) {
    case ValueType::kGap:
      return kGap;
    case ValueType::kStorage:
      return kStorage;
    case ValueType::kLifespan:
      return kLifespan;
    default:
      return {};
  }
}

std::string LocationText(StoreKind s) {
  return std::string(IsInternal(s) ? "internal(" : "external(") + std::string(ToText(s)) + ")";
}

bool IsLocation(std::string_view s) {
  std::vector<StoreKind> all = All<StoreKind>();
  return std::any_of(all.begin(), all.end(), [&](StoreKind k) { return LocationText(k) == s; });
}

bool IsKeyLocation(std::string_view s) {
  if (s == "none") return true;
  size_t in = s.find(" in ");
  if (in == s.npos) return false;
  std::string_view kind = s.substr(0, in);
  StoreKind store{};
  return (kind == "public-key" || kind == "key-digest" || kind == "hash" || kind == "mac-key") &&
         FromText(s.substr(in + 4), store);
}

bool IsEncryption(std::string_view s) {
  return s == "no" || s == "yes-shared-key" || s == "yes-per-device-key";
}

bool IsLockPolicy(std::string_view s) {
  static constexpr std::string_view kWords[] = {
      "none",   "eku", "policy-oid", "subject", "name-constraints", "specific-subordinate",
      "key-pin"};
  return std::find(std::begin(kWords), std::end(kWords), s) != std::end(kWords);
}

}  // namespace birthmark::vocab
