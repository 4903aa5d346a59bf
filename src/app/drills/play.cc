// SPDX-License-Identifier: Apache-2.0
#include "app/drills/play.h"

#include <algorithm>

#include "crypto/software_signer.h"
#include "ledger/events.h"
#include "ledger/events_revocation.h"
#include "pki/crl.h"
#include "pki/validate.h"

namespace birthmark::app {

std::string Bm(const DrillOptions& o, std::string_view command, std::string_view rest) {
  std::string ws = o.workspace.string();
  if (ws.find_first_of(" '\"\\$`;&|<>()*?") != std::string::npos) {
    std::string quoted = "'";
    for (char c : ws) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    ws = quoted + "'";
  }
  return fmt::format("birthmark {} {}{}{}", command, ws, rest.empty() ? "" : " ", rest);
}

line::IssuingDesk DeskOf(DrillCopy& copy, const std::string& station) {
  Factory& f = copy.factory();
  ledger::EventContext context = f.context;
  if (!station.empty()) context.station = station;
  return line::IssuingDesk({.log = *f.log,
                            .log_dir = f.layout.ledger(),
                            .keys = copy.keys(),
                            .plan = copy.plan(),
                            .marks = f.marks,
                            .serials = *f.serials,
                            .clock = copy.clock(),
                            .context = context});
}

const plan::IdentitySlot* SlotOf(const plan::Plan& plan) {
  for (const plan::IdentitySlot& s : plan.identities)
    if (!plan::IsSecret(s.slot) && !s.batch) return &s;
  return nullptr;
}

Result<method::Order> OrderFor(DrillCopy& copy, const std::string& serial) {
  const plan::IdentitySlot* slot = SlotOf(copy.plan());
  if (slot == nullptr) {
    return Refused("drill.no-identity", "the plan gives units no identity with a key pair",
                   "this drill is about identities");
  }
  BM_TRY(auto key, crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  method::Order order{.job = {.unit = copy.plan().product.id + "/" + serial,
                              .serial = serial,
                              .slot = std::string(vocab::ToText(slot->slot)),
                              .subject = ""},
                      .key = key->public_key(),
                      .method = std::string(vocab::ToText(slot->method)),
                      .proof = "made-by-us"};
  return order;
}

std::optional<Time> StopsAt(DrillCopy& copy, std::vector<Time> moments, const Try& attempt) {
  Time back = copy.clock().Now();
  std::optional<Time> out;
  if (!attempt()) {
    out = back;
  } else {
    std::ranges::sort(moments);
    for (Time t : moments) {
      if (t <= back) continue;
      copy.clock().Set(t);
      if (attempt()) continue;
      out = t;
      break;
    }
  }
  copy.clock().Set(back);
  return out;
}

Status TryIssue(DrillCopy& copy, const Twin& twin) {
  Time now = copy.clock().Now();
  if (twin.row.issues_until && Millis(now) >= *twin.row.issues_until)
    return Refused("desk.retired", "its window is over");
  if (twin.row.max_count && twin.row.issued >= *twin.row.max_count)
    return Refused("desk.retired", "its count is used up");
  BM_TRY(auto signer, copy.keys().Open(twin.id));
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(twin.certificate, *signer));
  BM_TRY(auto key, crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  BM_TRY(pki::Name subject, pki::Name::Make({{"O", copy.plan().product.manufacturer},
                                             {"serialNumber", "DRILL-0001"}}));
  BM_TRY(crypto::Certificate leaf,
         pki::Issue(
             issuer, pki::IDevIdProfile(), copy.factory().marks, copy.StampNow(),
             {.subject = subject,
              .key = key->public_key(),
              .not_after = std::nullopt,
              .hardware = pki::HardwareModule{.type = plan::HardwareTypeOid(copy.plan().product),
                                              .serial = ToBytes("DRILL-0001")}}));
  std::vector<crypto::Certificate> between, anchors;
  for (Twin* t : copy.Above(twin))
    (t->row.issuer == t->row.id ? anchors : between).push_back(t->certificate);
  BM_CHECK(pki::BuildPath(leaf, between, anchors, now, pki::Purpose::kDevice));
  return {};
}

Status TrySuccessor(DrillCopy& copy, const Twin& twin) {
  if (twin.row.issuer == twin.row.id)
    return Refused("drill.root", "nobody stands above a root: a successor is a new anchor");
  Twin* parent = copy.FindTwin(twin.row.issuer);
  if (parent == nullptr) return Refused("drill.no-parent", "the authority above is not known here");
  Time now = copy.clock().Now();
  if (parent->certificate.not_after() <= now)
    return Refused("drill.expired", "the authority above has expired");
  BM_TRY(auto above, copy.keys().Open(parent->id));
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(parent->certificate, *above));
  BM_TRY(auto key, crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  BM_TRY(pki::Name subject, pki::Name::FromDer(twin.certificate.subject_der()));
  BM_CHECK(pki::Issue(issuer, pki::SubordinateProfile(), copy.factory().marks, copy.StampNow(),
                      {.subject = subject,
                       .key = key->public_key(),
                       .not_after = parent->certificate.not_after(),
                       .path_len = twin.certificate.path_len()}));
  return {};
}

Status TryCrl(DrillCopy& copy, const Twin& twin) {
  Time now = copy.clock().Now();
  if (twin.certificate.not_after() <= now)
    return Refused("drill.expired", "the authority has expired");
  BM_TRY(auto signer, copy.keys().Open(twin.id));
  BM_TRY(pki::Issuer issuer, pki::Issuer::Make(twin.certificate, *signer));
  BM_CHECK(pki::SignCrl({.issuer = issuer.identity(),
                         .number = 1,
                         .this_update = now,
                         .next_update = now + std::chrono::hours(24),
                         .distribution_point = ""},
                        pki::NoEntries, *signer));
  return {};
}

void AddEnd(const crypto::Certificate& certificate, std::vector<Time>& out) {
  // RFC 5280 section 4.1.2.5: 99991231235959Z is no end.
  if (FormatDate(certificate.not_after()).starts_with("9999")) return;
  out.push_back(certificate.not_after() + std::chrono::seconds(1));
}

std::vector<Time> Moments(DrillCopy& copy) {
  std::vector<Time> out;
  for (const Twin& t : copy.twins()) {
    if (t.row.issues_until) out.push_back(TimeFromMillis(*t.row.issues_until));
    AddEnd(t.certificate, out);
  }
  return out;
}

Result<std::set<std::string>> Below(DrillCopy& copy, const std::string& ca) {
  BM_TRY(std::vector<ledger::CaRow> all, copy.registry().Cas());
  std::ranges::stable_sort(all, {}, &ledger::CaRow::level);
  std::set<std::string> out{ca};
  for (const ledger::CaRow& row : all)
    if (out.contains(row.issuer)) out.insert(row.id);
  return out;
}

Result<std::vector<ledger::IdentityRow>> IssuedBy(DrillCopy& copy,
                                                  const std::set<std::string>& cas) {
  std::vector<ledger::IdentityRow> out;
  for (const std::string& ca : cas) {
    ledger::IdentityFilter filter;
    filter.ca = ca;
    BM_TRY(std::vector<ledger::IdentityRow> rows, copy.All(filter));
    std::ranges::move(rows, std::back_inserter(out));
  }
  return out;
}

Result<uint64_t> ChangedBeside(DrillCopy& copy, const std::map<Bytes, std::string>& before,
                               const std::set<Bytes>& touched) {
  BM_TRY(auto now, copy.States());
  uint64_t changed = 0;
  for (const auto& [serial, state] : before)
    changed += !touched.contains(serial) && now[serial] != state;
  return changed;
}

Result<std::string> StateOfUnit(DrillCopy& copy, const std::string& unit) {
  BM_TRY(auto row, copy.registry().Unit(unit));
  return row ? row->state : "";
}

Result<uint64_t> ShippedOf(DrillCopy& copy, const std::vector<ledger::IdentityRow>& rows) {
  uint64_t n = 0;
  for (const ledger::IdentityRow& row : rows) {
    BM_TRY(std::string state, StateOfUnit(copy, row.unit));
    n += state == "shipped";
  }
  return n;
}

Result<LastList> ListsOf(DrillCopy& copy, const std::string& ca) {
  LastList out;
  BM_TRY(auto reader, copy.factory().NewReader());
  BM_TRY(std::vector<uint64_t> seqs, reader->registry().EventsOfType(ledger::CrlSigned::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event e, reader->EventAt(seq));
    BM_TRY(ledger::CrlSigned body, ledger::BodyOf<ledger::CrlSigned>(e));
    if (body.ca != ca) continue;
    std::optional<Time>& at = body.reserve ? out.reserve_until : out.next_update;
    at = std::max(at.value_or(Time{}), TimeFromMillis(body.next_update));
  }
  return out;
}

const plan::Level* LevelOfTwin(DrillCopy& copy, const Twin& twin) {
  const plan::Pki* pki = copy.plan().FindPki(twin.row.pki);
  if (pki == nullptr || twin.row.level == 0 || twin.row.level > pki->levels.size()) return nullptr;
  return &pki->levels[twin.row.level - 1];
}

}  // namespace birthmark::app
