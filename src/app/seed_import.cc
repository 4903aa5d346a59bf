// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <unordered_map>

#include "app/seed_batch.h"
#include "app/seed_issue.h"
#include "app/seed_serials.h"
#include "app/seed_store.h"
#include "app/seeds.h"
#include "crypto/digest.h"
#include "crypto/openssl.h"
#include "seed/write.h"

namespace birthmark::app {
namespace {

// More refused elements than these are counted, not listed: a broken file must not fill the log.
constexpr uint64_t kListedRefusals = 1000;
constexpr size_t kMaxRecipientPem = 64 * 1024;

// NoPassphrase makes OpenSSL ask nobody.
int NoPassphrase(char*, int, int, void*) { return -1; }

Result<crypto::EvpKeyPtr> ReadRecipientKey(const fs::path& path) {
  BM_TRY(Bytes pem, ReadFile(path, kMaxRecipientPem));
  crypto::BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  crypto::EvpKeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  Wipe(pem.data(), pem.size());
  if (key == nullptr) {
    return Refused("seeds.key", path.string() + " holds no private key in PEM without a passphrase",
                   "openssl pkey -in KEY -out KEY.pem on the machine that opens the batch");
  }
  return key;
}

// ReadSharedKey takes "NAME=FILE"; the file has the key's octets, or them in hex.
Result<seed::SharedKey> ReadSharedKey(const std::string& spec) {
  size_t cut = spec.find('=');
  if (cut == 0 || cut == std::string::npos) {
    return Usage("seeds.key", "--shared-key takes NAME=FILE",
                 "NAME is what the seed file calls the key");
  }
  BM_TRY(Bytes raw, ReadFile(spec.substr(cut + 1), 1024));
  std::string_view text = AsText(raw);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  seed::SharedKey out{.name = spec.substr(0, cut), .key = {}};
  if (auto hex = FromHex(text); hex && hex->size() >= 16) {
    out.key = SecretBytes::Take(std::move(*hex));
    Wipe(raw.data(), raw.size());
  } else {
    out.key = SecretBytes::Take(std::move(raw));
  }
  if (out.key.size() != 16 && out.key.size() != 24 && out.key.size() != 32) {
    return Refused("seeds.key", "the shared key \"" + out.name + "\" is no AES key",
                   "its file holds 16, 24 or 32 octets, or them in hex");
  }
  return out;
}

// Fuse plays one fuse box. A rehearsal's chips need not outlive a power cut: a sync for each would
// be all that a rehearsal of many chips does.
Status Fuse(const fs::path& file, ByteView seed) {
  int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(FromErrno("file.write", file.string(), errno));
  const bool written = write(fd, seed.data(), seed.size()) == static_cast<ssize_t>(seed.size());
  if (close(fd) != 0 || !written)
    return std::unexpected(FromErrno("file.write", file.string(), errno));
  return {};
}

class SeedImporter {
 public:
  SeedImporter(Factory& f, const SeedImportOptions& o, const Clock& clock)
      : f_(f), o_(o), clock_(clock), place_(o.place.empty() ? "derivation site" : o.place) {}

  Result<SeedImported> Run() {
    BM_TRY(slot_, SeedSlotOf(f_.adopted.plan));
    if (!o_.serials.empty()) BM_CHECK(LoadSerials());
    BM_CHECK(MakeDirs(f_.layout.seeds(), 0700));
    fs::path file = o_.file;
    if (o_.rehearsal > 0) {
      BM_TRY(file, PlaySiliconMaker());
    }
    Status done = Keys();
    if (done) done = Take(file);
    std::error_code ec;
    if (o_.rehearsal > 0) fs::remove(file, ec);  // its key was in this process's memory alone
    if (!done) return std::unexpected(std::move(done).error());
    return std::move(out_);
  }

 private:
  Status Keys() {
    if (o_.rehearsal > 0) {
      options_.shared = &shared_;
      return {};
    }
    if (!o_.key.empty()) {
      BM_TRY(key_, ReadRecipientKey(o_.key));
      options_.key = key_.get();
    }
    if (!o_.certificate.empty()) {
      BM_TRY(Bytes pem, ReadFile(o_.certificate, kMaxRecipientPem));
      BM_TRY(certificate_, crypto::Certificate::FromPem(AsText(pem)));
      options_.certificate = &certificate_;
    }
    if (!o_.shared.empty()) {
      BM_TRY(seed::SharedKey one, ReadSharedKey(o_.shared));
      shared_.push_back(std::move(one));
      options_.shared = &shared_;
    }
    options_.allow_unprotected = o_.allow_unencrypted;
    return {};
  }

  Status Take(const fs::path& file) {
    if (o_.derive_now || o_.dry_run) {
      BM_CHECK(Look(file, nullptr));
    } else {
      BM_CHECK(DropOrphans(f_));
      std::string id = FormatUuid(NewUuid(clock_.Now(), f_.rng));
      SecretBytes key(32);
      f_.rng.Fill(key.Write(SecretAccess()));
      BM_TRY(SeedFileWriter keep, SeedFileWriter::Create(f_.layout.seeds() / id, key, id));
      BM_CHECK(Look(file, &keep));
      BM_CHECK(Unknown());
      RefuseUsed();
      BM_CHECK(f_.keys.online->PutSecret(SeedSecretName(id), key));
      BM_CHECK(keep.Finish());
      return Open(id, "each seed sealed under the batch's key");
    }
    if (o_.dry_run) {
      RefuseUsed();
      return Unknown();
    }
    BM_TRY(std::optional<ledger::SeedBatchRow> before,
           ledger::SeedBatchOfFile(f_.log->registry().db(), out_.summary.file, slot_.product));
    if (before) {
      if (before->destroyed_at != 0 || fs::exists(f_.layout.seeds() / before->id)) return Unknown();
      out_.batch = before->id;
      out_.resumed = true;
    } else {
      RefuseUsed();
      BM_CHECK(Open(FormatUuid(NewUuid(clock_.Now(), f_.rng)), "used at once, not stored"));
    }
    return DeriveNow(file);
  }

  // Unknown refuses a file whose batch is here.
  Status Unknown() {
    BM_TRY(std::optional<ledger::SeedBatchRow> before,
           ledger::SeedBatchOfFile(f_.log->registry().db(), out_.summary.file, slot_.product));
    if (!before) return {};
    return Refused("seeds.known", "the file was taken before, as batch " + before->id,
                   "birthmark seed show WS --batch " + before->id);
  }

  // Look goes through the file once; nothing is used. With `keep` its seeds are sealed on the way.
  Status Look(const fs::path& file, SeedFileWriter* keep) {
    uint64_t taken = 0;
    auto read = seed::Read(
        file, options_,
        [&](seed::Element&& e) -> Status {
          BM_TRY(std::vector<uint64_t> used, f_.log->registry().SeedUses(e.chip));
          std::string serial;
          if (!serials_.empty()) {
            auto it = serials_.find(e.chip);
            if (it == serials_.end()) {
              ++extra_;
              Refuse(refusals_, e.chip,
                     {ErrorKind::kNegative, "seeds.serials",
                      "the list of serial numbers has no such chip", "complete the list"});
              return {};
            }
            serial = it->second;
          }
          if (!used.empty()) {
            ++used_before_;
            Refuse(used_, e.chip,
                   {ErrorKind::kNegative, "seeds.chip-used",
                    "a certificate was issued for this chip's seed before",
                    "ask the silicon maker which of its files names the chip rightly"});
            return {};
          }
          if (o_.progress && ++taken % 1024 == 0) o_.progress(taken);
          return keep == nullptr ? Status() : keep->Add(e.chip, serial, e.seed);
        },
        [&](const seed::Refusal& r) -> Status {
          Refuse(refusals_, r.chip, r.why);
          return {};
        });
    if (!read) return RefuseFile(read.error());
    out_.summary = std::move(*read);
    out_.summary.count -= extra_;
    out_.summary.refused += extra_;
    return {};
  }

  static void Refuse(std::vector<ledger::SeedRefused>& list, const std::string& chip,
                     const Error& why) {
    if (list.size() < kListedRefusals)
      list.push_back({.why = why.code + ": " + why.message, .batch = "", .element = chip});
  }

  // RefuseUsed refuses the chips that have a certificate. A batch that is gone on with has such
  // chips of its own.
  void RefuseUsed() {
    out_.summary.count -= used_before_;
    out_.summary.refused += used_before_;
    for (ledger::SeedRefused& r : used_) refusals_.push_back(std::move(r));
    for (const ledger::SeedRefused& r : refusals_) {
      if (out_.refused.all().size() >= 20) break;
      size_t colon = r.why.find(": ");
      out_.refused.Error(r.why.substr(0, colon),
                         (r.element.empty() ? "an element" : r.element) + r.why.substr(colon));
    }
  }

  // RefuseFile writes down that a whole file was not taken.
  Status RefuseFile(const Error& why) {
    if (!o_.dry_run && why.code.starts_with("seed.")) {
      ledger::SeedRefused body{.why = why.code + ": " + why.message, .batch = "", .element = ""};
      BM_CHECK(f_.log->Append(
          ledger::MakeEvent(f_.context, clock_.Now(), "product:" + slot_.product, body)));
    }
    return std::unexpected(why);
  }

  // Open writes down what has happened by now: received, opened, and what was not taken.
  Status Open(const std::string& id, const std::string& kept) {
    const seed::Summary& s = out_.summary;
    ledger::SeedBatch batch{.id = id,
                            .oem = !o_.oem.empty()  ? o_.oem
                                   : !s.oem.empty() ? s.oem
                                                    : "unnamed",
                            .file = s.file,
                            .count = s.count,
                            .format = s.format,
                            .origin = slot_.origin,
                            .product = slot_.product,
                            .refused = s.refused,
                            .protection = s.protection};
    std::string with =
        s.recipient.empty() ? "encrypted with nothing" : "decrypted with the key " + s.recipient;
    ledger::Submission all;
    Time now = clock_.Now();
    auto add = [&](const auto& body) -> Status {
      BM_TRY(ledger::NewEvent e,
             ledger::Prepare(ledger::MakeEvent(f_.context, now, "batch:" + id, body)));
      all.push_back(std::move(e));
      return {};
    };
    BM_CHECK(add(batch));
    for (ledger::SeedRefused& r : refusals_) {
      r.batch = id;
      BM_CHECK(add(r));
    }
    BM_CHECK(
        add(ledger::SeedCustody{.how = o_.rehearsal > 0 ? "made by this rehearsal" : "as a file",
                                .what = "received",
                                .batch = id,
                                .place = place_}));
    BM_CHECK(add(ledger::SeedCustody{
        .how = with + "; " + kept, .what = "opened", .batch = id, .place = place_}));
    BM_CHECK(f_.log->Append(std::move(all)));
    out_.batch = id;
    return {};
  }

  Status DeriveNow(const fs::path& file) {
    SeedBench bench(f_, slot_, out_.batch, place_, clock_);
    SeedIssuer& issuer = bench.issuer();
    auto read = seed::Read(
        file, options_,
        [&](seed::Element&& e) -> Status {
          BM_TRY(bool used, issuer.IsUsed(e.chip));
          if (used) return {};
          std::string serial;
          if (!serials_.empty()) {
            auto it = serials_.find(e.chip);
            if (it == serials_.end()) return {};
            serial = it->second;
          }
          BM_CHECK(issuer.Take(std::move(e.chip), std::move(serial), std::move(e.seed)));
          if (!issuer.Full()) return {};
          BM_CHECK(issuer.Commit());
          if (o_.progress) o_.progress(issuer.issued());
          return {};
        },
        [](const seed::Refusal&) { return Status(); });
    Status last =
        issuer.Commit();  // what was certified before an authority came to its end is kept
    out_.issued = issuer.issued();
    if (!read) return std::unexpected(std::move(read).error());
    BM_CHECK(last);
    if (read->file != out_.summary.file) {
      return Refused("seed.changed", file.string() + " changed while it was read",
                     "import it again; what was issued stays");
    }
    return EndBatch(f_, out_.batch, place_,
                    "never stored; each seed wiped from memory after its use. The file received is "
                    "its owner's to destroy",
                    clock_);
  }

  Status LoadSerials() {
    std::ifstream in(o_.serials);
    if (!in) return Usage("seeds.serials", o_.serials.string() + ": cannot be read");
    BM_TRY(serials_, ReadSerialList(in, o_.serials.string()));
    return {};
  }

  // PlaySiliconMaker fuses seeds into chips that do not exist and tells of them in a file, as the
  // silicon maker of a rehearsal.
  Result<fs::path> PlaySiliconMaker() {
    if (!f_.genesis.rehearsal) {
      return Refused("seeds.rehearsal", "only a rehearsal makes its own chips",
                     "import the silicon maker's file");
    }
    fs::path silicon = f_.layout.silicon();
    BM_CHECK(MakeDirs(silicon, 0700));
    seed::SharedKey key{.name = "rehearsal", .key = SecretBytes(32)};
    f_.rng.Fill(key.key.Write(SecretAccess()));
    shared_.push_back(std::move(key));
    fs::path file = silicon / (FormatUuid(NewUuid(clock_.Now(), f_.rng)) + ".pskc");
    uint64_t made = 0;
    Status fused;
    BM_CHECK(seed::WritePskc(file, {.oem = "Rehearsal Silicon", .shared = &shared_.front()},
                             [&]() -> std::optional<seed::Made> {
                               if (made == o_.rehearsal || !fused) return std::nullopt;
                               ++made;
                               Bytes uid(12);
                               f_.rng.Fill(uid);
                               seed::Made m{.chip = ToHex(uid), .seed = SecretBytes(32)};
                               f_.rng.Fill(m.seed.Write(SecretAccess()));
                               fused = Fuse(ChipSeedFile(f_.layout, m.chip),
                                            m.seed.Read(SecretAccess()));
                               return m;
                             }));
    BM_CHECK(fused);
    return file;
  }

  Factory& f_;
  const SeedImportOptions& o_;
  const Clock& clock_;
  std::string place_;
  SeedSlot slot_;
  seed::ReadOptions options_;
  crypto::EvpKeyPtr key_;
  crypto::Certificate certificate_;
  std::vector<seed::SharedKey> shared_;
  std::unordered_map<std::string, std::string> serials_;  // by chip; only with a list
  std::vector<ledger::SeedRefused> refusals_, used_;      // the first of them
  uint64_t used_before_ = 0, extra_ = 0;
  SeedImported out_;
};

}  // namespace

Result<SeedImported> ImportSeeds(Factory& f, const SeedImportOptions& options, const Clock& clock) {
  return SeedImporter(f, options, clock).Run();
}

}  // namespace birthmark::app
