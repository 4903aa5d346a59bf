// SPDX-License-Identifier: Apache-2.0
#include "manifest/chain.h"

#include <openssl/x509.h>

#include <algorithm>

#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/p256.h"
#include "pki/path.h"

namespace birthmark::manifest {
namespace {

using crypto::DerReader;
namespace der = crypto::der;

// A hostile file could name as many issuers as it has elements.
constexpr size_t kMaxIssuers = 64;
constexpr int kLeastBits = 112;  // of security of a signature

constexpr uint8_t kBasicConstraints[] = {0x55, 0x1d, 0x13};
// ecdsa-with-SHA256, RFC 5758 section 3.2.
constexpr uint8_t kEcdsaSha256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
// Extensions that may be critical in a chip's certificate because they ask nothing of us here:
// keyUsage, subjectAltName (TCG's EK profile has it critical where the subject is empty),
// certificatePolicies and extKeyUsage. All are 2.5.29.x.
constexpr uint8_t kHarmless[] = {0x0f, 0x11, 0x20, 0x25};

std::unexpected<Error> BadChain(std::string what) {
  return Refused("manifest.chain", "its certificate " + std::move(what),
                 "pin the maker's root with --root, or ask the maker about this part");
}

// FullTime gives YYYYMMDDHHMMSS of a UTCTime or GeneralizedTime (RFC 5280 section 4.1.2.5).
Result<std::string> FullTime(DerReader& r) {
  BM_TRY(crypto::DerElement e, r.Next());
  std::string s(AsText(e.content));
  if (e.tag == der::kUtcTime && s.size() == 13) s = (s[0] >= '5' ? "19" : "20") + s;
  bool fits = (e.tag == der::kUtcTime || e.tag == der::kGeneralizedTime) && s.size() == 15 &&
              s.back() == 'Z' &&
              std::all_of(s.begin(), s.end() - 1, [](char c) { return c >= '0' && c <= '9'; });
  if (!fits) return BadChain("has a time that is none");
  s.pop_back();
  return s;
}

Status CheckExtensions(DerReader extensions) {
  while (!extensions.AtEnd()) {
    BM_TRY(DerReader extension, extensions.Enter());
    BM_TRY(ByteView oid, extension.Expect(der::kOid));
    bool critical = false;
    if (extension.NextIs(der::kBoolean)) {
      BM_TRY(critical, extension.Boolean());
    }
    BM_TRY(ByteView value, extension.Expect(der::kOctetString));
    if (std::ranges::equal(oid, kBasicConstraints)) {
      BM_TRY(DerReader basic, DerReader(value).Enter());
      if (!basic.NextIs(der::kBoolean)) continue;
      BM_TRY(bool authority, basic.Boolean());
      if (authority) return BadChain("is an authority's, not a chip's");
      continue;
    }
    bool known = oid.size() == 3 && oid[0] == 0x55 && oid[1] == 0x1d &&
                 std::ranges::find(kHarmless, oid[2]) != std::end(kHarmless);
    if (critical && !known) return BadChain("has a critical extension that nobody here knows");
  }
  return {};
}

Result<ChipCertificate> Walk(ByteView bytes) {
  ChipCertificate out;
  DerReader whole(bytes);
  BM_TRY(DerReader cert, whole.Enter());
  BM_CHECK(whole.End());
  BM_TRY(crypto::DerElement tbs_element, cert.Next());
  out.tbs = tbs_element.whole;
  BM_TRY(crypto::DerElement outer, cert.Next());
  BM_TRY(out.signature_oid, DerReader(outer.content).Expect(der::kOid));
  BM_TRY(out.signature, cert.BitStringOctets());
  BM_CHECK(cert.End());
  DerReader tbs(tbs_element.content);
  BM_CHECK(tbs.Expect(der::Context(0, true)));
  BM_CHECK(tbs.Unsigned());
  BM_TRY(crypto::DerElement inner, tbs.Next());
  // RFC 5280 section 4.1.1.2: both name the same algorithm.
  if (!std::ranges::equal(inner.whole, outer.whole)) return BadChain("names two algorithms");
  BM_TRY(crypto::DerElement issuer, tbs.Next());
  out.issuer = issuer.whole;
  BM_TRY(DerReader validity, tbs.Enter());
  BM_TRY(out.not_before, FullTime(validity));
  BM_TRY(out.not_after, FullTime(validity));
  BM_CHECK(tbs.Expect(der::kSequence));
  BM_TRY(crypto::DerElement spki, tbs.Next());
  out.spki = spki.whole;
  // Nothing else may stand there: behind the unique identifiers of RFC 5280 section 4.1.2.8
  // extensions would go unread.
  if (!tbs.AtEnd()) {
    BM_TRY(DerReader wrapper, tbs.Enter(der::Context(3, true)));
    BM_TRY(DerReader extensions, wrapper.Enter());
    BM_CHECK(CheckExtensions(extensions));
    BM_CHECK(wrapper.End());
  }
  BM_CHECK(tbs.End());
  return out;
}

}  // namespace

Result<ChipCertificate> ReadChip(ByteView bytes) {
  auto out = Walk(bytes);
  if (!out && out.error().code != "manifest.chain")
    return BadChain("does not read: " + out.error().message);
  return out;
}

ChainChecker::ChainChecker(std::vector<crypto::Certificate> pinned, Time now)
    : pinned_(std::move(pinned)), now_(now) {
  for (char c : FormatTime(now)) {
    if (c >= '0' && c <= '9' && today_.size() < 14) today_ += c;
  }
}

Result<const ChainChecker::Issuer*> ChainChecker::Keep(
    const crypto::Certificate& c, std::span<const crypto::Certificate> others) {
  if (auto it = issuers_.find(c.digest()); it != issuers_.end()) return &it->second;
  auto path = pki::BuildPath(c, others, pinned_, now_, pki::Purpose::kAuthority);
  if (!path)
    return BadChain("is signed by one that leads to no pinned root: " + path.error().message);
  if (issuers_.size() >= kMaxIssuers) issuers_.clear();
  Issuer issuer{.certificate = c, .fast = nullptr};
  const auto& key = c.public_key();
  if (key && key->algorithm() == crypto::Algorithm::kEcdsaP256)
    issuer.fast = crypto::P256PublicKey(key->spki().last(std::tuple_size_v<crypto::P256Point>));
  return &issuers_.emplace(c.digest(), std::move(issuer)).first->second;
}

Result<const ChainChecker::Issuer*> ChainChecker::IssuerOf(std::span<const Bytes> above) {
  if (auto it = issuers_.find(crypto::Sha256(above.front())); it != issuers_.end())
    return &it->second;
  std::vector<crypto::Certificate> all;
  for (const Bytes& one : above) {
    auto c = crypto::Certificate::FromDer(one);
    if (!c) return BadChain("came with another that does not read: " + c.error().message);
    all.push_back(std::move(*c));
  }
  return Keep(all.front(), std::span(all).subspan(1));
}

bool ChainChecker::Signed(const Issuer& issuer, const ChipCertificate& chip, ByteView bytes) {
  if (issuer.fast && std::ranges::equal(chip.signature_oid, kEcdsaSha256))
    return crypto::P256VerifyDigest(issuer.fast.get(), crypto::Sha256(chip.tbs), chip.signature);
  if (!issuer.certificate.public_key()) return false;
  auto slow = crypto::Certificate::FromDer(bytes);
  if (!slow) return false;
  // 112 bits, as for the certificates above: no SHA-1, no MD5.
  int hash = 0, key = 0, bits = 0;
  uint32_t flags = 0;
  return X509_get_signature_info(slow->x509(), &hash, &key, &bits, &flags) == 1 &&
         bits >= kLeastBits && slow->IsSignedBy(*issuer.certificate.public_key());
}

Result<ByteView> ChainChecker::Check(ByteView bytes, std::span<const Bytes> above) {
  if (pinned_.empty()) {
    return Refused("manifest.chain", "no root is pinned to which its certificate could lead",
                   "name the maker's root: --root FILE, or vendor-roots in the plan");
  }
  BM_TRY(ChipCertificate chip, ReadChip(bytes));
  if (chip.not_after < today_) return BadChain("has expired");
  if (chip.not_before > today_) return BadChain("is of a day to come");
  if (!above.empty()) {
    BM_TRY(const Issuer* issuer, IssuerOf(above));
    if (!std::ranges::equal(issuer->certificate.subject_der(), chip.issuer))
      return BadChain("names another issuer than the one that came with it");
    if (!Signed(*issuer, chip, bytes)) return BadChain("is not signed by its issuer");
    return chip.spki;
  }
  // Makers keep a name when they take a new key.
  bool named = false;
  for (const crypto::Certificate& c : pinned_) {
    if (!std::ranges::equal(c.subject_der(), chip.issuer)) continue;
    named = true;
    BM_TRY(const Issuer* issuer, Keep(c, {}));
    if (Signed(*issuer, chip, bytes)) return chip.spki;
  }
  return BadChain(named ? "is not signed by its issuer"
                        : "was issued by nobody whose certificate is here");
}

}  // namespace birthmark::manifest
