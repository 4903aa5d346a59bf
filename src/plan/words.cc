// SPDX-License-Identifier: Apache-2.0
#include "plan/words.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"

namespace birthmark::plan {
namespace {

constexpr std::string_view kBoards[] = {"bmc", "bulb"};
constexpr std::string_view kContinents[] = {"AF", "AN", "AS", "EU", "NA", "OC", "SA"};
constexpr std::string_view kLocks[] = {"fuse", "software", "none"};
constexpr std::string_view kEncryptions[] = {"no", "shared-key", "per-device-key"};
constexpr std::string_view kForms[] = {
    "certificate", "trust-anchor-info", "public-key", "key-digest",
    "pem-bundle",  "pgp-keyring",       "dnskey",     "ds"};
constexpr std::string_view kRestarts[] = {"resume", "new-key"};
constexpr std::string_view kAttestations[] = {"optional", "required", "forbidden"};
constexpr std::string_view kCaOptions[] = {"generic", "on-behalf", "connected"};
constexpr std::string_view kSeedOrigins[] = {"fuses", "tpm", "secure-element", "puf"};
constexpr std::string_view kCustodies[] = {"software", "pkcs11", "tpm2", "split", "threshold"};
constexpr std::string_view kPurposes[] = {"identity", "disclosure", "anchor"};

template <class E, size_t N>
bool Find(const std::string_view (&words)[N], std::string_view s, E& e) {
  for (size_t i = 0; i < N; ++i) {
    if (words[i] != s) continue;
    e = static_cast<E>(i);
    return true;
  }
  return false;
}

// kCountries: continent, then its ISO 3166-1 alpha-2 codes.
constexpr std::string_view kCountries[] = {
    "AF AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG "
    "ML "
    "MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW",
    "AN AQ BV GS HM TF",
    "AS AE AF AM AZ BD BH BN BT CN CY GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM "
    "MN "
    "MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE",
    "EU AD AL AT AX BA BE BG BY CH CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT "
    "LU "
    "LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA",
    "NA AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI "
    "PA "
    "PM PR SV SX TC TT US VC VG VI",
    "OC AS AU CC CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS",
    "SA AR BO BR CL CO EC FK GF GY PE PY SR UY VE"};

}  // namespace

#define BM_PLAN_WORDS(E, table)                                          \
  std::string_view ToText(E e) { return table[static_cast<size_t>(e)]; } \
  bool FromText(std::string_view s, E& e) { return Find(table, s, e); }  \
  std::vector<std::string_view> PlanWords(E) { return {std::begin(table), std::end(table)}; }
BM_PLAN_WORDS(Board, kBoards)
BM_PLAN_WORDS(Continent, kContinents)
BM_PLAN_WORDS(Lock, kLocks)
BM_PLAN_WORDS(Encryption, kEncryptions)
BM_PLAN_WORDS(Form, kForms)
BM_PLAN_WORDS(RestartPolicy, kRestarts)
BM_PLAN_WORDS(Attestation, kAttestations)
BM_PLAN_WORDS(CaOption, kCaOptions)
BM_PLAN_WORDS(SeedOrigin, kSeedOrigins)
BM_PLAN_WORDS(Custody, kCustodies)
BM_PLAN_WORDS(Purpose, kPurposes)
#undef BM_PLAN_WORDS

const std::vector<std::string>& PrivilegeWords() {
  static const std::vector<std::string> kWords = {"change-anchors", "read-private",
                                                  "update-application"};
  return kWords;
}

const std::vector<std::string>& VerifiesWords() {
  static const std::vector<std::string> kWords = {
      "first-stage",  "second-stage", "application", "test-image", "bundle",  "trusted-application",
      "packages",     "tls-server",   "dns",         "voucher",    "network", "licence",
      "debug-unlock", "tam"};
  return kWords;
}

std::optional<Continent> ContinentOf(std::string_view country) {
  if (country.size() != 2) return std::nullopt;
  for (size_t c = 0; c < std::size(kCountries); ++c) {
    for (size_t i = 3; i + 2 <= kCountries[c].size(); i += 3) {
      if (kCountries[c].substr(i, 2) == country) return static_cast<Continent>(c);
    }
  }
  return std::nullopt;
}

bool IsOid(std::string_view s) {
  if (s.size() > 200) return false;
  std::vector<uint64_t> arcs;
  while (true) {
    size_t dot = s.find('.');
    std::string_view arc = s.substr(0, dot);
    if (arc.empty() || arc.size() > 10 || (arc.size() > 1 && arc[0] == '0')) return false;
    uint64_t n = 0;
    for (char c : arc) {
      if (c < '0' || c > '9') return false;
      n = n * 10 + static_cast<uint64_t>(c - '0');
    }
    arcs.push_back(n);
    if (dot == s.npos) break;
    s.remove_prefix(dot + 1);
  }
  // X.660: the first arc is 0, 1 or 2; under 0 and 1 the second is below 40.
  return arcs.size() >= 2 && arcs.size() <= 20 && arcs[0] <= 2 && (arcs[0] == 2 || arcs[1] < 40);
}

bool IsUrl(std::string_view s, bool https_only) {
  size_t colon = s.find("://");
  if (s.size() > kMaxUrl || colon == s.npos || colon == 0) return false;
  std::string_view scheme = s.substr(0, colon);
  if (https_only ? scheme != "https" : scheme != "https" && scheme != "http") return false;
  std::string_view rest = s.substr(colon + 3);
  if (rest.empty() || rest[0] == '/' || rest[0] == '?' || rest[0] == '#') return false;
  return std::all_of(rest.begin(), rest.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~:/?#[]@!$&'()*+,;=%").find(c) != std::string_view::npos;
  });
}

bool IsId(std::string_view s) {
  if (s.empty() || s.size() > 40 || s.front() == '-' || s.back() == '-') return false;
  return std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::string Join(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string DurationText(std::chrono::milliseconds d) {
  // base/clock.h reads a year as 365.25 days and a month as a twelfth of it; so it is written back.
  constexpr int64_t kYear = 31'557'600'000, kMonth = kYear / 12;
  if (d.count() > 0 && d.count() % kYear == 0) return fmt::format("P{}Y", d.count() / kYear);
  if (d.count() > 0 && d.count() % kMonth == 0) return fmt::format("P{}M", d.count() / kMonth);
  return FormatDuration(d);
}

std::string ToText(const Lifetime& l) { return l.never ? "never" : DurationText(l.duration); }

bool FromText(std::string_view s, Lifetime& l) {
  if (s == "never") {
    l = {true, std::chrono::milliseconds(0)};
    return true;
  }
  auto d = ParseDuration(s);
  if (!d || d->count() <= 0) return false;
  l = {false, *d};
  return true;
}

std::string ToText(const Change& c) {
  std::string out;
  switch (c.by) {
    case Change::By::kNobody:
      out = "no";
      break;
    case Change::By::kArtifact:
      out = "by:" + c.who;
      break;
    case Change::By::kRole:
      out = "role:" + c.who;
      break;
    case Change::By::kUnprotected:
      out = "unprotected";
      break;
  }
  return c.channel.empty() ? out : out + " via " + c.channel;
}

bool FromText(std::string_view s, Change& c) {
  c = {};
  if (size_t via = s.find(" via "); via != s.npos) {
    c.channel = s.substr(via + 5);
    s = s.substr(0, via);
    if (c.channel.empty()) return false;
  }
  if (s == "no") {
    c.by = Change::By::kNobody;
    return c.channel.empty();
  }
  if (s == "unprotected") {
    c.by = Change::By::kUnprotected;
    return true;
  }
  if (s.starts_with("by:")) {
    c.by = Change::By::kArtifact;
    c.who = s.substr(3);
    return IsId(c.who);
  }
  if (s.starts_with("role:")) {
    c.by = Change::By::kRole;
    c.who = s.substr(5);
    return !c.who.empty();
  }
  return false;
}

}  // namespace birthmark::plan
