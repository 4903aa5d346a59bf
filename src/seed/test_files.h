// SPDX-License-Identifier: Apache-2.0
// For this room's tests: recipients with certificates, seeds by number, and reading octets.
#pragma once

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <string>
#include <utility>
#include <vector>

#include "crypto/cert.h"
#include "crypto/openssl.h"
#include "seed/read_input.h"
#include "seed/write.h"
#include "tests/support/temp_dir.h"

namespace birthmark::seed {

struct Recipient {
  crypto::EvpKeyPtr key;
  crypto::Certificate certificate;
};

inline Recipient NewRecipient(crypto::EvpKeyPtr key, const char* name) {
  crypto::X509Ptr x(X509_new());
  X509_set_version(x.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x.get()), 77);
  X509_gmtime_adj(X509_getm_notBefore(x.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(x.get()), 86400);
  X509_set_pubkey(x.get(), key.get());
  X509_NAME* n = X509_get_subject_name(x.get());
  X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, reinterpret_cast<const uint8_t*>(name), -1, -1,
                             0);
  X509_set_issuer_name(x.get(), n);
  X509_sign(x.get(), key.get(), EVP_sha256());
  uint8_t* der = nullptr;
  int size = i2d_X509(x.get(), &der);
  auto cert = crypto::Certificate::FromDer({der, static_cast<size_t>(size)});
  OPENSSL_free(der);
  return {std::move(key), cert.value()};
}

inline const Recipient& RsaRecipient() {
  static const Recipient r = NewRecipient(crypto::EvpKeyPtr(EVP_RSA_gen(2048)), "Seeds of Acme");
  return r;
}
inline const Recipient& OtherRsaRecipient() {
  static const Recipient r = NewRecipient(crypto::EvpKeyPtr(EVP_RSA_gen(2048)), "Seeds of Zeta");
  return r;
}
inline const Recipient& EcRecipient(const char* curve) {
  static const Recipient p256 = NewRecipient(crypto::EvpKeyPtr(EVP_EC_gen("P-256")), "Acme 256");
  static const Recipient p384 = NewRecipient(crypto::EvpKeyPtr(EVP_EC_gen("P-384")), "Acme 384");
  return std::string_view(curve) == "P-256" ? p256 : p384;
}

inline Bytes SeedNumber(uint32_t i, size_t n = 32) {
  Bytes out(n, 0xa5);
  for (size_t k = 0; k < 4 && k < n; ++k) out[k] = static_cast<uint8_t>(i >> (8 * k));
  return out;
}

using Pairs = std::vector<std::pair<std::string, Bytes>>;

inline Pairs GoodPairs(size_t n) {
  Pairs out;
  for (uint32_t i = 0; i < n; ++i) out.emplace_back("chip-" + std::to_string(i), SeedNumber(i + 1));
  return out;
}

inline NextSeed From(const Pairs& pairs) {
  return [&pairs, i = size_t{0}]() mutable -> std::optional<Made> {
    if (i == pairs.size()) return std::nullopt;
    const auto& [chip, seed] = pairs[i++];
    return Made{chip, SecretBytes::Take(Bytes(seed))};
  };
}

// Outcome is a reading with everything it handed over.
struct Outcome {
  Result<Summary> summary = Summary{};
  Pairs seeds;
  std::vector<uint64_t> indexes;
  std::vector<std::pair<uint64_t, std::string>> refused;  // index, code
  std::string code() const { return summary ? "" : summary.error().code; }
};

inline Outcome ReadOctets(ByteView octets, const ReadOptions& options) {
  Outcome out;
  MemoryInput in(octets);
  out.summary = ReadInput(
      in, options,
      [&](Element&& e) -> Status {
        ByteView s = e.seed.Read(SecretAccess{});
        out.seeds.emplace_back(e.chip, Bytes(s.begin(), s.end()));
        out.indexes.push_back(e.index);
        return {};
      },
      [&](const Refusal& r) -> Status {
        out.refused.emplace_back(r.index, r.why.code);
        return {};
      });
  return out;
}

inline Bytes Written(bool pskc, const WriteOptions& options, const Pairs& pairs) {
  test::TempDir dir;
  fs::path file = dir / "seeds";
  Status done = pskc ? WritePskc(file, options, From(pairs)) : WriteCms(file, options, From(pairs));
  done.value();
  return ReadFile(file, 1 << 26).value();
}

}  // namespace birthmark::seed
