// SPDX-License-Identifier: Apache-2.0
#include "keystore/tpm2/tpm2_store.h"

#include <fmt/format.h>
#include <tss2/tss2_mu.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "base/files.h"
#include "hardware/tpm/context.h"
#include "keystore/overwrite.h"
#include "keystore/tpm2/areas.h"
#include "keystore/tpm2/blob.h"

namespace birthmark::keystore {

using hardware::CheckTss;
using hardware::Context;
using hardware::EsysPtr;
using hardware::Object;

namespace {

constexpr TPM2_HANDLE kRootHandle = 0x81000001;  // the storage root key's customary place
constexpr std::string_view kTpmSuffix = ".tpm";
constexpr TPMT_SIG_SCHEME kKeysOwn{.scheme = TPM2_ALG_NULL, .details = {}};

// OfTpm is a TPM's own response code without the number of the handle or session it is about.
// Source: TPM 2.0 Part 2 section 6.6.2.
TSS2_RC OfTpm(TSS2_RC rc) {
  if ((rc & TSS2_RC_LAYER_MASK) != 0) return 0;
  return (rc & TPM2_RC_FMT1) != 0 ? rc & (TPM2_RC_FMT1 | 0x3f) : rc;
}

}  // namespace

// Core is the connection that a store and its signers share. A TPM has room for three objects, so
// one key at a time is loaded. Callers hold the mutex.
class Tpm2KeyStore::Core {
 public:
  Core(std::string uri, fs::path folder, std::unique_ptr<Context> c, Pin pin)
      : uri_(std::move(uri)), folder_(std::move(folder)), c_(std::move(c)), pin_(std::move(pin)) {}

  ~Core() { Wipe(&auth_, sizeof auth_); }

  const std::string& uri() const { return uri_; }
  const fs::path& folder() const { return folder_; }
  std::mutex& mutex() { return mutex_; }

  fs::path FileOf(std::string_view key_id) const {
    return folder_ / (std::string(key_id) + std::string(kTpmSuffix));
  }

  Result<TpmKeyFile> Read(std::string_view key_id) const {
    BM_CHECK(CheckKeyId(key_id));
    auto data = ReadFile(FileOf(key_id), kMaxTpmKeyFile);
    if (!data && data.error().code == "file.missing") {
      return Refused("keystore.missing",
                     fmt::format("there is no key \"{}\" in {}", key_id, folder_.string()),
                     "`birthmark key list` shows the names");
    }
    if (!data) return std::unexpected(std::move(data).error());
    return ReadTpmKeyFile(*data, key_id);
  }

  Result<TpmKeyFile> Make(std::string_view key_id, crypto::Algorithm a) {
    std::optional<TPM2B_PUBLIC> wanted = tpm2::SigningTemplate(a);
    if (wanted) {
      TPMT_PUBLIC_PARMS parms{.type = wanted->publicArea.type,
                              .parameters = wanted->publicArea.parameters};
      if (OfTpm(Esys_TestParms(c_->esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &parms)) != 0)
        wanted.reset();
    }
    if (!wanted) {
      return Refused("keystore.unsupported",
                     fmt::format("the TPM makes no {} keys", crypto::ToText(a)),
                     "ecdsa-p256 is what every TPM makes");
    }
    BM_CHECK(Prepare());
    TPM2B_SENSITIVE_CREATE sensitive{};
    sensitive.sensitive.userAuth = auth_;
    TPM2B_DATA outside{};
    TPML_PCR_SELECTION pcrs{};
    TPM2B_PRIVATE* raw_private = nullptr;
    TPM2B_PUBLIC* raw_public = nullptr;
    TSS2_RC rc = Esys_Create(c_->esys(), root_.tr(), session_.tr(), ESYS_TR_NONE, ESYS_TR_NONE,
                             &sensitive, &*wanted, &outside, &pcrs, &raw_private, &raw_public,
                             nullptr, nullptr, nullptr);
    Wipe(&sensitive, sizeof sensitive);
    BM_CHECK(Done(rc, "TPM2_Create"));
    EsysPtr<TPM2B_PRIVATE> wrapped(raw_private);
    EsysPtr<TPM2B_PUBLIC> area(raw_public);
    TpmKeyFile file{.id = std::string(key_id), .format = "", .public_area = {}, .private_area = {}};
    file.public_area.resize(sizeof *area);
    file.private_area.resize(sizeof *wrapped);
    size_t n = 0, m = 0;
    BM_CHECK(CheckTss(Tss2_MU_TPM2B_PUBLIC_Marshal(area.get(), file.public_area.data(),
                                                   file.public_area.size(), &n),
                      "a public area"));
    BM_CHECK(CheckTss(Tss2_MU_TPM2B_PRIVATE_Marshal(wrapped.get(), file.private_area.data(),
                                                    file.private_area.size(), &m),
                      "a wrapped key"));
    file.public_area.resize(n);
    file.private_area.resize(m);
    return file;
  }

  // Load loads a key, unless it is the one that is loaded, and gives its public area as the TPM
  // has it. The TPM itself finds a changed file.
  Result<TPMT_PUBLIC> Load(const TpmKeyFile& file) {
    if (loaded_id_ == file.id && loaded_public_ == file.public_area &&
        loaded_private_ == file.private_area)
      return loaded_area_;
    loaded_ = Object();
    loaded_id_.clear();
    BM_CHECK(OpenRoot());
    TPM2B_PUBLIC pub{};
    TPM2B_PRIVATE priv{};
    size_t at = 0, from = 0;
    if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(file.public_area.data(), file.public_area.size(), &at,
                                       &pub) != TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Unmarshal(file.private_area.data(), file.private_area.size(), &from,
                                        &priv) != TSS2_RC_SUCCESS ||
        at != file.public_area.size() || from != file.private_area.size()) {
      return Refused("keystore.corrupt",
                     fmt::format("key \"{}\": no structures of a TPM", file.id));
    }
    ESYS_TR tr = ESYS_TR_NONE;
    TSS2_RC rc = Esys_Load(c_->esys(), root_.tr(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                           &priv, &pub, &tr);
    if (OfTpm(rc) == TPM2_RC_INTEGRITY || OfTpm(rc) == TPM2_RC_SIZE ||
        OfTpm(rc) == TPM2_RC_BINDING || OfTpm(rc) == TPM2_RC_VALUE) {
      return Refused("keystore.corrupt",
                     fmt::format("key \"{}\": changed, or another TPM's", file.id),
                     "is it the TPM that made the key, and was it not cleared since?");
    }
    BM_CHECK(CheckTss(rc, "TPM2_Load"));
    loaded_ = Object(c_.get(), tr, true);
    TPM2B_PUBLIC* raw = nullptr;
    BM_CHECK(CheckTss(Esys_ReadPublic(c_->esys(), loaded_.tr(), ESYS_TR_NONE, ESYS_TR_NONE,
                                      ESYS_TR_NONE, &raw, nullptr, nullptr),
                      "TPM2_ReadPublic"));
    EsysPtr<TPM2B_PUBLIC> area(raw);
    loaded_area_ = area->publicArea;
    loaded_public_ = file.public_area;
    loaded_private_ = file.private_area;
    loaded_id_ = file.id;
    return loaded_area_;
  }

  Result<Bytes> Sign(const TpmKeyFile& file, crypto::Algorithm a, ByteView message) {
    BM_CHECK(Prepare());
    if (auto loaded = Load(file); !loaded) return std::unexpected(loaded.error());
    BM_CHECK(CheckTss(Esys_TR_SetAuth(c_->esys(), loaded_.tr(), &auth_), "the key's PIN"));
    TPM2B_DIGEST digest = tpm2::DigestOf(a, message);
    TPMT_TK_HASHCHECK not_by_tpm{.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL, .digest = {}};
    TPMT_SIGNATURE* raw = nullptr;
    BM_CHECK(Done(Esys_Sign(c_->esys(), loaded_.tr(), session_.tr(), ESYS_TR_NONE, ESYS_TR_NONE,
                            &digest, &kKeysOwn, &not_by_tpm, &raw),
                  "TPM2_Sign"));
    proven_ = true;
    EsysPtr<TPMT_SIGNATURE> signature(raw);
    return tpm2::FromTpm(a, *signature);
  }

  void Forget(std::string_view key_id) {
    if (loaded_id_ != key_id) return;
    loaded_ = Object();
    loaded_id_.clear();
  }

 private:
  Status OpenRoot() {
    if (root_.tr() != ESYS_TR_NONE) return {};
    BM_TRY(bool there, c_->Has(kRootHandle));
    if (!there) {
      const TPM2B_PUBLIC t = tpm2::RootTemplate();
      TPM2B_SENSITIVE_CREATE sensitive{};
      TPM2B_DATA outside{};
      TPML_PCR_SELECTION pcrs{};
      ESYS_TR tr = ESYS_TR_NONE, kept = ESYS_TR_NONE;
      BM_CHECK(CheckTss(Esys_CreatePrimary(c_->esys(), ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                                           ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &t, &outside,
                                           &pcrs, &tr, nullptr, nullptr, nullptr, nullptr),
                        "TPM2_CreatePrimary"));
      Object made(c_.get(), tr, true);
      BM_CHECK(CheckTss(Esys_EvictControl(c_->esys(), ESYS_TR_RH_OWNER, made.tr(), ESYS_TR_PASSWORD,
                                          ESYS_TR_NONE, ESYS_TR_NONE, kRootHandle, &kept),
                        "TPM2_EvictControl"));
      Object known(c_.get(), kept, false);
    }
    BM_TRY(root_, Object::Open(*c_, kRootHandle));
    return {};
  }

  // Prepare reads the PIN once, looks at the TPM's own counter, and opens a session that is salted
  // by the storage root key: what is on the bus tells neither the PIN nor a hash of it.
  Status Prepare() {
    BM_CHECK(OpenRoot());
    if (!asked_) {
      BM_TRY(SecretBytes pin, pin_.read());
      ByteView octets = pin.Read(SecretAccess());
      // TPM 2.0 Part 2 section 11.1.4: no longer than the name's digest. A zero at the end is cut
      // off by the TPM, which would make two PINs one.
      if (octets.size() > 32 || (!octets.empty() && octets.back() == 0)) {
        return Refused("keystore.pin-length", "a TPM key's PIN has 1 to 32 octets");
      }
      auth_.size = static_cast<UINT16>(octets.size());
      std::copy(octets.begin(), octets.end(), auth_.buffer);
      asked_ = true;
    }
    if (wrong_) return WrongPin("the TPM");
    if (!proven_) BM_CHECK(LookAtCounter());
    if (session_.tr() != ESYS_TR_NONE) return {};
    TPMT_SYM_DEF sym{};
    sym.algorithm = TPM2_ALG_AES;
    sym.keyBits.aes = 128;
    sym.mode.aes = TPM2_ALG_CFB;
    ESYS_TR tr = ESYS_TR_NONE;
    BM_CHECK(CheckTss(
        Esys_StartAuthSession(c_->esys(), root_.tr(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                              ESYS_TR_NONE, nullptr, TPM2_SE_HMAC, &sym, TPM2_ALG_SHA256, &tr),
        "TPM2_StartAuthSession"));
    session_ = Object(c_.get(), tr, true);
    const TPMA_SESSION how = TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT;
    return CheckTss(Esys_TRSess_SetAttributes(c_->esys(), session_.tr(), how, 0xff), "a session");
  }

  Status LookAtCounter() {
    BM_TRY(uint32_t wrong, c_->Property(TPM2_PT_LOCKOUT_COUNTER));
    BM_TRY(uint32_t most, c_->Property(TPM2_PT_MAX_AUTH_FAIL));
    if (most != 0 && wrong >= most) return Lockout();
    if (most != 0 && wrong + 1 >= most && !pin_.last_try) {
      return PinLastTry("the TPM",
                        fmt::format("{} wrong PINs of {} were given to it", wrong, most));
    }
    return {};
  }

  static std::unexpected<Error> Lockout() {
    return PinLocked("the TPM", "wait until its counter falls, or tpm2_dictionarylockout --clear");
  }

  // Done turns the TPM's word about the PIN into ours; a session does not outlive a failure.
  Status Done(TSS2_RC rc, std::string_view what) {
    if (rc == TSS2_RC_SUCCESS) return {};
    session_ = Object();
    if (OfTpm(rc) == TPM2_RC_LOCKOUT) return Lockout();
    if (OfTpm(rc) == TPM2_RC_AUTH_FAIL || OfTpm(rc) == TPM2_RC_BAD_AUTH) {
      wrong_ = true;
      return WrongPin("the TPM");
    }
    return CheckTss(rc, what);
  }

  std::string uri_;
  fs::path folder_;
  std::mutex mutex_;
  std::unique_ptr<Context> c_;  // before the objects: it ends last
  Pin pin_;
  TPM2B_AUTH auth_{};
  bool asked_ = false;   // auth_ is what the PIN says
  bool proven_ = false;  // a key took it
  bool wrong_ = false;   // a key did not: it is not tried again
  Object root_, session_, loaded_;
  std::string loaded_id_;
  Bytes loaded_public_, loaded_private_;
  TPMT_PUBLIC loaded_area_{};
};

namespace {

class Tpm2Signer : public crypto::Signer {
 public:
  Tpm2Signer(std::shared_ptr<Tpm2KeyStore::Core> core, TpmKeyFile file, crypto::PublicKey pub)
      : core_(std::move(core)), file_(std::move(file)), public_key_(std::move(pub)) {}
  const crypto::PublicKey& public_key() const override { return public_key_; }
  Result<Bytes> Sign(ByteView message) override {
    std::lock_guard lock(core_->mutex());
    return core_->Sign(file_, public_key_.algorithm(), message);
  }

 private:
  std::shared_ptr<Tpm2KeyStore::Core> core_;
  TpmKeyFile file_;
  crypto::PublicKey public_key_;
};

}  // namespace

Result<std::string> Tpm2KeyStore::TctiOf(std::string_view uri) {
  constexpr std::string_view kScheme = "tpm2:tcti=";
  const bool plain = std::ranges::all_of(uri, [](char c) { return c > ' ' && c < 0x7f; });
  if (!uri.starts_with(kScheme) || uri.size() == kScheme.size() || uri.size() > 1024 || !plain) {
    return Usage("keystore.uri", "the tpm2: URI does not read",
                 "tpm2:tcti=device:/dev/tpmrm0, or another TCTI of tpm2-tss");
  }
  return std::string(uri.substr(kScheme.size()));
}

Result<std::unique_ptr<Tpm2KeyStore>> Tpm2KeyStore::Open(std::string_view uri,
                                                         const fs::path& folder, Pin pin) {
  BM_TRY(std::string tcti, TctiOf(uri));
  BM_TRY(std::unique_ptr<Context> c, Context::Connect(tcti));
  BM_CHECK(MakeDirs(folder, 0700));
  return std::unique_ptr<Tpm2KeyStore>(new Tpm2KeyStore(
      std::make_shared<Core>(std::string(uri), folder, std::move(c), std::move(pin))));
}

Tpm2KeyStore::~Tpm2KeyStore() = default;

std::string Tpm2KeyStore::uri() const { return core_->uri(); }

Result<std::unique_ptr<crypto::Signer>> Tpm2KeyStore::Create(std::string_view key_id,
                                                             crypto::Algorithm a) {
  BM_CHECK(CheckKeyId(key_id));
  std::lock_guard lock(core_->mutex());
  if (fs::exists(fs::symlink_status(core_->FileOf(key_id)))) {
    return Refused("keystore.exists",
                   fmt::format("a key \"{}\" is in {} already", key_id, core_->folder().string()),
                   "destroy it first, or choose another name");
  }
  BM_TRY(TpmKeyFile file, core_->Make(key_id, a));
  BM_TRY(TPMT_PUBLIC area, core_->Load(file));
  BM_TRY(crypto::PublicKey pub, tpm2::KeyOf(area));
  if (pub.algorithm() != a)
    return Environment("element.failed", "the TPM made a key of another kind than asked for");
  BM_CHECK(WriteFileAtomic(core_->FileOf(key_id), WriteTpmKeyFile(file), 0600));
  return std::make_unique<Tpm2Signer>(core_, std::move(file), std::move(pub));
}

Result<std::unique_ptr<crypto::Signer>> Tpm2KeyStore::Open(std::string_view key_id) {
  BM_CHECK(CheckKeyId(key_id));
  std::lock_guard lock(core_->mutex());
  BM_TRY(TpmKeyFile file, core_->Read(key_id));
  BM_TRY(TPMT_PUBLIC area, core_->Load(file));
  BM_TRY(crypto::PublicKey pub, tpm2::KeyOf(area));
  return std::make_unique<Tpm2Signer>(core_, std::move(file), std::move(pub));
}

Result<KeyFacts> Tpm2KeyStore::Facts(std::string_view key_id) const {
  BM_CHECK(CheckKeyId(key_id));
  std::lock_guard lock(core_->mutex());
  BM_TRY(TpmKeyFile file, core_->Read(key_id));
  BM_TRY(TPMT_PUBLIC area, core_->Load(file));
  BM_TRY(crypto::PublicKey pub, tpm2::KeyOf(area));
  const bool fixed = (area.objectAttributes & TPMA_OBJECT_FIXEDTPM) != 0;
  const bool made_here = (area.objectAttributes & TPMA_OBJECT_SENSITIVEDATAORIGIN) != 0;
  // TPM 2.0 Part 1 section 25: a fixedTPM object cannot be duplicated, and was never anywhere else
  // if its sensitive part came from this TPM. A TPM gives no sensitive part out in the clear.
  return KeyFacts{.scheme = "tpm2",
                  .algorithm = pub.algorithm(),
                  .spki_digest = pub.spki_digest(),
                  .local = made_here,
                  .sensitive = true,
                  .always_sensitive = made_here,
                  .extractable = !fixed,
                  .never_extractable = fixed && made_here,
                  .fixed_to_device = fixed};
}

Status Tpm2KeyStore::Destroy(std::string_view key_id) {
  BM_CHECK(CheckKeyId(key_id));
  std::lock_guard lock(core_->mutex());
  const fs::path path = core_->FileOf(key_id);
  if (!fs::exists(fs::symlink_status(path))) {
    return Refused("keystore.missing",
                   fmt::format("there is no key \"{}\" in {}", key_id, core_->folder().string()));
  }
  core_->Forget(key_id);
  BM_CHECK(OverwriteFile(path));
  if (unlink(path.c_str()) != 0)
    return std::unexpected(FromErrno("file.write", path.string(), errno));
  return SyncDir(core_->folder());
}

Result<std::vector<std::string>> Tpm2KeyStore::List() const {
  std::vector<std::string> out;
  std::error_code ec;
  fs::directory_iterator it(core_->folder(), ec), end;
  for (; !ec && it != end; it.increment(ec)) {
    std::string name = it->path().filename().string();
    if (!name.ends_with(kTpmSuffix)) continue;
    name.resize(name.size() - kTpmSuffix.size());
    if (IsKeyId(name)) out.push_back(std::move(name));
  }
  if (ec) return std::unexpected(FromErrno("file.read", core_->folder().string(), ec.value()));
  std::ranges::sort(out);
  return out;
}

}  // namespace birthmark::keystore
