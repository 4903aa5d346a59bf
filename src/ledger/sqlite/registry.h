// SPDX-License-Identifier: Apache-2.0
// The registry: tables derived from a log by the fold, and look-ups in them. Never migrated:
// dropped and rebuilt. Leaves out the log itself (log_store). One thread, that of its connection.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/findings.h"
#include "ledger/fold.h"
#include "ledger/sqlite/db.h"
#include "ledger/sqlite/key_index.h"
#include "ledger/sqlite/registry_elements.h"
#include "ledger/sqlite/registry_secrets.h"
#include "ledger/sqlite/registry_seeds.h"

namespace birthmark::ledger {

// SpkiKey, SerialKey and UnitKey are what the key index stores for one identity.
Key16 SpkiKey(const Digest& spki);
Key16 SerialKey(ByteView serial);
Key16 UnitKey(std::string_view unit);
// ElementKey and ElementSpkiKey are what it stores for a listed part.
Key16 ElementKey(std::string_view uid);
Key16 ElementSpkiKey(const Digest& spki);

// ForEachKeyOf calls back with each key that the index must hold for these changes.
template <class F>
void ForEachKeyOf(const Changes& changes, F&& fn) {
  for (const Change& c : changes) {
    if (auto* row = std::get_if<IdentityRow>(&c)) {
      for (const Key16& k : {SpkiKey(row->spki), SerialKey(row->serial), UnitKey(row->unit)}) fn(k);
    } else if (auto* key = std::get_if<KeyRow>(&c)) {
      fn(SpkiKey(key->spki));
    } else if (auto* seeds = std::get_if<SeedRun>(&c)) {
      for (const std::string& chip : seeds->chips) fn(ChipKey(chip));
    } else if (auto* run = std::get_if<ElementRun>(&c)) {
      for (const ElementRun::Part& part : run->parts) {
        fn(ElementKey(part.uid));
        if (part.spki != Digest{}) fn(ElementSpkiKey(part.spki));
      }
    }
  }
}

// KeyFinder looks a key up: the writer's index or a reader's snapshot of it.
using KeyFinder = std::function<Status(const Key16&, std::vector<uint64_t>&)>;

// KeyOwner is who a public key belongs to.
struct KeyOwner {
  std::optional<IdentityRow> identity;  // of a unit
  std::optional<KeyRow> key;            // of the manufacturer
};

// A period is [since, until) in milliseconds.
struct IdentityFilter {
  std::optional<std::string> unit, slot, ca, state;
  std::optional<std::string> product, station;  // station: where it was issued
  std::optional<int64_t> since, until;          // of its issue
};
// A unit was at a station, or seen at all, within the period.
struct UnitFilter {
  std::optional<std::string> product, state, site;
  std::optional<std::string> ca, station;
  std::optional<int64_t> since, until;
};
// Page limits a list; `after` continues behind the last row of the one before.
struct Page {
  uint64_t limit = 1000;
  std::optional<uint64_t> after_seq;      // of identities
  std::optional<std::string> after_unit;  // of units
};

class Registry {
 public:
  static Status CreateTables(const Db& db);
  // AddTables makes the tables that a log of an older release lacks: it has no event that would
  // have filled them.
  static Status AddTables(const Db& db);
  static Status DropTables(const Db& db);
  // IsOld is true for tables that an older release derived: columns are missing, so they are
  // derived again (by the next writer; a reader derives its own).
  static Result<bool> IsOld(const Db& db);
  // Forget marks tables as IsOld.
  static Status Forget(const Db& db) { return db.Exec("PRAGMA user_version=0"); }
  // Open prepares the statements. `db` must outlive the registry.
  static Result<Registry> Open(const Db& db, KeyFinder finder);

  // Apply writes the changes of event `seq` inside the open transaction of its connection.
  Status Apply(uint64_t seq, const Changes& changes);
  // EndBatch writes what Apply gathers over a batch; CancelBatch forgets it.
  Status EndBatch();
  void CancelBatch() { issued_.clear(); }

  Result<std::optional<IdentityRow>> IdentityBySerial(ByteView serial);
  Result<std::optional<IdentityRow>> IdentityAt(uint64_t seq);
  // IdentitiesByKey and IdentitiesOf give the oldest first.
  Result<std::vector<IdentityRow>> IdentitiesByKey(const Digest& spki);
  Result<std::vector<IdentityRow>> IdentitiesOf(std::string_view unit);
  Result<std::optional<KeyRow>> KeyBySpki(const Digest& spki);
  Result<std::optional<UnitRow>> Unit(std::string_view unit);
  // Identities and Units list in the order of issue and of names.
  Result<std::vector<IdentityRow>> Identities(const IdentityFilter& filter, const Page& page);
  Result<std::vector<UnitRow>> Units(const UnitFilter& filter, const Page& page);
  Result<std::vector<CaRow>> Cas();
  // CasOf are the authorities of one level of a PKI, the oldest first. Ca, CaByKeyId (its
  // subjectKeyIdentifier) and CaBySerial (of its certificate) each give the newest that fits.
  Result<std::vector<CaRow>> CasOf(std::string_view pki, uint32_t level);
  Result<std::optional<CaRow>> Ca(std::string_view id);
  Result<std::optional<CaRow>> CaByKeyId(ByteView key_id);
  Result<std::optional<CaRow>> CaBySerial(std::string_view issuer, ByteView serial);
  Result<std::vector<KeyRow>> Keys();
  Result<std::vector<CredentialRow>> Credentials();
  Result<std::vector<PlanRow>> Plans();
  Result<std::vector<SessionRow>> Sessions(bool open_only, uint64_t limit);
  // Foreign is what is here of another log, if anything; ForeignLogs are all of them.
  Result<std::optional<ForeignRow>> Foreign(std::string_view origin);
  Result<std::vector<ForeignRow>> ForeignLogs();
  // Element and ElementByKey find a listed part by its identifier and by its key.
  Result<std::optional<ElementRow>> Element(std::string_view uid);
  Result<std::optional<ElementRow>> ElementByKey(const Digest& spki);
  // SeedUses gives the events seed.used of a chip: one, unless its batches repeat it.
  Result<std::vector<uint64_t>> SeedUses(std::string_view chip) { return Seqs(ChipKey(chip)); }
  // EventsOfType lists where the events of a type that is few in number stand (see Notable).
  Result<std::vector<uint64_t>> EventsOfType(std::string_view type);
  // Count counts units, identities and so on: "unit", "identity".
  Result<uint64_t> CountUnits(const UnitFilter& filter);
  Result<uint64_t> CountIdentities(const IdentityFilter& filter);

  // db is where the tables are.
  const Db& db() const { return *db_; }

  // ForEachKey calls back with every key that the index must hold for events from `from` on, in
  // order.
  Status ForEachKey(uint64_t from, const KeyIndex::KeyFn& fn);

 private:
  explicit Registry(const Db& db, KeyFinder finder) : db_(&db), find_(std::move(finder)) {}
  Status ApplyOne(uint64_t seq, const Change& change);
  Status ApplyForeign(const ForeignEntry& entry);
  Result<std::optional<ElementRow>> FindElement(const Key16& key, std::string_view uid,
                                                const Digest* spki);
  // Has is true when this log's database has the table: a reader adds none.
  Result<bool> Has(std::string_view table);
  // Seqs gives the sequences under a key, each once, the oldest first.
  Result<std::vector<uint64_t>> Seqs(const Key16& key);

  const Db* db_;
  KeyFinder find_;
  std::map<std::string, uint64_t, std::less<>> issued_;  // per authority, of this batch
  Stmt put_identity_, set_identity_, put_unit_, put_visit_, put_pool_, end_pool_, put_ca_,
      count_ca_, put_key_, end_key_, put_credential_, put_plan_, put_session_, end_session_,
      put_notable_;
  Stmt get_identity_, get_key_, get_unit_;
  Stmt get_foreign_, put_foreign_, end_foreign_;  // prepared when first needed: AddTables
  Stmt find_element_;
  ElementTables elements_;
};

// CompareRegistries reports each row in which `found` differs from `meant`, at most `limit` of
// them, as findings with the code ledger.registry.
Status CompareRegistries(const Db& found, const Db& meant, size_t limit, Findings& out);

}  // namespace birthmark::ledger
