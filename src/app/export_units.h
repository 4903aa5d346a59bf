// SPDX-License-Identifier: Apache-2.0
// Certificates in the forms that clouds register devices from. No private key is ever in them.
// Source: factory-data forms: newline-delimited JSON with a template's parameters (AWS IoT bulk
// registration), CSV without a header of at most 1000 rows (nRF Cloud onboarding).
#pragma once

#include <functional>
#include <string>

#include "app/view.h"

namespace birthmark::app {

enum class ExportForm { kNdjson, kCsvNrf };
inline constexpr uint64_t kNrfRows = 1000;  // a file of the nRF form has no more

// ExportRow is one unit's line, its newline included.
std::string ExportRow(ExportForm form, const std::string& product, const std::string& serial,
                      const crypto::Certificate& certificate);

// ExportUnits calls back with a row for each live certificate that the filter takes, in the order
// of issue; rows of identities that were never put into a device are left out.
Result<uint64_t> ExportUnits(View& view, const ledger::IdentityFilter& filter, ExportForm form,
                             const std::function<Status(const std::string&)>& row);

}  // namespace birthmark::app
