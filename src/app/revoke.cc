// SPDX-License-Identifier: Apache-2.0
#include "app/revoke.h"

#include <algorithm>
#include <map>

#include "app/roles.h"
#include "app/units.h"
#include "ledger/events.h"

namespace birthmark::app {
namespace {

constexpr uint64_t kRowsAtOnce = 10'000;
constexpr size_t kOneCommit = 1000;

Result<Bytes> SerialOf(const std::string& typed) {
  if (auto hex = FromHex(typed); hex && !hex->empty()) return *hex;
  if (!fs::is_regular_file(typed)) {
    return Usage("cert.unknown", typed + ": is neither a serial number nor a certificate's file",
                 "`birthmark cert list WS` lists serial numbers");
  }
  BM_TRY(std::string pem, ReadTextFile(typed, 64 * 1024));
  BM_TRY(crypto::Certificate c, crypto::Certificate::FromPem(pem));
  return c.serial();
}

class Revoker {
 public:
  Revoker(Factory& f, const RevokeOptions& o, const Clock& clock)
      : f_(f), o_(o), clock_(clock), registry_(f.log->registry()) {}

  Result<Revoked> Run() {
    BM_CHECK(Gather());
    if (o_.as == RevokeAs::kUnhold && !out_.rows.empty()) BM_CHECK(FindEarlierStates());
    for (RevokedRow& row : out_.rows) {
      BM_TRY(std::optional<ledger::UnitRow> unit, registry_.Unit(row.identity.unit));
      if (unit) row.unit_state = unit->state;
      out_.shipped += row.unit_state == "shipped";
    }
    if (!o_.dry_run) BM_CHECK(Commit());
    return std::move(out_);
  }

 private:
  // Add takes an identity that the act changes.
  void Add(const ledger::IdentityRow& row) {
    bool held = row.state == "held";
    bool fits = o_.as == RevokeAs::kRevoke ? ledger::IsLive(row.state)
                : o_.as == RevokeAs::kHold ? ledger::IsLive(row.state) && !held
                                           : held;
    if (!fits) {
      ++out_.passed;
      return;
    }
    out_.rows.push_back({row, "", o_.as == RevokeAs::kRevoke ? "revoked" : "held"});
  }

  Status Gather() {
    for (const std::string& typed : o_.certificates) {
      BM_TRY(Bytes serial, SerialOf(typed));
      BM_TRY(auto row, registry_.IdentityBySerial(serial));
      if (!row) {
        return Refused("cert.unknown", "no certificate here has the serial number " + ToHex(serial),
                       "`birthmark cert list WS` lists them");
      }
      Add(*row);
    }
    if (!o_.certificates.empty()) return {};
    ledger::IdentityFilter filter = o_.filter;
    if (!o_.unit.empty()) {
      BM_TRY(filter.unit, ResolveUnit(registry_, o_.unit));
    }
    ledger::Page page{.limit = kRowsAtOnce};
    for (;;) {
      BM_TRY(std::vector<ledger::IdentityRow> rows, registry_.Identities(filter, page));
      for (const ledger::IdentityRow& row : rows) Add(row);
      if (rows.size() < kRowsAtOnce) return {};
      page.after_seq = rows.back().seq;
    }
  }

  // FindEarlierStates reads from the log what each identity was before it was held.
  Status FindEarlierStates() {
    std::map<Bytes, RevokedRow*> wanted;
    for (RevokedRow& row : out_.rows) {
      row.becomes = row.identity.method.empty() ? "adopted" : "issued";
      wanted[row.identity.serial] = &row;
    }
    BM_TRY(auto reader, f_.NewReader());
    return reader->ForEach([&](uint64_t, const ledger::Event& e, ByteView) -> Status {
      if (e.type == ledger::IdentityAdopted::kType) {
        BM_TRY(ledger::IdentityAdopted body, ledger::BodyOf<ledger::IdentityAdopted>(e));
        if (auto it = wanted.find(body.serial); it != wanted.end())
          it->second->becomes = body.state;
        return {};
      }
      if (e.type != ledger::IdentityState::kType) return {};
      BM_TRY(ledger::IdentityState body, ledger::BodyOf<ledger::IdentityState>(e));
      auto it = wanted.find(body.serial);
      if (it != wanted.end() && body.state != "held") it->second->becomes = body.state;
      return {};
    });
  }

  Status Commit() {
    std::string reason = o_.as == RevokeAs::kRevoke ? o_.reason
                         : o_.as == RevokeAs::kHold ? "certificateHold"
                                                    : "removeFromCRL";
    for (size_t at = 0; at < out_.rows.size(); at += kOneCommit) {
      ledger::Submission all;
      for (size_t i = at; i < std::min(at + kOneCommit, out_.rows.size()); ++i) {
        const RevokedRow& row = out_.rows[i];
        ledger::IdentityState body{.slot = row.identity.slot,
                                   .unit = row.identity.unit,
                                   .state = row.becomes,
                                   .reason = reason,
                                   .serial = row.identity.serial};
        BM_TRY(ledger::NewEvent e,
               ledger::Prepare(
                   ledger::MakeEvent(f_.context, clock_.Now(), "unit:" + row.identity.unit, body)));
        all.push_back(std::move(e));
      }
      BM_CHECK(f_.log->Append(std::move(all)));
    }
    return {};
  }

  Factory& f_;
  const RevokeOptions& o_;
  const Clock& clock_;
  ledger::Registry& registry_;
  Revoked out_;
};

}  // namespace

const std::vector<std::string>& RevocationReasons() {
  static const std::vector<std::string> words = {"unspecified",          "keyCompromise",
                                                 "affiliationChanged",   "superseded",
                                                 "cessationOfOperation", "privilegeWithdrawn"};
  return words;
}

Result<Revoked> Revoke(Factory& f, const RevokeOptions& o, const Clock& clock) {
  BM_CHECK(RequireRole(f, {"maintainer", "administrator"}, "revoking"));
  const ledger::IdentityFilter& filter = o.filter;
  if (o.certificates.empty() && o.unit.empty() && !filter.ca && !filter.station &&
      !filter.product && !filter.since && !filter.until) {
    return Usage("cert.which", "nothing says which certificates",
                 "name them, or --unit, --ca, --station, --product, --since, --until");
  }
  bool known = std::ranges::find(RevocationReasons(), o.reason) != RevocationReasons().end();
  if (o.as == RevokeAs::kRevoke && !known) {
    return Usage("cert.reason", "a revocation needs one of RFC 5280's reasons",
                 "--reason keyCompromise, or --hold as a first step that can be taken back");
  }
  return Revoker(f, o, clock).Run();
}

Result<crypto::Certificate> CertificateIn(const ledger::Event& event) {
  if (event.type == ledger::IdentityAdopted::kType) {
    BM_TRY(ledger::IdentityAdopted body, ledger::BodyOf<ledger::IdentityAdopted>(event));
    return crypto::Certificate::FromDer(body.cert);
  }
  BM_TRY(ledger::IdentityIssued body, ledger::BodyOf<ledger::IdentityIssued>(event));
  return crypto::Certificate::FromDer(body.cert);
}

}  // namespace birthmark::app
