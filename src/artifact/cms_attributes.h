// SPDX-License-Identifier: Apache-2.0
// What a CMS signature of ours signs (RFC 5652 section 5.4): content type, digest of the content
// and which package it is. Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::artifact {

// PackageId is which package this is: RFC 4108's PreferredPackageIdentifier.
struct PackageId {
  std::string oid;  // dotted; the product's hardware type
  uint64_t version = 0;
};

struct CmsSigned {
  Bytes digest;  // of the content, by the hash that goes with the signer's key
  std::optional<PackageId> package;
};

// CmsAttributes is the content of the SET of signed attributes, in DER's order.
Bytes CmsAttributes(const Bytes& digest, const std::optional<PackageId>& package);
// ReadCmsAttributes skips attributes that it does not know. Errors: artifact.malformed.
Result<CmsSigned> ReadCmsAttributes(ByteView content);

}  // namespace birthmark::artifact
