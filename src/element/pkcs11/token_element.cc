// SPDX-License-Identifier: Apache-2.0
#include "element/pkcs11/token_element.h"

#include <fmt/format.h>

#include "base/files.h"
#include "crypto/cert.h"
#include "crypto/der.h"
#include "hardware/pkcs11/session.h"

namespace birthmark::element::pkcs11 {
namespace {

using hardware::CheckRv;
using hardware::Session;

struct NamedAttribute {
  CK_ATTRIBUTE_TYPE type;
  std::string_view name;
};
// What a token says of a private key. PKCS #11 v3.0 sections 4.7 to 4.9.
constexpr NamedAttribute kFacts[] = {
    {CKA_LOCAL, "CKA_LOCAL"},
    {CKA_SENSITIVE, "CKA_SENSITIVE"},
    {CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE"},
    {CKA_EXTRACTABLE, "CKA_EXTRACTABLE"},
    {CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE"},
    {CKA_WRAP_WITH_TRUSTED, "CKA_WRAP_WITH_TRUSTED"},
    {CKA_TOKEN, "CKA_TOKEN"},
    {CKA_PRIVATE, "CKA_PRIVATE"},
    {CKA_MODIFIABLE, "CKA_MODIFIABLE"},
    {CKA_SIGN, "CKA_SIGN"},
    {CKA_DECRYPT, "CKA_DECRYPT"},
    {CKA_DERIVE, "CKA_DERIVE"},
    {CKA_UNWRAP, "CKA_UNWRAP"},
};

// Padded drops the blanks behind a fixed-size text.
std::string Unpadded(const CK_UTF8CHAR* text, size_t size) {
  std::string out(reinterpret_cast<const char*>(text), size);
  while (!out.empty() && (out.back() == ' ' || out.back() == 0)) out.pop_back();
  return out;
}

std::unexpected<Error> NoTpm(std::string_view what) {
  return Usage("element.unsupported", fmt::format("a PKCS#11 token has no {}", what),
               "what it says about a key are its attributes; they come without a signature");
}

class TokenElement : public Element {
 public:
  explicit TokenElement(std::unique_ptr<Session> s) : s_(std::move(s)) {}

  Result<Description> Describe() override {
    const CK_TOKEN_INFO& t = s_->token();
    return Description{
        .kind = "pkcs11",
        .manufacturer = Unpadded(t.manufacturerID, sizeof t.manufacturerID),
        .model = Unpadded(t.model, sizeof t.model),
        .firmware = fmt::format("{}.{}", t.firmwareVersion.major, t.firmwareVersion.minor)};
  }

  Result<std::optional<Bytes>> PublicKey(std::string_view slot) override {
    BM_TRY(std::string label, LabelOf(slot));
    BM_TRY(auto priv, s_->Find(CKO_PRIVATE_KEY, label));
    BM_TRY(auto pub, s_->Find(CKO_PUBLIC_KEY, label));
    if (!priv || !pub) return std::nullopt;
    BM_TRY(Bytes spki, SpkiOf(*pub));
    return spki;
  }

  Result<Bytes> Make(std::string_view slot, bool restart) override {
    BM_TRY(std::string label, LabelOf(slot));
    BM_TRY(std::optional<Bytes> there, PublicKey(slot));
    if (there && !restart) return *there;
    for (CK_OBJECT_CLASS kind : {CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY})
      BM_CHECK(s_->Destroy(kind, label));
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    Bytes p256 = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    Bytes id = IdOf(slot);
    CK_ATTRIBUTE pub[] = {{CKA_TOKEN, &yes, 1},
                          {CKA_VERIFY, &yes, 1},
                          {CKA_EC_PARAMS, p256.data(), p256.size()},
                          {CKA_ID, id.data(), id.size()},
                          {CKA_LABEL, label.data(), label.size()}};
    CK_ATTRIBUTE priv[] = {{CKA_TOKEN, &yes, 1},
                           {CKA_PRIVATE, &yes, 1},
                           {CKA_SENSITIVE, &yes, 1},
                           {CKA_EXTRACTABLE, &no, 1},
                           {CKA_SIGN, &yes, 1},
                           {CKA_DECRYPT, &no, 1},
                           {CKA_DERIVE, &no, 1},
                           {CKA_UNWRAP, &no, 1},
                           {CKA_ID, id.data(), id.size()},
                           {CKA_LABEL, label.data(), label.size()}};
    CK_MECHANISM how{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
    CK_OBJECT_HANDLE public_key = 0, private_key = 0;
    BM_CHECK(CheckRv(s_->f().C_GenerateKeyPair(s_->handle(), &how, pub, std::size(pub), priv,
                                               std::size(priv), &public_key, &private_key),
                     "C_GenerateKeyPair"));
    return SpkiOf(public_key);
  }

  Result<Bytes> Sign(std::string_view slot, const Digest& digest) override {
    BM_TRY(CK_OBJECT_HANDLE key, KeyOf(slot));
    CK_MECHANISM how{CKM_ECDSA, nullptr, 0};
    BM_CHECK(CheckRv(s_->f().C_SignInit(s_->handle(), &how, key), "C_SignInit"));
    Bytes out(128);
    CK_ULONG n = out.size();
    BM_CHECK(CheckRv(s_->f().C_Sign(s_->handle(), const_cast<CK_BYTE*>(digest.data()),
                                    digest.size(), out.data(), &n),
                     "C_Sign"));
    if (n != 64) return Environment("element.failed", "the token's signature is not of P-256");
    out.resize(n);
    return out;
  }

  Status StoreCertificate(std::string_view slot, ByteView der) override {
    if (auto key = KeyOf(slot); !key) return std::unexpected(key.error());
    BM_TRY(std::string label, LabelOf(slot));
    BM_TRY(crypto::Certificate certificate, crypto::Certificate::FromDer(der));
    BM_CHECK(s_->Destroy(CKO_CERTIFICATE, label));
    CK_BBOOL yes = CK_TRUE;
    CK_OBJECT_CLASS kind = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    Bytes value(der.begin(), der.end()), id = IdOf(slot), serial;
    crypto::DerWriter(serial).Unsigned(certificate.serial());
    Bytes subject(certificate.subject_der().begin(), certificate.subject_der().end());
    Bytes issuer(certificate.issuer_der().begin(), certificate.issuer_der().end());
    CK_ATTRIBUTE all[] = {{CKA_CLASS, &kind, sizeof kind},
                          {CKA_CERTIFICATE_TYPE, &type, sizeof type},
                          {CKA_TOKEN, &yes, 1},
                          {CKA_SUBJECT, subject.data(), subject.size()},
                          {CKA_ISSUER, issuer.data(), issuer.size()},
                          {CKA_SERIAL_NUMBER, serial.data(), serial.size()},
                          {CKA_ID, id.data(), id.size()},
                          {CKA_LABEL, label.data(), label.size()},
                          {CKA_VALUE, value.data(), value.size()}};
    CK_OBJECT_HANDLE object = 0;
    return CheckRv(s_->f().C_CreateObject(s_->handle(), all, std::size(all), &object),
                   "C_CreateObject");
  }

  Result<Bytes> ReadCertificate(std::string_view slot) override {
    BM_TRY(std::string label, LabelOf(slot));
    BM_TRY(auto object, s_->Find(CKO_CERTIFICATE, label));
    if (!object) return Refused("element.missing", fmt::format("no certificate for {}", slot));
    BM_TRY(std::optional<Bytes> value, s_->Read(*object, CKA_VALUE));
    if (!value) return Environment("element.failed", "the certificate object has no value");
    return std::move(*value);
  }

  Result<std::vector<Fact>> Facts(std::string_view slot) override {
    BM_TRY(CK_OBJECT_HANDLE key, KeyOf(slot));
    std::vector<Fact> out;
    for (const NamedAttribute& a : kFacts) {
      BM_TRY(std::optional<Bytes> value, s_->Read(key, a.type));
      // An attribute that this token does not have is no fact, neither true nor false.
      if (value && value->size() == 1)
        out.push_back({.name = std::string(a.name), .value = (*value)[0] != CK_FALSE});
    }
    return out;
  }

  Result<Endorsement> Endorse() override { return NoTpm("endorsement key"); }
  Result<Evidence> Attest(std::string_view, ByteView) override { return NoTpm("attestation key"); }
  Result<SecretBytes> Activate(ByteView, ByteView) override { return NoTpm("endorsement key"); }

 private:
  static Result<std::string> LabelOf(std::string_view slot) {
    BM_TRY(unsigned n, SlotIndex(slot));
    return fmt::format("birthmark-{}", kSlots[n]);
  }
  static Bytes IdOf(std::string_view slot) { return ToBytes(slot); }

  Result<CK_OBJECT_HANDLE> KeyOf(std::string_view slot) {
    BM_TRY(std::string label, LabelOf(slot));
    BM_TRY(auto object, s_->Find(CKO_PRIVATE_KEY, label));
    if (!object) {
      return Refused("element.missing", fmt::format("the token has no key for {}", slot),
                     "make one first");
    }
    return *object;
  }

  Result<Bytes> SpkiOf(CK_OBJECT_HANDLE public_key) {
    BM_TRY(std::optional<Bytes> point, s_->Read(public_key, CKA_EC_POINT));
    if (!point) return Environment("element.failed", "the public key has no point");
    // PKCS #11 v3.0 section 6.3.3: the DER of an OCTET STRING around the uncompressed point.
    crypto::DerReader r(*point);
    BM_TRY(ByteView octets, r.Expect(crypto::der::kOctetString));
    if (octets.size() != 65 || octets[0] != 4 || !r.AtEnd())
      return Environment("element.failed", "the token's public key is no point of P-256");
    return SpkiOfPoint(octets.subspan(1, 32), octets.subspan(33, 32));
  }

  std::unique_ptr<Session> s_;
};

// ReadPin reads what pin-source names.
Result<SecretBytes> ReadPin(const hardware::Pkcs11Uri& uri) {
  if (!uri.pin_source) {
    return Usage("element.pin", "the URI does not say where the PIN comes from",
                 "add ?pin-source=file:/path (a PIN in the URI itself would show in lists of "
                 "processes)");
  }
  BM_TRY(std::string path, hardware::PinPath(*uri.pin_source));
  BM_TRY(Bytes pin, ReadFile(path, 256));
  while (!pin.empty() && (pin.back() == '\n' || pin.back() == '\r')) pin.pop_back();
  return SecretBytes::Take(std::move(pin));
}

// LogIn never lets a device's start lock its own token.
Status LogIn(Session& s, const hardware::Pkcs11Uri& uri) {
  BM_TRY(SecretBytes pin, ReadPin(uri));
  BM_TRY(hardware::LoginOutcome out, s.Login(pin, hardware::Caution::kAtLast));
  if (out.result == hardware::LoginResult::kIn) return {};
  if (out.result == hardware::LoginResult::kWrongPin) {
    return Refused("element.pin", "the token does not take this PIN",
                   "check the file; it is not tried again");
  }
  return Refused("element.pin",
                 out.before == hardware::PinState::kLocked
                     ? "the token's PIN is locked"
                     : "one more wrong PIN would lock the token: not tried",
                 "a person who knows the PIN logs in once: pkcs11-tool --login --list-objects");
}

}  // namespace

Result<std::unique_ptr<Element>> Open(const std::string& text) {
  auto uri = hardware::ParsePkcs11Uri(text);
  if (!uri) {
    return Usage(uri.error().code == "pkcs11.uri-pin" ? "element.pin" : "element.uri",
                 uri.error().message, uri.error().fix);
  }
  BM_TRY(std::unique_ptr<Session> s, Session::Open(*uri));
  BM_CHECK(LogIn(*s, *uri));
  return std::make_unique<TokenElement>(std::move(s));
}

}  // namespace birthmark::element::pkcs11
