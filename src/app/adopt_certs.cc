// SPDX-License-Identifier: Apache-2.0
#include "app/adopt_certs.h"

#include <algorithm>
#include <map>
#include <set>

#include "app/roles.h"
#include "crypto/cert.h"
#include "ledger/events.h"
#include "pki/openssl_index.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxCertFile = 16 << 20;  // a PEM file may hold many
constexpr size_t kMaxIndex = 64 << 20;
constexpr size_t kMaxCerts = 2'000'000;
constexpr size_t kBatch = 1000;

// Found is one certificate on its way in.
struct Found {
  crypto::Certificate certificate;
  std::string source;  // the file's name, never its whole path
  std::optional<pki::IndexEntry> entry;
};

class Taker {
 public:
  Taker(Factory& f, const AdoptCertsOptions& o, const Clock& clock) : f_(f), o_(o), clock_(clock) {}

  Result<AdoptedCerts> Run() {
    for (const fs::path& p : o_.paths) BM_CHECK(Gather(p));
    BM_CHECK(ReadIndexes());
    if (found_.empty() && out_.findings.empty()) {
      return Refused("adopt.nothing", "no path leads to a certificate",
                     "name PEM or DER files, folders of them, or an openssl index.txt");
    }
    // The oldest first: of two certificates for one unit the newer one is refused by name.
    std::vector<Found*> order;
    for (auto& [_, f] : found_) order.push_back(&f);
    // Of two units with one key the older certificate is taken, whatever the run.
    std::ranges::sort(order, {}, [](const Found* f) {
      return std::pair(f->certificate.not_before(), f->certificate.serial());
    });
    for (Found* f : order) {
      BM_CHECK(Take(*f));
      if (batch_.size() >= kBatch) BM_CHECK(Commit());
    }
    BM_CHECK(Commit());
    return std::move(out_);
  }

 private:
  Status Gather(const fs::path& path) {
    std::error_code ec;
    if (fs::is_directory(path, ec)) {
      folders_.push_back(path);
      std::vector<fs::path> files;
      for (const auto& e : fs::directory_iterator(path, ec))
        if (e.is_regular_file(ec)) files.push_back(e.path());
      std::ranges::sort(files);
      for (const fs::path& file : files) BM_CHECK(File(file, true));
      return {};
    }
    return File(path, false);
  }

  // File reads one file; in a folder there may be others than certificates, which are passed over.
  Status File(const fs::path& path, bool of_folder) {
    std::string ext = path.extension().string();
    static const std::set<std::string> kNames = {".pem", ".crt", ".cer", ".der", ".cert", ""};
    bool index_name = path.filename().string().starts_with("index") && ext == ".txt";
    if (of_folder && !index_name && !kNames.contains(ext)) return {};
    BM_TRY(Bytes bytes, ReadFile(path, index_name ? kMaxIndex : kMaxCertFile));
    std::string_view text = AsText(bytes);
    if (index_name || pki::LooksLikeIndex(text)) {
      indexes_.push_back({path, std::string(text)});
      return {};
    }
    std::string name = path.filename().string();
    if (text.find("-----BEGIN CERTIFICATE-----") != std::string_view::npos) {
      auto many = crypto::Certificate::ManyFromPem(text);
      if (!many) return Bad(name, many.error());
      for (crypto::Certificate& c : *many) BM_CHECK(Keep(std::move(c), name));
      return {};
    }
    auto one = crypto::Certificate::FromDer(bytes);
    if (!one && of_folder && ext.empty()) return {};
    if (!one) return Bad(name, one.error());
    return Keep(std::move(*one), name);
  }

  Status Bad(const std::string& name, const Error& e) {
    out_.findings.Error("adopt.file", fmt::format("{}: {}", name, e.message),
                        "the file holds no certificate that can be read");
    return {};
  }

  Status Keep(crypto::Certificate c, const std::string& source) {
    if (found_.size() >= kMaxCerts)
      return Refused("adopt.too-many", "more than two million certificates at once",
                     "adopt them in parts");
    Digest digest = c.digest();
    found_.emplace(digest, Found{std::move(c), source, std::nullopt});
    return {};
  }

  // ReadIndexes takes states from each index.txt, and certificates from the folders beside it.
  Status ReadIndexes() {
    for (const auto& [path, text] : indexes_) {
      std::string name = path.filename().string();
      Findings bad;
      std::vector<pki::IndexEntry> entries = pki::ReadIndex(text, bad);
      for (const Finding& finding : bad.all())
        out_.findings.Error(finding.code, name + ": " + finding.message, finding.fix);
      std::vector<fs::path> folders = folders_;
      folders.push_back(path.parent_path() / "newcerts");
      folders.push_back(path.parent_path() / "certs");
      folders.push_back(path.parent_path());
      for (const pki::IndexEntry& entry : entries) BM_CHECK(ForEntry(entry, name, folders));
    }
    return {};
  }

  Status ForEntry(const pki::IndexEntry& entry, const std::string& name,
                  const std::vector<fs::path>& folders) {
    for (const fs::path& folder : folders) {
      fs::path file = folder / (entry.serial_text + ".pem");
      std::error_code ec;
      if (!fs::is_regular_file(file, ec)) continue;
      BM_TRY(std::string pem, ReadTextFile(file, kMaxCertFile));
      auto c = crypto::Certificate::FromPem(pem);
      if (!c) return Bad(file.filename().string(), c.error());
      if (c->serial() != entry.serial) continue;
      Digest digest = c->digest();
      BM_CHECK(Keep(std::move(*c), name));
      Found& found = found_.at(digest);
      found.entry = entry;
      found.source = name;
      return {};
    }
    out_.findings.Error("adopt.no-certificate",
                        fmt::format("{}: line {}: the certificate {} ({}) is in no folder", name,
                                    entry.line, entry.serial_text, entry.subject),
                        "name the newcerts folder as well");
    return {};
  }

  Status Take(const Found& f) {
    const crypto::Certificate& c = f.certificate;
    auto refuse = [&](std::string code, std::string why, std::string fix) -> Status {
      out_.findings.Error(std::move(code),
                          fmt::format("{}, certificate {}: {}", f.source, c.serial_hex(), why),
                          std::move(fix));
      return {};
    };
    if (c.is_ca())
      return refuse("adopt.authority", "is an authority's, not a unit's", "leave it out");
    std::string serial = c.subject_serial_number().value_or(c.common_name().value_or(""));
    if (serial.empty() || serial.size() > 64 || !IsUtf8(serial) ||
        serial.find_first_of("/\\: \t") != std::string::npos) {
      return refuse("adopt.unit", "names no unit: no serialNumber or common name without / \\ :",
                    "such a certificate is not a unit's");
    }
    auto key = c.public_key();
    if (!key) return refuse("adopt.file", key.error().message, "its key is of no known kind");
    ledger::Registry& registry = f_.log->registry();
    BM_TRY(std::vector<ledger::IdentityRow> same_key, registry.IdentitiesByKey(key->spki_digest()));
    std::string unit = f_.adopted.plan.product.id + "/" + serial;
    for (const ledger::IdentityRow& row : same_key) {
      if (row.serial == c.serial()) {
        ++out_.known;
        return {};
      }
      if (row.unit != unit)
        return refuse("adopt.duplicate-key", "its key is that of " + row.unit,
                      "two units with one key: look at both before either ships");
    }
    if (auto it = keys_.find(key->spki_digest()); it != keys_.end() && it->second != unit)
      return refuse("adopt.duplicate-key", "its key is that of " + it->second,
                    "two units with one key: look at both before either ships");
    std::string state = State(f);
    if (state == "adopted" && !live_.insert(unit).second)
      return refuse("adopt.duplicate-unit", unit + " has another valid certificate",
                    "revoke the one that is not in the device, then adopt again");
    keys_.emplace(key->spki_digest(), unit);
    (state == "adopted" ? out_.valid : state == "revoked" ? out_.revoked : out_.expired)++;
    if (o_.dry_run) return {};
    return Add(f, unit, state, key->spki_digest());
  }

  std::string State(const Found& f) const {
    if (f.entry && f.entry->status == 'R') return "revoked";
    if ((f.entry && f.entry->status == 'E') || f.certificate.not_after() < clock_.Now())
      return "expired";
    return "adopted";
  }

  Status Add(const Found& f, const std::string& unit, const std::string& state,
             const Digest& spki) {
    const crypto::Certificate& c = f.certificate;
    ledger::IdentityAdopted body{.ca = c.issuer(),
                                 .cert = Bytes(c.der().begin(), c.der().end()),
                                 .slot = o_.slot,
                                 .spki = spki,
                                 .unit = unit,
                                 .state = state,
                                 .serial = c.serial(),
                                 .source = f.source};
    Time now = clock_.Now();
    ledger::Submission all;
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(f_.context, now, "unit:" + unit, body)));
    all.push_back(std::move(e));
    BM_TRY(std::optional<ledger::UnitRow> row, f_.log->registry().Unit(unit));
    if (!row && begun_.insert(unit).second) {
      BM_TRY(ledger::NewEvent u,
             ledger::Prepare(ledger::MakeEvent(
                 f_.context, now, "unit:" + unit,
                 ledger::UnitState{
                     .unit = unit, .state = "adopted", .reason = "taken in from " + f.source})));
      all.push_back(std::move(u));
    }
    batch_.push_back(std::move(all));
    labels_.push_back(fmt::format("{}, certificate {}", f.source, c.serial_hex()));
    states_.push_back(state);
    return {};
  }

  Status Commit() {
    if (batch_.empty()) return {};
    std::vector<Result<ledger::Receipt>> all = f_.log->AppendAll(batch_);
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i]) continue;
      if (all[i].error().kind != ErrorKind::kNegative)
        return std::unexpected(std::move(all[i]).error());
      (states_[i] == "adopted"   ? out_.valid
       : states_[i] == "revoked" ? out_.revoked
                                 : out_.expired)--;
      out_.findings.Error("adopt.refused", labels_[i] + ": " + all[i].error().message,
                          all[i].error().fix);
    }
    batch_.clear();
    labels_.clear();
    states_.clear();
    return {};
  }

  Factory& f_;
  const AdoptCertsOptions& o_;
  const Clock& clock_;
  AdoptedCerts out_;
  std::vector<fs::path> folders_;
  std::vector<std::pair<fs::path, std::string>> indexes_;
  std::map<Digest, Found> found_;  // by the certificate's digest
  std::map<Digest, std::string> keys_;
  std::set<std::string> live_, begun_;
  std::vector<ledger::Submission> batch_;
  std::vector<std::string> labels_, states_;
};

}  // namespace

Result<AdoptedCerts> AdoptCertificates(Factory& f, const AdoptCertsOptions& options,
                                       const Clock& clock) {
  BM_CHECK(RequireRole(f, {"maintainer", "administrator"}, "adopting certificates"));
  return Taker(f, options, clock).Run();
}

}  // namespace birthmark::app
