// SPDX-License-Identifier: Apache-2.0
// birthmark artifact sign|verify|list|signer.
#include <fmt/format.h>

#include <charconv>

#include "app/artifact_signers.h"
#include "app/artifacts.h"
#include "app/factory.h"
#include "artifact/lock.h"
#include "artifact/mcuboot.h"
#include "artifact/open.h"
#include "base/lists.h"
#include "cli/handlers_anchors.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

constexpr size_t kMaxAnchors = size_t{16} << 20;

std::optional<fs::path> PathOf(const Invocation& in, const char* option) {
  if (!in.Has(option)) return std::nullopt;
  return fs::path(in.Get(option));
}

std::string JsonList(const std::vector<std::string>& all) {
  std::string out;
  for (const std::string& s : all) out += (out.empty() ? "" : ", ") + JsonString(s);
  return "[" + out + "]";
}

// LockAsked reads the options that say what is around the anchor.
Result<artifact::Lock> LockAsked(const Invocation& in, artifact::Kind kind) {
  artifact::Lock lock;
  for (const std::string& level : CommaParts(in.Get("--level"))) {
    int n = 0;
    const auto [at, error] = std::from_chars(level.data(), level.data() + level.size(), n);
    if (error != std::errc() || at != level.data() + level.size() || n < 1)
      return Usage("cli.number", "--level takes whole numbers from 1", "--level 2,3");
    lock.levels.push_back(n);
  }
  lock.eku = CommaParts(in.Get("--eku"));
  lock.policy_oid = CommaParts(in.Get("--policy"));
  if (in.Has("--subject")) lock.subject = in.Get("--subject");
  if (in.Has("--name-constraints")) lock.name_constraints = {in.Get("--name-constraints")};
  if (in.Has("--subordinate")) {
    BM_TRY(const Bytes file, ReadFile(in.Get("--subordinate"), kMaxAnchors));
    BM_TRY(const auto read, artifact::ReadTrusted(file, in.Get("--subordinate")));
    lock.subordinate_key = read.front().key.spki_digest();
  }
  if (in.Has("--installed-version")) {
    const std::string text = in.Get("--installed-version");
    if (kind == artifact::Kind::kMcuboot) {
      BM_TRY(const artifact::McubootVersion v, artifact::ParseMcubootVersion(text));
      lock.installed_version = v.Number();
    } else {
      BM_TRY(lock.installed_version, in.Number("--installed-version", 0, 0, INT64_MAX));
    }
  }
  return lock;
}

void PrintVerdict(const artifact::Opened& a, const artifact::Verdict& v, bool json) {
  const std::string signer = v.signer ? ToHex(v.signer->spki_digest()) : "";
  const std::string algorithm =
      v.signer ? std::string(crypto::ToText(v.signer->algorithm())) : a.algorithm;
  if (json) {
    std::string refused, facts;
    for (const artifact::Refusal& r : v.refused)
      refused += fmt::format(R"({}{{"code": "{}", "message": {}}})", refused.empty() ? "" : ", ",
                             r.code, JsonString(r.message));
    for (const auto& [name, value] : a.facts)
      facts +=
          fmt::format("{}{}: {}", facts.empty() ? "" : ", ", JsonString(name), JsonString(value));
    PrintLine(fmt::format(
        R"({{"kind": "{}", "accepted": {}, "name": {}, "version": {}, "level": {}, "algorithm": {}, "signer_sha256": {}, "content_sha256": "{}", "path": {}, "facts": {{{}}}, "refused": [{}]}})",
        artifact::ToText(a.kind), v.Accepted(), JsonString(a.name),
        a.version ? std::to_string(*a.version) : "null",
        v.level > 0 ? std::to_string(v.level) : "null", JsonString(algorithm),
        signer.empty() ? "null" : JsonString(signer), ToHex(a.content), JsonList(v.path), facts,
        refused));
    return;
  }
  Fields fields;
  fields.Add("kind", std::string(artifact::ToText(a.kind)));
  if (!a.name.empty()) fields.Add("name", a.name);
  if (a.version) fields.Add("version", std::to_string(*a.version));
  for (const auto& [name, value] : a.facts) fields.Add(name, value);
  if (a.content != Digest{}) fields.Add("content", ToHex(a.content));
  if (v.level > 0) fields.Add("level", std::to_string(v.level));
  fields.Add("algorithm", algorithm);
  if (!signer.empty()) fields.Add("signer", signer);
  for (const std::string& subject : v.path) fields.Add("path", subject);
  for (const artifact::Refusal& r : v.refused)
    fields.Add("refused", fmt::format("{}: {}", r.code, r.message));
  Print(fields.Text(false));
  PrintLine(v.Accepted() ? "accepted" : "refused");
}

void PrintSigned(const app::SignedArtifact& s, const Invocation& in) {
  const ledger::ArtifactSigned& e = s.event;
  if (!s.waits.empty()) {
    if (in.json()) {
      PrintLine(fmt::format(R"({{"signed": false, "waits": {}}})", JsonString(s.waits)));
    } else {
      PrintLine("waits: " + s.waits);
    }
    return;
  }
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"signed": {}, "kind": "{}", "anchor": {}, "name": {}, "version": {}, "level": {}, "algorithm": "{}", "signer": {}, "signer_sha256": "{}", "how": "{}", "content_sha256": "{}", "artifact_sha256": "{}"}})",
        !in.dry_run(), e.kind, JsonString(e.anchor), JsonString(e.name), e.version, e.level,
        e.algorithm, JsonString(e.signer), ToHex(e.spki), e.how, ToHex(e.content),
        ToHex(e.artifact)));
    return;
  }
  PrintLine(fmt::format("{} {}: {} {} version {}, level {}, {} by {} ({})",
                        in.dry_run() ? "would write" : "wrote", in.Get("--output"), e.kind, e.name,
                        e.version, e.level, e.algorithm, e.signer, e.how));
}

}  // namespace

Result<int> ArtifactSign(const Invocation& in) {
  app::ArtifactOptions o{.workspace = in.Arg("WS"),
                         .product = in.Get("--product"),
                         .as = in.Get("--as"),
                         .anchor = in.Get("--anchor"),
                         .file = in.Arg("FILE"),
                         .out = in.Get("--output"),
                         .version = in.Get("--version"),
                         .name = in.Get("--name"),
                         .signer = in.Get("--signer"),
                         .round = PathOf(in, "--round"),
                         .made = PathOf(in, "--made"),
                         .sbom = in.Get("--sbom"),
                         .sbom_uri = in.Get("--sbom-uri"),
                         .uri = in.Get("--uri"),
                         .configuration = in.Get("--configuration"),
                         .pss = in.Get("--padding") == "pss",
                         .action = in.Get("--do"),
                         .target = in.Get("--target"),
                         .uid = in.Get("--uid"),
                         .like = in.Get("--like"),
                         .nonce = in.Get("--nonce"),
                         .serial = in.Get("--serial"),
                         .again = in.Has("--again"),
                         .dry_run = in.dry_run()};
  artifact::FromText(in.Get("--kind"), o.kind);
  if (o.file.empty() && o.kind != artifact::Kind::kTam && o.kind != artifact::Kind::kTlsServer &&
      o.kind != artifact::Kind::kDebugUnlock)
    return Usage("artifact.options", "no file is named", "birthmark artifact sign WS FILE …");
  BM_TRY(const app::KeySource keys, KeysFor(in));
  SystemClock clock;
  BM_TRY(const app::SignedArtifact made, app::SignArtifact(o, keys, clock));
  PrintSigned(made, in);
  return 0;
}

Result<int> ArtifactVerify(const Invocation& in) {
  std::vector<artifact::Trusted> anchors;
  for (const std::string& file : CommaParts(in.Get("--anchor"))) {
    BM_TRY(const Bytes octets, ReadFile(file, kMaxAnchors));
    BM_TRY(std::vector<artifact::Trusted> read, artifact::ReadTrusted(octets, file));
    anchors.insert(anchors.end(), read.begin(), read.end());
  }
  Time at = SystemClock().Now();
  if (in.Has("--time")) {
    const auto time = ParseTime(in.Get("--time"));
    if (!time) return Usage("cli.time", "--time takes 2026-11-21T10:00:00Z");
    at = *time;
  }
  BM_TRY(const artifact::OpenedFile opened, artifact::OpenFile(in.Arg("FILE")));
  BM_TRY(const artifact::Lock lock, LockAsked(in, opened.opened.kind));
  BM_TRY(artifact::Verdict verdict, artifact::Judge(opened.opened, anchors, lock, at));
  if (in.Has("--content")) {
    const Status same = artifact::CheckContent(opened, in.Get("--content"));
    if (!same) verdict.refused.push_back({same.error().code, same.error().message});
  }
  PrintVerdict(opened.opened, verdict, in.json());
  return verdict.Accepted() ? 0 : 1;
}

Result<int> ArtifactList(const Invocation& in) {
  if (in.Has("--signers")) {
    BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
    BM_TRY(const auto own, app::SignersOf(*reader));
    BM_TRY(const std::vector<ledger::SignerAdmitted> admitted, app::AdmittedSigners(*reader));
    Table table({"signer", "pki", "time zone", "proof", "facts", "certificate"});
    for (const auto& [pki, chain] : own) {
      if (chain.key_id.empty()) continue;
      table.Add({chain.key_id, pki, "", "", "",
                 chain.chain.empty() ? "" : ToHex(chain.chain.front().digest())});
    }
    for (const ledger::SignerAdmitted& s : admitted) {
      BM_TRY(const crypto::Certificate c, crypto::Certificate::FromDer(s.chain.front()));
      table.Add({s.id, s.pki, s.zone, s.proof, fmt::format("{}", fmt::join(s.facts, " ")),
                 ToHex(c.digest())});
    }
    Print(table.Text(in.json()));
    return 0;
  }
  BM_TRY(const std::vector<app::ArtifactRow> rows, app::ArtifactsOf(in.Arg("WS")));
  Table table({"at", "anchor", "kind", "name", "version", "level", "algorithm", "signer", "how",
               "artifact"});
  for (const app::ArtifactRow& r : rows) {
    const ledger::ArtifactSigned& e = r.event;
    if (in.Has("--anchor") && e.anchor != in.Get("--anchor")) continue;
    table.Add({FormatTime(TimeFromMillis(r.at)), e.anchor, e.kind, e.name,
               std::to_string(e.version), std::to_string(e.level), e.algorithm, e.signer, e.how,
               ToHex(e.artifact)});
  }
  Print(table.Text(in.json()));
  return 0;
}

Result<int> ArtifactSigner(const Invocation& in) {
  BM_TRY(const app::KeySource keys, KeysFor(in));
  SystemClock clock;
  if (in.Has("--ek") || in.Has("--ak")) {
    if (!in.Has("--ek") || !in.Has("--ak"))
      return Usage("artifact.options",
                   "a challenge is for an endorsement key and an attestation key",
                   "--ek CERTIFICATE --ak PUBLIC");
    BM_TRY(const Bytes credential,
           app::ChallengeSigner(in.Arg("WS"), in.Get("--as"), in.Get("--ek"), in.Get("--ak"), keys,
                                clock));
    BM_CHECK(WriteFileAtomic(in.Get("--output"), credential));
    Note("the TPM opens it (TPM2_ActivateCredential); the nonce inside belongs into the evidence");
    return 0;
  }
  if (in.Has("--csr") == in.Has("--made"))
    return Usage("artifact.options", "a signer is certified on one request",
                 "--csr F, or --made DIR --round DIR for a threshold key");
  app::SignerRequest request{.workspace = in.Arg("WS"),
                             .product = in.Get("--product"),
                             .as = in.Get("--as"),
                             .anchor = in.Get("--anchor"),
                             .zone = in.Get("--zone"),
                             .name = in.Get("--name"),
                             .csr = in.Get("--csr"),
                             .set = PathOf(in, "--made"),
                             .round = PathOf(in, "--round"),
                             .vendor_roots = {},
                             .dry_run = in.dry_run()};
  for (const std::string& file : CommaParts(in.Get("--vendor-root")))
    request.vendor_roots.emplace_back(file);
  BM_TRY(const app::AdmittedSigner made, app::AdmitSigner(request, keys, clock));
  if (!made.waits.empty()) {
    PrintLine(in.json()
                  ? fmt::format(R"({{"certified": false, "waits": {}}})", JsonString(made.waits))
                  : "waits: " + made.waits);
    return 0;
  }
  if (!in.dry_run()) BM_CHECK(WriteFileAtomic(in.Get("--output"), made.pem));
  const ledger::SignerAdmitted& s = made.signer;
  if (in.json()) {
    PrintLine(fmt::format(
        R"({{"certified": {}, "signer": {}, "pki": {}, "zone": {}, "proof": {}, "facts": {}}})",
        !in.dry_run(), JsonString(s.id), JsonString(s.pki), JsonString(s.zone), JsonString(s.proof),
        JsonList(s.facts)));
  } else {
    PrintLine(fmt::format(
        "{} {}: signer {} under pki {}{}, key {}", in.dry_run() ? "would write" : "wrote",
        in.Get("--output"), s.id, s.pki, s.zone.empty() ? "" : " in " + s.zone,
        s.proof.empty() ? "not proven to be in hardware" : "proven by " + s.proof));
  }
  return 0;
}

}  // namespace birthmark::cli
