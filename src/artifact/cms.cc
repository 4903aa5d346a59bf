// SPDX-License-Identifier: Apache-2.0
#include "artifact/cms.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "artifact/cms_attributes.h"
#include "crypto/der.h"

namespace birthmark::artifact {
namespace {

using crypto::DerReader;
using crypto::DerWriter;
namespace der = crypto::der;

constexpr std::string_view kSignedData = "1.2.840.113549.1.7.2", kData = "1.2.840.113549.1.7.1";

struct Suite {
  crypto::Algorithm key;
  std::string_view digest;     // OID
  std::string_view signature;  // OID
  bool null_parameters;        // RFC 3370 section 3.2: RSA's must be NULL
};
// RFC 5754 section 3, RFC 8419 section 3.
constexpr std::string_view kSha256 = "2.16.840.1.101.3.4.2.1", kSha384 = "2.16.840.1.101.3.4.2.2",
                           kSha512 = "2.16.840.1.101.3.4.2.3";
constexpr Suite kSuites[] = {
    {crypto::Algorithm::kEcdsaP256, kSha256, "1.2.840.10045.4.3.2", false},
    {crypto::Algorithm::kEcdsaP384, kSha384, "1.2.840.10045.4.3.3", false},
    {crypto::Algorithm::kRsa2048, kSha256, "1.2.840.113549.1.1.11", true},
    {crypto::Algorithm::kRsa3072, kSha256, "1.2.840.113549.1.1.11", true},
    {crypto::Algorithm::kRsa4096, kSha256, "1.2.840.113549.1.1.11", true},
    {crypto::Algorithm::kEd25519, kSha512, "1.3.101.112", false},
};

const Suite& SuiteOf(crypto::Algorithm a) { return *std::ranges::find(kSuites, a, &Suite::key); }

std::unexpected<Error> BadCms(std::string what) { return BadArtifact(Kind::kCms, std::move(what)); }

Result<Bytes> HashFile(const fs::path& file, std::string_view digest_oid) {
  const EVP_MD* md = digest_oid == kSha256   ? EVP_sha256()
                     : digest_oid == kSha384 ? EVP_sha384()
                     : digest_oid == kSha512 ? EVP_sha512()
                                             : nullptr;
  if (md == nullptr) return BadCms(fmt::format("the content is hashed with {}", digest_oid));
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::unexpected(FromErrno("file.missing", file.string(), errno));
  crypto::EvpMdCtxPtr ctx(EVP_MD_CTX_new());
  EVP_DigestInit_ex(ctx.get(), md, nullptr);
  std::vector<char> piece(size_t{1} << 16);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0)
    EVP_DigestUpdate(ctx.get(), piece.data(), static_cast<size_t>(in.gcount()));
  if (in.bad()) return Environment("file.read", file.string() + ": it could not be read");
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  EVP_DigestFinal_ex(ctx.get(), out.data(), &size);
  out.resize(size);
  return out;
}

void WriteAlgorithm(DerWriter& w, std::string_view oid, bool null_parameters) {
  w.Sequence([&](DerWriter& s) {
    s.Oid(oid);
    if (null_parameters) s.Null();
  });
}

// SerialElement is the certificate's serial number as it is encoded in it.
Result<Bytes> SerialElement(const crypto::Certificate& c) {
  DerReader outer(c.der());
  BM_TRY(DerReader certificate, outer.Enter());
  BM_TRY(DerReader tbs, certificate.Enter());
  if (tbs.NextIs(der::Context(0, true))) BM_CHECK(tbs.Next());
  BM_TRY(const crypto::DerElement serial, tbs.Next());
  return Bytes(serial.whole.begin(), serial.whole.end());
}

// SignerInfo in its parts, RFC 5652 section 5.3.
struct SignerParts {
  ByteView sid;
  std::string digest, signature_algorithm;
  Bytes signed_attributes;  // content of the SET
  Bytes signature;
};
Result<SignerParts> ReadSigner(DerReader& infos) {
  SignerParts out;
  BM_TRY(DerReader info, infos.Enter());
  BM_CHECK(infos.End());
  BM_CHECK(info.SmallUnsigned());
  BM_TRY(const crypto::DerElement sid, info.Next());
  out.sid = sid.whole;
  BM_TRY(DerReader digest, info.Enter());
  BM_TRY(out.digest, digest.Oid());
  BM_TRY(const ByteView attributes, info.Expect(der::Context(0, true)));
  out.signed_attributes.assign(attributes.begin(), attributes.end());
  BM_TRY(DerReader algorithm, info.Enter());
  BM_TRY(out.signature_algorithm, algorithm.Oid());
  BM_TRY(const ByteView signature, info.Expect(der::kOctetString));
  out.signature.assign(signature.begin(), signature.end());
  BM_CHECK(info.End());
  return out;
}

bool IsSigner(const crypto::Certificate& c, ByteView sid) {
  DerReader reader(sid);
  auto names = reader.Enter();
  if (!names) return false;
  auto issuer = names->Next();
  auto serial = names->Next();
  auto own = SerialElement(c);
  return issuer && serial && own && std::ranges::equal(issuer->whole, c.issuer_der()) &&
         std::ranges::equal(serial->whole, *own);
}

}  // namespace

Result<Bytes> SignCms(const fs::path& content, const std::optional<PackageId>& package,
                      const Signing& signing) {
  const Suite& suite = SuiteOf(signing.signer.algorithm());
  BM_TRY(const Bytes digest, HashFile(content, suite.digest));
  const Bytes attributes = CmsAttributes(digest, package);
  // RFC 5652 section 5.4: what is signed has the tag of a SET, what is sent [0].
  Bytes to_sign;
  DerWriter(to_sign).Element(der::kSet, attributes);
  BM_TRY(const Bytes signature, signing.signer.Sign(to_sign));
  Bytes sid;
  if (signing.chain.empty()) {
    const auto id = signing.signer.public_key().KeyIdentifier();
    DerWriter(sid).Element(der::Context(0, false), id);
  } else {
    BM_TRY(const Bytes serial, SerialElement(signing.chain.front()));
    DerWriter(sid).Sequence([&](DerWriter& s) {
      s.Raw(signing.chain.front().issuer_der());
      s.Raw(serial);
    });
  }
  const uint64_t version = signing.chain.empty() ? 3 : 1;
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& info) {
    info.Oid(kSignedData);
    info.Nest(der::Context(0, true), [&](DerWriter& outer) {
      outer.Sequence([&](DerWriter& data) {
        data.Unsigned(version);
        data.Nest(der::kSet,
                  [&](DerWriter& algorithms) { WriteAlgorithm(algorithms, suite.digest, false); });
        data.Sequence([](DerWriter& detached) { detached.Oid(kData); });
        if (!signing.chain.empty()) {
          std::vector<ByteView> sorted;
          for (const crypto::Certificate& c : signing.chain) sorted.push_back(c.der());
          std::ranges::sort(sorted, [](ByteView a, ByteView b) {
            return std::ranges::lexicographical_compare(a, b);
          });
          data.Nest(der::Context(0, true), [&](DerWriter& certificates) {
            for (ByteView c : sorted) certificates.Raw(c);
          });
        }
        data.Nest(der::kSet, [&](DerWriter& infos) {
          infos.Sequence([&](DerWriter& s) {
            s.Unsigned(version);
            s.Raw(sid);
            WriteAlgorithm(s, suite.digest, false);
            s.Element(der::Context(0, true), attributes);
            WriteAlgorithm(s, suite.signature, suite.null_parameters);
            s.OctetString(signature);
          });
        });
      });
    });
  });
  return out;
}

bool LooksLikeCms(ByteView file) {
  DerReader reader(file);
  auto info = reader.Enter();
  if (!info) return false;
  auto oid = info->Oid();
  return oid && *oid == kSignedData;
}

Result<OpenedCms> OpenCms(ByteView file) {
  if (file.size() > kMaxEnvelope) return BadCms("it is larger than any signature");
  DerReader outer(file);
  BM_TRY(DerReader info, outer.Enter());
  BM_CHECK(outer.End());
  BM_TRY(const std::string type, info.Oid());
  if (type != kSignedData) return BadCms("no SignedData");
  BM_TRY(DerReader wrapped, info.Enter(der::Context(0, true)));
  BM_TRY(DerReader data, wrapped.Enter());
  BM_CHECK(data.SmallUnsigned());
  BM_CHECK(data.Enter(der::kSet));
  BM_TRY(DerReader encapsulated, data.Enter());
  BM_TRY(const std::string content, encapsulated.Oid());
  if (content != kData || !encapsulated.AtEnd()) return BadCms("the content is not detached data");
  OpenedCms out;
  Opened& o = out.opened;
  o.kind = Kind::kCms;
  if (data.NextIs(der::Context(0, true))) {
    BM_TRY(DerReader certificates, data.Enter(der::Context(0, true)));
    while (!certificates.AtEnd()) {
      BM_TRY(const crypto::DerElement one, certificates.Next());
      if (o.chain.size() >= 16) return BadCms("more certificates than a path has");
      BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(one.whole));
      o.chain.push_back(std::move(c));
    }
  }
  BM_TRY(DerReader infos, data.Enter(der::kSet));
  BM_TRY(const SignerParts signer, ReadSigner(infos));
  BM_CHECK(data.End());
  BM_TRY(const CmsSigned attributes, ReadCmsAttributes(signer.signed_attributes));
  // The signer first: a SET has no order.
  std::ranges::stable_partition(
      o.chain, [&](const crypto::Certificate& c) { return IsSigner(c, signer.sid); });
  out.digest_oid = signer.digest;
  out.digest = attributes.digest;
  o.algorithm = signer.signature_algorithm;
  if (signer.digest == kSha256 && out.digest.size() == o.content.size())
    std::ranges::copy(out.digest, o.content.begin());
  if (attributes.package) {
    o.version = attributes.package->version;
    o.name = attributes.package->oid;
  }
  Bytes signed_octets;
  DerWriter(signed_octets).Element(der::kSet, signer.signed_attributes);
  o.signed_by = [signed_octets, signer_algorithm = signer.signature_algorithm,
                 digest = signer.digest,
                 signature = signer.signature](const crypto::PublicKey& key) {
    const Suite& suite = SuiteOf(key.algorithm());
    const bool rsa = suite.null_parameters && signer_algorithm == "1.2.840.113549.1.1.1";
    return (suite.signature == signer_algorithm || rsa) && suite.digest == digest &&
           key.Verify(signed_octets, signature);
  };
  return out;
}

Status CheckCmsContent(const OpenedCms& cms, const fs::path& content) {
  BM_TRY(const Bytes digest, HashFile(content, cms.digest_oid));
  if (digest == cms.digest) return {};
  return Refused("artifact.content", content.string() + ": it is not the file that was signed",
                 "fetch the file again, and the signature with it");
}

}  // namespace birthmark::artifact
