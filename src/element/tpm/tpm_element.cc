// SPDX-License-Identifier: Apache-2.0
#include "element/tpm/tpm_element.h"

#include <fmt/format.h>
#include <tss2/tss2_mu.h>

#include <algorithm>
#include <cstring>

#include "element/tpm/templates.h"
#include "hardware/tpm/context.h"

namespace birthmark::element::tpm {
namespace {

using hardware::CheckTss;
using hardware::Context;
using hardware::EsysPtr;
using hardware::Object;

constexpr TPMT_SIG_SCHEME kKeysOwnScheme{.scheme = TPM2_ALG_NULL, .details = {}};

template <class T, class Marshal>
Result<Bytes> Octets(Marshal marshal, const T* value, const char* what) {
  Bytes out(sizeof *value);
  size_t size = 0;
  BM_CHECK(CheckTss(marshal(value, out.data(), out.size(), &size), what));
  out.resize(size);
  return out;
}

Result<Bytes> PublicOctets(const TPM2B_PUBLIC& p) {
  return Octets(Tss2_MU_TPMT_PUBLIC_Marshal, &p.publicArea, "a public area");
}
Result<Bytes> SignatureOctets(const TPMT_SIGNATURE& s) {
  return Octets(Tss2_MU_TPMT_SIGNATURE_Marshal, &s, "a signature");
}

// Trimmed drops what an index has behind its one DER element.
Bytes Trimmed(Bytes der) {
  if (der.size() < 4 || der[0] != 0x30) return der;
  size_t n = der[1] < 0x80 ? 2 + der[1] : der[1] == 0x82 ? 4 + (der[2] << 8 | der[3]) : der.size();
  if (n < der.size()) der.resize(n);
  return der;
}

class TpmElement : public Element {
 public:
  explicit TpmElement(std::unique_ptr<Context> c) : c_(std::move(c)) {}

  Result<Description> Describe() override {
    Description out{.kind = "tpm2", .manufacturer = "", .model = "", .firmware = ""};
    BM_TRY(uint32_t maker, c_->Property(TPM2_PT_MANUFACTURER));
    out.manufacturer = Letters(maker);
    for (TPM2_PT p : {TPM2_PT_VENDOR_STRING_1, TPM2_PT_VENDOR_STRING_2, TPM2_PT_VENDOR_STRING_3,
                      TPM2_PT_VENDOR_STRING_4}) {
      BM_TRY(uint32_t part, c_->Property(p));
      out.model += Letters(part);
    }
    BM_TRY(uint32_t v1, c_->Property(TPM2_PT_FIRMWARE_VERSION_1));
    BM_TRY(uint32_t v2, c_->Property(TPM2_PT_FIRMWARE_VERSION_2));
    out.firmware = fmt::format("{:08x}.{:08x}", v1, v2);
    return out;
  }

  Result<std::optional<Bytes>> PublicKey(std::string_view slot) override {
    BM_TRY(unsigned n, SlotIndex(slot));
    BM_TRY(bool there, c_->Has(kFirstKey + n));
    if (!there) return std::nullopt;
    BM_TRY(Object key, Object::Open(*c_, kFirstKey + n));
    BM_TRY(EsysPtr<TPM2B_PUBLIC> area, ReadPublic(key));
    BM_TRY(Bytes spki, SpkiOf(*area));
    return spki;
  }

  Result<Bytes> Make(std::string_view slot, bool restart) override {
    BM_TRY(unsigned n, SlotIndex(slot));
    BM_TRY(std::optional<Bytes> there, PublicKey(slot));
    // A power cut between the key and its record leaves a key without creation data: it attests by
    // TPM2_Certify alone.
    if (there && !restart) return *there;
    BM_CHECK(c_->NvRemove(kFirstCertificate + n));
    BM_CHECK(c_->NvRemove(kFirstCreation + n));
    if (there) {
      BM_TRY(Object old, Object::Open(*c_, kFirstKey + n));
      ESYS_TR gone = ESYS_TR_NONE;
      BM_CHECK(CheckTss(Esys_EvictControl(c_->esys(), ESYS_TR_RH_OWNER, old.tr(), ESYS_TR_PASSWORD,
                                          ESYS_TR_NONE, ESYS_TR_NONE, kFirstKey + n, &gone),
                        "TPM2_EvictControl"));
    }
    Bytes record;
    BM_TRY(EsysPtr<TPM2B_PUBLIC> area, MakeUnderRoot(false, kFirstKey + n, &record));
    BM_CHECK(c_->NvWrite(kFirstCreation + n, record));
    return SpkiOf(*area);
  }

  Result<Bytes> Sign(std::string_view slot, const Digest& digest) override {
    BM_TRY(Object key, KeyOf(slot));
    TPM2B_DIGEST d{};
    d.size = static_cast<UINT16>(digest.size());
    std::memcpy(d.buffer, digest.data(), digest.size());
    const TPMT_TK_HASHCHECK not_by_tpm{
        .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL, .digest = {}};
    TPMT_SIGNATURE* raw = nullptr;
    BM_CHECK(CheckTss(Esys_Sign(c_->esys(), key.tr(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                &d, &kKeysOwnScheme, &not_by_tpm, &raw),
                      "TPM2_Sign"));
    EsysPtr<TPMT_SIGNATURE> s(raw);
    const TPMS_SIGNATURE_ECC& ecc = s->signature.ecdsa;
    if (s->sigAlg != TPM2_ALG_ECDSA || ecc.signatureR.size > 32 || ecc.signatureS.size > 32)
      return Environment("element.failed", "the TPM's signature is not of P-256");
    Bytes out(64, 0);
    std::memcpy(out.data() + 32 - ecc.signatureR.size, ecc.signatureR.buffer, ecc.signatureR.size);
    std::memcpy(out.data() + 64 - ecc.signatureS.size, ecc.signatureS.buffer, ecc.signatureS.size);
    return out;
  }

  Status StoreCertificate(std::string_view slot, ByteView der) override {
    BM_TRY(Object key, KeyOf(slot));
    BM_TRY(unsigned n, SlotIndex(slot));
    return c_->NvWrite(kFirstCertificate + n, der);
  }

  Result<Bytes> ReadCertificate(std::string_view slot) override {
    BM_TRY(unsigned n, SlotIndex(slot));
    return c_->NvRead(kFirstCertificate + n);
  }

  Result<std::vector<Fact>> Facts(std::string_view slot) override {
    BM_TRY(Object key, KeyOf(slot));
    BM_TRY(EsysPtr<TPM2B_PUBLIC> area, ReadPublic(key));
    BM_TRY(Bytes octets, PublicOctets(*area));
    BM_TRY(attest::TpmPublic p, attest::ReadPublic(octets));
    return p.Facts();
  }

  Result<Endorsement> Endorse() override {
    Endorsement out;
    bool rsa = true;
    BM_CHECK(EkCertificates(&out.certificates, &rsa));
    BM_TRY(Object ek, EndorsementKey(rsa));
    BM_TRY(EsysPtr<TPM2B_PUBLIC> ek_area, ReadPublic(ek));
    BM_TRY(out.ek_public, PublicOctets(*ek_area));
    BM_TRY(Object ak, AttestationKey());
    BM_TRY(EsysPtr<TPM2B_PUBLIC> ak_area, ReadPublic(ak));
    BM_TRY(out.ak_public, PublicOctets(*ak_area));
    return out;
  }

  Result<Evidence> Attest(std::string_view slot, ByteView nonce) override {
    TPM2B_DATA extra{};
    if (nonce.size() > sizeof extra.buffer || nonce.size() > 64)
      return Usage("element.failed", "a nonce has 64 octets at most");
    extra.size = static_cast<UINT16>(nonce.size());
    if (!nonce.empty()) std::memcpy(extra.buffer, nonce.data(), nonce.size());
    BM_TRY(Object key, KeyOf(slot));
    BM_TRY(Object ak, AttestationKey());
    Evidence out;
    BM_TRY(EsysPtr<TPM2B_PUBLIC> area, ReadPublic(key));
    BM_TRY(out.public_area, PublicOctets(*area));
    TPM2B_ATTEST* attest = nullptr;
    TPMT_SIGNATURE* signature = nullptr;
    BM_CHECK(
        CheckTss(Esys_Certify(c_->esys(), key.tr(), ak.tr(), ESYS_TR_PASSWORD, ESYS_TR_PASSWORD,
                              ESYS_TR_NONE, &extra, &kKeysOwnScheme, &attest, &signature),
                 "TPM2_Certify"));
    BM_CHECK(TakeAttest(attest, signature, &out.certify, &out.certify_signature));
    BM_TRY(unsigned n, SlotIndex(slot));
    BM_TRY(bool recorded, c_->Has(kFirstCreation + n));
    if (!recorded) return out;
    BM_TRY(Bytes record, c_->NvRead(kFirstCreation + n));
    TPM2B_CREATION_DATA data{};
    TPM2B_DIGEST hash{};
    TPMT_TK_CREATION ticket{};
    size_t at = 0;
    const uint8_t* p = record.data();
    BM_CHECK(
        CheckTss(Tss2_MU_TPM2B_CREATION_DATA_Unmarshal(p, record.size(), &at, &data), "creation"));
    BM_CHECK(CheckTss(Tss2_MU_TPM2B_DIGEST_Unmarshal(p, record.size(), &at, &hash), "creation"));
    BM_CHECK(
        CheckTss(Tss2_MU_TPMT_TK_CREATION_Unmarshal(p, record.size(), &at, &ticket), "creation"));
    BM_CHECK(CheckTss(Esys_CertifyCreation(c_->esys(), ak.tr(), key.tr(), ESYS_TR_PASSWORD,
                                           ESYS_TR_NONE, ESYS_TR_NONE, &extra, &hash,
                                           &kKeysOwnScheme, &ticket, &attest, &signature),
                      "TPM2_CertifyCreation"));
    BM_CHECK(TakeAttest(attest, signature, &out.creation, &out.creation_signature));
    BM_TRY(out.creation_data,
           Octets(Tss2_MU_TPMS_CREATION_DATA_Marshal, &data.creationData, "creation data"));
    out.creation_hash.assign(hash.buffer, hash.buffer + hash.size);
    BM_TRY(out.creation_ticket, Octets(Tss2_MU_TPMT_TK_CREATION_Marshal, &ticket, "a ticket"));
    return out;
  }

  Result<SecretBytes> Activate(ByteView id_object, ByteView secret) override {
    TPM2B_ID_OBJECT credential{};
    TPM2B_ENCRYPTED_SECRET wrapped{};
    if (id_object.size() > sizeof credential.credential || secret.size() > sizeof wrapped.secret)
      return Refused("element.refused", "the credential is larger than a TPM takes");
    credential.size = static_cast<UINT16>(id_object.size());
    std::copy(id_object.begin(), id_object.end(), credential.credential);
    wrapped.size = static_cast<UINT16>(secret.size());
    std::copy(secret.begin(), secret.end(), wrapped.secret);
    std::vector<Bytes> certificates;
    bool rsa = true;
    BM_CHECK(EkCertificates(&certificates, &rsa));
    BM_TRY(Object ek, EndorsementKey(rsa));
    BM_TRY(Object ak, AttestationKey());
    BM_TRY(Object session, EndorsementSession());
    TPM2B_DIGEST* raw = nullptr;
    BM_CHECK(
        CheckTss(Esys_ActivateCredential(c_->esys(), ak.tr(), ek.tr(), ESYS_TR_PASSWORD,
                                         session.tr(), ESYS_TR_NONE, &credential, &wrapped, &raw),
                 "TPM2_ActivateCredential"));
    EsysPtr<TPM2B_DIGEST> opened(raw);
    Bytes out(opened->buffer, opened->buffer + opened->size);
    Wipe(opened->buffer, opened->size);
    return SecretBytes::Take(std::move(out));
  }

 private:
  // Letters are the four characters of a property, without padding.
  static std::string Letters(uint32_t v) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) {
      const char c = static_cast<char>(v >> shift);
      if (c >= ' ' && c < 127) out += c;
    }
    while (out.ends_with(' ')) out.pop_back();
    return out;
  }

  static Result<Bytes> SpkiOf(const TPM2B_PUBLIC& area) {
    const TPMT_PUBLIC& a = area.publicArea;
    if (a.type != TPM2_ALG_ECC || a.parameters.eccDetail.curveID != TPM2_ECC_NIST_P256)
      return Environment("element.failed", "the slot's handle holds a key of another kind",
                         "clear it with tpm2_evictcontrol if it is nobody's");
    const TPMS_ECC_POINT& p = a.unique.ecc;
    return SpkiOfPoint({p.x.buffer, p.x.size}, {p.y.buffer, p.y.size});
  }

  static Status TakeAttest(TPM2B_ATTEST* raw, TPMT_SIGNATURE* raw_signature, Bytes* attest,
                           Bytes* signature) {
    EsysPtr<TPM2B_ATTEST> a(raw);
    EsysPtr<TPMT_SIGNATURE> s(raw_signature);
    attest->assign(a->attestationData, a->attestationData + a->size);
    BM_TRY(*signature, SignatureOctets(*s));
    return {};
  }

  Result<EsysPtr<TPM2B_PUBLIC>> ReadPublic(const Object& o) {
    TPM2B_PUBLIC* raw = nullptr;
    BM_CHECK(CheckTss(Esys_ReadPublic(c_->esys(), o.tr(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                      &raw, nullptr, nullptr),
                      "TPM2_ReadPublic"));
    return EsysPtr<TPM2B_PUBLIC>(raw);
  }

  Result<Object> KeyOf(std::string_view slot) {
    BM_TRY(unsigned n, SlotIndex(slot));
    BM_TRY(bool there, c_->Has(kFirstKey + n));
    if (!there) {
      return Refused("element.missing", fmt::format("the TPM has no key for {}", slot),
                     "make one first");
    }
    return Object::Open(*c_, kFirstKey + n);
  }

  Result<Object> CreatePrimary(ESYS_TR hierarchy, const TPM2B_PUBLIC& t) {
    TPM2B_SENSITIVE_CREATE sensitive{};
    TPM2B_DATA outside{};
    TPML_PCR_SELECTION pcrs{};
    ESYS_TR tr = ESYS_TR_NONE;
    BM_CHECK(CheckTss(Esys_CreatePrimary(c_->esys(), hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                         ESYS_TR_NONE, &sensitive, &t, &outside, &pcrs, &tr,
                                         nullptr, nullptr, nullptr, nullptr),
                      "TPM2_CreatePrimary"));
    return Object(c_.get(), tr, true);
  }

  Status Persist(const Object& o, TPM2_HANDLE handle) {
    ESYS_TR tr = ESYS_TR_NONE;
    BM_CHECK(CheckTss(Esys_EvictControl(c_->esys(), ESYS_TR_RH_OWNER, o.tr(), ESYS_TR_PASSWORD,
                                        ESYS_TR_NONE, ESYS_TR_NONE, handle, &tr),
                      "TPM2_EvictControl"));
    Object known(c_.get(), tr, false);
    return {};
  }

  Result<Object> StorageRoot() {
    BM_TRY(bool there, c_->Has(kStorageRoot));
    if (!there) {
      BM_TRY(Object made, CreatePrimary(ESYS_TR_RH_OWNER, StorageRootTemplate()));
      BM_CHECK(Persist(made, kStorageRoot));
    }
    return Object::Open(*c_, kStorageRoot);
  }

  // MakeUnderRoot makes a key and keeps it at `handle`. `record`, if wanted, gets what
  // TPM2_CertifyCreation needs later: creation data, its hash, the ticket.
  Result<EsysPtr<TPM2B_PUBLIC>> MakeUnderRoot(bool restricted, TPM2_HANDLE handle, Bytes* record) {
    BM_TRY(Object root, StorageRoot());
    const TPM2B_PUBLIC t = SigningKey(restricted);
    TPM2B_SENSITIVE_CREATE sensitive{};
    TPM2B_DATA outside{};
    TPML_PCR_SELECTION pcrs{};
    TPM2B_PRIVATE* raw_private = nullptr;
    TPM2B_PUBLIC* raw_public = nullptr;
    TPM2B_CREATION_DATA* raw_data = nullptr;
    TPM2B_DIGEST* raw_hash = nullptr;
    TPMT_TK_CREATION* raw_ticket = nullptr;
    BM_CHECK(CheckTss(Esys_Create(c_->esys(), root.tr(), ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                  ESYS_TR_NONE, &sensitive, &t, &outside, &pcrs, &raw_private,
                                  &raw_public, &raw_data, &raw_hash, &raw_ticket),
                      "TPM2_Create"));
    EsysPtr<TPM2B_PRIVATE> wrapped(raw_private);
    EsysPtr<TPM2B_PUBLIC> area(raw_public);
    EsysPtr<TPM2B_CREATION_DATA> data(raw_data);
    EsysPtr<TPM2B_DIGEST> hash(raw_hash);
    EsysPtr<TPMT_TK_CREATION> ticket(raw_ticket);
    ESYS_TR tr = ESYS_TR_NONE;
    BM_CHECK(CheckTss(Esys_Load(c_->esys(), root.tr(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                wrapped.get(), area.get(), &tr),
                      "TPM2_Load"));
    Object loaded(c_.get(), tr, true);
    BM_CHECK(Persist(loaded, handle));
    if (record == nullptr) return area;
    record->resize(sizeof *data + sizeof *hash + sizeof *ticket);
    size_t at = 0;
    BM_CHECK(CheckTss(
        Tss2_MU_TPM2B_CREATION_DATA_Marshal(data.get(), record->data(), record->size(), &at),
        "creation data"));
    BM_CHECK(CheckTss(Tss2_MU_TPM2B_DIGEST_Marshal(hash.get(), record->data(), record->size(), &at),
                      "creation hash"));
    BM_CHECK(CheckTss(
        Tss2_MU_TPMT_TK_CREATION_Marshal(ticket.get(), record->data(), record->size(), &at),
        "creation ticket"));
    record->resize(at);
    return area;
  }

  Result<Object> AttestationKey() {
    BM_TRY(bool there, c_->Has(kAttestationKey));
    if (!there) BM_CHECK(Discard(MakeUnderRoot(true, kAttestationKey, nullptr)));
    return Object::Open(*c_, kAttestationKey);
  }
  static Status Discard(const Result<EsysPtr<TPM2B_PUBLIC>>& r) {
    if (!r) return std::unexpected(r.error());
    return {};
  }

  // EkCertificates reads what the maker left; *rsa tells which of the two keys it is about.
  Status EkCertificates(std::vector<Bytes>* out, bool* rsa) {
    BM_TRY(bool has_rsa, c_->Has(kEkCertificateRsa));
    BM_TRY(bool has_ecc, c_->Has(kEkCertificateEcc));
    *rsa = has_rsa || !has_ecc;
    if (!has_rsa && !has_ecc) return {};
    BM_TRY(Bytes ek, c_->NvRead(has_rsa ? kEkCertificateRsa : kEkCertificateEcc));
    out->push_back(Trimmed(std::move(ek)));
    for (uint32_t i = kEkChainFirst; i <= kEkChainLast && out->size() < 6; ++i) {
      BM_TRY(bool more, c_->Has(i));
      if (!more) break;
      BM_TRY(Bytes above, c_->NvRead(i));
      out->push_back(Trimmed(std::move(above)));
    }
    return {};
  }

  Result<Object> EndorsementKey(bool rsa) {
    BM_TRY(bool kept, c_->Has(kEkRsa));
    if (rsa && kept) return Object::Open(*c_, kEkRsa);
    return CreatePrimary(ESYS_TR_RH_ENDORSEMENT, EkTemplate(rsa));
  }

  Result<Object> EndorsementSession() {
    const TPMT_SYM_DEF none{.algorithm = TPM2_ALG_NULL, .keyBits = {}, .mode = {}};
    ESYS_TR tr = ESYS_TR_NONE;
    BM_CHECK(CheckTss(
        Esys_StartAuthSession(c_->esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                              ESYS_TR_NONE, nullptr, TPM2_SE_POLICY, &none, TPM2_ALG_SHA256, &tr),
        "TPM2_StartAuthSession"));
    Object session(c_.get(), tr, true);
    BM_CHECK(CheckTss(Esys_PolicySecret(c_->esys(), ESYS_TR_RH_ENDORSEMENT, session.tr(),
                                        ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, nullptr,
                                        nullptr, nullptr, 0, nullptr, nullptr),
                      "TPM2_PolicySecret"));
    return session;
  }

  std::unique_ptr<Context> c_;
};

}  // namespace

Result<std::unique_ptr<Element>> Open(const std::string& tcti) {
  BM_TRY(std::unique_ptr<Context> c, Context::Connect(tcti));
  return std::make_unique<TpmElement>(std::move(c));
}

Status StoreEkChain(const std::string& tcti, std::span<const Bytes> certificates) {
  BM_TRY(std::unique_ptr<Context> c, Context::Connect(tcti));
  uint32_t index = kEkChainFirst;
  for (const Bytes& der : certificates) BM_CHECK(c->NvWrite(index++, der));
  return {};
}

}  // namespace birthmark::element::tpm
