// SPDX-License-Identifier: Apache-2.0
#include "ledger/fold.h"

#include <algorithm>

#include "crypto/cert.h"
#include "ledger/events.h"
#include "ledger/events_revocation.h"

namespace birthmark::ledger {
namespace {

// RFC 5280 section 5.3.1; 7 is not used.
constexpr std::string_view kReasons[] = {
    "unspecified",   "keyCompromise",        "cACompromise",    "affiliationChanged",
    "superseded",    "cessationOfOperation", "certificateHold", "",
    "removeFromCRL", "privilegeWithdrawn",   "aACompromise"};
constexpr uint8_t kCaCompromise = 2;

// FoldBody is overloaded for each body that says something to a table.
void FoldBody(const Event& e, const PlanAdopted& b, Changes& out) {
  out.push_back(PlanRow{0, b.product, b.version, b.digest, e.at});
}
void FoldBody(const Event& e, const KeyCreated& b, Changes& out) {
  out.push_back(
      KeyRow{0, b.id, b.store, b.purpose, b.algorithm, b.spki, b.offline, e.at, std::nullopt});
}
void FoldBody(const Event& e, const KeyDestroyed& b, Changes& out) {
  out.push_back(KeyEnd{b.spki, e.at});
}
void FoldBody(const Event&, const CaCreated& b, Changes& out) {
  CaRow r;
  r.id = b.id;
  r.pki = b.pki;
  r.name = b.name;
  r.issuer = b.issuer;
  r.level = b.level;
  r.offline = b.offline;
  r.max_count = b.max_count;
  r.issues_until = b.issues_until;
  if (auto certificate = crypto::Certificate::FromDer(b.cert)) {
    r.serial = certificate->serial();
    r.key_id = certificate->ski().value_or(Bytes{});
  }
  out.push_back(std::move(r));
}
void FoldBody(const Event& e, const CaState& b, Changes& out) {
  uint8_t reason = ReasonCode(b.reason);
  // A word of our own says why an authority ended; to the world its key was compromised.
  if (b.state == "compromised" && reason == 0) reason = kCaCompromise;
  out.push_back(CaStateChange{b.id, b.state, e.at, b.until, reason});
}
void FoldBody(const Event&, const CrlSigned& b, Changes& out) {
  out.push_back(CrlRow{0, b.ca, b.number, b.upto, b.count, b.sha256, b.signer, b.this_update,
                       b.next_update, b.reserve});
}
void FoldBody(const Event& e, const CredentialIssued& b, Changes& out) {
  out.push_back(CredentialRow{0, b.pseudonym, b.kind, b.role, e.at, std::nullopt});
}
void FoldBody(const Event& e, const CredentialRevoked& b, Changes& out) {
  out.push_back(CredentialEnd{b.pseudonym, e.at});
}
void FoldBody(const Event& e, const SessionOpened& b, Changes& out) {
  out.push_back(SessionRow{0, b.id, b.pseudonym, b.role, b.station, e.at, std::nullopt});
}
void FoldBody(const Event& e, const SessionClosed& b, Changes& out) {
  out.push_back(SessionEnd{b.id, e.at});
}
void FoldBody(const Event& e, const IdentityIssued& b, Changes& out) {
  IdentityRow r;
  r.serial = b.serial;
  r.spki = b.spki;
  r.unit = b.unit;
  r.slot = b.slot;
  r.ca = b.ca;
  r.method = b.method;
  r.station = e.station.value_or("");
  r.via = b.via.value_or("");
  r.issued_at = r.state_at = e.at;
  out.push_back(std::move(r));
  // A unit that enrols over a network may never have been on a station.
  if (b.via) out.push_back(UnitChange{b.unit, e.at, std::nullopt, std::nullopt, false});
}
void FoldBody(const Event& e, const IdentityState& b, Changes& out) {
  out.push_back(IdentityStateChange{b.serial, b.state, e.at, ReasonCode(b.reason)});
}
void FoldBody(const Event& e, const IdentityAdopted& b, Changes& out) {
  IdentityRow r;
  r.serial = b.serial;
  r.spki = b.spki;
  r.unit = b.unit;
  r.slot = b.slot;
  r.ca = b.ca;
  r.state = b.state;
  r.method = b.method.value_or("");
  r.issued_at = r.state_at = e.at;
  out.push_back(std::move(r));
}
void FoldBody(const Event& e, const UnitVisit& b, Changes& out) {
  out.push_back(UnitChange{b.unit, e.at, std::nullopt, b.site, true});
  out.push_back(VisitRow{b.station, b.unit, b.chip.value_or(""), e.at, e.at});
}
void FoldBody(const Event& e, const UnitState& b, Changes& out) {
  out.push_back(UnitChange{b.unit, e.at, b.state, std::nullopt, false});
}

void FoldBody(const Event&, const EntrySetAside& b, Changes& out) {
  out.push_back(ForeignEntry{b.origin, b.seq, LeafHash(b.entry), true});
}
void FoldBody(const Event&, const SegmentImported& b, Changes& out) {
  out.push_back(ForeignEnd{b.origin, b.to});
}

void FoldBody(const Event& e, const PoolFilled& b, Changes& out) {
  for (size_t i = 0; i < b.serials.size(); ++i) {
    out.push_back(PoolRow{0, i, b.product + "/" + b.serials[i], b.id, b.station, b.product, e.at,
                          e.at, "left"});
  }
}
void FoldBody(const Event& e, const PoolReleased& b, Changes& out) {
  out.push_back(PoolEnd{b.unit, e.at});
}

void FoldBody(const Event&, const SeedBatch& b, Changes& out) {
  SeedBatchRow r;
  r.id = b.id;
  r.product = b.product;
  r.oem = b.oem;
  r.format = b.format;
  r.origin = b.origin;
  r.protection = b.protection;
  r.file = b.file;
  r.count = b.count;
  r.refused = b.refused;
  out.push_back(std::move(r));
}
void FoldBody(const Event& e, const SeedCustody& b, Changes& out) {
  out.push_back(SeedStep{b.batch, b.what, e.at});
}
void FoldBody(const Event&, const SeedsUsed& b, Changes& out) {
  out.push_back(SeedRun{0, b.batch, b.chips});
}

void FoldBody(const Event& e, const ElementsListed& b, Changes& out) {
  ElementRun run{.product = "", .reel = b.reel, .manifest = b.manifest, .parts = {}, .at = e.at};
  // The product stands in the subject, once a run.
  constexpr std::string_view kSubject = "product:";
  if (e.subject && e.subject->starts_with(kSubject))
    run.product = e.subject->substr(kSubject.size());
  run.parts.reserve(b.elements.size());
  for (const ListedElement& part : b.elements) run.parts.push_back({part.uid, part.spki});
  out.push_back(std::move(run));
}
void FoldBody(const Event& e, const ElementMatched& b, Changes& out) {
  out.push_back(ElementUse{b.uid, b.reel, b.unit, b.slot, e.at});
}
void FoldBody(const Event& e, const ReelState& b, Changes& out) {
  out.push_back(ReelChange{b.product, b.reel, b.state, b.reason, e.at});
}

void FoldBody(const Event& e, const SecretProvisioned& b, Changes& out) {
  out.push_back(SecretRow{0, b.unit, b.slot, b.how, b.bits, b.batch.value_or(""), b.check, e.at});
}
void FoldBody(const Event&, const GroupOpened& b, Changes& out) {
  out.push_back(GroupRow{0, b.id, b.product, b.slot, b.size, b.spki, 0});
}

// FoldAs folds e when it is of type B, and says whether it was.
template <class B>
Result<bool> FoldAs(const Event& e, Changes& out) {
  if (e.type != B::kType) return false;
  auto body = BodyOf<B>(e);
  if (!body) return std::unexpected(std::move(body).error().Context(e.type));
  FoldBody(e, *body, out);
  return true;
}

template <class... Bs>
Status FoldAny(const Event& e, Changes& out) {
  Status status;
  auto one = [&](Result<bool> r) {
    if (!r) status = std::unexpected(std::move(r).error());
    return !status || *r;
  };
  (one(FoldAs<Bs>(e, out)) || ...);
  return status;
}

// FoldImported folds what another log's entry carries, and counts the entry.
Status FoldImported(const Event& e, Changes& out) {
  BM_TRY(EntryImported b, BodyOf<EntryImported>(e));
  BM_TRY(Event inner, DecodeEvent(b.entry));
  BM_CHECK(CheckType(inner.type));
  if (TakenOver(inner.type)) {
    BM_TRY(out, Fold(inner));
  }
  out.push_back(ForeignEntry{b.origin, b.seq, LeafHash(b.entry), false});
  return {};
}

// Many events of these types follow each unit; all others are few.
bool IsMany(std::string_view type) {
  return type.starts_with("identity.") || type.starts_with("unit.") ||
         type.starts_with("session.") || type.starts_with("entry.") || type == KeyOutside::kType ||
         type == PoolReleased::kType || type == SeedsUsed::kType || type == ElementsListed::kType ||
         type == SecretProvisioned::kType || type == ElementMatched::kType ||
         type == KeyAttested::kType || type == CrlSigned::kType;
}

// AreTexts looks at every text of a value, names in maps included.
bool AreTexts(const cbor::Value& v) {
  if (const std::string* text = v.AsText()) return IsUtf8(*text);
  if (const cbor::Array* all = v.AsArray()) return std::ranges::all_of(*all, AreTexts);
  const cbor::Map* map = v.AsMap();
  return map == nullptr || std::ranges::all_of(*map, [](const auto& entry) {
           return AreTexts(entry.first) && AreTexts(entry.second);
         });
}

}  // namespace

uint8_t ReasonCode(std::string_view reason) {
  const auto* it = std::ranges::find(kReasons, reason.substr(0, reason.find(' ')));
  if (it == std::end(kReasons) || it->empty()) return 0;
  return static_cast<uint8_t>(it - std::begin(kReasons));
}

std::string_view ReasonWord(uint8_t code) {
  return code < std::size(kReasons) ? kReasons[code] : std::string_view();
}

bool IsLive(std::string_view s) {
  return s != "superseded" && s != "revoked" && s != "void" && s != "destroyed" && s != "expired";
}

bool IsFinished(std::string_view s) {
  return s == "packed" || s == "shipped" || s == "scrapped" || s == "adopted" || s == "corrected";
}

Result<Changes> Fold(const Event& e) {
  BM_CHECK(CheckType(e.type));
  Changes out;
  if (e.type == EntryImported::kType) {
    if (Status s = FoldImported(e, out); !s)
      return std::unexpected(std::move(s).error().Context(e.type));
    return out;
  }
  BM_CHECK(FoldAny<IdentityIssued, IdentityState, IdentityAdopted, UnitVisit, UnitState, PoolFilled,
                   PoolReleased, SeedBatch, SeedCustody, SeedsUsed, SessionOpened, SessionClosed,
                   KeyCreated, KeyDestroyed, CaCreated, CredentialIssued, CredentialRevoked,
                   PlanAdopted, EntrySetAside, SegmentImported, ElementsListed, ElementMatched,
                   ReelState, SecretProvisioned, GroupOpened, CaState, CrlSigned>(e, out));
  if (!IsMany(e.type)) out.push_back(Notable{e.type});
  return out;
}

Result<NewEvent> Prepare(const Event& e) {
  // The encoder takes any octets for a text and the decoder does not (RFC 8949 section 3.1): what
  // cannot be read again must not get in, wherever the text came from. cbor::ToValue gives null for
  // a struct with such a text.
  if (!IsUtf8(e.subject.value_or("")) || e.body.IsNull() || !AreTexts(e.body)) {
    return Refused("ledger.event-text",
                   fmt::format("a {} event has a text that is no UTF-8", e.type),
                   "look at the file or the answer that the text came from");
  }
  NewEvent n;
  BM_TRY(n.changes, Fold(e));
  n.encoded = EncodeEvent(e);
  if (n.encoded.size() > (e.type.starts_with("entry.") ? kMaxStoredBytes : kMaxEventBytes)) {
    return Refused("ledger.event-large", fmt::format("a {} event is larger than 1 MiB", e.type));
  }
  return n;
}

}  // namespace birthmark::ledger
