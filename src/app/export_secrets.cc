// SPDX-License-Identifier: Apache-2.0
#include "app/export_secrets.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "app/roles.h"
#include "base/files.h"
#include "crypto/cert.h"
#include "crypto/digest.h"
#include "ledger/events.h"
#include "ledger/sqlite/registry_secrets.h"
#include "line/secrets.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxCertificate = 64 * 1024;
constexpr uint64_t kRows = 1000;
constexpr std::string_view kHeading = "serial,slot,algorithm,secret,check\n";

using CmsPtr = crypto::Owned<CMS_ContentInfo, CMS_ContentInfo_free>;

// Sink writes lines into a file, through CMS when there is somebody to encrypt to. What it wrote
// has a temporary name until Keep, and is gone without it.
class Sink {
 public:
  explicit Sink(fs::path path) : path_(std::move(path)), temporary_(path_.string() + ".part") {}
  ~Sink() {
    cms_out_.reset();
    file_.reset();
    std::error_code ec;
    if (!kept_) fs::remove(temporary_, ec);
  }

  Status Open(const crypto::Certificate* to) {
    const mode_t before = umask(0077);
    file_.reset(BIO_new_file(temporary_.c_str(), "wb"));
    umask(before);
    if (file_ == nullptr) {
      ERR_clear_error();
      return std::unexpected(FromErrno("file.write", temporary_.string(), errno));
    }
    if (to == nullptr) return {};
    Owned509 certificates(sk_X509_new_null());
    if (certificates == nullptr || sk_X509_push(certificates.get(), to->x509()) < 1)
      return std::unexpected(crypto::OpenSslError("export.cms", "naming the addressee"));
    // AES-256-GCM: what was changed on its way does not open (RFC 5083, RFC 5084).
    cms_.reset(CMS_encrypt(certificates.get(), nullptr, EVP_aes_256_gcm(),
                           CMS_BINARY | CMS_STREAM | CMS_PARTIAL));
    if (cms_ == nullptr) {
      ERR_clear_error();
      return Refused("export.addressee", "nothing can be encrypted to that certificate",
                     "give a certificate with an RSA key, or an EC key for key agreement");
    }
    cms_out_.reset(BIO_new_CMS(file_.get(), cms_.get()));
    if (cms_out_ == nullptr)
      return std::unexpected(crypto::OpenSslError("export.cms", "opening the envelope"));
    return {};
  }

  Status Write(ByteView text) {
    BIO* out = cms_out_ != nullptr ? cms_out_.get() : file_.get();
    if (BIO_write(out, text.data(), static_cast<int>(text.size())) != static_cast<int>(text.size()))
      return std::unexpected(crypto::OpenSslError("file.write", temporary_.string()));
    return {};
  }

  // Close ends the envelope and gives the file's digest.
  Result<Digest> Close() {
    if (cms_out_ != nullptr) {
      if (BIO_flush(cms_out_.get()) != 1)
        return std::unexpected(crypto::OpenSslError("export.cms", "closing the envelope"));
      cms_out_.reset();
      cms_.reset();
    }
    if (BIO_flush(file_.get()) != 1)
      return std::unexpected(crypto::OpenSslError("file.write", temporary_.string()));
    file_.reset();
    crypto::Sha256Hasher hasher;
    BioPtr in(BIO_new_file(temporary_.c_str(), "rb"));
    std::vector<uint8_t> block(64 * 1024);
    for (int n = 0; in != nullptr &&
                    (n = BIO_read(in.get(), block.data(), static_cast<int>(block.size()))) > 0;)
      hasher.Update(ByteView(block.data(), static_cast<size_t>(n)));
    return hasher.Finish();
  }

  Status Keep() {
    std::error_code ec;
    fs::rename(temporary_, path_, ec);
    if (ec) return std::unexpected(FromErrno("file.write", path_.string(), ec.value()));
    kept_ = true;
    fs::path parent = path_.parent_path();
    return SyncDir(parent.empty() ? fs::path(".") : parent);
  }

 private:
  struct FreeStack {
    void operator()(STACK_OF(X509) * s) const { sk_X509_free(s); }
  };
  using Owned509 = std::unique_ptr<STACK_OF(X509), FreeStack>;
  struct FreeOne {
    void operator()(BIO* b) const {
      // The CMS filters were pushed before the file, which is freed by itself.
      while (b != nullptr) {
        BIO* next = BIO_pop(b);
        if (BIO_method_type(b) == BIO_TYPE_FILE) return;
        BIO_free(b);
        b = next;
      }
    }
  };
  using BioPtr = crypto::BioPtr;
  fs::path path_, temporary_;
  crypto::BioPtr file_;
  CmsPtr cms_;
  std::unique_ptr<BIO, FreeOne> cms_out_;
  bool kept_ = false;
};

method::Job JobOf(const ledger::SecretRow& row) {
  return {.unit = row.unit,
          .serial = row.unit.substr(row.unit.find('/') + 1),
          .slot = row.slot,
          .subject = ""};
}

Status CheckOptions(const SecretExport& o) {
  if (o.to.has_value() != o.unencrypted) return {};
  return Usage("export.addressee",
               o.unencrypted ? "the file is either encrypted to somebody or not at all"
                             : "secrets are encrypted to whoever gets them",
               "give their certificate: --to CERT.pem");
}

// Line is one unit's; it holds the secret.
Result<SecretBytes> Line(Factory& f, const plan::IdentitySlot& slot, const ledger::SecretRow& row) {
  const method::Job job = JobOf(row);
  SecretAccess access;
  SecretBytes secret;
  if (row.how == "derived") {
    BM_TRY(secret, line::DeriveSecret(*f.keys.online, job, row.bits / 8));
  } else {
    BM_TRY(secret, line::OpenSecret(*f.keys.online, f.layout.secrets(), job));
  }
  // What goes out is what the device has: the ledger holds its check value.
  if (row.check && link::KeyCheck(secret) != *row.check) {
    return Refused("export.check", row.unit + ": its secret is not the one its device has",
                   "rework the unit: it gets another one");
  }
  const bool text = slot.slot == vocab::Identity::kPassword;
  std::string shown = text ? std::string(AsText(secret.Read(access))) : ToHex(secret.Read(access));
  std::string line =
      fmt::format("{},{},{},{},{}\n", job.serial, job.slot, vocab::ToText(slot.algorithm), shown,
                  row.check ? ToHex(*row.check) : "");
  SecretBytes out = SecretBytes::Take(ToBytes(line));
  Wipe(shown.data(), shown.size());
  Wipe(line.data(), line.size());
  return out;
}

// Forget destroys what was kept for the file, then says so.
Result<uint64_t> Forget(Factory& f, const std::vector<std::string>& slots, const Clock& clock) {
  uint64_t forgotten = 0;
  for (const std::string& slot : slots) {
    std::string after;
    for (;;) {
      BM_TRY(std::vector<ledger::SecretRow> rows,
             ledger::SecretsBehind(f.log->registry().db(), f.adopted.plan.product.id, slot, after,
                                   kRows));
      for (const ledger::SecretRow& row : rows) {
        if (row.how == "derived") continue;
        BM_TRY(bool gone, line::ForgetSecret(f.layout.secrets(), JobOf(row)));
        if (!gone) continue;
        ledger::KeyOutside life{.spki = {},
                                .slot = slot,
                                .unit = row.unit,
                                .places = {},
                                .destroyed = "sealed file overwritten and unlinked after delivery"};
        life.places.push_back({.to = Millis(clock.Now()),
                               .from = row.at,
                               .form = "sealed file",
                               .place = "workspace"});
        BM_CHECK(
            f.log->Append(ledger::MakeEvent(f.context, clock.Now(), "unit:" + row.unit, life)));
        ++forgotten;
      }
      if (rows.size() < kRows) break;
      after = rows.back().unit;
    }
  }
  return forgotten;
}

}  // namespace

Result<SecretsExported> ExportSecrets(Factory& f, const SecretExport& o, const Clock& clock) {
  BM_CHECK(CheckOptions(o));
  BM_CHECK(RequireRole(f, {"maintainer", "administrator"}, "handing secrets over"));
  std::optional<crypto::Certificate> to;
  if (o.to) {
    BM_TRY(std::string pem, ReadTextFile(*o.to, kMaxCertificate));
    BM_TRY(to, crypto::Certificate::FromPem(pem));
    if (to->not_after() < clock.Now() || to->not_before() > clock.Now()) {
      return Refused("export.addressee", o.to->string() + ": the certificate is not valid now",
                     "ask them for their present one");
    }
  }
  const plan::Plan& plan = f.adopted.plan;
  std::vector<const plan::IdentitySlot*> slots;
  std::vector<std::string> names;
  for (const plan::IdentitySlot& s : plan.identities) {
    if (!plan::IsSecret(s.slot) || s.on_label) continue;
    slots.push_back(&s);
    names.emplace_back(vocab::ToText(s.slot));
  }
  SecretsExported out{.count = 0, .file = {}, .protection = to ? "cms-enveloped" : "none"};
  Sink sink(o.output);
  if (!o.dry_run) {
    BM_CHECK(sink.Open(to ? &*to : nullptr));
    BM_CHECK(sink.Write(AsBytes(kHeading)));
  }
  for (const plan::IdentitySlot* slot : slots) {
    std::string after;
    for (;;) {
      BM_TRY(std::vector<ledger::SecretRow> rows,
             ledger::SecretsBehind(f.log->registry().db(), plan.product.id,
                                   vocab::ToText(slot->slot), after, kRows));
      for (const ledger::SecretRow& row : rows) {
        // A unit that was scrapped is nobody's.
        BM_TRY(std::optional<ledger::UnitRow> unit, f.log->registry().Unit(row.unit));
        if (unit && (unit->state == "scrapped" || unit->state == "corrected")) continue;
        if (row.how != "derived" &&
            !fs::exists(line::SecretFile(f.layout.secrets(), row.slot, JobOf(row).serial))) {
          ++out.gone;
          continue;
        }
        ++out.count;
        if (o.dry_run) continue;
        BM_TRY(SecretBytes line, Line(f, *slot, row));
        BM_CHECK(sink.Write(line.Read(SecretAccess())));
      }
      if (rows.size() < kRows) break;
      after = rows.back().unit;
    }
  }
  if (out.count == 0) {
    return Refused(
        "export.none",
        out.gone > 0 ? fmt::format("{}: the secrets of all {} units were forgotten after delivery",
                                   plan.product.id, out.gone)
                     : plan.product.id + ": no unit has a secret to hand over",
        "the plan needs a slot symmetric, or a password that is on no label");
  }
  if (o.dry_run) return out;
  BM_TRY(out.file, sink.Close());
  ledger::PackageDelivered body{.to = o.role,
                                .file = out.file,
                                .kind = "personalisation",
                                .count = out.count,
                                .product = plan.product.id,
                                .protection = out.protection};
  BM_CHECK(
      f.log->Append(ledger::MakeEvent(f.context, clock.Now(), "product:" + plan.product.id, body)));
  BM_CHECK(sink.Keep());
  if (o.forget) {
    BM_TRY(out.forgotten, Forget(f, names, clock));
  }
  return out;
}

}  // namespace birthmark::app
