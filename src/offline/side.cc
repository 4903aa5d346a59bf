// SPDX-License-Identifier: Apache-2.0
#include "offline/side.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "artifact/mcuboot.h"
#include "base/ids.h"
#include "crypto/digest.h"
#include "offline/artifact_octets.h"
#include "offline/askers.h"
#include "pki/crl_request.h"
#include "pki/request.h"
#include "pki/serial.h"

namespace birthmark::offline {
namespace {

constexpr size_t kMaxResponse = size_t{64} << 20;

std::string InJson(std::string_view s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<uint8_t>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// Clean keeps what a file says from moving a terminal's cursor.
std::string Clean(std::string_view s) {
  std::string out;
  for (char c : s) out += static_cast<uint8_t>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out;
}

// Asked is any kind of request, read and checked.
struct Asked {
  std::optional<pki::Request> certificate;
  std::optional<pki::CrlRequest> crl;
  std::optional<ArtifactRequest> artifact;
  Digest digest{};

  std::string Kind() const {
    if (crl) return "crl";
    if (artifact) return "artifact";
    return certificate->terms.profile.empty() ? "authority" : certificate->terms.profile;
  }
};

Result<Asked> Read(std::string_view text) {
  Asked out;
  if (IsArtifactRequest(text)) {
    BM_TRY(out.artifact, ReadArtifactRequest(text));
    out.digest = ArtifactRequestDigest(*out.artifact);
    return out;
  }
  if (pki::IsCrlRequest(text)) {
    BM_TRY(out.crl, pki::ReadCrlRequest(text));
    out.digest = pki::CrlRequestDigest(*out.crl);
    return out;
  }
  BM_TRY(out.certificate, pki::CheckRequest(text));
  out.digest = out.certificate->digest;
  return out;
}

Shown ShowCertificate(const pki::Request& r, const std::string& kind) {
  const pki::RequestTerms& t = r.terms;
  const std::string lifetime =
      t.lifetime_days ? fmt::format("{} days", *t.lifetime_days) : "no well-defined end";
  Shown out{.kind = kind, .what = t.name, .text = "", .json = "", .digest = r.digest};
  out.text = fmt::format(
      "request     {} (SHA-256)\n"
      "asks for    {}: {}\n"
      "subject     {}\n"
      "key         {}, SHA-256 {}\n"
      "level       {}{}{}\n"
      "lifetime    {}\n"
      "workspace   {}{}\n"
      "made        {}\n"
      "checked     the statement is signed by the key that asks, and names this PKCS #10 request\n",
      ToHex(r.digest), kind == "authority" ? "an authority" : "an end entity, " + kind,
      Clean(t.name), Clean(r.csr.subject.ToText()), crypto::ToText(r.csr.key.algorithm()),
      ToHex(r.csr.key.spki_digest()), t.level,
      t.pki.empty() ? "" : fmt::format(" of the PKI \"{}\"", Clean(t.pki)),
      kind == "authority" ? fmt::format(", path length {}", t.path_len) : "", lifetime,
      Clean(t.workspace), t.rehearsal ? " (REHEARSAL)" : "", FormatTime(t.created));
  out.json = fmt::format(
      R"({{"request": "{}", "kind": {}, "name": {}, "subject": {}, "algorithm": "{}", "key_sha256": "{}", "pki": {}, "level": {}, "path_len": {}, "lifetime_days": {}, "workspace": {}, "rehearsal": {}, "created": "{}"}})",
      ToHex(r.digest), InJson(kind), InJson(t.name), InJson(r.csr.subject.ToText()),
      crypto::ToText(r.csr.key.algorithm()), ToHex(r.csr.key.spki_digest()), InJson(t.pki), t.level,
      t.path_len, t.lifetime_days ? std::to_string(*t.lifetime_days) : "null", InJson(t.workspace),
      t.rehearsal, FormatTime(t.created));
  return out;
}

Shown ShowCrl(const pki::CrlRequest& r, const Digest& digest) {
  Shown out{.kind = "crl", .what = r.ca, .text = "", .json = "", .digest = digest};
  out.text = fmt::format(
      "request     {} (SHA-256)\n"
      "asks for    {} revocation list{} of {}, numbers {} to {}\n"
      "authority   key SHA-256 {}\n"
      "thisUpdate  {}, each good for {}\n"
      "workspace   {}{}\n"
      "asked by    {}\n"
      "revoked     {}\n",
      ToHex(digest), r.reserve + 1, r.reserve > 0 ? "s" : "", Clean(r.ca), r.number,
      r.number + r.reserve, ToHex(r.issuer), FormatTime(r.first), FormatDuration(r.lifetime),
      Clean(r.workspace), r.rehearsal ? " (REHEARSAL)" : "",
      r.asker ? "the holder of the key SHA-256 " + ToHex(*r.asker)
              : "nobody says so: the request is not signed",
      r.entries.size());
  std::string entries;
  for (const pki::CrlRequest::Entry& e : r.entries) {
    out.text +=
        fmt::format("  {}  {}  {}\n", ToHex(e.serial), FormatTime(e.at), pki::ToText(e.reason));
    entries += fmt::format(R"({}{{"serial": "{}", "at": "{}", "reason": "{}"}})",
                           entries.empty() ? "" : ", ", ToHex(e.serial), FormatTime(e.at),
                           pki::ToText(e.reason));
  }
  out.json = fmt::format(
      R"({{"request": "{}", "kind": "crl", "ca": {}, "issuer_sha256": "{}", "number": {}, "reserve": {}, "first": "{}", "lifetime": "{}", "workspace": {}, "rehearsal": {}, "asked_by": {}, "revoked": [{}]}})",
      ToHex(digest), InJson(r.ca), ToHex(r.issuer), r.number, r.reserve, FormatTime(r.first),
      FormatDuration(r.lifetime), InJson(r.workspace), r.rehearsal,
      r.asker ? InJson(ToHex(*r.asker)) : "null", entries);
  return out;
}

// VersionText shows a version as its format writes it.
std::string VersionText(const ArtifactRequest& r) {
  if (r.kind != "mcuboot") return std::to_string(r.version);
  const artifact::McubootVersion v = artifact::McubootVersionOf(r.version);
  return fmt::format("{}.{}.{}+{}", v.major, v.minor, v.revision, v.build);
}

Shown ShowArtifact(const ArtifactRequest& r, const Digest& digest) {
  Shown out{.kind = "artifact", .what = r.name, .text = "", .json = "", .digest = digest};
  out.text = fmt::format(
      "request     {} (SHA-256)\n"
      "asks for    a signature: {} {}, version {}\n"
      "content     {} {}\n"
      "authority   {}, key SHA-256 {}\n"
      "workspace   {}{}\n"
      "asked by    {}\n"
      "checked     {}\n",
      ToHex(digest), Clean(r.kind), Clean(r.name), VersionText(r),
      r.content.size() == 32   ? "SHA-256"
      : r.content.size() == 48 ? "SHA-384"
                               : "SHA-512",
      ToHex(r.content), Clean(r.ca), ToHex(r.issuer), Clean(r.workspace),
      r.rehearsal ? " (REHEARSAL)" : "",
      r.asker ? "the holder of the key SHA-256 " + ToHex(*r.asker)
              : "nobody says so: the request is not signed",
      CarriesFile(r.kind)
          ? "what would be signed is made here from this very file, which came along"
          : "what would be signed is the manifest of this very content");
  out.json = fmt::format(
      R"({{"request": "{}", "kind": "artifact", "artifact": {}, "name": {}, "version": {}, "content": "{}", "ca": {}, "issuer_sha256": "{}", "workspace": {}, "rehearsal": {}, "asked_by": {}}})",
      ToHex(digest), InJson(r.kind), InJson(r.name), r.version, ToHex(r.content), InJson(r.ca),
      ToHex(r.issuer), InJson(r.workspace), r.rehearsal,
      r.asker ? InJson(ToHex(*r.asker)) : "null");
  return out;
}

// Fits tells whether an authority is one that a request may be for.
bool Fits(const Asked& asked, const OfflineAuthority& a) {
  if (asked.crl || asked.artifact) {
    const auto& key = a.chain.front().public_key();
    const ByteView issuer = asked.crl ? ByteView(asked.crl->issuer) : asked.artifact->issuer;
    return key && std::ranges::equal(key->spki_digest(), issuer);
  }
  const pki::RequestTerms& t = asked.certificate->terms;
  return a.level + 1 == t.level && (t.pki.empty() || t.pki == a.pki);
}

Result<OfflineAuthority> Choose(const Asked& asked, const SignOptions& o) {
  BM_TRY(std::vector<OfflineAuthority> all, AuthoritiesOf(o.side));
  if (!o.ca.empty()) {
    auto it = std::ranges::find(all, o.ca, &OfflineAuthority::id);
    if (it == all.end()) {
      return Refused("offline.no-authority", "the offline side has no authority " + Clean(o.ca),
                     "its authorities/ folder names those it has");
    }
    if (!Fits(asked, *it)) {
      return Refused("request.other-authority", "the request is not for " + o.ca,
                     "birthmark request show FILE says of which PKI and level it is");
    }
    return *it;
  }
  std::vector<OfflineAuthority> fitting;
  for (OfflineAuthority& a : all) {
    if (Fits(asked, a)) fitting.push_back(std::move(a));
  }
  if (fitting.empty()) {
    return Refused("offline.no-authority", "no authority of this offline side can sign the request",
                   "carry it to the side where that authority's key is");
  }
  if (fitting.size() > 1) {
    std::string names;
    for (const OfflineAuthority& a : fitting) names += (names.empty() ? "" : ", ") + a.id;
    return Usage("offline.which", "several authorities could sign: " + names,
                 "name one: --ca " + fitting.front().id);
  }
  return std::move(fitting.front());
}

// CheckCrl keeps an authority from contradicting itself, whatever the workspace says.
Status CheckCrl(const pki::CrlRequest& r, const JournalEntry* last) {
  if (last == nullptr) return {};
  if (r.number <= last->number) {
    return Refused("request.crl-number",
                   fmt::format("a list with number {} is asked for, and {} was signed before",
                               r.number, last->number),
                   "the workspace may be an old copy: compare its log with the journal here");
  }
  if (Millis(r.first) < last->until) {
    return Refused("request.crl-older",
                   fmt::format("a list of {} is asked for, and one of {} was signed before",
                               FormatTime(r.first), FormatTime(TimeFromMillis(last->until))),
                   "set the clock of the machine that asks, and ask again");
  }
  return {};
}

Result<std::string> Sign(const Asked& asked, const OfflineAuthority& by, crypto::Signer& signer,
                         const Clock& clock, Time last) {
  if (asked.crl) {
    BM_TRY(std::vector<Bytes> lists, pki::SignCrls(*asked.crl, by.chain.front(), signer));
    return pki::WriteCrlResponse(lists);
  }
  if (asked.artifact)
    return SignArtifactRequest(*asked.artifact, by.chain.front(), by.rehearsal, signer);
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(by.chain.front(), signer));
  issuer = std::move(issuer).With(by.urls);
  SystemRng rng;
  pki::SerialSource serials(clock, rng, last);
  BM_TRY(pki::Stamp stamp, serials.Next());
  return pki::SignRequest(*asked.certificate, issuer,
                          by.rehearsal ? pki::RehearsalMarks() : pki::ProductionMarks(), stamp,
                          by.chain);
}

bool IsFileName(std::string_view s) {
  return !s.empty() && s.size() <= 128 && s.front() != '.' && std::ranges::all_of(s, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace

Result<Shown> Show(std::string_view text) {
  BM_TRY(Asked asked, Read(text));
  if (asked.crl) return ShowCrl(*asked.crl, asked.digest);
  if (asked.artifact) return ShowArtifact(*asked.artifact, asked.digest);
  return ShowCertificate(*asked.certificate, asked.Kind());
}

bool Knows(const fs::path& side, const std::string& ca) {
  return fs::exists(side / "authorities" / (ca + ".pem"));
}

Result<Answered> Answer(const SignOptions& o, std::string_view text, const OpenKey& open,
                        const Clock& clock) {
  BM_TRY(Asked asked, Read(text));
  BM_TRY(OfflineAuthority by, Choose(asked, o));
  BM_TRY(Journal journal, Journal::Open(o.side));
  const std::string name = IsFileName(o.name) ? o.name : ToHex(asked.digest).substr(0, 16);
  Answered out{.kind = asked.Kind(),
               .authority = by.id,
               .request = asked.digest,
               .response = "",
               .file = o.side / "out" /
                       (name + (asked.crl        ? ".crl-response"
                                : asked.artifact ? ".artifact-response"
                                                 : ".response")),
               .before = false};
  if (asked.crl || asked.artifact) {
    BM_TRY(out.asked_by, CheckAsker(o.side, asked.crl ? asked.crl->asker : asked.artifact->asker));
  }
  if (const JournalEntry* e = journal.FindRequest(asked.digest); e != nullptr) {
    auto there = ReadTextFile(out.file, kMaxResponse);
    if (there && crypto::Sha256(AsBytes(*there)) == e->response && e->authority == by.id) {
      out.response = std::move(*there);
      out.before = true;
      return out;
    }
  }
  if (asked.crl) BM_CHECK(CheckCrl(*asked.crl, journal.LastCrl(by.id)));
  const Time last = journal.entries().empty() ? Time{} : journal.entries().back().at;
  if (clock.Now() < last) {
    return Environment("offline.clock",
                       fmt::format("it is {}, and this side signed at {}", FormatTime(clock.Now()),
                                   FormatTime(last)),
                       "set this machine's clock right");
  }
  if (o.dry_run) return out;
  BM_TRY(auto signer, open(by.id));
  BM_TRY(out.response, Sign(asked, by, *signer, clock, last));
  JournalEntry entry{.at = clock.Now(),
                     .kind = out.kind,
                     .authority = by.id,
                     .request = asked.digest,
                     .response = crypto::Sha256(AsBytes(out.response)),
                     .number = 0,
                     .until = 0};
  if (asked.crl) {
    entry.number = asked.crl->number + asked.crl->reserve;
    entry.until = Millis(asked.crl->first);
  }
  BM_CHECK(journal.Append(entry));
  BM_CHECK(MakeDirs(out.file.parent_path(), 0700));
  BM_CHECK(WriteFileAtomic(out.file, out.response));
  return out;
}

}  // namespace birthmark::offline
