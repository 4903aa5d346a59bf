// SPDX-License-Identifier: Apache-2.0
#include "app/ceremony_accept.h"

#include <algorithm>
#include <set>

#include "app/factory.h"
#include "app/making.h"
#include "app/trials.h"
#include "ceremony/record.h"
#include "crypto/digest.h"
#include "ledger/events.h"
#include "ledger/events_custody.h"
#include "pki/path.h"

namespace birthmark::app {
namespace {

std::unexpected<Error> Other(std::string what) {
  return Refused("ceremony.other", std::move(what),
                 "give the record of the ceremony that was held for this workspace");
}

Status CheckBelongs(const ceremony::Record& r, const Factory& f) {
  if (r.rehearsal != f.genesis.rehearsal) {
    return Other(r.rehearsal ? "a rehearsal's record, and this is a production workspace"
                             : "a production record, and this is a rehearsal's workspace");
  }
  if (r.manufacturer != f.genesis.manufacturer)
    return Other(
        fmt::format("a record of {}, this is {}'s", r.manufacturer, f.genesis.manufacturer));
  if (r.kind == ceremony::Kind::kMake && r.plan && *r.plan != f.adopted.plan.digest)
    return Other("the ceremony was written from another plan than the one adopted here");
  return {};
}

Status CheckNew(ledger::LogReader& reader, const Digest& digest) {
  BM_TRY(std::vector<uint64_t> seqs,
         reader.registry().EventsOfType(ledger::CeremonyAccepted::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, reader.EventAt(seq));
    BM_TRY(ledger::CeremonyAccepted before, ledger::BodyOf<ledger::CeremonyAccepted>(e));
    if (before.digest != digest) continue;
    return Refused("ceremony.accepted",
                   fmt::format("this record was accepted on {}", FormatDate(TimeFromMillis(e.at))),
                   "nothing is left to accept");
  }
  return {};
}

const ceremony::SignedItem* ResponseFor(const ceremony::Record& r, std::string_view name) {
  for (const ceremony::SignedItem& item : r.signed_items) {
    if (item.what == ceremony::SignedWhat::kResponse && item.name == name) return &item;
  }
  return nullptr;
}

// AtTime adds an event as of when the ceremony did it.
template <class B>
void AtTime(Making& m, int64_t at, const std::string& subject, const B& body) {
  m.events.push_back(ledger::MakeEvent(m.context, TimeFromMillis(at), subject, body));
}

// SignedFacts records each use of an offline key: when, for which request.
void SignedFacts(Making& m, const ceremony::Record& r) {
  for (const ceremony::SignedItem& item : r.signed_items) {
    if (item.what != ceremony::SignedWhat::kResponse || !item.request) continue;
    AtTime(m, item.at, "ca:" + item.name,
           ledger::RequestCarried{.ca = item.name,
                                  .request = *item.request,
                                  .action = "signed",
                                  .response = crypto::Sha256(item.result)});
  }
}

// TakeOffline takes the levels that the ceremony made, from the root down.
Result<std::vector<Authority>> TakeOffline(Making& m, const plan::Pki& pki,
                                           const ceremony::CheckedRecord& checked) {
  std::vector<Authority> made;
  for (const plan::Level& level : pki.levels) {
    if (!level.offline) break;
    const std::string id = AuthorityId(pki, level.level, 1);
    const ceremony::RecordKey* key = checked.record.Find(id);
    if (key == nullptr) {
      return Refused("ceremony.incomplete",
                     fmt::format("the record has no key \"{}\", which the plan leaves to it", id),
                     "hold the ceremony with the file that `ceremony new` writes from this plan");
    }
    const size_t at = static_cast<size_t>(key - checked.record.keys.data());
    Authority a{.id = id,
                .pki = pki.id,
                .level = level.level,
                .offline = true,
                .name = key->name,
                .certificate = checked.certificates.at(at)};
    BM_TRY(crypto::Algorithm algorithm, ToCrypto(level.algorithm));
    if (a.certificate.public_key()->algorithm() != algorithm || key->custody != level.custody) {
      return Other(fmt::format("{}: {} kept as \"{}\"; the plan says {} kept as \"{}\"", id,
                               key->algorithm, plan::ToText(key->custody),
                               crypto::ToText(algorithm), plan::ToText(level.custody)));
    }
    std::vector<crypto::Certificate> anchors{made.empty() ? a.certificate
                                                          : made.front().certificate};
    std::vector<crypto::Certificate> between;
    for (const Authority& above : made) between.push_back(above.certificate);
    BM_CHECK(
        pki::BuildPath(a.certificate, between, anchors, m.clock.Now(), pki::Purpose::kAuthority));
    m.maker.TakeOver(pki, a, made.empty() ? a.id : made.back().id,
                     ledger::KeyCreated{.id = id,
                                        .spki = key->spki,
                                        .facts = key->facts,
                                        .store = key->store,
                                        .offline = true,
                                        .purpose = "ca",
                                        .algorithm = key->algorithm});
    made.push_back(std::move(a));
  }
  return made;
}

// Complete makes what init left: from the offline levels and the response, all of the PKI.
Status Complete(Making& m, const plan::Pki& pki, const ceremony::CheckedRecord& checked,
                const Layout& layout, std::set<std::string>& used, Accepted& out) {
  BM_TRY(std::vector<Authority> made, TakeOffline(m, pki, checked));
  const pki::Profile* profile = ProfileOfSigner(m.plan, pki);
  const bool all_offline = made.size() == pki.levels.size();
  std::optional<Issued> signer;
  if (!all_offline || profile != nullptr) {
    const std::string name =
        all_offline ? pki.id + "-ee" : AuthorityId(pki, static_cast<int>(made.size()) + 1, 1);
    const ceremony::SignedItem* item = ResponseFor(checked.record, name);
    if (item == nullptr) {
      return Refused("ceremony.incomplete",
                     fmt::format("the record has no response to requests/{}.request", name),
                     "the requests are signed in the ceremony that makes the root: `ceremony new "
                     "--requests WS/requests`");
    }
    used.insert(name);
    const std::string response(AsText(item->result));
    BM_CHECK(WriteFileAtomic(layout.requests() / (name + ".response"), response));
    if (all_offline) {
      BM_TRY(signer, m.maker.AcceptEndEntity(pki, made, response));
    } else {
      BM_TRY(made, m.maker.Continue(pki, std::move(made), response));
    }
  }
  m.authorities[pki.id] = made;
  switch (pki.purpose) {
    case plan::Purpose::kIdentity:
      return FinishIdentity(m, pki, made, layout, out.made);
    case plan::Purpose::kDisclosure:
      return FinishDisclosure(m, pki, made, std::move(signer), out.made);
    case plan::Purpose::kAnchor:
      return FinishAnchorPki(m, pki, made, std::move(signer));
  }
  return {};
}

// KeyOfAuthority is the public key that an authority's certificate in the log, or just made, holds.
Result<crypto::PublicKey> KeyOfAuthority(const Making& m, ledger::LogReader& reader,
                                         const std::string& id) {
  for (const auto& [pki, made] : m.authorities) {
    for (const Authority& a : made) {
      if (a.id == id) return *a.certificate.public_key();
    }
  }
  for (const plan::Pki& pki : m.plan.pkis) {
    BM_TRY(std::vector<Authority> known, AuthoritiesInLog(reader, pki));
    for (const Authority& a : known) {
      if (a.id == id) return *a.certificate.public_key();
    }
  }
  return Refused(
      "ceremony.key",
      fmt::format("the record speaks for a key \"{}\" that this workspace does not know", id),
      "accept the record of the ceremony that made that key first");
}

// Attest takes statements whose way leads from an authority's own key.
Status Attest(Making& m, ledger::LogReader& reader, const ceremony::CheckedRecord& checked,
              Accepted& out) {
  for (size_t i = 0; i < checked.attested.size(); ++i) {
    const ledger::SplitStatement& said = checked.statements.at(i);
    BM_TRY(crypto::PublicKey key, KeyOfAuthority(m, reader, said.set));
    BM_CHECK(ceremony::CheckStatement(checked.attested[i], key));
    AtTime(m, said.at, "ca:" + said.set, checked.attested[i]);
    // A threshold key has two statements, on recovering and on using it.
    if (std::ranges::find(out.attested, said.set) == out.attested.end())
      out.attested.push_back(said.set);
  }
  return {};
}

}  // namespace

Result<Accepted> AcceptCeremony(const fs::path& workspace, const fs::path& file,
                                const std::string& product, const std::string& as,
                                const KeySource& source, const Clock& clock, bool dry_run) {
  BM_TRY(Bytes bytes, ReadFile(file, ceremony::kMaxRecordBytes));
  BM_TRY(ceremony::CheckedRecord checked, ceremony::CheckRecord(bytes));
  BM_TRY(auto f, Factory::Open(workspace, source, false, product, as, clock));
  const ceremony::Record& record = checked.record;
  BM_CHECK(CheckBelongs(record, *f));
  BM_TRY(auto reader, f->NewReader());
  BM_CHECK(CheckNew(*reader, checked.digest));

  Accepted out{.made = {}, .id = record.id, .kind = std::string(ceremony::ToText(record.kind))};
  out.made.rehearsal = f->genesis.rehearsal;
  const plan::Plan& plan = f->adopted.plan;
  Stores stores{f->keys.online.get(), nullptr};
  AuthorityMaker maker(f->layout, plan, stores, f->marks, f->genesis.workspace, *f->serials, clock,
                       f->context);
  Making m{f->layout, plan, maker, stores, f->context, clock, {}, {}, {}};
  m.events.push_back(ledger::MakeEvent(
      f->context, clock.Now(), "ceremony:" + record.id,
      ledger::CeremonyAccepted{
          .id = record.id, .kind = out.kind, .digest = checked.digest, .record = bytes}));
  if (dry_run) return out;
  std::set<std::string> used;  // responses that went into a PKI here
  bool made_any = false;
  for (const plan::Pki& pki : plan.pkis) {
    // Later ceremonies name the keys that they are about; they make none.
    if (record.kind != ceremony::Kind::kMake) break;
    if (pki.levels.empty() || !pki.levels.front().offline) continue;
    BM_TRY(std::vector<Authority> there, AuthoritiesInLog(*reader, pki));
    if (!there.empty() || record.Find(AuthorityId(pki, 1, 1)) == nullptr) continue;
    BM_CHECK(Complete(m, pki, checked, f->layout, used, out));
    made_any = true;
  }
  SignedFacts(m, record);
  // Files for what was asked by other commands; those take them with `request import`.
  for (const ceremony::SignedItem& item : record.signed_items) {
    if (used.contains(item.name) || item.what == ceremony::SignedWhat::kCertificate) continue;
    fs::path to =
        f->layout.requests() /
        (item.name + (item.what == ceremony::SignedWhat::kCrl ? ".crl-response" : ".response"));
    BM_CHECK(WriteFileAtomic(to, AsText(item.result)));
    out.responses.push_back(std::move(to));
  }
  for (const ceremony::RecordKey& key : record.keys) {
    if (!key.destroyed) continue;
    AtTime(m, *key.destroyed, "key:" + key.id,
           ledger::KeyDestroyed{.id = key.id, .how = "in a ceremony", .spki = key.spki});
  }
  BM_CHECK(Attest(m, *reader, checked, out));
  if (made_any) BM_CHECK(ReadGeneratedAnchors(m, out.made));
  for (InitResult::Row& row : out.made.levels) {
    if (row.offline) row.place = "with the ceremony's folder";
  }

  std::vector<ledger::Event> events;
  events.push_back(std::move(m.events.front()));  // the record stands before what follows from it
  for (ledger::Event& e : maker.TakeEvents()) events.push_back(std::move(e));
  for (size_t i = 1; i < m.events.size(); ++i) events.push_back(std::move(m.events[i]));
  BM_CHECK(AppendAll(*f->log, std::move(events)));
  return out;
}

}  // namespace birthmark::app
