// SPDX-License-Identifier: Apache-2.0
#include "app/intake.h"

#include <fmt/format.h>

#include <map>
#include <set>

namespace birthmark::app {
namespace {

constexpr size_t kRun = 256;              // parts in one event
constexpr size_t kRunBytes = 512 * 1024;  // of them, well below an event's limit
constexpr size_t kPending = 4096;         // parts in memory before a commit
constexpr size_t kMaxNamedRefusals = 100;
constexpr size_t kMaxReels = 1000;
constexpr std::string_view kNoReel = "unnamed";

class ManifestTaker {
 public:
  ManifestTaker(const IntakeServices& s, const IntakeOptions& o, ledger::ManifestImported head)
      : s_(s), o_(o), head_(std::move(head)) {}

  Result<ImportedManifest> Run(manifest::PartReader& reader,
                               const std::function<Digest()>& digest) {
    out_.kind = head_.kind;
    out_.test = head_.test;
    head_.id = FormatUuid(NewUuid(s_.clock.Now(), s_.rng));
    for (;;) {
      if (o_.stop && o_.stop()) {
        out_.stopped = true;
        break;
      }
      auto item = reader.Next();
      if (!item) {
        // What was read before is good, each part by itself.
        BM_CHECK(Commit());
        return std::unexpected(item.error());
      }
      if (!*item) break;
      BM_CHECK(Take(**item));
      if (o_.tell) o_.tell(1);
    }
    BM_CHECK(Commit());
    for (const std::string& reel : reels_) out_.reels.push_back(reel);
    if (!out_.stopped && !o_.dry_run) BM_CHECK(Close(digest()));
    return std::move(out_);
  }

 private:
  void Refuse(const std::string& name, const Error& e) {
    ++out_.refused;
    if (out_.refused <= kMaxNamedRefusals)
      out_.findings.Error(e.code, name + ": " + e.message, e.fix);
  }

  Status Take(manifest::Item& item) {
    if (!item.part) {
      Refuse(item.name, item.part.error());
      return {};
    }
    manifest::Part& part = *item.part;
    BM_TRY(bool fresh, IsNew(item.name, part));
    if (!fresh) return {};
    std::string reel = !part.reel.empty() ? part.reel
                       : !o_.reel.empty() ? o_.reel
                                          : std::string(kNoReel);
    if (reels_.size() < kMaxReels) reels_.insert(reel);
    if (head_.maker.empty()) head_.maker = part.maker;
    out_.sealed_secrets += part.sealed_secrets;
    ++out_.elements;
    uids_.insert(part.uid);
    if (part.key != Digest{}) keys_.insert(part.key);
    PendingRun& run = runs_[reel];
    run.bytes += part.cert.size() + part.spki.size() + 200;
    ledger::ListedElement listed{.uid = std::move(part.uid),
                                 .cert = std::move(part.cert),
                                 .spki = part.key,
                                 .key = std::nullopt,
                                 .slot = std::move(part.slot)};
    if (listed.cert.empty() && !part.spki.empty()) listed.key = std::move(part.spki);
    run.parts.push_back(std::move(listed));
    if (run.parts.size() >= kRun || run.bytes >= kRunBytes) BM_CHECK(End(reel, run));
    return ++pending_ >= kPending ? Commit() : Status();
  }

  // IsNew is false for a part that is here, and for one that is refused.
  Result<bool> IsNew(const std::string& name, const manifest::Part& part) {
    auto refuse = [&](const char* code, std::string why, std::string fix) {
      Refuse(name, Refused(code, std::move(why), std::move(fix)).error());
      return false;
    };
    if (uids_.contains(part.uid)) {
      return refuse("manifest.duplicate", "it stands twice in this list",
                    "one of the two parts is not what it says: ask its maker");
    }
    ledger::Registry& registry = s_.log.registry();
    BM_TRY(std::optional<ledger::ElementRow> row, registry.Element(part.uid));
    if (row) {
      if (row->manifest == head_.id) {
        return refuse("manifest.duplicate", "it stands twice in this list",
                      "one of the two parts is not what it says: ask its maker");
      }
      if (row->spki != part.key) {
        return refuse("manifest.other-key", "an earlier list has another key for it",
                      "two lists differ about one part: ask its maker which is right");
      }
      if (row->product != head_.product) {
        return refuse("manifest.other-product", "it was listed for " + row->product,
                      "a part is for one product");
      }
      ++out_.known;
      return false;
    }
    if (part.key == Digest{}) return true;
    bool same = keys_.contains(part.key);
    if (!same) {
      BM_TRY(row, registry.ElementByKey(part.key));
      same = row.has_value();
    }
    if (same) {
      return refuse("manifest.same-key", "its key is that of another part, too",
                    "two parts with one key are no parts at all: ask their maker");
    }
    return true;
  }

  struct PendingRun {
    std::vector<ledger::ListedElement> parts;
    size_t bytes = 0;
  };

  Status End(const std::string& reel, PendingRun& run) {
    if (run.parts.empty()) return {};
    ledger::ElementsListed body{
        .reel = reel, .elements = std::move(run.parts), .manifest = head_.id};
    run = {};
    if (o_.dry_run) return {};
    BM_TRY(ledger::NewEvent e, ledger::Prepare(ledger::MakeEvent(
                                   s_.context, s_.clock.Now(), "product:" + head_.product, body)));
    ledger::Submission one;
    one.push_back(std::move(e));
    batch_.push_back(std::move(one));
    return {};
  }

  Status Commit() {
    for (auto& [reel, run] : runs_) BM_CHECK(End(reel, run));
    runs_.clear();
    pending_ = 0;
    if (!batch_.empty()) {
      for (const auto& receipt : s_.log.AppendAll(batch_))
        if (!receipt) return std::unexpected(receipt.error());
      batch_.clear();
      // What is committed is found in the registry from now on.
      uids_.clear();
      keys_.clear();
    }
    return {};
  }

  // Close says what the import was, unless the very same file was imported before.
  Status Close(const Digest& file) {
    head_.file = file;
    head_.elements = out_.elements;
    head_.refused = out_.refused;
    head_.reels = out_.reels;
    if (out_.elements == 0) {
      BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
      BM_TRY(std::vector<uint64_t> seqs,
             reader->registry().EventsOfType(ledger::ManifestImported::kType));
      for (uint64_t seq : seqs) {
        BM_TRY(ledger::Event e, reader->EventAt(seq));
        BM_TRY(ledger::ManifestImported body, ledger::BodyOf<ledger::ManifestImported>(e));
        if (body.file == file && body.product == head_.product) return {};
      }
    }
    out_.id = head_.id;
    BM_CHECK(s_.log.Append(
        ledger::MakeEvent(s_.context, s_.clock.Now(), "product:" + head_.product, head_)));
    return {};
  }

  const IntakeServices& s_;
  const IntakeOptions& o_;
  ledger::ManifestImported head_;
  ImportedManifest out_;
  std::map<std::string, PendingRun> runs_;  // by reel
  std::set<std::string> reels_, uids_;
  std::set<Digest> keys_;
  std::vector<ledger::Submission> batch_;
  size_t pending_ = 0;
};

}  // namespace

Result<ImportedManifest> TakeParts(const IntakeServices& services, const IntakeOptions& options,
                                   manifest::PartReader& reader, ledger::ManifestImported head,
                                   const std::function<Digest()>& digest) {
  return ManifestTaker(services, options, std::move(head)).Run(reader, digest);
}

}  // namespace birthmark::app
