// SPDX-License-Identifier: Apache-2.0
#include "app/field.h"

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "app/field_files.h"
#include "app/record.h"
#include "app/roles.h"
#include "app/vigil.h"
#include "crypto/digest.h"
#include "ledger/events.h"
#include "pki/crl.h"

namespace birthmark::app {
namespace {

constexpr size_t kMostUnreadable = 100;
constexpr size_t kMostFound = 10'000;  // strangers in one look

class Looker {
 public:
  explicit Looker(ledger::LogReader& reader) : reader_(reader), registry_(reader.registry()) {}

  // Load reads our authorities and what they signed besides identities: those few are all known by
  // their digest.
  Status Load() {
    BM_TRY(std::vector<ledger::CaRow> rows, registry_.Cas());
    for (const ledger::CaRow& row : rows) {
      BM_TRY(ledger::Event e, reader_.EventAt(row.seq));
      BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(e));
      BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.cert));
      mine_.insert(ToHex(c.digest()));
      std::string name(AsText(c.subject_der()));
      cas_.emplace(std::move(name), Authority{row.id, std::move(c)});
    }
    BM_TRY(std::vector<ledger::CredentialRow> people, registry_.Credentials());
    for (const ledger::CredentialRow& row : people) {
      BM_TRY(ledger::Event e, reader_.EventAt(row.seq));
      BM_TRY(ledger::CredentialIssued body, ledger::BodyOf<ledger::CredentialIssued>(e));
      Own(body.cert);
    }
    BM_TRY(std::vector<uint64_t> seqs, registry_.EventsOfType(ledger::SignerCertified::kType));
    for (uint64_t seq : seqs) {
      BM_TRY(ledger::Event e, reader_.EventAt(seq));
      BM_TRY(ledger::SignerCertified body, ledger::BodyOf<ledger::SignerCertified>(e));
      for (const Bytes& der : body.chain) Own(der);
    }
    return {};
  }

  Status Certificate(const std::string& place, ByteView der) {
    auto c = crypto::Certificate::FromDer(der);
    if (!c) {
      Unreadable(place, c.error().message);
      return {};
    }
    if (!looked_at_.insert(ToHex(c->digest())).second) return {};
    ++out_.looked;
    if (mine_.contains(ToHex(c->digest()))) {
      ++out_.known;
      return {};
    }
    bool named = false;
    const Authority* signer = SignerOf(std::string(AsText(c->issuer_der())), [&](const auto& key) {
      named = true;
      return c->IsSignedBy(key);
    });
    if (signer == nullptr) {
      ++out_.foreign;
      out_.pretended += named;
      return {};
    }
    BM_TRY(std::optional<ledger::IdentityRow> row, registry_.IdentityBySerial(c->serial()));
    if (row) {
      BM_TRY(bool same, IsSame(*row, *c));
      if (same) {
        ++out_.known;
        return {};
      }
    }
    return Stranger({.ca = signer->id,
                     .why = row ? "other-certificate" : "unknown",
                     .cert = Bytes(der.begin(), der.end()),
                     .serial = c->serial(),
                     .sha256 = c->digest()});
  }

  Status List(const std::string& place, ByteView der) {
    auto crl = pki::ReadCrl(der);
    if (!crl) {
      Unreadable(place, crl.error().message);
      return {};
    }
    const Digest digest = crypto::Sha256(der);
    if (!looked_at_.insert(ToHex(digest)).second) return {};
    const Authority* signer =
        SignerOf(std::string(AsText(crl->issuer.der())),
                 [&](const crypto::PublicKey& key) { return crl->IsSignedBy(key); });
    if (signer == nullptr) {
      ++out_.looked;
      ++out_.foreign;
      return {};
    }
    auto entry = [&](const pki::CrlEntry& e) -> Status {
      ++out_.looked;
      BM_TRY(bool asked, WasAsked(e.serial));
      if (asked) {
        ++out_.known;
        return {};
      }
      return Stranger({.ca = signer->id,
                       .why = "revoked-unasked",
                       .cert = {},
                       .serial = Bytes(e.serial.begin(), e.serial.end()),
                       .sha256 = digest});
    };
    BM_TRY([[maybe_unused]] pki::Crl again, pki::ReadCrl(der, entry));
    return {};
  }

  void Unreadable(const std::string& place, const std::string& why) {
    if (out_.unreadable.size() < kMostUnreadable) out_.unreadable.push_back(place + ": " + why);
  }

  Seen Take() { return std::move(out_); }
  bool saw_anything() const { return out_.looked > 0 || !out_.unreadable.empty(); }

 private:
  struct Authority {
    std::string id;
    crypto::Certificate certificate;
  };

  void Own(ByteView der) { mine_.insert(ToHex(crypto::Sha256(der))); }

  const Authority* SignerOf(const std::string& name,
                            const std::function<bool(const crypto::PublicKey&)>& signed_by) const {
    auto [from, to] = cas_.equal_range(name);
    for (auto it = from; it != to; ++it) {
      const auto& key = it->second.certificate.public_key();
      if (key && signed_by(*key)) return &it->second;
    }
    return nullptr;
  }

  Result<bool> IsSame(const ledger::IdentityRow& row, const crypto::Certificate& c) {
    BM_TRY(ledger::Event e, reader_.EventAt(row.seq));
    if (e.type == ledger::IdentityAdopted::kType) {
      BM_TRY(ledger::IdentityAdopted body, ledger::BodyOf<ledger::IdentityAdopted>(e));
      return std::ranges::equal(body.cert, c.der());
    }
    BM_TRY(ledger::IdentityIssued body, ledger::BodyOf<ledger::IdentityIssued>(e));
    return std::ranges::equal(body.cert, c.der());
  }

  // WasAsked: the certificate is one of ours whose end or hold this log knows, or an authority's
  // that was said to be compromised.
  Result<bool> WasAsked(ByteView serial) {
    BM_TRY(std::optional<ledger::IdentityRow> row, registry_.IdentityBySerial(serial));
    if (row) return row->state == "held" || !ledger::IsLive(row->state);
    if (compromised_.empty() && !loaded_) {
      loaded_ = true;
      BM_TRY(std::vector<ledger::CaRow> rows, registry_.Cas());
      for (const ledger::CaRow& ca : rows) {
        if (ca.state == "compromised") compromised_.insert(ToHex(ca.serial));
      }
    }
    return compromised_.contains(ToHex(serial));
  }

  Status Stranger(ledger::SeenStranger s) {
    if (out_.strangers.size() >= kMostFound) {
      return Refused("seen.too-many",
                     fmt::format("more than {} that this ledger knows nothing of", kMostFound),
                     "a key was disclosed, or this is another workspace's field; look at a part");
    }
    out_.strangers.push_back(std::move(s));
    return {};
  }

  ledger::LogReader& reader_;
  ledger::Registry& registry_;
  std::unordered_multimap<std::string, Authority> cas_;  // by subject
  std::unordered_set<std::string> mine_, looked_at_, compromised_;
  bool loaded_ = false;
  Seen out_;
};

}  // namespace

std::string StrangerName(const ledger::SeenStranger& s) {
  return fmt::format("seen:{}:{}", ToHex(s.sha256).substr(0, 16), ToHex(s.serial));
}

Result<Seen> LookAtSeen(const SeenOptions& o, const Clock& clock) {
  Layout layout(o.workspace);
  BM_TRY(auto reader, OpenReader(o.workspace));
  Looker looker(*reader);
  BM_CHECK(looker.Load());
  BM_CHECK(ForEachSeen(
      o.paths,
      {.certificate = [&](const std::string& place,
                          ByteView der) { return looker.Certificate(place, der); },
       .list = [&](const std::string& place, ByteView der) { return looker.List(place, der); },
       .unreadable = [&](const std::string& place,
                         const std::string& why) { looker.Unreadable(place, why); }}));
  if (!looker.saw_anything()) {
    return Refused("seen.nothing", "no path leads to a certificate or a revocation list",
                   "name PEM or DER files, lines of JSON, or folders of them");
  }
  Seen seen = looker.Take();
  reader.reset();
  if (o.dry_run || seen.strangers.empty()) return seen;
  ledger::EventContext context;
  BM_TRY(context.actor, ActorHere(layout, o.as));
  for (size_t at = 0; at < seen.strangers.size(); at += ledger::kMaxStrangers) {
    const size_t end = std::min(at + ledger::kMaxStrangers, seen.strangers.size());
    ledger::FieldSeen body{
        .known = seen.known, .foreign = seen.foreign, .looked = seen.looked, .strangers = {}};
    body.strangers.assign(seen.strangers.begin() + static_cast<ptrdiff_t>(at),
                          seen.strangers.begin() + static_cast<ptrdiff_t>(end));
    BM_CHECK(AppendHere(layout, ledger::MakeEvent(context, clock.Now(), "field", body), clock));
  }
  return seen;
}

Status ExplainAlarm(Factory& f, const std::string& alarm, const std::string& reason, bool dry_run,
                    const Clock& clock) {
  BM_TRY([[maybe_unused]] std::string role,
         RequireRole(f, {"administrator", "maintainer"}, "an explanation"));
  BM_TRY(auto reader, f.NewReader());
  BM_TRY(VigilMarks marks, KeepVigil(*reader, f.layout, false));
  bool known = std::ranges::any_of(
      marks.named, [&](const VigilHit& h) { return alarm == fmt::format("event:{}", h.seq); });
  BM_TRY(std::vector<uint64_t> seqs, reader->registry().EventsOfType(ledger::FieldSeen::kType));
  for (uint64_t seq : seqs) {
    if (known) break;
    BM_TRY(ledger::Event e, reader->EventAt(seq));
    BM_TRY(ledger::FieldSeen body, ledger::BodyOf<ledger::FieldSeen>(e));
    known = std::ranges::any_of(
        body.strangers, [&](const ledger::SeenStranger& s) { return StrangerName(s) == alarm; });
  }
  if (!known) {
    return Refused("alarm.unknown", alarm + ": status has no such alarm",
                   "`birthmark status WS` names them: event:N, seen:…");
  }
  if (dry_run) return {};
  ledger::AlarmExplained body{.alarm = alarm, .reason = reason};
  BM_CHECK(f.log->Append(ledger::MakeEvent(f.context, clock.Now(), "alarm:" + alarm, body)));
  return {};
}

}  // namespace birthmark::app
