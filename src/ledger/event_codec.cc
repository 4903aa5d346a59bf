// SPDX-License-Identifier: Apache-2.0
#include "ledger/event_codec.h"

#include <algorithm>

#include "ledger/events.h"
#include "ledger/events_anchors.h"
#include "ledger/events_artifact.h"
#include "ledger/events_continuity.h"
#include "ledger/events_custody.h"
#include "ledger/events_field.h"
#include "ledger/events_revocation.h"
#include "ledger/events_seed_package.h"
#include "ledger/events_voucher.h"

namespace birthmark::ledger {
namespace {

// The envelope's keys sort by length, then alphabetically: "at" and "id" come first, "recorded"
// last.
constexpr std::string_view kAtKey =
    "\x62"
    "at";
constexpr std::string_view kIdKey =
    "\x62"
    "id\x50";                                                  // … a byte string of 16
constexpr std::string_view kRecordedKey = "\x68recorded\x1b";  // … a number of eight octets
// Any time after 1970-02-19 needs eight octets, so that the place of `recorded` is fixed.
constexpr int64_t kPlaceholder = int64_t{1} << 32;

constexpr std::string_view kTypes[] = {
    Genesis::kType,           PlanAdopted::kType,       KeyCreated::kType,
    KeyDestroyed::kType,      CaCreated::kType,         RequestCarried::kType,
    CredentialIssued::kType,  SessionOpened::kType,     SessionClosed::kType,
    ImageReleased::kType,     AnchorRead::kType,        IdentityIssued::kType,
    IdentityState::kType,     UnitIntent::kType,        UnitVisit::kType,
    UnitState::kType,         CustodyLeg::kType,        KeyOutside::kType,
    TrialsRun::kType,         DisclosureSigned::kType,  SignerCertified::kType,
    TokenIssued::kType,       TokenUsed::kType,         TokenRevoked::kType,
    CredentialRevoked::kType, StationAdded::kType,      StationState::kType,
    StationChecked::kType,    IslandOpened::kType,      EntryImported::kType,
    EntrySetAside::kType,     SegmentImported::kType,   PoolFilled::kType,
    PoolReleased::kType,      ReconcileClosed::kType,   UnitCorrected::kType,
    IdentityAdopted::kType,   KeysAudited::kType,       LotState::kType,
    SeedBatch::kType,         SeedCustody::kType,       SeedRefused::kType,
    SeedsUsed::kType,         SecretProvisioned::kType, GroupOpened::kType,
    PackageDelivered::kType,  ManifestImported::kType,  ElementsListed::kType,
    ElementMatched::kType,    ReelState::kType,         KeyAttested::kType,
    DrillDone::kType,         BackupMade::kType,        WorkspaceRestored::kType,
    WorkspaceUpgraded::kType, CeremonyAccepted::kType,  CeremonyAttested::kType,
    CeremonySealed::kType,    CaState::kType,           CrlSigned::kType,
    SeedTold::kType,          FieldSeen::kType,         AlarmExplained::kType,
    ChangesTried::kType,      AnchorReplaced::kType,    ImageScanned::kType,
    UnitAttested::kType,      ArtifactSigned::kType,    SignerAdmitted::kType,
    VoucherIssued::kType,     VoucherRefused::kType,
};

// IdPlace is the offset of the 16 octets of the id.
Result<size_t> IdPlace(ByteView e) {
  auto bad = [] { return Refused("ledger.event-shape", "the encoded event is no envelope"); };
  if (e.size() < 64 || e[0] >> 5 != 5 || (e[0] & 31) >= 24) return bad();
  std::string_view s = AsText(e);
  if (s.substr(1, 3) != kAtKey) return bad();
  if (e[4] >> 5 > 1 || (e[4] & 31) > 27) return bad();
  size_t info = e[4] & 31;
  size_t pos = 5 + (info < 24 ? 0 : size_t{1} << (info - 24));
  if (s.substr(pos, kIdKey.size()) != kIdKey) return bad();
  if (s.substr(s.size() - 8 - kRecordedKey.size(), kRecordedKey.size()) != kRecordedKey)
    return bad();
  return pos + kIdKey.size();
}

}  // namespace

Bytes EncodeEvent(Event e) {
  e.recorded = std::max(e.recorded, kPlaceholder);
  return cbor::ToCbor(e);
}

Result<Event> DecodeEvent(ByteView encoded) {
  if (encoded.size() > kMaxStoredBytes) {
    return Refused("ledger.event-large", "an event is larger than 1 MiB");
  }
  return cbor::FromCbor<Event>(encoded);
}

bool TakenOver(std::string_view type) {
  for (std::string_view prefix : {"unit.", "identity.", "session.", "custody.", "pool.", "secret."})
    if (type.starts_with(prefix)) return true;
  return type == KeyOutside::kType;
}

Result<Event> ReadEvent(ByteView encoded) {
  BM_TRY(Event outer, DecodeEvent(encoded));
  if (outer.type != EntryImported::kType) return outer;
  auto body = cbor::FromValue<EntryImported>(outer.body);
  if (!body) return std::unexpected(std::move(body).error().Context(outer.type));
  auto inner = DecodeEvent(body->entry);
  if (!inner) return std::unexpected(std::move(inner).error().Context(outer.type));
  if (!TakenOver(inner->type)) return outer;
  inner->log = std::move(body->origin);
  return inner;
}

Status StampEvent(std::span<uint8_t> e, const EventStamp& stamp) {
  BM_TRY(size_t place, IdPlace(e));
  if (stamp.recorded < kPlaceholder) {
    return Internal("ledger.event-shape", "the time of recording lies before 1970-02-20");
  }
  std::copy(stamp.id.begin(), stamp.id.end(), e.begin() + static_cast<ptrdiff_t>(place));
  for (size_t i = 0; i < 8; ++i) {
    e[e.size() - 1 - i] = static_cast<uint8_t>(stamp.recorded >> (8 * i));
  }
  return {};
}

Result<EventStamp> ReadStamp(ByteView e) {
  BM_TRY(size_t place, IdPlace(e));
  EventStamp s;
  std::copy_n(e.begin() + static_cast<ptrdiff_t>(place), 16, s.id.begin());
  uint64_t t = 0;
  for (uint8_t b : e.last(8)) t = t << 8 | b;
  s.recorded = static_cast<int64_t>(t);
  return s;
}

bool KnownType(std::string_view type) {
  return std::ranges::find(kTypes, type) != std::end(kTypes);
}

Status CheckType(std::string_view type) {
  if (KnownType(type)) return {};
  size_t slash = type.find('/');
  if (type.size() <= 200 && slash != type.npos && slash > 0 && slash + 1 < type.size() &&
      type.substr(0, slash).find('.') != type.npos) {
    return {};
  }
  return Refused("ledger.event-type", fmt::format("\"{}\" is no event type of this program", type),
                 "name a type of your own under your domain, as in example.com/oven-curve");
}

}  // namespace birthmark::ledger
