// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace birthmark::plan {
namespace {

template <class T>
const T* ById(const std::vector<T>& all, std::string_view id) {
  auto it = std::find_if(all.begin(), all.end(), [&](const T& t) { return t.id == id; });
  return it == all.end() ? nullptr : &*it;
}

template <class T, class Pred>
const T* First(const std::vector<T>& all, Pred pred) {
  auto it = std::find_if(all.begin(), all.end(), pred);
  return it == all.end() ? nullptr : &*it;
}

// Placeholder is where a pattern's number goes, and its width.
struct Placeholder {
  size_t start = 0, size = 0;
  int width = 0;
};

bool FindPlaceholder(std::string_view pattern, Placeholder& out) {
  size_t open = pattern.find('{');
  size_t close = pattern.find('}');
  if (open == pattern.npos || close == pattern.npos || close < open) return false;
  if (pattern.find_first_of("{}", close + 1) != pattern.npos) return false;
  std::string_view inner = pattern.substr(open + 1, close - open - 1);
  out = {open, close - open + 1, 0};
  if (inner.empty()) return true;
  if (inner.size() < 3 || inner.size() > 4 || !inner.starts_with(":0")) return false;
  for (char c : inner.substr(2)) {
    if (c < '0' || c > '9') return false;
    out.width = out.width * 10 + (c - '0');
  }
  return out.width >= 1 && out.width <= 12 && inner[2] != '0';
}

}  // namespace

const Site* Plan::FindSite(std::string_view id) const { return ById(sites, id); }
const Station* Plan::FindStation(std::string_view id) const { return ById(stations, id); }
const Processor* Plan::FindProcessor(std::string_view id) const { return ById(processors, id); }
const Stage* Plan::FindStage(std::string_view id) const { return ById(stages, id); }
const Store* Plan::FindStore(std::string_view id) const { return ById(stores, id); }
const Anchor* Plan::FindAnchor(std::string_view id) const { return ById(anchors, id); }
const Pki* Plan::FindPki(std::string_view id) const { return ById(pkis, id); }

const Stage* Plan::FindStageKind(vocab::StageKind kind) const {
  return First(stages, [&](const Stage& s) { return s.kind == kind; });
}
const Anchor* Plan::FindAnchorKind(vocab::AnchorKind kind) const {
  return First(anchors, [&](const Anchor& a) {
    return std::find(a.kinds.begin(), a.kinds.end(), kind) != a.kinds.end();
  });
}
const IdentitySlot* Plan::FindSlot(vocab::Identity slot) const {
  return First(identities, [&](const IdentitySlot& s) { return s.slot == slot; });
}
const Step* Plan::FindStep(vocab::StepKind kind) const {
  return First(steps, [&](const Step& s) { return s.kind == kind; });
}
bool IsSecret(vocab::Identity slot) {
  return slot == vocab::Identity::kSymmetric || slot == vocab::Identity::kPassword;
}

const Pki* Plan::PkiOf(const IdentitySlot& slot) const {
  if (slot.pki) return FindPki(*slot.pki);
  // A group key proves a model by its public key; a certificate for it is the plan's choice.
  if (IsSecret(slot.slot) || slot.slot == vocab::Identity::kGroup) return nullptr;
  return IdentityPki();
}
const Pki* Plan::IdentityPki() const {
  return First(pkis, [](const Pki& p) { return p.purpose == Purpose::kIdentity; });
}
const Pki* Plan::DisclosurePki() const {
  return First(pkis, [](const Pki& p) { return p.purpose == Purpose::kDisclosure; });
}

std::string FormatSerial(std::string_view pattern, uint64_t number) {
  Placeholder at;
  if (!FindPlaceholder(pattern, at)) return std::string(pattern);
  return fmt::format("{}{:0{}}{}", pattern.substr(0, at.start), number, at.width,
                     pattern.substr(at.start + at.size));
}

bool IsTimeZone(std::string_view s) {
  if (!s.starts_with("UTC")) return false;
  s.remove_prefix(3);
  if (s.empty()) return true;
  const bool west = s.front() == '-';
  if (!west && s.front() != '+') return false;
  s.remove_prefix(1);
  const size_t colon = s.find(':');
  const std::string_view minutes = colon == s.npos ? "" : s.substr(colon);
  if (!minutes.empty() && minutes != ":30" && minutes != ":45") return false;
  const std::string_view hours = s.substr(0, colon);
  int n = 0;
  if (hours.empty() || hours.size() > 2 || hours.front() == '0') return false;
  for (char c : hours) {
    if (c < '0' || c > '9') return false;
    n = n * 10 + (c - '0');
  }
  return n <= (west ? 12 : 14);
}

std::optional<uint64_t> NumberOf(std::string_view pattern, std::string_view serial) {
  Placeholder at;
  if (!FindPlaceholder(pattern, at)) return std::nullopt;
  std::string_view head = pattern.substr(0, at.start), tail = pattern.substr(at.start + at.size);
  if (serial.size() <= head.size() + tail.size() || !serial.starts_with(head) ||
      !serial.ends_with(tail)) {
    return std::nullopt;
  }
  std::string_view digits = serial.substr(head.size(), serial.size() - head.size() - tail.size());
  uint64_t n = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  // One number has one serial: "BMC-00007" is not "BMC-0007".
  if (FormatSerial(pattern, n) != serial) return std::nullopt;
  return n;
}

bool IsSerialPattern(std::string_view pattern) {
  Placeholder at;
  if (pattern.size() > 40 || !FindPlaceholder(pattern, at)) return false;
  // serialNumber of a subject is a PrintableString (X.520); the rest of its characters are white
  // space and punctuation that labels, paths and URLs stumble over.
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  };
  std::string_view head = pattern.substr(0, at.start), tail = pattern.substr(at.start + at.size);
  return std::all_of(head.begin(), head.end(), plain) &&
         std::all_of(tail.begin(), tail.end(), plain);
}

std::string HardwareTypeOid(const Product& p) {
  return p.hardware_type_oid.value_or(fmt::format("1.3.6.1.4.1.{}.1.1", p.enterprise_number));
}

std::string ToText(const DeclaredValue& v) {
  struct Visitor {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(int64_t n) const { return std::to_string(n); }
    std::string operator()(const std::string& s) const { return s; }
    std::string operator()(const std::vector<std::string>& a) const {
      return fmt::format("{}", fmt::join(a, ", "));
    }
    std::string operator()(const std::map<std::string, Scalar>& m) const {
      std::string out;
      for (const auto& [key, value] : m) {
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", key, std::visit(*this, value));
      }
      return out;
    }
  };
  return std::visit(Visitor{}, v);
}

}  // namespace birthmark::plan
