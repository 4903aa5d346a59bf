// SPDX-License-Identifier: Apache-2.0
// A TPM for tests, in software and without secrets: keys, what it would sign about them, and a
// maker's chain. Test code; swtpm is the real one (test_swtpm.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attest/bundle.h"
#include "attest/tpm.h"
#include "crypto/cert.h"
#include "crypto/software_signer.h"

namespace birthmark::attest::test {

inline constexpr uint32_t kAkAttributes = 0x00050072;   // as tpm2_createak makes them
inline constexpr uint32_t kKeyAttributes = 0x00040072;  // as TPM2_Create makes a signing key

// FakeKey is a key with its public area.
struct FakeKey {
  std::unique_ptr<crypto::SoftwareSigner> signer;
  Bytes area;  // TPMT_PUBLIC
  TpmPublic parsed() const { return *ReadPublic(area); }
  Bytes Spki() const {
    ByteView s = signer->public_key().spki();
    return Bytes(s.begin(), s.end());
  }
};
FakeKey MakeFakeKey(uint32_t attributes = kKeyAttributes,
                    crypto::Algorithm a = crypto::Algorithm::kEcdsaP256);
// AreaOf is the TPMT_PUBLIC of a public key (P-256, P-384, RSA-2048).
Bytes AreaOf(const crypto::PublicKey& key, uint32_t attributes);

// MakeAttest is a TPMS_ATTEST of TPM2_Certify, or of TPM2_CertifyCreation when there is a hash.
Bytes MakeAttest(ByteView name, ByteView nonce, ByteView creation_hash = {});
// MakeCreationData is that of an ordinary child, or of a primary key.
Bytes MakeCreationData(bool primary);
// SignAttest gives a TPMT_SIGNATURE.
Bytes SignAttest(crypto::SoftwareSigner& ak, ByteView attest);

// FakeMaker has a root and certifies keys of its TPMs.
struct FakeMaker {
  FakeMaker();
  std::shared_ptr<crypto::SoftwareSigner> key;
  crypto::Certificate root;
  // Certify makes a certificate with one extended key usage; empty: none.
  crypto::Certificate Certify(const crypto::PublicKey& subject, std::string_view usage) const;
};

// Scene is evidence in which everything is right: change one thing and see it refused.
struct Scene {
  explicit Scene(Bytes nonce = {1, 2, 3, 4}, bool creation = false, FakeMaker maker = {});
  FakeMaker maker;
  FakeKey ak = MakeFakeKey(kAkAttributes);
  FakeKey key = MakeFakeKey();
  Bytes nonce;
  crypto::Certificate ak_certificate, ek_certificate;
  TpmStatement statement;
  // Again signs the statement anew.
  void Again(ByteView attest);
  Bundle ToBundle() const;
  Bytes Der() const { return EncodeBundle(ToBundle()); }
  TcgCsr Tcg();
};

}  // namespace birthmark::attest::test
