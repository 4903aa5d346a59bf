// SPDX-License-Identifier: Apache-2.0
// What may be said, and the end of a ceremony.
#include <fmt/format.h>

#include <algorithm>

#include "ceremony/runner.h"
#include "ceremony/transcript.h"
#include "crypto/digest.h"
#include "custody/health.h"
#include "custody/message.h"

namespace birthmark::ceremony {
namespace {

constexpr size_t kMaxProofs = 4096;

// StatementFits compares a proof's statement with the round's: its challenge, and a day that is not
// in the future. The challenge is fresh, so no proof is older than the round.
bool StatementFits(ByteView statement, ByteView challenge, Time now) {
  std::string_view text = AsText(statement);
  size_t at = text.rfind("date ");
  if (at == text.npos || text.size() < at + 15) return false;
  auto day = ParseTime(text.substr(at + 5, 10));
  if (!day || *day > now) return false;
  auto meant = custody::RoundStatement(challenge, *day);
  return meant && std::ranges::equal(*meant, statement);
}

// Statements are those about one set that were published, the newest last.
std::vector<ledger::SplitStatement> About(const CustodyState& state, const std::string& key) {
  std::vector<ledger::SplitStatement> out;
  for (const ledger::SplitStatement& s : state.published) {
    if (s.set == key) out.push_back(s);
  }
  return out;
}

}  // namespace

Result<Runner::Entries> Runner::CheckProofs() {
  Entries out;
  const fs::path folder = options_.proofs.empty() ? options_.dir / "in" : options_.proofs;
  std::vector<fs::path> files;
  std::error_code ec;
  for (const auto& f : fs::directory_iterator(folder, ec)) {
    if (f.is_regular_file(ec) && files.size() < kMaxProofs) files.push_back(f.path());
  }
  if (ec) return std::unexpected(FromErrno("file.read", folder.string(), ec.value()));
  std::ranges::sort(files);
  std::set<std::pair<std::string, uint16_t>> seen;
  for (const fs::path& file : files) {
    auto refuse = [&](const std::string& key, uint16_t index, const Error& e) {
      Tell(out, false,
           fmt::format("{}: set aside [{}]: {}", file.filename().string(), e.code, e.message));
      out.push_back(MakeEntry(ShareRefused{.key = key, .code = e.code, .index = index}));
    };
    BM_TRY(std::string text, ReadTextFile(file, custody::kMaxProofFile));
    auto proof = custody::FromArmor<custody::ShareProof>(text);
    if (!proof) {
      refuse("", 0, proof.error());
      continue;
    }
    auto key = std::ranges::find_if(script_.keys, [&](const ScriptKey& k) {
      auto it = log_->state().sets.find(k.id);
      return it != log_->state().sets.end() && it->second.dealt.set.set == proof->set;
    });
    if (key == script_.keys.end()) {
      refuse("", proof->index,
             {ErrorKind::kNegative, "share.foreign", "it is about no set of this round", ""});
      continue;
    }
    const SetState& set = log_->state().sets.at(key->id);
    Status right = custody::CheckProof(set.dealt.set, proof->index, proof->statement, *proof);
    if (right && !StatementFits(proof->statement, script_.challenge, clock_.Now()))
      right = Refused("proof.statement", "it answers another round's challenge");
    if (!right) {
      refuse(key->id, proof->index, right.error());
      continue;
    }
    if (!seen.emplace(key->id, proof->index).second) continue;
    const Seat* seat = set.FindSeat(proof->index);
    Tell(out, false,
         fmt::format("{} proved the share of {}", seat == nullptr ? "?" : seat->who, key->id));
    out.push_back(MakeEntry(Proven{.how = "proof",
                                   .key = key->id,
                                   .index = proof->index,
                                   .generation = set.dealt.set.generation}));
  }
  out.push_back(MakeEntry(Line{.open = true, .text = "the proofs that came were checked"}));
  return out;
}

Result<Runner::Entries> Runner::Attest() {
  Entries out;
  for (const ScriptKey& key : script_.keys) {
    auto set = log_->state().sets.find(key.id);
    if (!IsShared(key.custody) || set == log_->state().sets.end()) continue;
    const SetDealt& dealt = set->second.dealt;
    std::set<uint16_t> healthy;
    if (auto it = ceremony().proven.find(key.id); it != ceremony().proven.end())
      healthy = it->second;
    const int extra = static_cast<int>(healthy.size()) - dealt.set.threshold;
    const uint32_t continents = ContinentsAlone(dealt.seats, healthy, dealt.set.threshold);
    Tell(out, false,
         fmt::format("{}: {} of {} shares proven, {} needed, {} continents alone", key.id,
                     healthy.size(), dealt.seats.size(), dealt.set.threshold, continents));
    if (extra < 0) {
      Alarm alarm{.key = key.id,
                  .text = fmt::format("{}: fewer shares were proven than are needed", key.id)};
      room_.Say(
          fmt::format("ALARM: {}\nnothing is published; find the holders, or use the key for "
                      "the last time while it can be used",
                      alarm.text));
      out.push_back(MakeEntry(alarm));
      continue;
    }
    if (dealt.withhold) {
      Tell(out, true, fmt::format("of the split of {} nothing is published", key.id));
      continue;
    }
    // Shares of a threshold key can be brought together, too: both answers are given apart.
    std::vector<std::string> uses{"recover"};
    if (key.custody == Custody::kThreshold) uses.emplace_back("use");
    ledger::SplitStatement s{.at = Millis(Midnight(clock_.Now())),
                             .set = key.id,
                             .use = "",
                             .extra = static_cast<uint32_t>(extra),
                             .ceremony = ceremony().id,
                             .rehearsal = script_.rehearsal,
                             .continents = continents};
    // In other kinds the room was asked when it chose the numbers.
    if (options_.judge && script_.kind == Kind::kHealth) {
      SplitQuestion q{.set = key.id, .statements = {s}};
      for (ledger::SplitStatement& earlier : About(log_->state(), key.id))
        q.statements.push_back(std::move(earlier));
      if (Findings f = options_.judge(q); f.HasErrors()) {
        room_.Say(fmt::format("{}, looked at from outside:\n{}", key.id, f.ToString()));
        BM_TRY(std::string answer,
               AskOneOf("withhold (publish nothing of it) or publish: ", {"withhold", "publish"}));
        if (answer == "withhold") {
          Tell(out, true, fmt::format("of the split of {} nothing is published", key.id));
          continue;
        }
      }
    }
    for (std::string& use : uses) {
      s.use = std::move(use);
      BM_TRY(Bytes statement, SignStatement(s, log_->log_key()));
      out.push_back(MakeEntry(Attested{.key = key.id, .statement = std::move(statement)}));
      Tell(out, true,
           fmt::format("attested of {} ({}): {} spare, {} continents alone", key.id, s.use, s.extra,
                       s.continents));
    }
  }
  return out;
}

Result<Record> Runner::MakeRecord(const Digest& commitment) const {
  const CeremonyState& c = ceremony();
  Record r{.id = c.id,
           .to = Millis(Midnight(clock_.Now())),
           .log = log_->identity(),
           .from = Millis(Midnight(c.began)),
           .keys = {},
           .kind = script_.kind,
           .plan = script_.plan,
           .script = script_.digest,
           .signed_items = {},
           .product = script_.product,
           .program = options_.program,
           .rehearsal = script_.rehearsal,
           .commitment = commitment,
           .statements = {},
           .manufacturer = script_.manufacturer};
  for (const ScriptKey& k : script_.keys) {
    const KeyKept* kept = KeyNow(k.id);
    if (kept == nullptr) return Internal("ceremony.step", "a key of the script was not made");
    r.keys.push_back(kept->key);
  }
  for (const ItemSigned& s : c.signed_items) r.signed_items.push_back(s.item);
  for (const Attested& a : c.attested) r.statements.push_back(a.statement);
  return r;
}

Result<Runner::Entries> Runner::Close() {
  Entries out;
  live_.clear();
  BM_TRY(SealedLog::Commitment commitment, log_->Commit(rng_));
  Closed closed{.id = ceremony().id, .salt = commitment.salt, .record = std::nullopt};
  if (ceremony().alarms.empty()) {
    BM_TRY(Record record, MakeRecord(commitment.digest));
    BM_TRY(closed.record, SignRecord(record, log_->log_key()));
    room_.Say(fmt::format("record SHA-256 {}", ToHex(crypto::Sha256(*closed.record))));
  } else {
    room_.Say("no record: an alarm is open, and what would be said of the key is not true");
  }
  std::error_code ec;
  if (const fs::path shares = options_.dir / "shares"; fs::exists(shares)) {
    BM_TRY(std::string answer,
           AskOneOf("has every Key Executive the file and the page? remove them here, or keep: ",
                    {"remove", "keep"}));
    if (answer == "remove") fs::remove_all(shares, ec);
    if (ec) return std::unexpected(FromErrno("file.write", shares.string(), ec.value()));
  }
  room_.Say(fmt::format("transcript SHA-256 {}",
                        ToHex(crypto::Sha256(AsBytes(OpenTranscript(script_, ceremony()))))));
  out.push_back(MakeEntry(closed));
  return out;
}

Result<RunResult> Runner::Finish() { return WriteOutputs(options_.dir, *log_); }

Result<RunResult> WriteOutputs(const fs::path& dir, const SealedLog& log) {
  const CustodyState& state = log.state();
  if (state.ceremonies.empty() || !state.ceremonies.back().closed)
    return Refused("ceremony.open", "the ceremony is not closed", "birthmark ceremony resume DIR");
  const CeremonyState& c = state.ceremonies.back();
  ParsedScript parsed = ParseScript(AsText(c.script));
  if (!parsed.script) return Internal("ceremony.entry", "the log's script does not read");
  RunResult r{.id = c.id, .rehearsal = log.rehearsal()};
  BM_CHECK(MakeDirs(dir / "certs", 0755));
  for (const auto& [id, kept] : state.keys) {
    BM_TRY(crypto::Certificate cert, crypto::Certificate::FromDer(kept.key.certificate));
    BM_CHECK(WriteFileAtomic(dir / "certs" / (id + ".pem"), cert.ToPem()));
  }
  for (const ItemSigned& s : c.signed_items) {
    if (s.item.what == SignedWhat::kCertificate) continue;
    const char* suffix = s.item.what == SignedWhat::kCrl ? ".crl-response" : ".response";
    BM_CHECK(MakeDirs(dir / "responses", 0755));
    BM_CHECK(WriteFileAtomic(dir / "responses" / (s.item.name + suffix), s.item.result));
  }
  const std::string transcript = OpenTranscript(*parsed.script, c);
  r.transcript = dir / "transcript.txt";
  BM_CHECK(WriteFileAtomic(r.transcript, transcript));
  BM_CHECK(WriteFileAtomic(dir / "transcript.html", TranscriptPage(*parsed.script, transcript)));
  if (const auto& record = c.closed->value.record) {
    r.record = dir / ("record" + std::string(kRecordSuffix));
    r.record_digest = crypto::Sha256(*record);
    BM_CHECK(WriteFileAtomic(*r.record, *record));
  }
  for (const Alarm& a : c.alarms) r.alarms.push_back(a.text);
  return r;
}

}  // namespace birthmark::ceremony
