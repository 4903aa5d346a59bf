// SPDX-License-Identifier: Apache-2.0
#include "enroll/scep/payload.h"

#include <algorithm>

#include "crypto/der.h"
#include "enroll/est/request.h"

namespace birthmark::enroll::scep {
namespace {

using crypto::DerReader;

FailInfo InfoOf(const std::string& code) {
  if (code == "csr.signature") return FailInfo::kBadMessageCheck;
  if (code == "csr.key-type" || code == "csr.weak-key") return FailInfo::kBadAlg;
  return FailInfo::kBadRequest;
}

}  // namespace

std::optional<CertRequest> ReadCertRequest(const SecretBytes& der, Failure& why) {
  const ByteView octets = der.Read(SecretAccess{});
  auto csr = pki::ReadCsr(octets);
  if (!csr) {
    why = {InfoOf(csr.error().code), csr.error().message};
    return std::nullopt;
  }
  Wipe(csr->der.data(), csr->der.size());
  csr->der.clear();
  auto asked = est::ReadAsked(octets);
  if (!asked) {
    why = {FailInfo::kBadRequest, asked.error().message};
    return std::nullopt;
  }
  std::optional<SecretBytes> challenge;
  if (asked->challenge) {
    challenge = SecretBytes::Take(ToBytes(*asked->challenge));
    Wipe(asked->challenge->data(), asked->challenge->size());
  }
  std::string serial = csr->subject.Find("serialNumber").value_or("");
  return CertRequest{std::move(*csr), std::move(serial), std::move(challenge)};
}

std::optional<TokenProof> SplitToken(const SecretBytes& challenge) {
  const ByteView all = challenge.Read(SecretAccess{});
  const auto colon = std::ranges::find(all, static_cast<uint8_t>(':'));
  if (colon == all.begin() || colon == all.end() || colon + 1 == all.end()) return std::nullopt;
  return TokenProof{std::string(all.begin(), colon),
                    SecretBytes::Take(Bytes(colon + 1, all.end()))};
}

Result<Bytes> ReadPolledSubject(ByteView der) {
  auto read = [&]() -> Result<Bytes> {
    BM_CHECK(crypto::CheckDer(der, 16));
    DerReader file(der);
    BM_TRY(DerReader both, file.Enter());
    BM_TRY(crypto::DerElement issuer, both.Next());
    BM_TRY(crypto::DerElement subject, both.Next());
    BM_CHECK(both.End());
    BM_CHECK(pki::Name::FromDer(issuer.whole));
    BM_CHECK(pki::Name::FromDer(subject.whole));
    return Bytes(subject.whole.begin(), subject.whole.end());
  };
  auto subject = read();
  if (!subject) return Refused("scep.malformed", subject.error().message);
  return subject;
}

}  // namespace birthmark::enroll::scep
