// SPDX-License-Identifier: Apache-2.0
#include "ceremony/sealed_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/digest.h"
#include "crypto/seal.h"
#include "ledger/sqlite/log_reader.h"

namespace birthmark::ceremony {
namespace {

// Every entry's box has a multiple of this length, so that lengths tell nothing of what is inside.
constexpr size_t kPad = 2048;
constexpr size_t kSaltSize = 32;
constexpr std::string_view kLogKey = "log";
constexpr std::string_view kSealSecret = "seal";

fs::path SealedDir(const fs::path& dir) { return dir / "sealed"; }

// A sealed entry's associated data binds it to its log; the order is the ledger's own.
Result<Bytes> SealEntry(const SecretBytes& seal, const std::string& origin, const Entry& e) {
  SecretBytes plain = SecretBytes::Take(cbor::ToCbor(e));
  ByteView read = plain.Read(SecretAccess{});
  // An entry is padded by zeros behind a length.
  Bytes padded;
  cbor::Writer w(padded);
  w.ByteString(read);
  padded.resize((padded.size() + kPad - 1) / kPad * kPad);
  SecretBytes box = SecretBytes::Take(std::move(padded));
  return crypto::Seal(seal, box.Read(SecretAccess{}), AsBytes(origin));
}

Result<Entry> OpenEntry(const SecretBytes& seal, const std::string& origin, ByteView box) {
  auto bad = [](std::string_view why) {
    return Refused("ceremony.entry",
                   fmt::format("an entry of the sealed log does not open: {}", why),
                   "the folder was changed outside this program; use the copy of the other site");
  };
  auto plain = crypto::Open(seal, box, AsBytes(origin));
  if (!plain) return bad(plain.error().message);
  size_t used = 0;
  ByteView all = plain->Read(SecretAccess{});
  auto outer = cbor::DecodePrefix(all, &used);
  if (!outer || outer->AsBytes() == nullptr) return bad("it is no byte string");
  if (!std::ranges::all_of(all.subspan(used), [](uint8_t b) { return b == 0; }))
    return bad("its padding is not empty");
  auto e = cbor::FromCbor<Entry>(*outer->AsBytes());
  if (!e) return bad(e.error().message);
  return e;
}

std::string WrappedKey(const std::string& key) { return "wrapped-" + key; }

std::string NameKey(const std::string& pseudonym) { return "name-" + pseudonym; }

}  // namespace

bool SealedLog::Exists(const fs::path& dir) { return fs::exists(SealedDir(dir)); }

Result<std::unique_ptr<SealedLog>> SealedLog::Create(const fs::path& dir, const LogTerms& terms,
                                                     const SecretBytes& passphrase,
                                                     const Clock& clock) {
  if (Exists(dir)) {
    return Refused("ceremony.exists", fmt::format("{} holds a ceremony already", dir.string()),
                   "go on with: birthmark ceremony resume DIR, or name another folder");
  }
  BM_CHECK(MakeDirs(dir, 0700));
  fs::path scratch = dir / ".sealed.new";
  std::error_code ec;
  fs::remove_all(scratch, ec);
  BM_CHECK(MakeDirs(scratch, 0700));
  SystemRng rng;
  {
    BM_TRY(auto keys, keystore::SoftwareKeyStore::Init(scratch / "keys", passphrase));
    BM_TRY(auto log_key, keys->Create(kLogKey, crypto::Algorithm::kEd25519));
    SecretBytes seal(crypto::kSealKeySize);
    rng.Fill(seal.Write(SecretAccess{}));
    BM_CHECK(keys->PutSecret(kSealSecret, seal));
    ledger::Genesis genesis{
        .format = 1,
        .origin =
            fmt::format("{}/custody-{}", terms.manufacturer, FormatUuid(NewUuid(clock.Now(), rng))),
        .program = terms.program,
        .log_key = Bytes(log_key->public_key().spki().begin(), log_key->public_key().spki().end()),
        .rehearsal = terms.rehearsal,
        .workspace = FormatUuid(NewUuid(clock.Now(), rng)),
        .manufacturer = terms.manufacturer};
    // The origin is a key name in signed notes: no spaces and no plus signs (C2SP signed-note).
    std::erase_if(genesis.origin, [](char c) { return c == ' ' || c == '+'; });
    ledger::EventContext context{.actor = "ceremony"};
    BM_TRY(auto log,
           ledger::LogWriter::Create(scratch / "log",
                                     ledger::MakeEvent(context, clock.Now(), "", genesis), clock));
  }
  fs::rename(scratch, SealedDir(dir), ec);
  if (ec) return std::unexpected(FromErrno("file.write", SealedDir(dir).string(), ec.value()));
  BM_CHECK(SyncDir(dir));
  return Open(dir, passphrase, clock);
}

Result<std::unique_ptr<SealedLog>> SealedLog::Open(const fs::path& dir,
                                                   const SecretBytes& passphrase,
                                                   const Clock& clock) {
  if (!Exists(dir)) {
    return Environment("ceremony.missing", fmt::format("{} holds no ceremony", dir.string()),
                       "name the folder that was given to ceremony run with -o");
  }
  std::unique_ptr<SealedLog> s(new SealedLog(clock));
  s->log_dir_ = SealedDir(dir) / "log";
  BM_TRY(s->keys_, keystore::SoftwareKeyStore::Unlock(SealedDir(dir) / "keys", passphrase));
  BM_TRY(s->log_key_, s->keys_->Open(kLogKey));
  BM_TRY(s->seal_, s->keys_->GetSecret(kSealSecret));
  BM_TRY(s->log_, ledger::LogWriter::Open(s->log_dir_, clock));
  BM_CHECK(s->Fold());
  return s;
}

Status SealedLog::Fold() {
  BM_TRY(auto reader, ledger::LogReader::Open(log_dir_));
  identity_ = {.key = reader->genesis().log_key, .origin = reader->genesis().origin};
  rehearsal_ = reader->genesis().rehearsal;
  if (!std::ranges::equal(identity_.key, log_key_->public_key().spki()))
    return Refused("ceremony.entry",
                   "the sealed log is signed by another key than its folder holds");
  return reader->ForRange(1, reader->size(),
                          [&](uint64_t, const ledger::Event& event, ByteView) -> Status {
                            BM_TRY(auto sealed, ledger::BodyOf<ledger::CeremonySealed>(event));
                            BM_TRY(Entry e, OpenEntry(seal_, identity_.origin, sealed.box));
                            return state_.Apply(TimeFromMillis(event.at), e);
                          });
}

Status SealedLog::Append(const std::vector<Entry>& entries) {
  // What does not fold is not written: the log could not be opened again.
  CustodyState next = state_;
  Time now = clock_.Now();
  ledger::Submission all;
  for (const Entry& e : entries) {
    BM_CHECK(next.Apply(now, e));
    BM_TRY(Bytes box, SealEntry(seal_, identity_.origin, e));
    ledger::EventContext context{.actor = "ceremony"};
    BM_TRY(ledger::NewEvent n,
           ledger::Prepare(
               ledger::MakeEvent(context, now, "", ledger::CeremonySealed{.box = std::move(box)})));
    all.push_back(std::move(n));
  }
  BM_CHECK(log_->Append(std::move(all)));
  state_ = std::move(next);
  return {};
}

Result<SealedLog::Commitment> SealedLog::Commit(Rng& rng) {
  Commitment c;
  c.salt.resize(kSaltSize);
  rng.Fill(c.salt);
  BM_TRY(std::string note, log_->MakeCheckpoint(*log_key_));
  c.digest = crypto::Sha256(AsBytes("birthmark sealed log 1"), c.salt, AsBytes(note));
  return c;
}

Status SealedLog::SetName(const std::string& pseudonym, std::string_view name) {
  SecretBytes secret = SecretBytes::Take(ToBytes(name));
  return keys_->PutSecret(NameKey(pseudonym), secret);
}

std::string SealedLog::NameOf(const std::string& pseudonym) const {
  auto secret = keys_->GetSecret(NameKey(pseudonym));
  return secret ? std::string(AsText(secret->Read(SecretAccess{}))) : "";
}

Status SealedLog::EraseName(const std::string& pseudonym) {
  return keys_->DropSecret(NameKey(pseudonym));
}

Status SealedLog::KeepWrapped(const std::string& key, ByteView wrapped) {
  SecretBytes secret = SecretBytes::Take(Bytes(wrapped.begin(), wrapped.end()));
  return keys_->PutSecret(WrappedKey(key), secret);
}

Result<Bytes> SealedLog::Wrapped(const std::string& key) const {
  BM_TRY(SecretBytes secret, keys_->GetSecret(WrappedKey(key)));
  ByteView read = secret.Read(SecretAccess{});
  return Bytes(read.begin(), read.end());
}

Status SealedLog::DropWrapped(const std::string& key) { return keys_->DropSecret(WrappedKey(key)); }

Digest SealedLog::SealDigest(std::string_view number) const {
  return crypto::HmacSha256(seal_.Read(SecretAccess{}),
                            ToBytes("birthmark seal number 1:" + std::string(number)));
}

}  // namespace birthmark::ceremony
