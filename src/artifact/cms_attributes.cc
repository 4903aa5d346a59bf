// SPDX-License-Identifier: Apache-2.0
#include "artifact/cms_attributes.h"

#include <algorithm>
#include <functional>

#include "artifact/artifact.h"
#include "crypto/der.h"

namespace birthmark::artifact {
namespace {

using crypto::DerReader;
using crypto::DerWriter;
namespace der = crypto::der;

constexpr std::string_view kData = "1.2.840.113549.1.7.1", kContentType = "1.2.840.113549.1.9.3",
                           kMessageDigest = "1.2.840.113549.1.9.4",
                           kPackageIdentifier = "1.2.840.113549.1.9.16.2.35";

std::unexpected<Error> BadAttributes(std::string what) {
  return BadArtifact(Kind::kCms, std::move(what));
}

Bytes Attribute(std::string_view oid, const std::function<void(DerWriter&)>& value) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& s) {
    s.Oid(oid);
    s.Nest(der::kSet, value);
  });
  return out;
}

Result<PackageId> ReadPackage(DerReader value) {
  BM_TRY(DerReader id, value.Enter());
  BM_TRY(DerReader preferred, id.Enter());
  PackageId out;
  BM_TRY(out.oid, preferred.Oid());
  BM_TRY(out.version, preferred.SmallUnsigned());
  BM_CHECK(preferred.End());
  return out;
}

}  // namespace

Bytes CmsAttributes(const Bytes& digest, const std::optional<PackageId>& package) {
  std::vector<Bytes> all = {
      Attribute(kContentType, [](DerWriter& v) { v.Oid(kData); }),
      Attribute(kMessageDigest, [&](DerWriter& v) { v.OctetString(digest); })};
  if (package) {
    all.push_back(Attribute(kPackageIdentifier, [&](DerWriter& v) {
      v.Sequence([&](DerWriter& id) {
        id.Sequence([&](DerWriter& preferred) {
          preferred.Oid(package->oid);
          preferred.Unsigned(package->version);
        });
      });
    }));
  }
  std::ranges::sort(all);  // X.690 section 11.6
  Bytes out;
  for (const Bytes& a : all) out.insert(out.end(), a.begin(), a.end());
  return out;
}

Result<CmsSigned> ReadCmsAttributes(ByteView content) {
  CmsSigned out;
  bool type = false;
  DerReader all(content);
  while (!all.AtEnd()) {
    BM_TRY(DerReader attribute, all.Enter());
    BM_TRY(const std::string oid, attribute.Oid());
    BM_TRY(DerReader value, attribute.Enter(der::kSet));
    BM_CHECK(attribute.End());
    if (oid == kContentType) {
      BM_TRY(const std::string of, value.Oid());
      if (type || of != kData) return BadAttributes("its content type");
      type = true;
    } else if (oid == kMessageDigest) {
      BM_TRY(const ByteView digest, value.Expect(der::kOctetString));
      if (!out.digest.empty()) return BadAttributes("two digests");
      out.digest.assign(digest.begin(), digest.end());
    } else if (oid == kPackageIdentifier) {
      BM_TRY(out.package, ReadPackage(value));
    }
  }
  if (!type || out.digest.empty()) return BadAttributes("content type or digest is not signed");
  return out;
}

}  // namespace birthmark::artifact
