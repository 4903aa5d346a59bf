// SPDX-License-Identifier: Apache-2.0
#include "app/factory.h"

#include "app/init.h"
#include "ledger/events.h"
#include "plan/parse.h"

namespace birthmark::app {
namespace {

Status CheckWorkspace(const Layout& layout) {
  if (fs::exists(layout.ledger())) return {};
  return Environment(
      "workspace.missing", layout.root.string() + ": is no workspace",
      fmt::format("check the path, or make one: birthmark init {} --plan P", layout.root.string()));
}

}  // namespace

Result<std::unique_ptr<ledger::LogReader>> OpenReader(const fs::path& workspace) {
  Layout layout(workspace);
  BM_CHECK(CheckWorkspace(layout));
  return ledger::LogReader::Open(layout.ledger());
}

Result<std::map<std::string, AdoptedPlan>> PlansOf(ledger::LogReader& reader) {
  std::map<std::string, ledger::PlanRow> newest;
  BM_TRY(std::vector<ledger::PlanRow> rows, reader.registry().Plans());
  for (ledger::PlanRow& row : rows) {
    ledger::PlanRow& slot = newest[row.product];
    if (slot.product.empty() || row.version >= slot.version) slot = row;
  }
  std::map<std::string, AdoptedPlan> out;
  for (const auto& [product, row] : newest) {
    BM_TRY(ledger::Event event, reader.EventAt(row.seq));
    BM_TRY(ledger::PlanAdopted body, ledger::BodyOf<ledger::PlanAdopted>(event));
    plan::Parsed parsed = plan::ParsePlan(AsText(body.text));
    if (!parsed.plan || parsed.findings.HasErrors()) {
      return Refused("plan.stored",
                     fmt::format("the stored plan of {} cannot be read by this release:\n{}",
                                 product, parsed.findings.ToString()));
    }
    out[product] = {std::move(*parsed.plan), row.version};
  }
  return out;
}

Result<AdoptedPlan> PlanOf(ledger::LogReader& reader, const std::string& product) {
  BM_TRY(auto plans, PlansOf(reader));
  if (product.empty() && plans.size() == 1) return std::move(plans.begin()->second);
  std::string names;
  for (const auto& [id, _] : plans) names += (names.empty() ? "" : ", ") + id;
  if (product.empty()) {
    return Usage("product.which", "this workspace has several products: " + names,
                 "name one: --product ID");
  }
  auto it = plans.find(product);
  if (it == plans.end())
    return Usage("product.unknown", "no such product: " + product, "the products are " + names);
  return std::move(it->second);
}

Result<std::unique_ptr<Factory>> Factory::Open(const fs::path& workspace, const KeySource& source,
                                               bool offline_too, const std::string& product,
                                               const std::string& as, const Clock& clock) {
  auto f = std::make_unique<Factory>(workspace);
  BM_CHECK(CheckWorkspace(f->layout));
  BM_TRY(auto reader, ledger::LogReader::Open(f->layout.ledger()));
  BM_TRY(f->adopted, PlanOf(*reader, product));
  f->genesis = reader->genesis();
  f->marks = MarksOf(f->genesis.rehearsal);
  std::string who = as;
  if (who.empty() && fs::exists(f->layout.local_credential())) {
    BM_TRY(who, ReadTextFile(f->layout.local_credential(), 256));
    while (!who.empty() && who.back() == '\n') who.pop_back();
  }
  if (!who.empty()) {
    BM_TRY(std::vector<ledger::CredentialRow> known, reader->registry().Credentials());
    if (std::ranges::find(known, who, &ledger::CredentialRow::pseudonym) == known.end()) {
      return Usage("credential.unknown", "no such credential: " + who,
                   "see `birthmark credential list`, or issue one: birthmark credential issue WS "
                   "--role operator");
    }
    if (std::ranges::none_of(known, [&](const ledger::CredentialRow& row) {
          return row.pseudonym == who && !row.revoked_at;
        })) {
      return Refused("credential.revoked", who + " was revoked", "act --as another credential");
    }
    f->context.actor = who;
  }
  reader.reset();
  auto unlock = [&]() -> Status {
    BM_TRY(f->keys, offline_too ? UnlockBoth(f->layout, source) : UnlockOnline(f->layout, source));
    return {};
  };
  // The lock comes before the passphrase: nobody types one only to hear that the workspace is busy.
  // A log that a server lends is asked for last: enrolments wait while it is away.
  auto log = ledger::LogWriter::Open(f->layout.ledger(), clock);
  if (!log && log.error().code == "ledger.locked" && Lends(f->layout)) {
    BM_CHECK(unlock());
    BM_TRY(f->loan, Loan::Ask(f->layout));
    log = ledger::LogWriter::Open(f->layout.ledger(), clock);
  } else if (log) {
    BM_CHECK(unlock());
  }
  BM_TRY(f->log, std::move(log));
  BM_TRY(reader, ledger::LogReader::Open(f->layout.ledger()));
  BM_TRY(ledger::Event last, reader->EventAt(reader->size() - 1));
  f->serials = std::make_unique<pki::SerialSource>(clock, f->rng, TimeFromMillis(last.recorded));
  f->context.plan = f->adopted.plan.digest;
  return f;
}

Result<std::map<std::string, line::SignerChain>> SignersOf(ledger::LogReader& reader) {
  std::map<std::string, line::SignerChain> out;
  BM_TRY(std::vector<uint64_t> seqs,
         reader.registry().EventsOfType(ledger::SignerCertified::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event event, reader.EventAt(seq));
    BM_TRY(ledger::SignerCertified body, ledger::BodyOf<ledger::SignerCertified>(event));
    line::SignerChain chain{.key_id = body.key, .chain = {}, .root = std::nullopt};
    for (const Bytes& der : body.chain) {
      BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(der));
      chain.chain.push_back(std::move(c));
    }
    out[body.pki] = std::move(chain);
  }
  BM_TRY(std::vector<ledger::CaRow> cas, reader.registry().Cas());
  for (const ledger::CaRow& ca : cas) {
    if (ca.level != 1) continue;
    BM_TRY(ledger::Event event, reader.EventAt(ca.seq));
    BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(event));
    BM_TRY(crypto::Certificate root, crypto::Certificate::FromDer(body.cert));
    out[ca.pki].root = std::move(root);
  }
  return out;
}

}  // namespace birthmark::app
