// SPDX-License-Identifier: Apache-2.0
#include "app/export_units.h"

#include <nlohmann/json.hpp>

#include "app/revoke.h"

namespace birthmark::app {
namespace {

constexpr uint64_t kPage = 1000;

// CsvField quotes a field where it must be (RFC 4180 section 2): line breaks, commas, quotes.
std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

// Whether a certificate's key is known to be in a device: a hold is none to register a device with.
bool InDevice(const ledger::IdentityRow& row) {
  return row.state == "installed" || row.state == "confirmed-locked" || row.state == "shipped" ||
         row.state == "adopted" || (row.state == "issued" && !row.via.empty());
}

}  // namespace

std::string ExportRow(ExportForm form, const std::string& product, const std::string& serial,
                      const crypto::Certificate& certificate) {
  if (form == ExportForm::kNdjson) {
    nlohmann::ordered_json j;
    j["ThingName"] = serial;
    j["SerialNumber"] = serial;
    j["CertificateSerial"] = certificate.serial_hex();
    j["Certificate"] = certificate.ToPem();
    return j.dump() + "\n";
  }
  // device_id, sub_type, tags, fw_types, cert_pem: an identity says nothing of the firmware.
  return fmt::format("{},{},,,{}\n", CsvField(serial), CsvField(product),
                     CsvField(certificate.ToPem()));
}

Result<uint64_t> ExportUnits(View& view, const ledger::IdentityFilter& filter, ExportForm form,
                             const std::function<Status(const std::string&)>& row) {
  uint64_t count = 0;
  ledger::Page page{.limit = kPage};
  for (;;) {
    BM_TRY(std::vector<ledger::IdentityRow> rows, view.registry().Identities(filter, page));
    for (const ledger::IdentityRow& r : rows) {
      if (!InDevice(r)) continue;
      BM_TRY(ledger::Event event, view.EventAt(r.seq));
      BM_TRY(crypto::Certificate certificate, CertificateIn(event));
      size_t slash = r.unit.find('/');
      BM_CHECK(
          row(ExportRow(form, r.unit.substr(0, slash), r.unit.substr(slash + 1), certificate)));
      ++count;
    }
    if (rows.size() < kPage) return count;
    page.after_seq = rows.back().seq;
  }
}

}  // namespace birthmark::app
