// SPDX-License-Identifier: Apache-2.0
#include "anchors/inspect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <optional>

#include "anchors/dnssec.h"
#include "anchors/read.h"

namespace birthmark::anchors {
namespace {

using plan::Anchor;
using plan::Form;
using vocab::AnchorKind;

bool OneOf(FileKind k, std::initializer_list<FileKind> kinds) {
  return std::ranges::find(kinds, k) != kinds.end();
}

bool FitsKind(AnchorKind kind, FileKind file) {
  using enum FileKind;
  switch (kind) {
    case AnchorKind::kDnssec:
      return file == kDnssecAnchors;
    case AnchorKind::kWebPki:
      return OneOf(file, {kCertificate, kCertificateBundle});
    case AnchorKind::kFirstBoot:
    case AnchorKind::kTam:
      return OneOf(file, {kCertificate, kPublicKey, kKeyPins});
    case AnchorKind::kSoftwareUpdate:
      return file != kDnssecAnchors;
    case AnchorKind::kPrivateCloud:
    case AnchorKind::kOnboarding:
    case AnchorKind::kNetworkLocal:
      return OneOf(file, {kCertificate, kCertificateBundle, kPublicKey, kKeyPins});
    case AnchorKind::kOther:
      return true;
  }
  return false;
}

// FitsForm asks whether the form kept in the device can be made from the file: a certificate gives
// its key and its key's digest, a DNSKEY its DS, never the other way round.
bool FitsForm(Form form, const AnchorFacts& facts) {
  using enum FileKind;
  switch (form) {
    case Form::kCertificate:
      return facts.kind == kCertificate;
    case Form::kTrustAnchorInfo:
    case Form::kPublicKey:
      return OneOf(facts.kind, {kCertificate, kPublicKey});
    case Form::kKeyDigest:
      return OneOf(facts.kind, {kCertificate, kPublicKey, kKeyPins});
    case Form::kPemBundle:
      return OneOf(facts.kind, {kCertificate, kCertificateBundle});
    case Form::kPgpKeyring:
      return facts.kind == kOpenpgpKeyring;
    case Form::kDnskey:
      return std::ranges::any_of(facts.entries,
                                 [](const AnchorEntry& e) { return e.form == EntryForm::kDnskey; });
    case Form::kDs:
      return facts.kind == kDnssecAnchors;
  }
  return false;
}

// RsaBits is the size in "rsa-2048".
std::optional<uint32_t> RsaBits(std::string_view algorithm) {
  constexpr std::string_view kRsa = "rsa-";
  uint32_t bits = 0;
  if (!algorithm.starts_with(kRsa)) return std::nullopt;
  algorithm.remove_prefix(kRsa.size());
  const auto [end, err] =
      std::from_chars(algorithm.data(), algorithm.data() + algorithm.size(), bits);
  if (err != std::errc() || end != algorithm.data() + algorithm.size()) return std::nullopt;
  return bits;
}

bool IsWeak(const AnchorEntry& e) {
  if (const auto bits = RsaBits(e.algorithm)) return *bits < 2048;
  return e.algorithm.starts_with("dsa-") ||
         (e.key_bits && *e.key_bits < 224 && e.algorithm != "unknown");
}

void CheckTimes(const AnchorFacts& facts, Time at, std::string_view who, Findings& out) {
  const size_t expired = ExpiredAt(facts, at);
  if (expired == facts.entries.size() && expired > 0) {
    out.Warn(
        "anchors.expired", fmt::format("{}: had expired by {}", who, FormatDate(at)),
        "give the anchor that is valid now, or say in the plan why an expired one is built in");
  } else if (expired > 0 && facts.kind != FileKind::kDnssecAnchors) {
    // IANA keeps past keys in root-anchors.xml on purpose; freshness says there what counts.
    out.Warn("anchors.expired",
             fmt::format("{}: {} of {} entries had expired by {}", who, expired,
                         facts.entries.size(), FormatDate(at)),
             "take the bundle of a newer package");
  }
  const int64_t now = Millis(at) / 1000;
  for (const AnchorEntry& e : facts.entries) {
    if (e.not_before && *e.not_before > now) {
      out.Warn("anchors.not-yet-valid",
               fmt::format("{}: {} is not valid before {}", who, e.label,
                           FormatDate(TimeFromMillis(*e.not_before * 1000))),
               "check the clock and the file's dates");
    }
  }
}

void CheckDnssec(const AnchorFacts& facts, Time at, std::string_view who, Findings& out) {
  std::vector<std::string_view> names;
  for (const RootKey* key : RootKeysIn(facts)) names.push_back(key->name);
  switch (FreshnessAt(facts, at)) {
    case RootFreshness::kCurrent:
      return;
    case RootFreshness::kStale:
      out.Warn("anchors.dnssec-stale",
               fmt::format("{}: holds {} alone, which no longer signs the root on {}", who,
                           fmt::join(names, ", "), FormatDate(at)),
               "take the root's anchors of a newer dns-root-data package");
      return;
    case RootFreshness::kNotYet:
      out.Warn("anchors.dnssec-not-yet",
               fmt::format("{}: holds {} alone, which does not sign the root on {}", who,
                           fmt::join(names, ", "), FormatDate(at)),
               "keep the key that signs today beside it");
      return;
    case RootFreshness::kUnknownKey:
      out.Warn("anchors.dnssec-unknown-key",
               fmt::format("{}: holds no key that the DNS root is known to have had", who),
               "compare with IANA's root-anchors.xml");
      return;
  }
}

void CheckEntries(const Anchor& anchor, const AnchorFacts& facts, std::string_view who,
                  Findings& out) {
  size_t sha1 = 0;
  for (const AnchorEntry& e : facts.entries) {
    const std::string what = fmt::format("{}: {}", who, e.label);
    if (IsBootAnchor(anchor) && e.form != EntryForm::kKeyDigest && !BootVerifierCan(e.algorithm)) {
      out.Error("anchors.algorithm-not-verifiable",
                fmt::format("{}: the device's boot verifier cannot do {}", what, e.algorithm),
                "use ecdsa-p256, ecdsa-p384 or RSA of 2048 to 4096 bits");
    } else if (IsWeak(e)) {
      out.Warn("anchors.weak-key",
               fmt::format("{}: {} of {} bits", what, e.algorithm, e.key_bits.value_or(0)),
               "ask the anchor's keeper for a stronger one");
    }
    if (e.self_signed == true && e.signature && e.signature->ends_with("sha1")) ++sha1;
    if (e.uses && e.uses->find("revoked") != std::string::npos) {
      out.Warn("anchors.revoked", what + ": is marked as revoked by its own keeper",
               "take the anchor out");
    }
    if (anchor.levels.empty() || e.form != EntryForm::kCertificate) continue;
    const int deepest = std::ranges::max(anchor.levels);
    if (std::ranges::min(anchor.levels) > 1 && e.ca == false) {
      out.Warn("anchors.not-a-ca",
               fmt::format("{}: is no CA certificate, but level {} is below it", what, deepest),
               "give the certificate of the authority");
    }
    // RFC 5280 section 4.2.1.9: pathLen counts the authorities between this one and the end entity.
    if (e.path_length && deepest >= 2 && static_cast<uint32_t>(deepest - 2) > *e.path_length) {
      out.Error("anchors.path-length",
                fmt::format("{}: its path length {} leaves no room for level {}", what,
                            *e.path_length, deepest),
                fmt::format("name levels up to {}, or give another anchor", *e.path_length + 2));
    }
  }
  // The self-signature protects nothing (draft section 3): its hash does not weaken the anchor.
  if (sha1 > 0) {
    out.Note("anchors.sha1-signature",
             fmt::format(
                 "{}: {} of {} sign themselves with SHA-1, which for an anchor is only a checksum",
                 who, sha1, facts.entries.size()));
  }
}

}  // namespace

bool BootVerifierCan(std::string_view key_algorithm) {
  if (const auto bits = RsaBits(key_algorithm)) return *bits >= 2048 && *bits <= 4096;
  return key_algorithm == "ecdsa-p256" || key_algorithm == "ecdsa-p384";
}

bool IsBootAnchor(const Anchor& anchor) {
  if (anchor.form == Form::kPgpKeyring) return false;
  for (const std::string_view object :
       {"first-stage", "second-stage", "application", "bundle", "tam", "voucher", "debug-unlock"}) {
    if (anchor.verifies == object) return true;
  }
  return std::ranges::any_of(anchor.kinds, [](AnchorKind k) {
    return k == AnchorKind::kFirstBoot || k == AnchorKind::kTam || k == AnchorKind::kSoftwareUpdate;
  });
}

Findings InspectFacts(const Anchor& anchor, const AnchorFacts& facts, Time at) {
  Findings out;
  const std::string who = fmt::format("anchor \"{}\"", anchor.id);
  bool fits = true;
  for (const AnchorKind kind : anchor.kinds) {
    if (FitsKind(kind, facts.kind)) continue;
    fits = false;
    out.Error("anchors.not-its-kind",
              fmt::format("{}: its file is a {}, which is no {} anchor", who, ToText(facts.kind),
                          vocab::ToText(kind)),
              "name the right file, or correct the kind");
  }
  if (fits && !FitsForm(anchor.form, facts)) {
    fits = false;
    out.Error("anchors.not-its-form",
              fmt::format("{}: the form \"{}\" cannot be made from a {}", who,
                          plan::ToText(anchor.form), ToText(facts.kind)),
              "name the right file, or correct the form");
  }
  for (const FactNote& note : facts.notes) {
    const Severity severity =
        note.code == "anchors.entry-twice" ? Severity::kNote : Severity::kWarning;
    out.Add({severity, note.code, fmt::format("{}: {}", who, note.text),
             "take the file from its publisher again"});
  }
  // The rest would only repeat in other words that this is the wrong file.
  if (!fits) return out;
  CheckEntries(anchor, facts, who, out);
  CheckTimes(facts, at, who, out);
  if (facts.kind == FileKind::kDnssecAnchors) CheckDnssec(facts, at, who, out);
  if (std::ranges::find(anchor.kinds, AnchorKind::kWebPki) != anchor.kinds.end() &&
      facts.entries.size() == 1) {
    out.Note("anchors.one-certificate",
             who + ": a WebPKI bundle of one certificate reaches few servers",
             "ca-certificates brings the usual bundle");
  }
  return out;
}

Findings InspectAnchor(const Anchor& anchor, ByteView file, Time at) {
  const auto facts = ReadAnchors(file);
  if (facts) return InspectFacts(anchor, *facts, at);
  Findings out;
  const Error& e = facts.error();
  out.Error(e.code, fmt::format("anchor \"{}\": {}", anchor.id, e.message), e.fix);
  return out;
}

}  // namespace birthmark::anchors
