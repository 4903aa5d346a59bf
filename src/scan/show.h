// SPDX-License-Identifier: Apache-2.0
// A report as text of 80 columns, as JSON, as a CycloneDX bill of cryptographic assets, as an RFC
// 5914 list; and two reports compared. Nothing is rated or coloured. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "scan/report.h"

namespace birthmark::scan {

// ReportText lists stores and facts; with `all` also every item, and what was merely present.
std::string ReportText(const Report& report, bool all);
// SummaryText is the report in a few lines.
std::string SummaryText(const Report& report);
// ReportJson is the stable form, written down in docs/scan.md.
std::string ReportJson(const Report& report);
// ReportCycloneDx is CycloneDX 1.7 with a component for each certificate and key.
std::string ReportCycloneDx(const Report& report);
// ReportRfc5914 is a TrustAnchorList of all anchors that have a certificate or a key; their number
// is in `count`. Errors: scan.no-anchors, trust.cannot-carry.
Result<Bytes> ReportRfc5914(const Report& report, size_t& count);

// Change is one difference between two scans.
struct Change {
  std::string what;   // "added", "removed", "changed"
  std::string where;  // the store
  std::string text;   // the anchor, or what of the store is another
  bool operator==(const Change&) const = default;
};
// CompareWith compares with a former report in its JSON form: anchors by store, form, fingerprint
// and role; stores by what keeps them. Errors: scan.against.
Result<std::vector<Change>> CompareWith(const Report& now, std::string_view former_json);
std::string ChangesText(const std::vector<Change>& changes);
std::string ChangesJson(const std::vector<Change>& changes);

}  // namespace birthmark::scan
