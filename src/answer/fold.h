// SPDX-License-Identifier: Apache-2.0
// What one pass over the events leaves behind for the evaluators: compact rows a concern, never the
// events themselves. Leaves out every judgement (the evaluators have those). Not thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "answer/answer.h"
#include "crypto/cert.h"
#include "ledger/event.h"
#include "ledger/events.h"
#include "ledger/events_anchors.h"
#include "ledger/events_artifact.h"
#include "ledger/events_custody.h"
#include "ledger/merkle.h"
#include "plan/plan.h"

namespace birthmark::answer {

// Ref is an event's place in the pass: the index of its leaf hash.
using Ref = uint32_t;
inline constexpr uint32_t kNone = UINT32_MAX;

// Names gives texts small numbers, so that a row of millions holds four octets instead of a text.
class Names {
 public:
  uint32_t Add(std::string_view s);
  // Find is kNone for a text never added.
  uint32_t Find(std::string_view s) const;
  const std::string& At(uint32_t i) const { return *texts_[i]; }
  size_t size() const { return texts_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>> index_;
  std::vector<const std::string*> texts_;
};

// Row is an event's body with where and when it was; for the kinds of which a log holds few.
template <class Body>
struct Row {
  Ref ref = 0;
  int64_t at = 0;
  std::string actor;
  Body body;
};

// Authority is a certification authority as its certificate shows it.
struct Authority {
  Row<ledger::CaCreated> row;
  std::optional<crypto::Certificate> certificate;  // absent when it does not parse
  std::string fault;                               // why its path does not hold; empty: it does
  uint32_t issuer = kNone;
  int depth = 0;         // keys from the root to here, the root's being 1; 0 with a fault
  uint32_t use = kNone;  // its key's row in Fold::uses
};

// KeyUse is what one authority's key signed for devices, whatever certificates that key has had.
struct KeyUse {
  uint64_t count = 0;      // end-entity certificates issued
  uint64_t unexpired = 0;  // of these, those that outlive the last event so far
  uint64_t checked = 0;    // signatures checked
  uint64_t faults = 0;     // that do not verify, or name another issuer or key
  int64_t first = 0, last = 0;
  std::vector<int64_t> ends;  // ends of those that do end, to count the unexpired at the end
  std::vector<Ref> refs;
};

// FirstStageVisit is a visit that did a first-stage step, with the sessions it names.
struct FirstStageVisit {
  int64_t at = 0;
  Ref ref = 0;
  uint32_t station = 0;
  uint32_t first_session = 0;  // in Fold::visit_sessions
  uint32_t sessions = 0;
};

// Interval is a stretch in which a unit had a first stage that could still be changed.
struct Interval {
  int64_t written = 0;
  int64_t locked = 0;
  uint32_t unit = 0;
  uint32_t previous = kNone;  // the unit's interval before
  uint32_t site_written = kNone, site_locked = kNone;
  bool closed = false;
  bool proven = false;  // the lock was shown by a read-back, a refusal or a signed report
};

// Unit is one device, as far as the questions about devices need it.
struct Unit {
  uint32_t last_interval = kNone;
  bool anchor_read = false, anchor_equal = false;  // the newest read-back of the boot anchor
  bool stage_read = false;
  bool scrapped = false;
  uint32_t anchor_store = kNone;  // what the read-back read: "fuse"
};

// Leg is a journey with its units as numbers.
struct Leg {
  Ref ref = 0;
  uint32_t from = 0, to = 0;
  int64_t departed = 0, arrived = 0;
  bool handover = false;
  std::vector<uint32_t> units;
};

// Limits on the work of a pass.
struct FoldLimits {
  uint64_t check_all =
      100'000;            // device certificates whose signatures are all checked; then a sample
  uint64_t sample = 128;  // one in so many after that
};

// Fold takes events in order and is then what the evaluators read.
class Fold {
 public:
  // `product` empty: the one product of the log.
  explicit Fold(std::string product, FoldLimits limits = {})
      : product_(std::move(product)), limits_(limits), product_named_(!product_.empty()) {}

  // Take adds one event. Errors: cbor.field-missing and cbor.field-type for a body that is not its
  // type's.
  Status Take(uint64_t seq, const ledger::Event& event, ByteView raw);
  // Finish reads the plan and closes what needs the end. Errors: answer.no-genesis, answer.no-plan,
  // answer.product-ambiguous, answer.plan-digest, answer.plan-unreadable.
  // `root` and `size`: the tree head a source with redacted leaves was verified against.
  Status Finish(std::optional<Digest> root = std::nullopt, uint64_t size = 0);

  // Head names the prefix everything was worked out from; DigestOf hashes the leaf hashes of
  // `refs`.
  Evidence Head(std::vector<Ref> refs) const;
  int64_t begin() const { return begin_; }
  int64_t end() const { return end_; }
  const std::string& product() const { return product_; }
  // AuthoritiesOf is the numbers of the authorities of one PKI of the plan.
  std::vector<uint32_t> AuthoritiesOf(const plan::Pki& pki) const;
  // FindAuthority is by id, the newest of that id.
  uint32_t FindAuthority(std::string_view id) const;
  // StationSite is the site a station stands at, from the plan or else from its visits.
  std::string StationSite(std::string_view station) const;

  bool complete = true;  // every event from the first was there
  ledger::Genesis genesis;
  plan::Plan plan;
  std::vector<Row<ledger::PlanAdopted>> plans;  // text dropped but for the newest
  std::vector<Authority> authorities;
  std::vector<KeyUse> uses;
  std::vector<Row<ledger::KeyCreated>> keys;
  std::vector<Row<ledger::RequestCarried>> requests;
  std::vector<Row<ledger::CredentialIssued>> credentials;
  std::vector<Row<ledger::SessionOpened>> sessions;
  std::vector<uint32_t> session_logs;  // of each session: the log it came from, kNone for this one
  std::unordered_map<std::string, int64_t> session_ends;
  std::vector<Row<ledger::ImageReleased>> images;
  std::vector<uint32_t> our_images;  // numbers in `images` of those of this product
  std::vector<Row<ledger::AnchorRead>> anchors_read;
  std::vector<Row<ledger::TrialsRun>> trials;
  std::vector<Row<ledger::ChangesTried>> changes;
  std::vector<Row<ledger::SignerCertified>> signers;
  std::vector<Row<ledger::SignerAdmitted>> admitted;
  std::vector<Row<ledger::ArtifactSigned>> artifacts;         // of this product
  std::vector<Row<ledger::AnchorReplaced>> anchors_replaced;  // likewise
  std::vector<Row<ledger::ImageScanned>> images_scanned;      // likewise
  std::vector<Row<ledger::CeremonyAttested>> attested;        // in the order of the log
  std::vector<FirstStageVisit> first_stage_visits;
  std::vector<uint32_t> visit_sessions;  // numbers in `names`
  std::vector<Unit> units;
  std::vector<Interval> intervals;
  std::vector<Leg> legs;
  std::vector<Ref> anchor_reads, stage_reads, gap_refs;
  std::unordered_map<std::string, uint64_t>
      stage_digests;                 // found digest of a first stage -> times
  uint64_t unplaced_identities = 0;  // issued by an authority the log does not have
  std::unordered_map<std::string, std::string> visit_sites;  // station -> site, as visits said
  Names names;                                               // stations, sites, sessions, stores
  Names unit_names;

 private:
  Status OnVisit(Ref ref, const ledger::UnitVisit& v);
  Status OnIdentity(Ref ref, int64_t at, const ledger::IdentityIssued& v);
  void OnAuthority(Row<ledger::CaCreated> row);
  bool OurUnit(std::string_view unit) const;
  bool OurPlan(const ledger::Event& e) const;
  uint32_t UnitOf(std::string_view unit);

  std::string product_;
  FoldLimits limits_;
  std::vector<Digest> leaves_;
  uint64_t next_seq_ = 0;
  uint64_t identities_ = 0;
  int64_t begin_ = 0, end_ = 0;
  bool has_genesis_ = false, other_products_ = false, product_named_ = false;
  Digest given_root_{};
  ledger::Frontier frontier_;
  std::unordered_map<std::string, uint32_t> use_by_key_;
  std::unordered_map<std::string, uint32_t> authority_by_id_;
};

}  // namespace birthmark::answer
