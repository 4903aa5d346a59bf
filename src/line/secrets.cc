// SPDX-License-Identifier: Apache-2.0
#include "line/secrets.h"

#include <fmt/format.h>

#include "base/files.h"
#include "crypto/digest.h"
#include "crypto/seal.h"
#include "crypto/software_signer.h"
#include "line/key_event.h"
#include "line/pool.h"

namespace birthmark::line {
namespace {

constexpr std::string_view kVaultKey = "secrets-vault";
constexpr size_t kMaxSealed = 4096;

std::string ProductOf(const std::string& unit) { return unit.substr(0, unit.find('/')); }
std::string MasterName(const std::string& product) { return "master-" + product; }

// SealedFor binds a sealed secret to its unit and slot.
Bytes SealedFor(const method::Job& job) {
  return ToBytes(fmt::format("birthmark secret 1\n{}\n{}", job.unit, job.slot));
}

Result<SecretBytes> SecretNamed(keystore::SoftwareKeyStore& keys, const std::string& name, Rng& rng,
                                bool* fresh) {
  auto key = keys.GetSecret(name);
  *fresh = !key && key.error().code == "keystore.missing";
  if (!*fresh) return key;
  SecretBytes made(crypto::kSealKeySize);
  rng.Fill(made.Write(SecretAccess()));
  BM_CHECK(keys.PutSecret(name, made));
  return made;
}

// IsLost is true where nothing is left of a kept secret; what could not be read for another reason
// is not written over.
bool IsLost(const Error& e) {
  return e.code == "file.missing" || e.code == "secret.damaged" || e.code == "keystore.missing";
}

// MasterCheck names a master key in the ledger without telling anything of it.
Digest MasterCheck(const SecretBytes& master) { return link::KeyCheck(master); }

}  // namespace

fs::path SecretFile(const fs::path& folder, const std::string& slot, const std::string& serial) {
  return folder / slot / serial;
}

Result<SecretBytes> OpenSecret(const keystore::SoftwareKeyStore& keys, const fs::path& folder,
                               const method::Job& job) {
  fs::path file = SecretFile(folder, job.slot, job.serial);
  BM_TRY(Bytes sealed, ReadFile(file, kMaxSealed));
  BM_TRY(SecretBytes key, keys.GetSecret(kVaultKey));
  auto secret = crypto::Open(key, sealed, SealedFor(job));
  if (!secret) {
    return Refused("secret.damaged", file.string() + ": is not the secret that was kept",
                   "rework the unit: it gets another one");
  }
  return secret;
}

Result<bool> ForgetSecret(const fs::path& folder, const method::Job& job) {
  fs::path file = SecretFile(folder, job.slot, job.serial);
  if (!fs::exists(fs::symlink_status(file))) return false;
  BM_CHECK(EraseBatch(file));
  return true;
}

Result<SecretBytes> DeriveSecret(const keystore::SoftwareKeyStore& keys, const method::Job& job,
                                 size_t size) {
  BM_TRY(SecretBytes master, keys.GetSecret(MasterName(ProductOf(job.unit))));
  return crypto::HkdfSha256(master.Read(SecretAccess()), {}, SealedFor(job), size);
}

Result<std::optional<method::Known>> SecretDesk::Find(const method::Job& job) {
  BM_TRY(std::optional<ledger::SecretRow> row,
         ledger::SecretOf(s_.log.registry().db(), job.unit, job.slot));
  if (!row) return std::nullopt;
  return method::Known{.check = row->check, .batch = row->batch};
}

Status SecretDesk::MakeMaster(const method::Job& job) {
  const std::string name = MasterName(ProductOf(job.unit));
  bool fresh = false;
  BM_TRY(SecretBytes master, SecretNamed(s_.keys, name, s_.rng, &fresh));
  const Digest check = MasterCheck(master);
  // A process may have ended between the key and its event.
  BM_TRY(std::optional<ledger::KeyRow> known, s_.log.registry().KeyBySpki(check));
  if (known) return {};
  ledger::KeyCreated body{.id = name,
                          .spki = check,
                          // As the store says of every key it has: software, read by its process.
                          .facts = {.local = true,
                                    .sensitive = false,
                                    .extractable = true,
                                    .always_sensitive = false,
                                    .never_extractable = false},
                          .store = "file",
                          .offline = false,
                          .purpose = "master",
                          .algorithm = "hkdf-sha256"};
  BM_CHECK(s_.log.Append(ledger::MakeEvent(s_.context, Now(), "key:" + name, body)));
  return {};
}

Result<SecretBytes> SecretDesk::Keep(const method::Job& job, SecretBytes fresh) {
  bool made = false;
  BM_TRY(SecretBytes key, SecretNamed(s_.keys, std::string(kVaultKey), s_.rng, &made));
  BM_TRY(Bytes sealed, crypto::Seal(key, fresh.Read(SecretAccess()), SealedFor(job)));
  fs::path file = SecretFile(s_.folder, job.slot, job.serial);
  BM_CHECK(MakeDirs(file.parent_path(), 0700));
  BM_CHECK(WriteFileAtomic(file, sealed, 0600));
  return fresh;
}

Result<SecretBytes> SecretDesk::Symmetric(const method::Job& job, size_t size, bool derived) {
  if (derived) {
    BM_CHECK(MakeMaster(job));
    return DeriveSecret(s_.keys, job, size);
  }
  auto kept = OpenSecret(s_.keys, s_.folder, job);
  if (kept && kept->size() == size) return kept;
  if (!kept && !IsLost(kept.error())) return kept;
  SecretBytes fresh(size);
  s_.rng.Fill(fresh.Write(SecretAccess()));
  return Keep(job, std::move(fresh));
}

Result<SecretBytes> SecretDesk::Password(const method::Job& job, bool kept) {
  if (!kept) return method::MakePassword(s_.rng);
  auto before = OpenSecret(s_.keys, s_.folder, job);
  if (before || !IsLost(before.error())) return before;
  return Keep(job, method::MakePassword(s_.rng));
}

Result<std::optional<Digest>> SecretDesk::GroupKey(const std::string& id) {
  BM_TRY(std::optional<ledger::GroupRow> row, ledger::GroupOf(s_.log.registry().db(), id));
  if (!row) return std::nullopt;
  return row->spki;
}

Result<std::optional<method::Group>> SecretDesk::ReadGroup(const ledger::GroupRow& row) {
  auto pkcs8 = s_.keys.Export(row.id);
  if (!pkcs8 && pkcs8.error().code == "keystore.missing") return std::nullopt;
  if (!pkcs8) return std::unexpected(std::move(pkcs8).error());
  BM_TRY(auto signer, crypto::SoftwareSigner::FromPkcs8(*pkcs8));
  method::Group out{.id = row.id, .spki = row.spki, .scalar = {}, .chain = {}};
  if (signer->public_key().spki_digest() != row.spki) return std::nullopt;
  BM_TRY(out.scalar, signer->ToP256Scalar());
  BM_TRY(std::vector<uint64_t> seqs,
         s_.log.registry().EventsOfType(ledger::SignerCertified::kType));
  BM_TRY(auto reader, ledger::LogReader::Open(s_.log_dir));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event event, reader->EventAt(seq));
    BM_TRY(ledger::SignerCertified body, ledger::BodyOf<ledger::SignerCertified>(event));
    if (body.key == row.id) out.chain = std::move(body.chain);
  }
  return out;
}

Status SecretDesk::CloseGroup(const ledger::GroupRow& row) {
  BM_TRY(std::optional<ledger::KeyRow> key, s_.log.registry().KeyBySpki(row.spki));
  if (!key || key->destroyed_at) return {};
  Status gone = s_.keys.Destroy(row.id);
  // A process may have ended between the key's end and its event.
  if (!gone && gone.error().code != "keystore.missing") return gone;
  ledger::KeyDestroyed body{
      .id = row.id, .how = "batch full: sealed file overwritten and unlinked", .spki = row.spki};
  BM_CHECK(s_.log.Append(ledger::MakeEvent(s_.context, Now(), "key:" + row.id, body)));
  return {};
}

Result<method::Group> SecretDesk::OpenGroup(const std::string& slot, size_t number) {
  const std::string& product = s_.plan.product.id;
  const plan::IdentitySlot* of = s_.plan.FindSlot(vocab::Identity::kGroup);
  if (of == nullptr || !of->batch)
    return Refused("group.closed", "the plan has no group key",
                   "add [[identity]] slot = \"group\"");
  method::Group out;
  out.id = fmt::format("{}-{}-{}", product, slot, number);
  auto made = s_.keys.Create(out.id, crypto::Algorithm::kEcdsaP256);
  if (!made && made.error().code == "keystore.exists") {
    // Its process ended before anybody was told of it.
    BM_CHECK(s_.keys.Destroy(out.id));
    made = s_.keys.Create(out.id, crypto::Algorithm::kEcdsaP256);
  }
  if (!made) return std::unexpected(std::move(made).error());
  const crypto::PublicKey& key = (*made)->public_key();
  out.spki = key.spki_digest();
  BM_TRY(keystore::KeyFacts facts, s_.keys.Facts(out.id));
  ledger::Submission all;
  auto add = [&](const std::string& subject, const auto& body) -> Status {
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(s_.context, Now(), subject, body)));
    all.push_back(std::move(e));
    return {};
  };
  BM_CHECK(add("key:" + out.id, KeyMade(out.id, facts, "group")));
  BM_CHECK(add(
      "product:" + product,
      ledger::GroupOpened{
          .id = out.id, .size = *of->batch, .spki = out.spki, .slot = slot, .product = product}));
  if (of->pki) {
    BM_TRY(out.chain, s_.desk.CertifyGroup(out.id, slot, key));
    BM_CHECK(add("key:" + out.id,
                 ledger::SignerCertified{.key = out.id, .pki = *of->pki, .chain = out.chain}));
  }
  BM_CHECK(s_.log.Append(std::move(all)));
  BM_TRY(SecretBytes pkcs8, s_.keys.Export(out.id));
  BM_TRY(auto signer, crypto::SoftwareSigner::FromPkcs8(pkcs8));
  BM_TRY(out.scalar, signer->ToP256Scalar());
  return out;
}

Result<method::Group> SecretDesk::GroupFor(const method::Job& job) {
  BM_TRY(std::vector<ledger::GroupRow> rows,
         ledger::Groups(s_.log.registry().db(), s_.plan.product.id, job.slot));
  if (!rows.empty()) {
    const ledger::GroupRow& last = rows.back();
    BM_TRY(std::optional<method::Known> known, Find(job));
    if (last.units < last.size || (known && known->batch == last.id)) {
      BM_TRY(std::optional<method::Group> open, ReadGroup(last));
      if (open) return std::move(*open);
    }
    if (last.units >= last.size) BM_CHECK(CloseGroup(last));
  }
  return OpenGroup(job.slot, rows.size() + 1);
}

Status SecretDesk::Record(const ledger::SecretProvisioned& body) {
  BM_CHECK(s_.log.Append(ledger::MakeEvent(s_.context, Now(), "unit:" + body.unit, body)));
  if (!body.batch) return {};
  BM_TRY(std::optional<ledger::GroupRow> group,
         ledger::GroupOf(s_.log.registry().db(), *body.batch));
  // Nobody needs the key outside once the last of its batch has it.
  if (group && group->units >= group->size) return CloseGroup(*group);
  return {};
}

Status SecretDesk::RecordEnd(const ledger::KeyOutside& body) {
  BM_CHECK(s_.log.Append(ledger::MakeEvent(s_.context, Now(), "unit:" + body.unit, body)));
  return {};
}

}  // namespace birthmark::line
