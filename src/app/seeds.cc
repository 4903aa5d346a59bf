// SPDX-License-Identifier: Apache-2.0
#include "app/seeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/seed_batch.h"
#include "app/seed_store.h"
#include "ledger/event_codec.h"

namespace birthmark::app {
namespace {

Result<ledger::SeedBatchRow> BatchOf(const ledger::Db& db, const std::string& id) {
  BM_TRY(std::optional<ledger::SeedBatchRow> row, ledger::SeedBatchOf(db, id));
  if (row) return std::move(*row);
  return Refused("seeds.batch", "no batch of seeds is called " + id, "birthmark seed list WS");
}

// Issuing is one `seed issue`.
class Issuing {
 public:
  Issuing(Factory& f, const SeedIssueOptions& o, const Clock& clock)
      : f_(f),
        o_(o),
        clock_(clock),
        place_(o.place.empty() ? "derivation site" : o.place),
        wanted_(o.chips.begin(), o.chips.end()) {}

  Result<SeedIssued> Run() {
    BM_TRY(slot_, SeedSlotOf(f_.adopted.plan));
    BM_TRY(ledger::SeedBatchRow batch, BatchOf(f_.log->registry().db(), o_.batch));
    if (batch.product != slot_.product) {
      return Refused("seeds.batch", "the batch is for " + batch.product, "name --product");
    }
    path_ = f_.layout.seeds() / o_.batch;
    if (batch.destroyed_at != 0) {
      BM_CHECK(EraseSeedFile(path_));
      return Refused("seeds.ended", "the batch is used up and its seeds are destroyed",
                     "birthmark seed show WS --batch " + o_.batch);
    }
    if (!fs::exists(path_)) {
      return Refused("seeds.batch", "nothing of the batch is kept here: it is used as it is read",
                     "birthmark seed import WS FILE --derive-now goes on with it");
    }
    auto key = f_.keys.online->GetSecret(SeedSecretName(o_.batch));
    if (!key && key.error().code == "keystore.missing") {
      // An earlier run dropped the key and ended before it could say so.
      BM_CHECK(End());
      return SeedIssued{.ended = true};
    }
    if (!key) return std::unexpected(std::move(key).error());
    BM_TRY(SeedFile file, SeedFile::Open(path_, std::move(*key), o_.batch));
    BM_CHECK(Work(file));
    if (out_.left == 0) {
      BM_CHECK(f_.keys.online->DropSecret(SeedSecretName(o_.batch)));
      BM_CHECK(End());
      out_.ended = true;
    }
    if (!wanted_.empty()) {
      return Refused("seeds.chip", "no seed is left for " + *wanted_.begin(),
                     "birthmark seed show WS --chip names its certificate, if it has one");
    }
    return out_;
  }

 private:
  bool Wants(const std::string& chip) const {
    if (o_.chips.empty()) return o_.count == 0 || begun_ < o_.count;
    return wanted_.contains(chip);
  }

  Status Work(SeedFile& file) {
    SeedBench bench(f_, slot_, o_.batch, place_ + " process", clock_);
    SeedIssuer& issuer = bench.issuer();
    std::vector<KeptSeed> used, taken;
    uint64_t erased = 0;
    auto commit = [&]() -> Status {
      Status done = issuer.Commit();
      out_.issued = issuer.issued();
      out_.refused = issuer.refused();
      // A seed is erased once its certificate is durable, and not before.
      const size_t durable = issuer.Done() - erased;
      BM_CHECK(file.Erase(std::span(taken).first(durable)));
      BM_CHECK(file.Erase(used));
      erased += durable;
      used.clear();
      taken.clear();
      if (o_.progress) o_.progress(out_.issued);
      return done;
    };
    auto all = [&]() -> Status {
      for (;;) {
        BM_TRY(std::optional<KeptSeed> kept, file.Next());
        if (!kept) return {};
        if (kept->Erased()) continue;
        // A commit whose erasing was cut short.
        BM_TRY(bool before, issuer.IsUsed(kept->chip));
        if (before) {
          wanted_.erase(kept->chip);
          used.push_back(std::move(*kept));
          continue;
        }
        if (!Wants(kept->chip)) {
          ++out_.left;
          continue;
        }
        BM_TRY(SecretBytes seed, file.Unseal(*kept));
        BM_CHECK(issuer.Take(kept->chip, kept->serial, std::move(seed)));
        ++begun_;
        wanted_.erase(kept->chip);
        taken.push_back(std::move(*kept));
        if (issuer.Full()) BM_CHECK(commit());
      }
    };
    Status done = all();
    Status last = commit();  // what was taken before an authority came to its end is kept
    BM_CHECK(done);
    return last;
  }

  Status End() {
    BM_CHECK(
        EndBatch(f_, o_.batch, place_, "every box overwritten, the batch's key dropped", clock_));
    return EraseSeedFile(path_);
  }

  Factory& f_;
  const SeedIssueOptions& o_;
  const Clock& clock_;
  std::string place_;
  std::set<std::string> wanted_;  // chips still to be met
  SeedSlot slot_;
  fs::path path_;
  uint64_t begun_ = 0;
  SeedIssued out_;
};

}  // namespace

Result<SeedSlot> SeedSlotOf(const plan::Plan& plan) {
  for (const plan::IdentitySlot& s : plan.identities) {
    if (s.method != vocab::Method::kCarrot) continue;
    if (s.mixes_entropy) {
      return Refused("seeds.not-recomputable",
                     "the plan's device mixes entropy of its own into its key: nobody else can "
                     "compute it",
                     "its key comes out on the line, as an avocado's does");
    }
    SeedSlot out{.product = plan.product.id,
                 .slot = std::string(vocab::ToText(s.slot)),
                 .origin = s.seed_origin ? std::string(plan::ToText(*s.seed_origin)) : ""};
    if (!crypto::FromText(vocab::ToText(s.algorithm), out.algorithm)) {
      return Refused("seeds.plan", fmt::format("no key of the kind {} is derived from a seed",
                                               vocab::ToText(s.algorithm)));
    }
    return out;
  }
  return Refused("seeds.plan", "no identity of " + plan.product.id + " comes from a seed",
                 "give a slot of the plan the method carrot");
}

std::string SeedSecretName(const std::string& batch) { return "seeds-" + batch; }

fs::path ChipSeedFile(const Layout& layout, const std::string& chip) {
  return layout.silicon() / (chip + ".seed");
}

SeedBench::SeedBench(Factory& f, const SeedSlot& slot, const std::string& batch,
                     const std::string& place, const Clock& clock)
    : desk_({.log = *f.log,
             .log_dir = f.layout.ledger(),
             .keys = *f.keys.online,
             .plan = f.adopted.plan,
             .marks = f.marks,
             .serials = *f.serials,
             .clock = clock,
             .context = f.context}),
      issuer_({.log = *f.log,
               .desk = desk_,
               .plan = f.adopted.plan,
               .clock = clock,
               .context = f.context,
               .batch = batch,
               .slot = slot.slot,
               .algorithm = slot.algorithm,
               .place = place}) {}

Status EndBatch(Factory& f, const std::string& batch, const std::string& place,
                const std::string& how, const Clock& clock) {
  BM_TRY(std::optional<ledger::SeedBatchRow> row,
         ledger::SeedBatchOf(f.log->registry().db(), batch));
  ledger::Submission all;
  for (const ledger::SeedCustody& body :
       {ledger::SeedCustody{
            .how = fmt::format("{} keys derived and certified", row ? row->used : 0),
            .what = "used",
            .batch = batch,
            .place = place},
        ledger::SeedCustody{.how = how, .what = "destroyed", .batch = batch, .place = place}}) {
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(f.context, clock.Now(), "batch:" + batch, body)));
    all.push_back(std::move(e));
  }
  BM_CHECK(f.log->Append(std::move(all)));
  return {};
}

Status DropOrphans(Factory& f) {
  std::error_code ec;
  std::vector<fs::path> files;
  for (const auto& e : fs::directory_iterator(f.layout.seeds(), ec)) files.push_back(e.path());
  for (const fs::path& file : files) {
    std::string id = file.filename().string();
    BM_TRY(auto row, ledger::SeedBatchOf(f.log->registry().db(), id));
    if (row && row->destroyed_at == 0) continue;
    Status dropped = f.keys.online->DropSecret(SeedSecretName(file.stem().string()));
    if (!dropped && dropped.error().code != "keystore.missing") return dropped;
    BM_CHECK(EraseSeedFile(file));
  }
  return {};
}

Result<SeedIssued> IssueSeeds(Factory& f, const SeedIssueOptions& options, const Clock& clock) {
  return Issuing(f, options, clock).Run();
}

Status TellSeeds(Factory& f, const SeedLeg& leg, const Clock& clock) {
  if (leg.what != "couriered" && leg.what != "received" && leg.what != "destroyed") {
    return Usage("seeds.what", "\"" + leg.what + "\" is nothing a person tells about a batch",
                 "use couriered, received or destroyed");
  }
  BM_TRY(ledger::SeedBatchRow batch, BatchOf(f.log->registry().db(), leg.batch));
  if (leg.what == "destroyed" && fs::exists(f.layout.seeds() / batch.id)) {
    return Refused("seeds.kept", "seeds of the batch are still kept here",
                   "birthmark seed issue WS --batch ID uses them; the wrap goes with the last one");
  }
  ledger::SeedCustody body{.how = leg.how,
                           .what = leg.what,
                           .batch = leg.batch,
                           .place = leg.place.empty() ? "derivation site" : leg.place};
  BM_CHECK(f.log->Append(ledger::MakeEvent(f.context, clock.Now(), "batch:" + leg.batch, body)));
  return {};
}

Result<SeedStory> StoryOf(ledger::LogReader& reader, const std::string& id) {
  SeedStory out;
  BM_TRY(out.batch, BatchOf(reader.registry().db(), id));
  auto each = [&](std::string_view type, auto&& take) -> Status {
    BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(type));
    for (uint64_t seq : seqs) {
      BM_TRY(ledger::Event e, reader.EventAt(seq));
      if (e.subject == "batch:" + id) BM_CHECK(take(e));
    }
    return {};
  };
  BM_CHECK(each(ledger::SeedCustody::kType, [&](const ledger::Event& e) -> Status {
    SeedStory::Step step{.at = e.at, .actor = e.actor, .body = {}};
    BM_TRY(step.body, ledger::BodyOf<ledger::SeedCustody>(e));
    out.steps.push_back(std::move(step));
    return {};
  }));
  BM_CHECK(each(ledger::SeedRefused::kType, [&](const ledger::Event& e) -> Status {
    BM_TRY(ledger::SeedRefused body, ledger::BodyOf<ledger::SeedRefused>(e));
    out.refused.push_back(std::move(body));
    return {};
  }));
  return out;
}

Result<const ledger::SeedsUsed*> SeedOrigins::Run(uint64_t seq) {
  if (!run_ || run_seq_ != seq) {
    BM_TRY(ledger::Event e, event_(seq));
    BM_TRY(run_, ledger::BodyOf<ledger::SeedsUsed>(e));
    run_seq_ = seq;
  }
  return &*run_;
}

Result<std::optional<SeedOrigins::Origin>> SeedOrigins::Of(const std::string& unit) {
  BM_TRY(std::vector<ledger::IdentityRow> rows, registry_.IdentitiesOf(unit));
  for (const ledger::IdentityRow& row : rows) {
    if (row.method != "carrot") continue;
    BM_TRY(std::optional<uint64_t> seq, ledger::SeedRunBehind(registry_.db(), row.seq));
    if (!seq) continue;
    BM_TRY(const ledger::SeedsUsed* run, Run(*seq));
    auto it = std::ranges::find(run->units, unit);
    auto at = static_cast<size_t>(it - run->units.begin());
    if (it != run->units.end() && at < run->chips.size()) return Origin{run->chips[at], run->batch};
  }
  return std::nullopt;
}

Result<std::optional<std::string>> SeedOrigins::ChipOf(const std::string& unit) {
  BM_TRY(std::optional<Origin> origin, Of(unit));
  if (!origin) return std::nullopt;
  return origin->chip;
}

Result<std::optional<std::string>> SeedOrigins::UnitOf(const std::string& chip) {
  BM_TRY(std::vector<uint64_t> seqs, registry_.SeedUses(chip));
  for (uint64_t seq : seqs) {
    BM_TRY(const ledger::SeedsUsed* run, Run(seq));
    auto it = std::ranges::find(run->chips, chip);
    auto at = static_cast<size_t>(it - run->chips.begin());
    if (it != run->chips.end() && at < run->units.size()) return run->units[at];
  }
  return std::nullopt;
}

SeedOrigins::EventAt EventsOf(ledger::Registry& registry) {
  return [&registry](uint64_t seq) -> Result<ledger::Event> {
    BM_TRY(ledger::Stmt get, registry.db().Prepare("SELECT event FROM log WHERE seq=?"));
    BM_TRY(bool found, get.Bind(1, seq).Step());
    if (!found) return Internal("ledger.no-event", fmt::format("event {} is missing", seq));
    return ledger::DecodeEvent(get.Blob(0));
  };
}

Result<std::vector<std::string>> FusesOf(Factory& f, SeedOrigins& origins,
                                         const std::string& serial) {
  const plan::Plan& plan = f.adopted.plan;
  auto slot =
      std::ranges::find(plan.identities, vocab::Method::kCarrot, &plan::IdentitySlot::method);
  if (slot == plan.identities.end()) return std::vector<std::string>{};
  std::vector<std::string> out{
      "--seed-origin",
      std::string(plan::ToText(slot->seed_origin.value_or(plan::SeedOrigin::kFuses)))};
  fs::path file;
  if (slot->mixes_entropy) {
    // The factory has no seed of such a chip, nor use for one: the chip's maker fuses it here.
    file = ChipSeedFile(f.layout, serial);
    if (!fs::exists(file)) {
      BM_CHECK(MakeDirs(f.layout.silicon(), 0700));
      SecretBytes seed(32);
      f.rng.Fill(seed.Write(SecretAccess()));
      BM_CHECK(WriteFileAtomic(file, seed.Read(SecretAccess()), 0600));
    }
    out.emplace_back("--seed-mixes");
  } else {
    BM_TRY(std::optional<std::string> chip, origins.ChipOf(plan.product.id + "/" + serial));
    if (!chip) return std::vector<std::string>{};
    file = ChipSeedFile(f.layout, *chip);
    if (!fs::exists(file)) return std::vector<std::string>{};  // a chip without a seed
    if (FromHex(*chip)) out.insert(out.end(), {"--uid", *chip});
  }
  out.insert(out.end(), {"--seed-file", file.string()});
  return out;
}

}  // namespace birthmark::app
