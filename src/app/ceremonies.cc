// SPDX-License-Identifier: Apache-2.0
#include "app/ceremonies.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/authorities.h"
#include "app/split_guard.h"
#include "crypto/digest.h"
#include "keystore/open.h"
#include "pki/crl_request.h"
#include "pki/level.h"
#include "pki/request.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxRequests = 256;

std::string FillFirst(std::string text, const std::string& with) {
  if (size_t at = text.find("{}"); at != std::string::npos) text.replace(at, 2, with);
  return text;
}

// AddRequests lists a folder's requests; each goes to the key one level above what it asks for.
Status AddRequests(ceremony::Script& s, const fs::path& folder) {
  if (folder.empty()) return {};
  std::vector<fs::path> files;
  std::error_code ec;
  for (const auto& f : fs::directory_iterator(folder, ec)) {
    const fs::path& file = f.path();
    if (file.extension() == ".request" || file.extension() == ".crl-request") files.push_back(file);
  }
  if (ec) return std::unexpected(FromErrno("file.read", folder.string(), ec.value()));
  if (files.size() > kMaxRequests)
    return Refused("ceremony.requests",
                   fmt::format("{} holds {} requests", folder.string(), files.size()),
                   fmt::format("at most {} in one ceremony", kMaxRequests));
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    BM_TRY(std::string text, ReadTextFile(file, pki::kMaxCrlRequestBytes));
    if (file.extension() == ".crl-request") {
      auto lists = pki::ReadCrlRequest(text);
      if (!lists) return std::unexpected(std::move(lists).error().Context(file.string()));
      if (s.FindKey(lists->ca) != nullptr)
        s.requests.push_back({.name = file.stem().string(),
                              .crl = true,
                              .digest = crypto::Sha256(AsBytes(text)),
                              .issuer = lists->ca});
      continue;
    }
    auto request = pki::CheckRequest(text);
    if (!request) return std::unexpected(std::move(request).error().Context(file.string()));
    const std::string name = file.stem().string();
    // The request says which PKI it is for; one that does not says it by its name.
    const std::string pki =
        request->terms.pki.empty() ? name.substr(0, name.rfind('-')) : request->terms.pki;
    auto issuer = std::ranges::find_if(s.keys, [&](const ceremony::ScriptKey& k) {
      return k.pki == pki && k.level == request->terms.level - 1;
    });
    // What an online authority signs needs no ceremony.
    if (issuer == s.keys.end()) continue;
    s.requests.push_back({.name = name,
                          .crl = false,
                          .digest = crypto::Sha256(AsBytes(text)),
                          .issuer = issuer->id});
  }
  return {};
}

// FinishScript adds roles and steps.
Result<ceremony::Script> FinishScript(ceremony::Script s) {
  s.roles = {ceremony::Role::kAdministrator, ceremony::Role::kWitness};
  if (s.HasShared()) s.roles.push_back(ceremony::Role::kExecutives);
  s.steps = ceremony::UsualSteps(s);
  // What is handed out is what was read back from its text.
  ceremony::ParsedScript parsed = ceremony::ParseScript(ceremony::FormatScript(s));
  if (!parsed.script || parsed.findings.HasErrors())
    return Refused("ceremony.findings",
                   "the ceremony would have errors:\n" + parsed.findings.ToString(),
                   "mend what they name in the plan, or choose keys with --keys");
  return *parsed.script;
}

Status AddKeys(ceremony::Script& s, const plan::Plan& plan, const plan::Pki& pki) {
  std::string parent;
  for (const plan::Level& level : pki.levels) {
    if (!level.offline) break;
    BM_TRY(crypto::Algorithm algorithm, ToCrypto(level.algorithm));
    ceremony::ScriptKey k{
        .id = AuthorityId(pki, level.level, 1),
        .pki = pki.id,
        .level = level.level,
        .name = FillFirst(level.name, "1"),
        .organization = plan.product.manufacturer,
        .algorithm = algorithm,
        .path_length = pki::PathLenFor(pki::PkiLevel(level.level), pki::PkiLevel(pki.EeLevel())),
        .lifetime = level.lifetime,
        .custody = level.custody,
        .parent = parent,
        .crl_url = level.crl_url ? FillFirst(*level.crl_url, AuthorityId(pki, level.level, 1)) : "",
        .ocsp_url = level.ocsp_url.value_or(""),
        .spki = std::nullopt};
    parent = k.id;
    s.keys.push_back(std::move(k));
  }
  return {};
}

std::string UsualTitle(ceremony::Kind kind, const std::string& manufacturer) {
  switch (kind) {
    case ceremony::Kind::kMake:
      return manufacturer + ": keys are made";
    case ceremony::Kind::kSign:
      return manufacturer + ": requests are signed";
    case ceremony::Kind::kHealth:
      return manufacturer + ": health round of the shares";
    case ceremony::Kind::kRecover:
      return manufacturer + ": keys are recovered";
    case ceremony::Kind::kReshare:
      return manufacturer + ": shares are dealt anew";
    case ceremony::Kind::kDestroy:
      return manufacturer + ": keys are ended";
  }
  return manufacturer;
}

}  // namespace

Result<ceremony::Script> ScriptFromPlan(const plan::Plan& plan, const NewCeremony& what) {
  ceremony::Script s;
  s.kind = ceremony::Kind::kMake;
  s.title = what.title.empty() ? UsualTitle(s.kind, plan.product.manufacturer) : what.title;
  s.rehearsal = what.rehearsal;
  s.manufacturer = plan.product.manufacturer;
  s.product = plan.product.id;
  s.plan = plan.digest;
  for (const plan::Pki& pki : plan.pkis) BM_CHECK(AddKeys(s, plan, pki));
  std::vector<std::string> named = what.keys;
  if (!what.apart.empty()) named.push_back(what.apart);
  for (const std::string& id : named) {
    if (s.FindKey(id) == nullptr)
      return Refused("ceremony.other-key",
                     fmt::format("no offline level of the plan has the key {}", id),
                     "name one as PKI-LEVEL.1, such as identity-1.1");
  }
  if (!what.keys.empty())
    std::erase_if(s.keys, [&](const ceremony::ScriptKey& k) {
      return std::ranges::find(what.keys, k.id) == what.keys.end();
    });
  for (ceremony::ScriptKey& k : s.keys) k.apart = k.id == what.apart;
  if (s.keys.empty())
    return Refused("ceremony.nothing-offline", "no PKI of this plan has an offline level",
                   "mark a level with offline = true; its key is made in a ceremony");
  BM_CHECK(AddRequests(s, what.requests));
  return FinishScript(std::move(s));
}

Result<ceremony::Script> ScriptOf(const ceremony::SealedLog& log, const NewCeremony& what,
                                  Rng& rng) {
  if (what.kind == ceremony::Kind::kMake)
    return Usage("ceremony.kind", "keys are made from a plan, in a folder of their own",
                 "birthmark ceremony new --plan P -o F");
  const ceremony::CustodyState& state = log.state();
  if (state.ceremonies.empty())
    return Refused("ceremony.other-key", "no ceremony was held in this folder yet");
  ceremony::ParsedScript first = ceremony::ParseScript(AsText(state.ceremonies.front().script));
  if (!first.script) return Internal("ceremony.entry", "the log's first script does not read");
  ceremony::Script s;
  s.kind = what.kind;
  s.title = what.title.empty() ? UsualTitle(s.kind, first.script->manufacturer) : what.title;
  s.rehearsal = log.rehearsal();
  s.manufacturer = first.script->manufacturer;
  s.product = first.script->product;
  s.plan = first.script->plan;
  s.log = log.identity().origin;
  const bool shares_only =
      what.kind == ceremony::Kind::kHealth || what.kind == ceremony::Kind::kReshare;
  // In the order in which they were made, so that parents stand before their children.
  for (const ceremony::ScriptKey& made : first.script->keys) {
    auto kept = state.keys.find(made.id);
    if (kept == state.keys.end() || state.ended.contains(made.id)) continue;
    const bool named = std::ranges::find(what.keys, made.id) != what.keys.end();
    if (!what.keys.empty() ? !named : shares_only && !ceremony::IsShared(made.custody)) continue;
    ceremony::ScriptKey k = made;
    k.spki = kept->second.key.spki;
    k.parent.clear();  // who certified it is in the log
    s.keys.push_back(std::move(k));
  }
  for (const std::string& id : what.keys) {
    if (s.FindKey(id) == nullptr)
      return Refused("ceremony.other-key", fmt::format("this folder keeps no key {}", id),
                     "birthmark custody status DIR lists its keys");
  }
  if (s.keys.empty())
    return Refused("ceremony.nothing-shared", "no key of this folder has shares",
                   "health rounds and re-sharings are for split and threshold keys");
  if (s.kind == ceremony::Kind::kHealth) {
    s.challenge.resize(32);
    rng.Fill(s.challenge);
  }
  BM_CHECK(AddRequests(s, what.requests));
  return FinishScript(std::move(s));
}

Result<SecretBytes> CeremonyPassphrase(keystore::PassphraseSource source, bool fresh) {
  source.twice = fresh;
  source.prompt =
      fresh ? "New passphrase for the sealed folder: " : "Passphrase of the sealed folder: ";
  return keystore::ReadPassphrase(source);
}

ceremony::RunOptions WithStores(ceremony::RunOptions options) {
  options.judge = JudgeSplits;
  options.open_store = [](const ceremony::BoundStore& bound, const fs::path& folder,
                          const std::function<Result<SecretBytes>()>& ask)
      -> Result<std::unique_ptr<keystore::KeyStore>> {
    keystore::Pin pin{.read = ask};
    if (!bound.pin_file.empty()) {
      pin.read = [file = bound.pin_file] { return keystore::PassphraseFromFile(file); };
    }
    return keystore::OpenStore({.uri = bound.uri, .folder = folder, .pin = std::move(pin)});
  };
  return options;
}

}  // namespace birthmark::app
