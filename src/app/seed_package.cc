// SPDX-License-Identifier: Apache-2.0
#include "app/seed_package.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <unordered_map>

#include "app/grant.h"
#include "app/on_behalf.h"
#include "app/publish.h"
#include "app/seed_batch.h"
#include "app/seed_runs.h"
#include "app/seeds.h"
#include "audit/audit.h"
#include "crypto/digest.h"
#include "ledger/bundle.h"
#include "ledger/events_seed_package.h"
#include "ledger/sqlite/export.h"
#include "seed/intake.h"

namespace birthmark::app {
namespace {

constexpr std::string_view kCarrotMethod = "carrot";
// Certificates that wait for the event of their run; a site commits 4 096 together.
constexpr size_t kMostWaiting = 2 * SeedIssuer::kRun;
constexpr size_t kMostNamed = 20;
constexpr uint64_t kMostRefusals = 1000;  // recorded one by one; the rest are counted
constexpr int64_t kMaxAheadMs = 24LL * 3600 * 1000;
constexpr size_t kMaxVkey = 4096;

// Tells is true for what a package shows: certificates from seeds and the ways of the batches.
bool Tells(const ledger::Event& e) {
  if (e.log) return false;  // of another log in turn
  if (e.type == ledger::Genesis::kType || e.type == ledger::SeedBatch::kType ||
      e.type == ledger::SeedCustody::kType || e.type == ledger::SeedRefused::kType ||
      e.type == ledger::SeedsUsed::kType)
    return true;
  if (e.type != ledger::IdentityIssued::kType) return false;
  auto body = ledger::BodyOf<ledger::IdentityIssued>(e);
  return body && body->method == kCarrotMethod && body->proof == "made-by-us";
}

// IsVisible is true where no text of a body holds what could move a terminal's cursor.
bool IsVisible(const cbor::Value& v) {
  if (const std::string* text = v.AsText()) {
    return std::ranges::none_of(
        *text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  }
  if (const cbor::Array* all = v.AsArray()) return std::ranges::all_of(*all, IsVisible);
  const cbor::Map* map = v.AsMap();
  return map == nullptr || std::ranges::all_of(*map, [](const auto& entry) {
           return IsVisible(entry.first) && IsVisible(entry.second);
         });
}

std::unexpected<Error> BadPackage(const std::string& why) {
  return Refused("seeds.package", "the package " + why,
                 "have the site make it again: birthmark seed package SITE -o F");
}

Result<Digest> DigestOfFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  crypto::Sha256Hasher hash;
  Bytes buffer(1 << 16);
  do {
    in.read(reinterpret_cast<char*>(buffer.data()), static_cast<std::streamsize>(buffer.size()));
    hash.Update(ByteView(buffer).first(static_cast<size_t>(in.gcount())));
  } while (in);
  if (!in.eof()) return Environment("file.read", path.string() + ": cannot be read");
  return hash.Finish();
}

// Site is an authority of ours whose key is at a site.
struct Site {
  ledger::CaRow row;
  crypto::Certificate certificate;
  crypto::PublicKey key;
  uint64_t issued = 0;  // by what is here and what was taken now
};

// Waiting is a certificate whose run was not told yet.
struct Waiting {
  ledger::IdentityIssued body;  // as it will stand here
  int64_t at = 0;
  std::string why;  // not empty: refused
  bool known = false;
};

class Taker {
 public:
  Taker(Factory& f, const SeedPackageOptions& o, const Clock& clock)
      : f_(f), o_(o), clock_(clock), runs_(*f.log, clock, f.context) {}

  Result<SeedPackageTaken> Run() {
    BM_TRY(slot_, SeedSlotOf(f_.adopted.plan));
    BM_TRY(std::string vkey, ReadTextFile(o_.log_key, kMaxVkey));
    while (!vkey.empty() && (vkey.back() == '\n' || vkey.back() == '\r')) vkey.pop_back();
    BM_TRY(ledger::NoteKey key, ledger::NoteKey::FromText(vkey));
    log_key_.assign(key.key().spki().begin(), key.key().spki().end());
    BM_TRY(auto bundle, ledger::Bundle::Open(ledger::FromFile(o_.file.string()), key));
    origin_ = out_.origin = bundle->summary().header.origin;
    if (origin_ == f_.genesis.origin)
      return Refused("seeds.package-log", "the package is of this workspace's own log");
    if (bundle->summary().header.from != 0) return BadPackage("does not begin where its log does");
    BM_TRY(file_, DigestOfFile(o_.file));
    BM_TRY(reader_, f_.NewReader());
    BM_CHECK(LoadSites());
    BM_CHECK(bundle->ForEach([&](uint64_t seq, const ledger::Event& e, ByteView) -> Status {
      if (seq == 0) return Begin(e);
      if (!begun_) return BadPackage("hides how its log began");
      return Tells(e) ? One(e) : Status();
    }));
    if (!begun_) return BadPackage("hides how its log began");
    if (!waiting_.empty()) return BadPackage("tells of certificates and of no run of theirs");
    return std::move(out_);
  }

 private:
  Status LoadSites() {
    const plan::Pki& pki = *f_.adopted.plan.IdentityPki();
    const std::string begins = IslandAuthorityId(pki, std::string(kDerivationPlace), "");
    BM_TRY(std::vector<ledger::CaRow> cas, reader_->registry().Cas());
    for (const ledger::CaRow& row : cas) {
      if (row.pki != pki.id || !row.id.starts_with(begins)) continue;
      Site site{.row = row, .certificate = {}, .key = {}, .issued = row.issued};
      BM_TRY(site.certificate, CertificateOf(*reader_, row));
      BM_TRY(site.key, site.certificate.public_key());
      sites_.push_back(std::move(site));
    }
    if (!sites_.empty()) return {};
    return Refused("seeds.package-authority",
                   "no site was given an authority of " + f_.adopted.plan.product.id,
                   "birthmark request sign WS SITE-REQUEST --on-behalf");
  }

  Status Begin(const ledger::Event& e) {
    if (e.type != ledger::Genesis::kType) return BadPackage("hides how its log began");
    BM_TRY(ledger::Genesis g, ledger::BodyOf<ledger::Genesis>(e));
    if (g.rehearsal != f_.genesis.rehearsal) {
      return Refused("seeds.package",
                     g.rehearsal ? "the package is a rehearsal's, this workspace is not"
                                 : "the package is no rehearsal's, this workspace is",
                     "rehearse in workspaces of their own");
    }
    begun_ = true;
    return {};
  }

  Status One(const ledger::Event& e) {
    if (e.at > Millis(clock_.Now()) + kMaxAheadMs) return BadPackage("tells of days to come");
    if (!IsVisible(e.body)) return BadPackage("has a text with control characters");
    if (e.type == ledger::IdentityIssued::kType) return Identity(e);
    if (e.type == ledger::SeedBatch::kType) return Batch(e);
    if (e.type == ledger::SeedsUsed::kType) return Used(e);
    if (e.type == ledger::SeedCustody::kType) {
      BM_TRY(ledger::SeedCustody body, ledger::BodyOf<ledger::SeedCustody>(e));
      auto batch = batches_.find(body.batch);
      if (batch == batches_.end()) return {};
      return Tell(e, batch->second, body.batch,
                  fmt::format("{} {} {} {}", e.at, body.what, body.place, body.how), body);
    }
    BM_TRY(ledger::SeedRefused body, ledger::BodyOf<ledger::SeedRefused>(e));
    auto batch = batches_.find(body.batch);
    if (batch == batches_.end()) return {};
    return Tell(e, batch->second, body.batch, fmt::format("refused {} {}", body.element, body.why),
                body);
  }

  // Batch opens a batch here: once, and only when nobody else told of it or has its file.
  Status Batch(const ledger::Event& e) {
    BM_TRY(ledger::SeedBatch body, ledger::BodyOf<ledger::SeedBatch>(e));
    if (body.product != slot_.product) return {};
    ledger::Registry& registry = f_.log->registry();
    BM_TRY(auto before, ledger::SeedBatchOf(registry.db(), body.id));
    if (before) {
      BM_TRY(std::optional<ToldBy> told, ToldByOf(*reader_, body.id));
      if (!told || told->origin != origin_ || before->file != body.file) {
        return Refused(
            "seeds.package-log",
            fmt::format("batch {} is here already, and not by this site's word", body.id),
            "birthmark seed show WS --batch " + body.id);
      }
      BM_TRY(SeedStory story, StoryOf(*reader_, body.id));
      std::set<std::string>& said = batches_[body.id];
      for (const SeedStory::Step& s : story.steps)
        said.insert(fmt::format("{} {} {} {}", s.at, s.body.what, s.body.place, s.body.how));
      for (const ledger::SeedRefused& r : story.refused)
        said.insert(fmt::format("refused {} {}", r.element, r.why));
      return {};
    }
    BM_TRY(auto same, ledger::SeedBatchOfFile(registry.db(), body.file, slot_.product));
    if (same) {
      return Refused("seeds.known",
                     "the seed file of batch " + body.id + " was opened here too, as " + same->id,
                     "its seeds are at two places: find out which one is to use them");
    }
    batches_[body.id];
    ++out_.batches;
    if (o_.dry_run) return {};
    ledger::Submission all;
    const std::string subject = "batch:" + body.id;
    BM_TRY(ledger::NewEvent opened,
           ledger::Prepare(ledger::MakeEvent(f_.context, TimeFromMillis(e.at), subject, body)));
    all.push_back(std::move(opened));
    BM_TRY(ledger::NewEvent told,
           ledger::Prepare(ledger::MakeEvent(
               f_.context, clock_.Now(), subject,
               ledger::SeedTold{
                   .file = file_, .batch = body.id, .origin = origin_, .log_key = log_key_})));
    all.push_back(std::move(told));
    BM_CHECK(f_.log->Append(std::move(all)));
    return {};
  }

  // Tell writes down what the site says of a batch, unless it said so before.
  template <class B>
  Status Tell(const ledger::Event& e, std::set<std::string>& said, const std::string& batch,
              const std::string& words, const B& body) {
    if (said.size() > 2 * kMostRefusals || !said.insert(words).second || o_.dry_run) return {};
    BM_CHECK(f_.log->Append(
        ledger::MakeEvent(f_.context, TimeFromMillis(e.at), "batch:" + batch, body)));
    return {};
  }

  Status Identity(const ledger::Event& e) {
    BM_TRY(ledger::IdentityIssued body, ledger::BodyOf<ledger::IdentityIssued>(e));
    if (!body.unit.starts_with(slot_.product + "/") || body.slot != slot_.slot) return {};
    if (waiting_.size() >= kMostWaiting) return BadPackage("has too many certificates in one run");
    Waiting w{.body = std::move(body), .at = e.at, .why = "", .known = false};
    BM_TRY(std::vector<ledger::IdentityRow> rows, f_.log->registry().IdentitiesByKey(w.body.spki));
    w.known = std::ranges::any_of(rows, [&](const ledger::IdentityRow& r) {
      return r.serial == w.body.serial && r.unit == w.body.unit;
    });
    if (!w.known) {
      if (Status fits = Check(w.body); !fits)
        w.why = fits.error().code + ": " + fits.error().message;
    }
    std::string unit = w.body.unit;
    if (!waiting_.emplace(std::move(unit), std::move(w)).second)
      return BadPackage("has two certificates for one unit in one run");
    return {};
  }

  // Check holds a certificate against the authority that the site was given, and names ours.
  Status Check(ledger::IdentityIssued& body) {
    auto no = [](std::string_view what) {
      return Refused("seeds.package-certificate", std::string(what));
    };
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.cert));
    BM_TRY(crypto::PublicKey key, c.public_key());
    if (key.spki_digest() != body.spki || c.serial() != body.serial || c.is_ca())
      return no("its certificate is not what the package says");
    if (key.algorithm() != slot_.algorithm) return no("its key is of another kind than the plan's");
    const std::string serial = body.unit.substr(slot_.product.size() + 1);
    if (c.subject_serial_number() != serial) return no("its certificate names another unit");
    auto site = std::ranges::find_if(sites_, [&](const Site& s) {
      return std::ranges::equal(c.issuer_der(), s.certificate.subject_der()) && c.IsSignedBy(s.key);
    });
    if (site == sites_.end()) return no("no authority that a site was given signed it");
    if (site->row.issues_until && Millis(c.not_before()) >= *site->row.issues_until)
      return no("it was issued after the window of " + site->row.id);
    if (site->row.max_count && site->issued >= *site->row.max_count)
      return no(
          fmt::format("it is one more than the {} of {}", *site->row.max_count, site->row.id));
    if (auto hit = audit::CheckKey(key)) return Refused(hit->code, "its key fails its audit");
    ++site->issued;
    body.ca = site->row.id;
    return {};
  }

  Status Used(const ledger::Event& e) {
    BM_TRY(ledger::SeedsUsed run, ledger::BodyOf<ledger::SeedsUsed>(e));
    if (!batches_.contains(run.batch)) return {};
    if (run.chips.size() != run.units.size() || run.slot != slot_.slot ||
        !std::ranges::all_of(run.chips, seed::IsChipName))
      return BadPackage("has a run that does not add up");
    std::vector<std::pair<std::string, std::string>> refused;
    for (size_t i = 0; i < run.chips.size(); ++i) {
      auto it = waiting_.find(run.units[i]);
      if (it == waiting_.end()) return BadPackage("tells of a run whose certificates it lacks");
      Waiting w = std::move(it->second);
      waiting_.erase(it);
      if (w.known) {
        ++out_.known;
        continue;
      }
      if (!w.why.empty()) {
        refused.emplace_back(run.chips[i], run.units[i] + ": " + w.why);
        continue;
      }
      BM_TRY(std::vector<uint64_t> uses, f_.log->registry().SeedUses(run.chips[i]));
      if (!uses.empty()) {
        refused.emplace_back(run.chips[i],
                             run.units[i] + ": seeds.chip-used: its chip has a certificate");
        continue;
      }
      BM_TRY(ledger::NewEvent event,
             ledger::Prepare(ledger::MakeEvent(f_.context, TimeFromMillis(w.at),
                                               "unit:" + run.units[i], w.body)));
      runs_.Add(std::move(run.chips[i]), std::move(run.units[i]), std::move(event));
    }
    BM_CHECK(CommitRun(run, e.at, refused));
    if (o_.progress) o_.progress(out_.certificates + out_.known);
    return {};
  }

  Status CommitRun(const ledger::SeedsUsed& run, int64_t at,
                   const std::vector<std::pair<std::string, std::string>>& refused) {
    out_.refused += refused.size();
    for (const auto& [chip, why] : refused) {
      Name(why);
      if (o_.dry_run || recorded_ >= kMostRefusals) continue;
      ++recorded_;
      ledger::SeedRefused body{.why = why, .batch = run.batch, .element = chip};
      // A package that comes again says the same again.
      if (!batches_[run.batch].insert(fmt::format("refused {} {}", chip, why)).second) continue;
      BM_CHECK(
          f_.log->Append(ledger::MakeEvent(f_.context, clock_.Now(), "batch:" + run.batch, body)));
    }
    if (o_.dry_run) {
      out_.certificates += runs_.size();
      runs_.Drop();
      return {};
    }
    const uint64_t issued = runs_.issued(), not_taken = runs_.refused();
    const size_t named = runs_.named().size();
    BM_CHECK(runs_.Commit(run, TimeFromMillis(at)));
    out_.certificates += runs_.issued() - issued;
    out_.refused += runs_.refused() - not_taken;
    for (size_t i = named; i < runs_.named().size(); ++i) Name(runs_.named()[i]);
    return {};
  }

  void Name(const std::string& what) {
    if (out_.findings.all().size() < kMostNamed)
      out_.findings.Error("seeds.package-certificate", what,
                          "ask the site; nothing of it was taken");
  }

  Factory& f_;
  const SeedPackageOptions& o_;
  const Clock& clock_;
  SeedSlot slot_;
  std::string origin_;
  Bytes log_key_;
  Digest file_{};
  std::unique_ptr<ledger::LogReader> reader_;  // as the log stood before
  std::vector<Site> sites_;
  std::map<std::string, std::set<std::string>> batches_;  // what was said of each before
  std::unordered_map<std::string, Waiting> waiting_;      // by unit
  SeedRuns runs_;
  bool begun_ = false;
  uint64_t recorded_ = 0;
  SeedPackageTaken out_;
};

}  // namespace

Result<SeedPackage> WriteSeedPackage(Factory& site, const fs::path& file, const Clock& clock) {
  SeedPackage out;
  BM_TRY(std::string note, CheckpointNow(site));
  BM_TRY(auto reader, site.NewReader());
  fs::path part = file;
  part += ".part";
  auto write = [&]() -> Status {
    std::ofstream to(part, std::ios::binary | std::ios::trunc);
    if (!to) return std::unexpected(FromErrno("file.write", file.string(), errno));
    return ledger::ExportBundle(*reader, note,
                                {.from = 0,
                                 .redact =
                                     [&](const ledger::Event& e) {
                                       const bool shown = Tells(e);
                                       out.certificates +=
                                           shown && e.type == ledger::IdentityIssued::kType;
                                       out.batches += shown && e.type == ledger::SeedBatch::kType;
                                       return !shown;
                                     }},
                                to);
  };
  auto record = [&]() -> Status {
    if (out.certificates == 0) {
      return Refused("seeds.package-none", "no certificate was issued from a seed here",
                     "birthmark seed issue WS --batch ID");
    }
    BM_TRY(out.file, DigestOfFile(part));
    ledger::PackageDelivered body{.to = "factory",
                                  .file = out.file,
                                  .kind = "certificates",
                                  .count = out.certificates,
                                  .product = site.adopted.plan.product.id,
                                  .protection = "signed"};
    BM_CHECK(site.log->Append(ledger::MakeEvent(site.context, clock.Now(),
                                                "product:" + site.adopted.plan.product.id, body)));
    std::error_code ec;
    fs::rename(part, file, ec);
    if (ec) return std::unexpected(FromErrno("file.write", file.string(), ec.value()));
    return SyncDir(file.has_parent_path() ? file.parent_path() : fs::path("."));
  };
  Status done = write();
  if (done) done = record();
  std::error_code gone;
  fs::remove(part, gone);
  if (!done) return std::unexpected(std::move(done).error());
  return out;
}

Result<SeedPackageTaken> TakeSeedPackage(Factory& f, const SeedPackageOptions& options,
                                         const Clock& clock) {
  return Taker(f, options, clock).Run();
}

Result<std::optional<ToldBy>> ToldByOf(ledger::LogReader& reader, const std::string& batch) {
  BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(ledger::SeedTold::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, reader.EventAt(seq));
    BM_TRY(ledger::SeedTold body, ledger::BodyOf<ledger::SeedTold>(e));
    if (body.batch == batch) return ToldBy{body.origin, body.file};
  }
  return std::nullopt;
}

}  // namespace birthmark::app
