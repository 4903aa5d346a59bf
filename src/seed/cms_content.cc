// SPDX-License-Identifier: Apache-2.0
// The envelope opened: OpenSSL finds the content's key with the recipient's and decrypts, while the
// ciphertext is pulled from where it lies in the file.
#include <fmt/format.h>
#include <openssl/cms.h>
#include <openssl/err.h>

#include <algorithm>
#include <cstring>

#include "seed/cms.h"
#include "seed/recipient.h"

namespace birthmark::seed {
namespace {

using crypto::Owned;
using CmsPtr = Owned<CMS_ContentInfo, CMS_ContentInfo_free>;
using BioMethodPtr = Owned<BIO_METHOD, BIO_meth_free>;
using SerialPtr = Owned<BIGNUM, BN_free>;

// Ciphertext gives the octets of the encrypted content without the heads of its pieces.
class Ciphertext {
 public:
  Ciphertext(Input& in, const CmsEnvelope& envelope)
      : in_(in),
        at_(envelope.content_at),
        end_(envelope.content_end),
        pieces_(envelope.pieces),
        left_(pieces_ ? 0 : end_ - at_) {}

  Result<size_t> Read(std::span<uint8_t> out) {
    while (left_ == 0) {
      if (!pieces_ || at_ >= end_) return size_t{0};
      BM_CHECK(NextPiece());
    }
    size_t want = static_cast<size_t>(std::min<uint64_t>(out.size(), left_));
    BM_TRY(size_t n, in_.ReadAt(at_, out.first(want)));
    if (n == 0) return Refused("seed.truncated", "the file became shorter while it was read");
    at_ += n;
    left_ -= n;
    return n;
  }
  uint64_t at() const { return at_; }

 private:
  // The survey has read this head before; it is read again because nothing is kept of it.
  Status NextPiece() {
    BerStream head([this](std::span<uint8_t> out) { return in_.ReadAt(at_, out.first(16)); });
    BM_TRY(BerHead piece, head.Expect(0x04, "encrypted content"));
    at_ += piece.octets.size();
    if (piece.length > end_ - at_) return Refused("seed.changed", "the file changed while read");
    left_ = piece.length;
    return {};
  }

  Input& in_;
  uint64_t at_, end_;
  bool pieces_;
  uint64_t left_;
};

int ReadCiphertext(BIO* bio, char* out, size_t n, size_t* got) {
  auto* from = static_cast<Ciphertext*>(BIO_get_data(bio));
  auto r = from->Read({reinterpret_cast<uint8_t*>(out), n});
  *got = r ? *r : 0;
  return r && *r > 0 ? 1 : 0;
}

long ControlCiphertext(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* Method() {
  static const BioMethodPtr method([] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "seed file");
    BIO_meth_set_read_ex(m, ReadCiphertext);
    BIO_meth_set_ctrl(m, ControlCiphertext);
    return m;
  }());
  return method.get();
}

std::string NameText(const X509_NAME* name) {
  crypto::BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  char* p = nullptr;
  long n = BIO_get_mem_data(bio.get(), &p);
  return std::string(p, static_cast<size_t>(std::clamp(n, 0l, 300l)));
}

std::string WhoseText(const ASN1_OCTET_STRING* key_id, const X509_NAME* issuer,
                      const ASN1_INTEGER* serial) {
  if (key_id != nullptr) {
    size_t n = std::min(ASN1_STRING_length(key_id), 64);
    return "key identifier " + ToHex({ASN1_STRING_get0_data(key_id), n});
  }
  if (issuer == nullptr || serial == nullptr) return "nobody named";
  SerialPtr number(ASN1_INTEGER_to_BN(serial, nullptr));
  Bytes octets(number == nullptr ? 0 : static_cast<size_t>(BN_num_bytes(number.get())));
  if (number != nullptr) BN_bn2bin(number.get(), octets.data());
  octets.resize(std::min<size_t>(octets.size(), 32));
  return fmt::format("certificate {} of {}", ToHex(octets), NameText(issuer));
}

class OpenedContent : public CmsContent {
 public:
  OpenedContent(Input& in, const CmsEnvelope& envelope) : ciphertext_(in, envelope) {}
  Status Start(const CmsEnvelope& envelope, const ReadOptions& options);

  Result<size_t> Read(std::span<uint8_t> out) override {
    int n = BIO_read(chain_.get(), out.data(), static_cast<int>(std::min(out.size(), kStep)));
    if (n > 0) return static_cast<size_t>(n);
    bool good = BIO_get_cipher_status(chain_.get()) > 0;
    ERR_clear_error();
    if (!good) {
      return Refused("seed.decrypt", "the content does not decrypt to its end",
                     "the file is damaged, or it is for another key");
    }
    return size_t{0};
  }
  const std::string& recipient() const override { return recipient_; }
  uint64_t file_offset() const override { return ciphertext_.at(); }

 private:
  static constexpr size_t kStep = 1 << 16;
  Result<bool> TryTransport(CMS_RecipientInfo* info, const ReadOptions& options);
  Result<bool> TryAgreement(CMS_RecipientInfo* info, const ReadOptions& options);
  void Saw(std::string whose) {
    if (seen_ < 4) whose_ += (whose_.empty() ? "" : "; ") + std::move(whose);
    ++seen_;
  }

  Ciphertext ciphertext_;
  CmsPtr cms_;
  crypto::BioPtr source_, chain_;
  std::string recipient_, whose_;
  size_t seen_ = 0;
};

Result<bool> OpenedContent::TryTransport(CMS_RecipientInfo* info, const ReadOptions& options) {
  X509_ALGOR* algorithm = nullptr;
  CMS_RecipientInfo_ktri_get0_algs(info, nullptr, nullptr, &algorithm);
  const ASN1_OBJECT* oid = nullptr;
  X509_ALGOR_get0(&oid, nullptr, nullptr, algorithm);
  ASN1_OCTET_STRING* key_id = nullptr;
  X509_NAME* issuer = nullptr;
  ASN1_INTEGER* serial = nullptr;
  CMS_RecipientInfo_ktri_get0_signer_id(info, &key_id, &issuer, &serial);
  Saw(WhoseText(key_id, issuer, serial));
  if (options.key == nullptr || EVP_PKEY_get_base_id(options.key) != EVP_PKEY_RSA) return false;
  if (options.certificate != nullptr &&
      CMS_RecipientInfo_ktri_cert_cmp(info, options.certificate->x509()) != 0) {
    return false;
  }
  if (OBJ_obj2nid(oid) != NID_rsaesOaep) {
    return Refused("seed.algorithm", "the content's key is encrypted with RSA PKCS #1 v1.5",
                   "its padding gives away plaintexts to who may ask often (RFC 8017 section 7.2); "
                   "ask for RSA-OAEP (RFC 3560) or ECDH");
  }
  EVP_PKEY_up_ref(options.key);
  CMS_RecipientInfo_set0_pkey(info, options.key);
  return CMS_RecipientInfo_decrypt(cms_.get(), info) == 1;
}

Result<bool> OpenedContent::TryAgreement(CMS_RecipientInfo* info, const ReadOptions& options) {
  STACK_OF(CMS_RecipientEncryptedKey)* keys = CMS_RecipientInfo_kari_get0_reks(info);
  for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); ++i) {
    CMS_RecipientEncryptedKey* key = sk_CMS_RecipientEncryptedKey_value(keys, i);
    ASN1_OCTET_STRING* key_id = nullptr;
    X509_NAME* issuer = nullptr;
    ASN1_INTEGER* serial = nullptr;
    CMS_RecipientEncryptedKey_get0_id(key, &key_id, nullptr, nullptr, &issuer, &serial);
    Saw(WhoseText(key_id, issuer, serial));
    if (options.key == nullptr || EVP_PKEY_get_base_id(options.key) != EVP_PKEY_EC) continue;
    if (options.certificate != nullptr &&
        CMS_RecipientEncryptedKey_cert_cmp(key, options.certificate->x509()) != 0) {
      continue;
    }
    if (CMS_RecipientInfo_kari_set0_pkey(info, options.key) != 1) continue;
    bool opened = CMS_RecipientInfo_kari_decrypt(cms_.get(), info, key) == 1;
    CMS_RecipientInfo_kari_set0_pkey(info, nullptr);
    if (opened) return true;
  }
  return false;
}

Status OpenedContent::Start(const CmsEnvelope& envelope, const ReadOptions& options) {
  const uint8_t* p = envelope.head.data();
  cms_.reset(d2i_CMS_ContentInfo(nullptr, &p, static_cast<long>(envelope.head.size())));
  ERR_clear_error();
  if (cms_ == nullptr) return Refused("seed.malformed", "an envelope that does not parse");
  STACK_OF(CMS_RecipientInfo)* infos = CMS_get0_RecipientInfos(cms_.get());
  bool opened = false, other = false;
  for (int i = 0; i < sk_CMS_RecipientInfo_num(infos) && !opened; ++i) {
    CMS_RecipientInfo* info = sk_CMS_RecipientInfo_value(infos, i);
    int type = CMS_RecipientInfo_type(info);
    if (type == CMS_RECIPINFO_TRANS) {
      BM_TRY(opened, TryTransport(info, options));
    } else if (type == CMS_RECIPINFO_AGREE) {
      BM_TRY(opened, TryAgreement(info, options));
    } else {
      other = true;  // a passphrase, or a key that both have: not taken in CMS
    }
  }
  ERR_clear_error();
  if (!opened && whose_.empty()) {
    return Refused("seed.algorithm",
                   other ? "no recipient by certificate: a passphrase or a shared key"
                         : "an envelope without recipients",
                   "ask for a file to your certificate");
  }
  if (seen_ > 4) whose_ += fmt::format("; and {} more", seen_ - 4);
  if (options.key == nullptr) return std::unexpected(NoKey(whose_));
  if (!opened) return std::unexpected(NotForUs(whose_));
  BM_TRY(recipient_, KeyText(options.key));
  source_.reset(BIO_new(Method()));
  if (source_ == nullptr) return std::unexpected(crypto::OpenSslError("seed.memory", "a BIO"));
  BIO_set_data(source_.get(), &ciphertext_);
  BIO_set_init(source_.get(), 1);
  // The chain ends in source_, which it then owns.
  chain_.reset(CMS_dataInit(cms_.get(), source_.get()));
  if (chain_ == nullptr) {
    ERR_clear_error();
    return Refused("seed.decrypt", "the content's cipher does not start",
                   "the file is damaged, or it is for another key");
  }
  (void)source_.release();
  return {};
}

}  // namespace

Result<std::unique_ptr<CmsContent>> CmsContent::Open(Input& in, const CmsEnvelope& envelope,
                                                     const ReadOptions& options) {
  auto out = std::make_unique<OpenedContent>(in, envelope);
  BM_CHECK(out->Start(envelope, options));
  return out;
}

}  // namespace birthmark::seed
