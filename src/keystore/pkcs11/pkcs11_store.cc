// SPDX-License-Identifier: Apache-2.0
#include "keystore/pkcs11/pkcs11_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "crypto/digest.h"
#include "crypto/pss.h"
#include "hardware/pkcs11/session.h"
#include "keystore/pkcs11/login.h"
#include "keystore/pkcs11/objects.h"

namespace birthmark::keystore {

using hardware::CheckRv;

// Core is the session that a store and its signers share.
class Pkcs11KeyStore::Core {
 public:
  Core(std::string text, hardware::Pkcs11Uri uri, std::unique_ptr<hardware::Session> session,
       Pin pin)
      : text_(std::move(text)),
        prefix_(uri.object ? *uri.object + "-" : ""),
        where_(fmt::format("the token \"{}\"", uri.token.value_or("of the URI"))),
        session_(std::move(session)),
        pin_(std::move(pin)) {}

  const std::string& text() const { return text_; }
  const std::string& where() const { return where_; }
  const std::string& prefix() const { return prefix_; }
  std::mutex& mutex() { return mutex_; }
  // Session is the logged-in session; the caller holds the mutex.
  Result<hardware::Session*> LoggedIn() {
    if (in_) return session_.get();
    // Not taken once is not taken: nobody asks again, and the token is not told again.
    if (refused_) return std::unexpected(*refused_);
    if (Status in = LogIn(*session_, pin_, where_); !in) {
      refused_ = in.error();
      return std::unexpected(*refused_);
    }
    in_ = true;
    return session_.get();
  }

 private:
  std::string text_, prefix_, where_;
  std::mutex mutex_;
  std::unique_ptr<hardware::Session> session_;
  Pin pin_;
  std::optional<Error> refused_;
  bool in_ = false;
};

namespace {

using crypto::Algorithm;

class Pkcs11Signer : public crypto::Signer, public crypto::PssSigner {
 public:
  Pkcs11Signer(std::shared_ptr<Pkcs11KeyStore::Core> core, CK_OBJECT_HANDLE key,
               crypto::PublicKey pub)
      : core_(std::move(core)), key_(key), public_key_(std::move(pub)) {}
  const crypto::PublicKey& public_key() const override { return public_key_; }

  Result<Bytes> Sign(ByteView message) override {
    const Algorithm a = public_key_.algorithm();
    BM_TRY(const Bytes out,
           Raw({pkcs11::MechanismsOf(a).sign, nullptr, 0}, pkcs11::ToSign(a, message)));
    return pkcs11::FromToken(a, out);
  }

  // PKCS #11 v3.0 section 2.1.10: the hash is made here, the salt by the module.
  Result<Bytes> SignPss(ByteView message, crypto::PssSalt salt) override {
    const Digest digest = crypto::Sha256(message);
    CK_RSA_PKCS_PSS_PARAMS params{
        CKM_SHA256, CKG_MGF1_SHA256,
        static_cast<CK_ULONG>(crypto::PssSaltSize(public_key_.algorithm(), salt))};
    return Raw({CKM_RSA_PKCS_PSS, &params, sizeof params}, Bytes(digest.begin(), digest.end()));
  }

 private:
  Result<Bytes> Raw(CK_MECHANISM how, Bytes in) {
    Bytes out(1024);
    CK_ULONG n = out.size();
    std::lock_guard lock(core_->mutex());
    BM_TRY(hardware::Session * s, core_->LoggedIn());
    BM_CHECK(CheckRv(s->f().C_SignInit(s->handle(), &how, key_), "C_SignInit"));
    BM_CHECK(CheckRv(s->f().C_Sign(s->handle(), in.data(), in.size(), out.data(), &n), "C_Sign"));
    out.resize(std::min<size_t>(n, out.size()));
    return out;
  }

  std::shared_ptr<Pkcs11KeyStore::Core> core_;
  CK_OBJECT_HANDLE key_;
  crypto::PublicKey public_key_;
};

std::unexpected<Error> MissingKey(std::string_view key_id, const std::string& where) {
  return Refused("keystore.missing", fmt::format("there is no key \"{}\" in {}", key_id, where),
                 "`birthmark key list` shows the names");
}

Result<Bytes> Needed(hardware::Session& s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                     std::string_view name) {
  BM_TRY(std::optional<Bytes> value, s.Read(object, type));
  if (!value)
    return Environment("element.failed", fmt::format("the token does not tell {} of a key", name));
  return std::move(*value);
}

Result<bool> Flag(hardware::Session& s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                  std::string_view name) {
  BM_TRY(Bytes value, Needed(s, object, type, name));
  if (value.size() != 1)
    return Environment("element.failed", fmt::format("the token's {} is no yes or no", name));
  return value[0] != CK_FALSE;
}

struct Pair {
  CK_OBJECT_HANDLE priv = CK_INVALID_HANDLE;
  crypto::PublicKey pub;
};

Result<crypto::PublicKey> ReadPublicObject(hardware::Session& s, CK_OBJECT_HANDLE object) {
  BM_TRY(Bytes type, Needed(s, object, CKA_KEY_TYPE, "CKA_KEY_TYPE"));
  CK_KEY_TYPE kind = 0;
  if (type.size() != sizeof kind)
    return Environment("element.failed", "the token's CKA_KEY_TYPE has another size");
  std::copy(type.begin(), type.end(), reinterpret_cast<uint8_t*>(&kind));
  if (kind == CKK_RSA) {
    BM_TRY(Bytes modulus, Needed(s, object, CKA_MODULUS, "CKA_MODULUS"));
    BM_TRY(Bytes exponent, Needed(s, object, CKA_PUBLIC_EXPONENT, "CKA_PUBLIC_EXPONENT"));
    return pkcs11::RsaKey(modulus, exponent);
  }
  BM_TRY(Bytes params, Needed(s, object, CKA_EC_PARAMS, "CKA_EC_PARAMS"));
  BM_TRY(Bytes point, Needed(s, object, CKA_EC_POINT, "CKA_EC_POINT"));
  return pkcs11::EcKey(params, point);
}

Result<Pair> FindPair(hardware::Session& s, const std::string& label, std::string_view key_id,
                      const std::string& where) {
  BM_TRY(auto priv, s.Find(CKO_PRIVATE_KEY, label));
  if (!priv) return MissingKey(key_id, where);
  BM_TRY(auto pub, s.Find(CKO_PUBLIC_KEY, label));
  if (!pub) {
    return Refused("keystore.corrupt",
                   fmt::format("key \"{}\" has no public key object in {}", key_id, where),
                   "bring it back from a backup of the token");
  }
  Pair out{.priv = *priv, .pub = {}};
  BM_TRY(out.pub, ReadPublicObject(s, *pub));
  return out;
}

}  // namespace

Result<std::unique_ptr<Pkcs11KeyStore>> Pkcs11KeyStore::Open(std::string_view text, Pin pin) {
  BM_TRY(hardware::Pkcs11Uri uri, hardware::ParsePkcs11Uri(text));
  if (uri.id) {
    return Usage("pkcs11.uri", "the URI of a key store names one key by its id",
                 "leave id= out: keys are found by their labels");
  }
  BM_TRY(auto session, hardware::Session::Open(uri));
  return std::unique_ptr<Pkcs11KeyStore>(new Pkcs11KeyStore(std::make_shared<Core>(
      std::string(text), std::move(uri), std::move(session), std::move(pin))));
}

Pkcs11KeyStore::~Pkcs11KeyStore() = default;

std::string Pkcs11KeyStore::uri() const { return core_->text(); }

Result<std::unique_ptr<crypto::Signer>> Pkcs11KeyStore::Create(std::string_view key_id,
                                                               Algorithm a) {
  BM_CHECK(CheckKeyId(key_id));
  std::lock_guard lock(core_->mutex());
  BM_TRY(hardware::Session * s, core_->LoggedIn());
  const pkcs11::Mechanisms m = pkcs11::MechanismsOf(a);
  if (!s->Can(m.generate, CKF_GENERATE_KEY_PAIR) || !s->Can(m.sign, CKF_SIGN)) {
    return Refused("keystore.unsupported",
                   fmt::format("{} makes no {} keys", core_->where(), crypto::ToText(a)),
                   "pkcs11-tool --list-mechanisms shows what it makes");
  }
  std::string label = core_->prefix() + std::string(key_id);
  for (CK_OBJECT_CLASS kind : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    BM_TRY(auto there, s->Find(kind, label));
    if (!there) continue;
    return Refused("keystore.exists",
                   fmt::format("a key \"{}\" is in {} already", label, core_->where()),
                   "destroy it first, or give this workspace an object= of its own");
  }
  CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
  Bytes curve = pkcs11::CurveParams(a);
  CK_ULONG bits = pkcs11::ModulusBits(a);
  CK_BYTE f4[] = {1, 0, 1};
  std::vector<CK_ATTRIBUTE> pub = {{CKA_TOKEN, &yes, 1},
                                   {CKA_VERIFY, &yes, 1},
                                   {CKA_ID, label.data(), label.size()},
                                   {CKA_LABEL, label.data(), label.size()}};
  if (bits == 0) {
    pub.push_back({CKA_EC_PARAMS, curve.data(), curve.size()});
  } else {
    pub.push_back({CKA_MODULUS_BITS, &bits, sizeof bits});
    pub.push_back({CKA_PUBLIC_EXPONENT, f4, sizeof f4});
  }
  // It signs and does nothing else, and never leaves, wrapped or not.
  CK_ATTRIBUTE priv[] = {{CKA_TOKEN, &yes, 1},
                         {CKA_PRIVATE, &yes, 1},
                         {CKA_SENSITIVE, &yes, 1},
                         {CKA_EXTRACTABLE, &no, 1},
                         {CKA_SIGN, &yes, 1},
                         {CKA_DECRYPT, &no, 1},
                         {CKA_DERIVE, &no, 1},
                         {CKA_UNWRAP, &no, 1},
                         {CKA_ID, label.data(), label.size()},
                         {CKA_LABEL, label.data(), label.size()}};
  CK_MECHANISM how{m.generate, nullptr, 0};
  CK_OBJECT_HANDLE public_key = 0, private_key = 0;
  BM_CHECK(CheckRv(s->f().C_GenerateKeyPair(s->handle(), &how, pub.data(), pub.size(), priv,
                                            std::size(priv), &public_key, &private_key),
                   "C_GenerateKeyPair"));
  BM_TRY(crypto::PublicKey made, ReadPublicObject(*s, public_key));
  if (made.algorithm() != a)
    return Environment("element.failed", "the token made a key of another kind than asked for");
  return std::make_unique<Pkcs11Signer>(core_, private_key, std::move(made));
}

Result<std::unique_ptr<crypto::Signer>> Pkcs11KeyStore::Open(std::string_view key_id) {
  BM_CHECK(CheckKeyId(key_id));
  std::lock_guard lock(core_->mutex());
  BM_TRY(hardware::Session * s, core_->LoggedIn());
  BM_TRY(Pair pair, FindPair(*s, core_->prefix() + std::string(key_id), key_id, core_->where()));
  return std::make_unique<Pkcs11Signer>(core_, pair.priv, std::move(pair.pub));
}

Result<KeyFacts> Pkcs11KeyStore::Facts(std::string_view key_id) const {
  BM_CHECK(CheckKeyId(key_id));
  std::lock_guard lock(core_->mutex());
  BM_TRY(hardware::Session * s, core_->LoggedIn());
  BM_TRY(Pair pair, FindPair(*s, core_->prefix() + std::string(key_id), key_id, core_->where()));
  KeyFacts f{
      .scheme = "pkcs11", .algorithm = pair.pub.algorithm(), .spki_digest = pair.pub.spki_digest()};
  BM_TRY(f.local, Flag(*s, pair.priv, CKA_LOCAL, "CKA_LOCAL"));
  BM_TRY(f.sensitive, Flag(*s, pair.priv, CKA_SENSITIVE, "CKA_SENSITIVE"));
  BM_TRY(f.always_sensitive, Flag(*s, pair.priv, CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE"));
  BM_TRY(f.extractable, Flag(*s, pair.priv, CKA_EXTRACTABLE, "CKA_EXTRACTABLE"));
  BM_TRY(f.never_extractable, Flag(*s, pair.priv, CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE"));
  return f;
}

Status Pkcs11KeyStore::Destroy(std::string_view key_id) {
  BM_CHECK(CheckKeyId(key_id));
  std::lock_guard lock(core_->mutex());
  BM_TRY(hardware::Session * s, core_->LoggedIn());
  const std::string label = core_->prefix() + std::string(key_id);
  BM_TRY(auto priv, s->Find(CKO_PRIVATE_KEY, label));
  if (!priv) return MissingKey(key_id, core_->where());
  BM_CHECK(s->Destroy(CKO_PRIVATE_KEY, label));
  return s->Destroy(CKO_PUBLIC_KEY, label);
}

Result<std::vector<std::string>> Pkcs11KeyStore::List() const {
  std::lock_guard lock(core_->mutex());
  BM_TRY(hardware::Session * s, core_->LoggedIn());
  BM_TRY(std::vector<CK_OBJECT_HANDLE> all, s->FindAll(CKO_PRIVATE_KEY));
  std::vector<std::string> out;
  for (CK_OBJECT_HANDLE object : all) {
    BM_TRY(std::optional<Bytes> label, s->Read(object, CKA_LABEL));
    if (!label || !AsText(*label).starts_with(core_->prefix())) continue;
    std::string id(AsText(*label).substr(core_->prefix().size()));
    if (IsKeyId(id)) out.push_back(std::move(id));
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace birthmark::keystore
