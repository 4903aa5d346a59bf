// SPDX-License-Identifier: Apache-2.0
#include "app/import.h"

#include <algorithm>
#include <map>
#include <set>

#include "ledger/events.h"

namespace birthmark::app {
namespace {

constexpr size_t kChunk = 128;  // entries in one commit, so that nobody else waits long
constexpr size_t kMaxNamed = 20;
constexpr size_t kMaxWhy = 400;
constexpr int64_t kMaxAhead = 24LL * 3600 * 1000;  // an island's clock may be wrong, not absurd

// Entry is one entry of the segment with what can be said about it without the log.
struct Entry {
  uint64_t seq = 0;
  Bytes raw;
  std::optional<ledger::Event> event;
  std::string why;    // not empty: it will be set aside, whatever the log holds
  std::string aside;  // the same, as the log stood when it was last looked at
  std::optional<ledger::IdentityIssued> issued;
  std::optional<ledger::IdentityState> state;
};

std::string Why(const Error& e) { return e.code + ": " + e.message; }

std::string Cut(std::string s) {
  if (s.size() <= kMaxWhy) return s;
  s.resize(kMaxWhy);
  // Not in the middle of a character: the text has to stay UTF-8.
  while (!s.empty() && (static_cast<uint8_t>(s.back()) & 0xc0) == 0x80) s.pop_back();
  if (!s.empty() && static_cast<uint8_t>(s.back()) >= 0xc0) s.pop_back();
  return s;
}

// Look judges entries of one island by what they say themselves.
class Look {
 public:
  Look(const Island& island, int64_t now) : island_(island), now_(now) {}

  Entry operator()(const ledger::BundleLeaf& leaf) {
    Entry out{.seq = leaf.seq,
              .raw = leaf.raw,
              .event = {},
              .why = "",
              .aside = "",
              .issued = {},
              .state = {}};
    auto event = ledger::DecodeEvent(out.raw);
    if (!event) {
      out.why = Why(event.error());
      return out;
    }
    out.event = std::move(*event);
    if (Status s = Check(*out.event, out); !s) out.why = Why(s.error());
    if (out.why.empty()) last_recorded_ = std::max(last_recorded_, out.event->recorded);
    return out;
  }

 private:
  Status Ours(const std::string& unit) const {
    if (unit.size() > island_.product.size() + 1 && unit.starts_with(island_.product + "/"))
      return {};
    return Refused("import.other-product",
                   fmt::format("{} is no unit of {}", unit, island_.product));
  }

  template <class B>
  Status UnitOf(const ledger::Event& e) const {
    BM_TRY(B body, ledger::BodyOf<B>(e));
    return Ours(body.unit);
  }

  Status Check(const ledger::Event& e, Entry& out) const {
    // The fold says later whether the body reads; here only types that it does not know.
    BM_CHECK(ledger::CheckType(e.type));
    if (e.recorded < last_recorded_ || e.recorded > now_ + kMaxAhead || e.at > now_ + kMaxAhead) {
      return Refused(
          "import.clock",
          fmt::format(
              "it was recorded at {}, {}",
              FormatTime(TimeFromMillis(std::clamp<int64_t>(e.recorded, 0, 253402300799000))),
              e.recorded < last_recorded_ ? "before the entry before it"
                                          : "which has not come yet"));
    }
    if (!ledger::TakenOver(e.type)) return {};
    if (e.type == ledger::IdentityIssued::kType) return Issued(e, out);
    if (e.type == ledger::IdentityState::kType) {
      BM_TRY(out.state, ledger::BodyOf<ledger::IdentityState>(e));
      return Ours(out.state->unit);
    }
    if (e.type == ledger::UnitVisit::kType) return UnitOf<ledger::UnitVisit>(e);
    if (e.type == ledger::UnitState::kType) return UnitOf<ledger::UnitState>(e);
    if (e.type == ledger::UnitIntent::kType) return UnitOf<ledger::UnitIntent>(e);
    if (e.type == ledger::KeyOutside::kType) return UnitOf<ledger::KeyOutside>(e);
    if (e.type == ledger::UnitCorrected::kType) {
      BM_TRY(auto body, ledger::BodyOf<ledger::UnitCorrected>(e));
      BM_CHECK(Ours(body.from));
      return Ours(body.to);
    }
    if (e.type == ledger::CustodyLeg::kType) {
      BM_TRY(auto body, ledger::BodyOf<ledger::CustodyLeg>(e));
      for (const std::string& unit : body.units) BM_CHECK(Ours(unit));
      return {};
    }
    if (e.type == ledger::PoolReleased::kType) {
      BM_TRY(auto body, ledger::BodyOf<ledger::PoolReleased>(e));
      if (body.station != island_.station)
        return Refused("import.not-its-own", "it releases from the pool of " + body.station);
      return Ours(body.unit);
    }
    if (e.type.starts_with("session.")) return {};
    return Refused("import.not-its-own", fmt::format("a station's log has no {}", e.type));
  }

  // Issued checks a certificate against the authority that this island was given.
  Status Issued(const ledger::Event& e, Entry& out) const {
    BM_TRY(out.issued, ledger::BodyOf<ledger::IdentityIssued>(e));
    const ledger::IdentityIssued& b = *out.issued;
    BM_CHECK(Ours(b.unit));
    auto ca = std::ranges::find(island_.authorities, b.ca, &IslandAuthority::id);
    if (ca == island_.authorities.end()) {
      return Refused("import.foreign-authority",
                     fmt::format("{} is no authority of this island", b.ca));
    }
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(b.cert));
    bool fits = c.public_key() && c.public_key()->spki_digest() == b.spki &&
                c.serial() == b.serial && !c.is_ca() &&
                std::ranges::equal(c.issuer_der(), ca->certificate.subject_der()) &&
                c.IsSignedBy(*ca->certificate.public_key());
    if (!fits) {
      return Refused("import.certificate",
                     fmt::format("the certificate of {} is not what the entry says", b.unit));
    }
    if (ca->issues_until && Millis(c.not_before()) >= *ca->issues_until) {
      return Refused("import.over-quota",
                     fmt::format("{} was issued after the window of {}", b.unit, ca->id));
    }
    return {};
  }

  const Island& island_;
  int64_t now_;
  int64_t last_recorded_ = 0;
};

// EntrysOwnFault: the log refused what the entry says, not the writing of it.
bool EntrysOwnFault(const Error& e) {
  for (const char* code : {"ledger.key-seen", "ledger.slot-live", "ledger.serial-seen",
                           "ledger.identity-unknown", "ledger.identity-ended", "ledger.genesis"}) {
    if (e.code == code) return true;
  }
  return false;
}

// Taking is one import at work: entry after entry, in their order.
class Taking {
 public:
  Taking(const Island& island, const ledger::EventContext& context, const Clock& clock,
         ImportResult& result)
      : island_(island), context_(context), clock_(clock), result_(result) {
    for (const IslandAuthority& a : island.authorities) ours_.insert(a.id);
  }

  // Commit brings the entries of one chunk into the log, each as it can be.
  Status Commit(ledger::LogWriter& log, std::vector<Entry>& chunk) {
    size_t done = 0;
    for (;;) {
      // What another import brought meanwhile is passed over.
      BM_TRY(auto row, log.registry().Foreign(island_.origin));
      while (done < chunk.size() && row && chunk[done].seq < row->next) ++done;
      if (done == chunk.size()) break;
      BM_CHECK(Begin(log.registry()));
      std::vector<ledger::Submission> batch;
      for (size_t i = done; i < chunk.size(); ++i) {
        BM_TRY(ledger::Submission one, Wrap(log.registry(), chunk[i]));
        batch.push_back(std::move(one));
      }
      auto results = log.AppendAll(batch);
      size_t i = 0;
      while (i < results.size() && results[i]) Count(chunk[done + i++]);
      done += i;
      if (i == results.size()) break;
      const Error& e = results[i].error();
      if (EntrysOwnFault(e) && chunk[done].aside.empty()) {
        chunk[done].why = Why(e);
      } else {
        return std::unexpected(e);
      }
    }
    return {};
  }

 private:
  Status Begin(ledger::Registry& registry) {
    issued_.clear();
    fresh_.clear();
    BM_TRY(std::vector<ledger::CaRow> cas, registry.Cas());
    for (const ledger::CaRow& ca : cas)
      if (ours_.contains(ca.id)) issued_[ca.id] = ca.issued;
    return {};
  }

  // Judge says what the log has against an entry, beyond the log's own rules.
  Status Judge(ledger::Registry& registry, const Entry& e) {
    if (e.issued) {
      auto ca = std::ranges::find(island_.authorities, e.issued->ca, &IslandAuthority::id);
      uint64_t& n = issued_[ca->id];
      if (ca->max_count && n >= *ca->max_count) {
        return Refused("import.over-quota", fmt::format("{} is one more than the {} of {}",
                                                        e.issued->unit, *ca->max_count, ca->id));
      }
      ++n;
      fresh_.insert(e.issued->serial);
    }
    if (e.state && !fresh_.contains(e.state->serial)) {
      BM_TRY(auto row, registry.IdentityBySerial(e.state->serial));
      if (row && !ours_.contains(row->ca)) {
        BM_TRY(bool pooled, InPool(registry, row->unit));
        if (!pooled) {
          return Refused("import.not-its-own",
                         fmt::format("the identity of {} is not of this island", row->unit));
        }
      }
    }
    return {};
  }

  // InPool is true for a unit whose identity was made ahead for this station.
  Result<bool> InPool(ledger::Registry& registry, const std::string& unit) {
    if (!pool_) {
      pool_.emplace();
      BM_TRY(std::vector<uint64_t> seqs, registry.EventsOfType(ledger::PoolFilled::kType));
      if (!seqs.empty()) BM_CHECK(read_(seqs));
    }
    return pool_->contains(unit);
  }

  Result<ledger::Submission> Wrap(ledger::Registry& registry, Entry& e) {
    std::string why = e.why;
    e.aside.clear();
    if (why.empty()) {
      if (Status s = Judge(registry, e); !s) {
        if (s.error().kind != ErrorKind::kNegative) return std::unexpected(s.error());
        why = Why(s.error());
      }
    }
    Time now = clock_.Now();
    std::string subject = "station:" + island_.station;
    ledger::Submission out;
    if (why.empty()) {
      auto taken = ledger::Prepare(ledger::MakeEvent(
          context_, now, subject,
          ledger::EntryImported{.seq = e.seq, .entry = e.raw, .origin = island_.origin}));
      if (taken) {
        out.push_back(std::move(*taken));
        return out;
      }
      why = Why(taken.error());  // the fold could not read it
    }
    e.aside = why;
    BM_TRY(ledger::NewEvent aside,
           ledger::Prepare(ledger::MakeEvent(context_, now, subject,
                                             ledger::EntrySetAside{.seq = e.seq,
                                                                   .why = Cut(std::move(why)),
                                                                   .entry = e.raw,
                                                                   .origin = island_.origin})));
    out.push_back(std::move(aside));
    return out;
  }

  void Count(const Entry& e) {
    if (e.aside.empty()) {
      ++result_.taken;
      return;
    }
    ++result_.set_aside;
    if (result_.named.size() < kMaxNamed)
      result_.named.push_back(fmt::format("entry {}: {}", e.seq, Cut(e.aside)));
  }

 public:
  // How to read events by number, for pools.
  std::function<Status(const std::vector<uint64_t>&)> read_;
  std::optional<std::set<std::string>> pool_;

 private:
  const Island& island_;
  const ledger::EventContext& context_;
  const Clock& clock_;
  ImportResult& result_;
  std::set<std::string> ours_;
  std::map<std::string, uint64_t> issued_;
  std::set<Bytes> fresh_;  // serials issued earlier in this chunk
};

}  // namespace

Result<Island> FindIsland(ledger::LogReader& reader, const std::string& origin) {
  Island out;
  BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(ledger::IslandOpened::kType));
  BM_TRY(std::vector<ledger::CaRow> cas, reader.registry().Cas());
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, reader.EventAt(seq));
    BM_TRY(ledger::IslandOpened body, ledger::BodyOf<ledger::IslandOpened>(e));
    if (body.origin != origin) continue;
    // The first event of an origin binds it to its key and station; later ones only add quotas.
    if (out.origin.empty()) {
      out.origin = body.origin;
      out.station = body.station;
      out.product = body.product;
      out.log_key = body.log_key;
    }
    auto ca = std::ranges::find(cas, body.ca, &ledger::CaRow::id);
    if (body.ca.empty() || ca == cas.end()) continue;
    BM_TRY(ledger::Event made, reader.EventAt(ca->seq));
    BM_TRY(ledger::CaCreated created, ledger::BodyOf<ledger::CaCreated>(made));
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(created.cert));
    out.authorities.push_back({ca->id, std::move(c), ca->max_count, ca->issues_until});
  }
  if (out.origin.empty()) {
    return Refused("import.unknown-log",
                   fmt::format("no station of ours writes the log {}", origin),
                   "join the station first: birthmark station add WS --station ID");
  }
  return out;
}

Result<ImportResult> Importer::Import(const ledger::OpenStream& open, const std::string& station) {
  BM_TRY(auto in, open());
  BM_TRY(ledger::BundleReader first, ledger::BundleReader::Start(std::move(in)));
  const ledger::BundleHeader header = first.header();
  BM_TRY(auto reader, ledger::LogReader::Open(log_dir_));
  BM_TRY(Island island, FindIsland(*reader, header.origin));
  if (!station.empty() && island.station != station) {
    return Refused("import.other-station", fmt::format("the log {} is that of {}, not of {}",
                                                       header.origin, island.station, station));
  }
  BM_TRY(crypto::PublicKey key, crypto::PublicKey::FromSpki(island.log_key));
  BM_TRY(ledger::NoteKey vkey, ledger::NoteKey::Of(island.origin, key));
  BM_TRY(ledger::Checkpoint checkpoint, ledger::OpenCheckpoint(header.checkpoint, vkey));

  // on_log runs fn on the log; a log that could not be opened again after it was lent calls nobody.
  auto on_log = [&](const std::function<Status(ledger::LogWriter&)>& fn) {
    Status s = Internal("ledger.closed", "the ledger is being closed");
    with_log_([&](ledger::LogWriter& log) { s = fn(log); });
    return s;
  };
  ledger::ForeignRow here;
  BM_CHECK(on_log([&](ledger::LogWriter& log) -> Status {
    BM_TRY(auto row, log.registry().Foreign(island.origin));
    if (row) here = std::move(*row);
    return {};
  }));
  ImportResult result{
      .origin = island.origin, .next = here.next, .taken = 0, .set_aside = 0, .named = {}};
  if (header.from > here.next) {
    return Refused("import.gap",
                   fmt::format("the segment begins at entry {}, here are those before {}",
                               header.from, here.next),
                   fmt::format("send the entries from {} on", here.next));
  }

  // First everything is read without a change: the entries here and those to come must make the
  // tree that the island signed, so that nothing of what it said before was taken back.
  ledger::Frontier tree = here.tree;
  for (;;) {
    BM_TRY(auto leaf, first.Next());
    if (!leaf) break;
    if (leaf->redacted)
      return Refused("import.redacted", fmt::format("entry {} is redacted", leaf->seq));
    if (leaf->raw.size() > ledger::kMaxEventBytes)
      return Refused("import.too-large", fmt::format("entry {} is no log's own", leaf->seq));
    if (leaf->seq >= here.next) tree.Append(ledger::LeafHash(leaf->raw));
  }
  if (checkpoint.size >= here.next && tree.Root() != checkpoint.root) {
    return Refused("import.fork",
                   fmt::format("the log {} does not go on from the {} entries that are here",
                               island.origin, here.next),
                   "two copies of this station are at work, or its log was put back: disable it "
                   "(birthmark station disable) and join it anew");
  }

  Taking taking(island, context_, clock_, result);
  taking.read_ = [&](const std::vector<uint64_t>& seqs) -> Status {
    BM_CHECK(reader->Refresh());
    for (uint64_t seq : seqs) {
      BM_TRY(ledger::Event e, reader->EventAt(seq));
      BM_TRY(ledger::PoolFilled body, ledger::BodyOf<ledger::PoolFilled>(e));
      if (body.station != island.station) continue;
      for (const std::string& serial : body.serials)
        taking.pool_->insert(body.product + "/" + serial);
    }
    return {};
  };
  BM_TRY(in, open());
  BM_TRY(ledger::BundleReader second, ledger::BundleReader::Start(std::move(in)));
  Look look(island, Millis(clock_.Now()));
  std::vector<Entry> chunk;
  auto commit = [&]() -> Status {
    if (chunk.empty()) return {};
    Status s = on_log([&](ledger::LogWriter& log) { return taking.Commit(log, chunk); });
    chunk.clear();
    return s;
  };
  for (;;) {
    BM_TRY(auto leaf, second.Next());
    if (!leaf) break;
    if (leaf->seq < here.next) continue;
    chunk.push_back(look(*leaf));
    if (chunk.size() == kChunk) BM_CHECK(commit());
  }
  BM_CHECK(commit());

  auto close = [&](ledger::LogWriter& log) -> Status {
    BM_TRY(auto row, log.registry().Foreign(island.origin));
    if (!row) return {};
    result.next = row->next;
    // Closed once; where another import has gone further, it closes for both.
    if (row->next != checkpoint.size || row->sealed >= checkpoint.size) return {};
    BM_CHECK(
        log.Append(ledger::MakeEvent(context_, clock_.Now(), "station:" + island.station,
                                     ledger::SegmentImported{.to = checkpoint.size,
                                                             .from = row->sealed,
                                                             .origin = island.origin,
                                                             .set_aside = row->set_aside,
                                                             .checkpoint = header.checkpoint})));
    return {};
  };
  BM_CHECK(on_log(close));
  return result;
}

}  // namespace birthmark::app
