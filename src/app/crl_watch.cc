// SPDX-License-Identifier: Apache-2.0
// Looking at revocation lists: how long they hold, and whether the log explains them.
#include <algorithm>

#include "app/crls.h"
#include "app/grant.h"
#include "base/mapped_file.h"
#include "crypto/digest.h"

namespace birthmark::app {
namespace {

constexpr uint64_t kMostUnexplained = 20;  // of unexplained entries

std::string UntilText(int64_t at) { return FormatTime(TimeFromMillis(at)).substr(0, 16) + "Z"; }

}  // namespace

Result<std::vector<CrlView>> CrlViews(ledger::LogReader& reader, Time now) {
  BM_TRY(std::vector<ledger::CrlRow> rows, ledger::Crls(reader.registry().db()));
  std::vector<CrlView> out;
  for (const ledger::CrlRow& row : rows) {
    if (out.empty() || out.back().ca != row.ca) {
      out.push_back({.ca = row.ca, .row = row, .reserve = 0, .reserve_void = false});
      continue;
    }
    CrlView& v = out.back();
    BM_TRY(uint64_t mark, ledger::RevocationMark(reader.registry().db(), row.ca));
    if (mark != 0 && mark >= row.upto) {
      v.reserve_void = true;
    } else if (row.this_update <= Millis(now)) {
      v.row = row;
    } else {
      ++v.reserve;
    }
  }
  return out;
}

Status CheckPublished(ledger::LogReader& reader, const ledger::CaRow& ca, const fs::path& file,
                      Findings& out) {
  BM_TRY(auto mapped, MappedFile::Open(file, pki::kMaxCrlBytes));
  BM_TRY(std::vector<ledger::CrlRow> rows, ledger::CrlsOf(reader.registry().db(), ca.id));
  const Digest digest = crypto::Sha256(mapped->view());
  // What was recorded was made of what was revoked; only another list needs a look at its entries.
  if (std::ranges::find(rows, digest, &ledger::CrlRow::sha256) != rows.end()) return {};
  BM_TRY(crypto::Certificate authority, CertificateOf(reader, ca));
  uint64_t unexplained = 0;
  BM_TRY(pki::Crl list, pki::ReadCrl(mapped->view(), [&](const pki::CrlEntry& e) -> Status {
           BM_TRY(auto known, ledger::RevocationOf(reader.registry().db(), ca.id, e.serial));
           if (known || ++unexplained > kMostUnexplained) return {};
           out.Error("crl.unexplained",
                     fmt::format("{}: {} is on the list of {}, and nobody revoked it here",
                                 file.string(), ToHex(e.serial), ca.id),
                     "whoever holds the authority's key revokes: see birthmark drill disclose WS");
           return {};
         }));
  if (unexplained > kMostUnexplained) {
    out.Error("crl.unexplained",
              fmt::format("{}: and {} more", file.string(), unexplained - kMostUnexplained));
  }
  if (!authority.public_key() || !list.IsSignedBy(*authority.public_key())) {
    out.Error("crl.signature", fmt::format("{}: is not signed by {}", file.string(), ca.id),
              "relying parties refuse it; sign another: birthmark crl build WS --ca " + ca.id);
    return {};
  }
  if (!rows.empty() && list.number.value_or(0) < rows.front().number) {
    out.Error("crl.older",
              fmt::format("{}: has the number {}, and {} was signed since", file.string(),
                          list.number.value_or(0), rows.front().number),
              "publish the newest: birthmark crl build WS --ca " + ca.id);
    return {};
  }
  out.Error("crl.unrecorded",
            fmt::format("{}: {} signed it, and no event tells of that", file.string(), ca.id),
            "find out who signs with this key");
  return {};
}

Status CrlAlarms(ledger::LogReader& reader, const std::map<std::string, AdoptedPlan>& plans,
                 const Layout& layout, Time now, Findings& out) {
  const bool any = std::ranges::any_of(plans, [](const auto& p) {
    return std::ranges::any_of(p.second.plan.pkis, [](const plan::Pki& pki) {
      return std::ranges::any_of(pki.levels,
                                 [](const plan::Level& l) { return l.crl_lifetime.has_value(); });
    });
  });
  if (!any) return {};
  BM_TRY(std::vector<CrlView> views, CrlViews(reader, now));
  BM_TRY(std::vector<ledger::CaRow> cas, reader.registry().Cas());
  for (const ledger::CaRow& ca : cas) {
    const plan::Level* level = LevelOf(plans, ca);
    if (level == nullptr || !level->crl_lifetime) continue;
    const std::string fix = "birthmark crl build WS --ca " + ca.id;
    auto view = std::ranges::lower_bound(views, ca.id, {}, &CrlView::ca);
    if (view == views.end() || view->ca != ca.id) {
      // An authority that has signed nothing yet has nobody who asks.
      const bool quiet = ca.state == "waiting" || (ca.level > 1 && ca.issued == 0);
      if (!quiet) out.Warn("crl.missing", ca.id + " has signed no revocation list yet", fix);
      continue;
    }
    const ledger::CrlRow& row = view->row;
    const int64_t left = row.next_update - Millis(now);
    if (left <= 0) {
      out.Error(
          "crl.late",
          fmt::format("no list of {} holds since {}: who checks strictly trusts nothing of it",
                      ca.id, UntilText(row.next_update)),
          fix);
    } else if (left * 4 <= row.next_update - row.this_update) {
      out.Warn("crl.soon",
               fmt::format("the list of {} holds until {}", ca.id, UntilText(row.next_update)),
               fix);
    }
    if (view->reserve_void) {
      out.Warn("crl.reserve-void",
               fmt::format("something was revoked after the reserve of {} was signed: it is void",
                           ca.id),
               fix);
    }
    const fs::path file = CrlPath(layout, ca.id);
    std::error_code ec;
    if (fs::exists(file, ec)) BM_CHECK(CheckPublished(reader, ca, file, out));
  }
  return {};
}

}  // namespace birthmark::app
