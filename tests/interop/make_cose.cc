// SPDX-License-Identifier: Apache-2.0
// Writes what an independent library then reads: message.cose, ca.pem and other.pem, into a folder.
#include <openssl/conf.h>
#include <openssl/x509v3.h>

#include <cstdio>

#include "base/files.h"
#include "cbor/cose.h"
#include "crypto/cert.h"
#include "crypto/software_signer.h"

namespace {

using namespace birthmark;
using crypto::SoftwareSigner;

crypto::Certificate MakeCert(SoftwareSigner& key, const char* name, SoftwareSigner& issuer,
                             const char* issuer_name, bool ca) {
  crypto::X509Ptr x(X509_new());
  X509_set_version(x.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x.get()), ca ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(x.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x.get()), 3600);
  auto add = [](X509_NAME* to, const char* cn) {
    X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_UTF8, reinterpret_cast<const uint8_t*>(cn), -1,
                               -1, 0);
  };
  add(X509_get_subject_name(x.get()), name);
  add(X509_get_issuer_name(x.get()), issuer_name);
  X509_set_pubkey(x.get(), key.evp());
  X509_EXTENSION* basic = X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints,
                                              ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  X509_add_ext(x.get(), basic, -1);
  X509_EXTENSION_free(basic);
  X509_sign(x.get(), issuer.evp(), EVP_sha256());
  uint8_t* der = nullptr;
  int n = i2d_X509(x.get(), &der);
  auto cert = crypto::Certificate::FromDer({der, static_cast<size_t>(n)}).value();
  OPENSSL_free(der);
  return cert;
}

Bytes Der(const crypto::Certificate& c) { return Bytes(c.der().begin(), c.der().end()); }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  fs::path folder = argv[1];
  auto root = SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
  auto leaf = SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
  auto stranger = SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
  crypto::Certificate ca = MakeCert(*root, "Root", *root, "Root", true);
  crypto::Certificate other = MakeCert(*stranger, "Root", *stranger, "Root", true);
  crypto::Certificate signer_cert = MakeCert(*leaf, "Signer", *root, "Root", false);

  cbor::CoseSigning what;
  what.headers.type = cbor::Value("application/vnd.birthmark.disclosure+cose");
  what.headers.claims = cbor::CwtClaims{"https://maker.example", "bmc-1", SystemClock().Now(), {}};
  what.headers.x5chain = {Der(signer_cert), Der(ca)};
  what.headers.x5t = signer_cert.digest();
  auto message = cbor::SignCose(what, AsBytes("what an independent library reads"), *leaf).value();
  Status s = WriteFileAtomic(folder / "message.cose", cbor::EncodeCose(message));
  if (s) s = WriteFileAtomic(folder / "ca.pem", ca.ToPem());
  if (s) s = WriteFileAtomic(folder / "other.pem", other.ToPem());
  if (!s) std::fprintf(stderr, "%s\n", s.error().ToString().c_str());
  return s ? 0 : 1;
}
