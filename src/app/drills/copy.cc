// SPDX-License-Identifier: Apache-2.0
#include "app/drills/copy.h"

#include <stdlib.h>

#include <algorithm>
#include <set>

#include "app/backup.h"
#include "app/init.h"
#include "ledger/events.h"

namespace birthmark::app {
namespace {

constexpr const char* kActor = "drill";
constexpr uint64_t kRowsOfCopy = 10'000;
constexpr auto kManyDays = std::chrono::hours(24 * 62);

Result<fs::path> NewFolder(const fs::path& scratch) {
  std::error_code ec;
  fs::path parent = scratch.empty() ? fs::temp_directory_path(ec) : scratch;
  if (ec) return std::unexpected(FromErrno("file.write", "temporary files", ec.value()));
  std::string name = (parent / "birthmark-drill-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr)
    return std::unexpected(FromErrno("file.write", parent.string(), errno));
  return fs::path(name);
}

}  // namespace

Result<std::unique_ptr<DrillCopy>> DrillCopy::Make(const fs::path& workspace,
                                                   const std::string& product,
                                                   const fs::path& scratch, const Clock& clock) {
  BM_TRY(auto reader, OpenReader(workspace));
  BM_TRY(AdoptedPlan adopted, PlanOf(*reader, product));
  BM_TRY(ledger::Event last, reader->EventAt(reader->size() - 1));
  std::unique_ptr<DrillCopy> c(new DrillCopy(std::max(clock.Now(), TimeFromMillis(last.recorded))));
  c->events_ = reader->size();
  BM_TRY(c->folder_, NewFolder(scratch));
  c->factory_ = std::make_unique<Factory>(c->folder_ / "copy");
  Factory& f = *c->factory_;
  BM_CHECK(MakeDirs(f.layout.ledger(), 0700));
  BM_CHECK(CopyLog(*reader, f.layout.ledger() / ledger::kLogFile));
  reader.reset();
  SecretBytes passphrase(32);
  f.rng.Fill(passphrase.Write(SecretAccess()));
  BM_TRY(auto store, keystore::SoftwareKeyStore::Init(f.layout.keys(), passphrase));
  // No routes: a key that lives in a module or a TPM is not reached from the copy.
  f.keys.online = std::make_unique<keystore::RoutedKeyStore>(std::move(*store));
  BM_TRY(f.log, ledger::LogWriter::Open(f.layout.ledger(), c->clock_));
  BM_TRY(auto copy, f.NewReader());
  f.genesis = copy->genesis();
  copy.reset();
  f.adopted = std::move(adopted);
  f.marks = MarksOf(f.genesis.rehearsal);
  f.serials = std::make_unique<pki::SerialSource>(c->clock_, f.rng, c->began_);
  f.context = {
      .actor = kActor, .clock = "manual", .plan = f.adopted.plan.digest, .station = std::nullopt};
  // Whoever acts on the copy is nobody of the workspace's.
  BM_CHECK(
      c->Append("credential:drill",
                ledger::CredentialIssued{
                    .cert = {}, .kind = "person", .role = "administrator", .pseudonym = kActor}));
  return c;
}

DrillCopy::~DrillCopy() {
  factory_.reset();
  std::error_code ec;
  if (!folder_.empty()) fs::remove_all(folder_, ec);
}

pki::Stamp DrillCopy::StampNow() {
  pki::SerialSource source(clock_, factory_->rng, began_);
  auto stamp = source.Next();
  return stamp ? *stamp : pki::Stamp{.serial = {}, .at = clock_.Now()};
}

Result<Twin> DrillCopy::MakeTwin(const ledger::CaRow& row) {
  Factory& f = *factory_;
  BM_TRY(auto reader, f.NewReader());
  BM_TRY(ledger::Event event, reader->EventAt(row.seq));
  BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(event));
  Twin t{.row = row, .id = "drill." + row.id, .original = {}, .certificate = {}};
  BM_TRY(t.original, crypto::Certificate::FromDer(body.cert));
  BM_TRY(auto signer, f.keys.online->Create(t.id, crypto::Algorithm::kEcdsaP256));
  BM_TRY(pki::Name subject, pki::Name::FromDer(t.original.subject_der()));
  pki::Stamp stamp = StampNow();
  stamp.at = t.original.not_before();
  pki::Contents contents{.subject = subject,
                         .key = signer->public_key(),
                         .not_after = t.original.not_after(),
                         .path_len = t.original.path_len()};
  if (FormatDate(t.original.not_after()).starts_with("9999")) contents.not_after = std::nullopt;
  Twin* parent = row.issuer == row.id ? nullptr : FindTwin(row.issuer);
  if (parent == nullptr) {
    BM_TRY(t.certificate,
           pki::SelfSign(*signer, pki::RootProfile(), f.marks, stamp, std::move(contents)));
  } else {
    BM_TRY(auto above, f.keys.online->Open(parent->id));
    BM_TRY(pki::Issuer issuer, pki::Issuer::Make(parent->certificate, *above));
    BM_TRY(t.certificate, pki::Issue(issuer, pki::SubordinateProfile(), f.marks, stamp, contents));
  }
  BM_CHECK(Append("key:" + t.id, ledger::KeyCreated{.id = t.id,
                                                    .spki = signer->public_key().spki_digest(),
                                                    .facts = {},
                                                    .store = "file",
                                                    .offline = false,
                                                    .purpose = "drill",
                                                    .algorithm = "ecdsa-p256"}));
  ledger::CaCreated twin{.id = t.id,
                         .pki = row.pki,
                         .cert = Bytes(t.certificate.der().begin(), t.certificate.der().end()),
                         .name = row.name,
                         .level = row.level,
                         .issuer = parent == nullptr ? t.id : parent->id,
                         .offline = row.offline,
                         .max_count = std::nullopt,
                         .issues_until = row.issues_until};
  if (row.max_count) twin.max_count = *row.max_count - std::min(row.issued, *row.max_count);
  BM_CHECK(Append("ca:" + t.id, twin));
  return t;
}

Status DrillCopy::MakeTwins(bool all_pkis) {
  BM_TRY(auto reader, factory_->NewReader());
  BM_TRY(auto plans, PlansOf(*reader));
  reader.reset();
  std::set<std::string> wanted;
  for (const auto& [id, adopted] : plans)
    for (const plan::Pki& p : adopted.plan.pkis)
      if (all_pkis || p.purpose == plan::Purpose::kIdentity) wanted.insert(p.id);
  BM_TRY(std::vector<ledger::CaRow> cas, registry().Cas());
  std::ranges::stable_sort(cas, {}, &ledger::CaRow::level);
  for (const ledger::CaRow& row : cas) {
    if (!wanted.contains(row.pki) || FindTwin(row.id) != nullptr) continue;
    BM_TRY(Twin t, MakeTwin(row));
    twins_.push_back(std::move(t));
  }
  return {};
}

Twin* DrillCopy::FindTwin(std::string_view original) {
  auto it = std::ranges::find_if(twins_, [&](const Twin& t) { return t.row.id == original; });
  return it == twins_.end() ? nullptr : &*it;
}

std::vector<Twin*> DrillCopy::Above(const Twin& twin) {
  std::vector<Twin*> out;
  for (Twin* t = FindTwin(twin.row.id); t != nullptr && out.size() < twins_.size();) {
    out.push_back(t);
    t = t->row.issuer == t->row.id ? nullptr : FindTwin(t->row.issuer);
  }
  return out;
}

Result<std::vector<ledger::IdentityRow>> DrillCopy::All(const ledger::IdentityFilter& filter) {
  std::vector<ledger::IdentityRow> out;
  ledger::Page page{.limit = kRowsOfCopy};
  for (;;) {
    BM_TRY(std::vector<ledger::IdentityRow> rows, registry().Identities(filter, page));
    if (!rows.empty()) page.after_seq = rows.back().seq;
    bool more = rows.size() == kRowsOfCopy;
    std::ranges::move(rows, std::back_inserter(out));
    if (!more) return out;
  }
}

Result<std::map<Bytes, std::string>> DrillCopy::States() {
  std::map<Bytes, std::string> out;
  BM_TRY(std::vector<ledger::IdentityRow> rows, All({}));
  for (ledger::IdentityRow& row : rows) out[row.serial] = std::move(row.state);
  return out;
}

Status DrillCopy::Affect(const std::vector<ledger::IdentityRow>& rows, DrillReport& report) {
  if (rows.empty()) return {};
  auto [first, last] = std::ranges::minmax(rows, {}, &ledger::IdentityRow::issued_at);
  const bool months = TimeFromMillis(last.issued_at) - TimeFromMillis(first.issued_at) > kManyDays;
  using Group = std::tuple<std::string, std::string, std::string>;
  std::map<Group, DrillReport::Affected> groups;
  for (const DrillReport::Affected& a : report.affected) groups[{a.product, a.site, a.issued}] = a;
  for (const ledger::IdentityRow& row : rows) {
    BM_TRY(auto unit, registry().Unit(row.unit));
    std::string site = unit ? unit->site : "";
    if (site.empty() && !row.station.empty()) {
      const plan::Station* station = plan().FindStation(row.station);
      if (station != nullptr) site = station->site;
    }
    std::string product = row.unit.substr(0, row.unit.find('/'));
    std::string date = FormatDate(TimeFromMillis(row.issued_at));
    std::string issued = months ? date.substr(0, 7) : date;
    DrillReport::Affected& a = groups[{product, site, issued}];
    a.product = product;
    a.site = site.empty() ? "(not on a line)" : site;
    a.issued = issued;
    ++a.identities;
    a.shipped += unit && unit->state == "shipped";
    report.list.push_back({ToHex(row.serial), row.unit, row.state, site, date});
  }
  report.affected.clear();
  for (auto& [key, a] : groups) report.affected.push_back(std::move(a));
  return {};
}

}  // namespace birthmark::app
