// SPDX-License-Identifier: Apache-2.0
// Detached CMS signatures (RFC 5652) over files of any size, as `openssl cms -verify -binary
// -inform DER` takes them; the version is the signed attribute of RFC 4108 section 2.2.3. One
// signer, no signing time. Leaves out encapsulated content and several signers. Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "artifact/artifact.h"
#include "artifact/cms_attributes.h"

namespace birthmark::artifact {

// SignCms makes the signature; what it hashes depends on the signer's key (RFC 5754, RFC 8419).
// Errors: file.missing, file.read; those of the signer.
Result<Bytes> SignCms(const fs::path& content, const std::optional<PackageId>& package,
                      const Signing& signing);

bool LooksLikeCms(ByteView file);

struct OpenedCms {
  Opened opened;
  std::string digest_oid;  // what the content was hashed with
  Bytes digest;            // of the content
};
// OpenCms reads a signature. Errors: artifact.malformed.
Result<OpenedCms> OpenCms(ByteView file);
// CheckCmsContent compares a file with what was signed. Errors: artifact.content, file.missing,
// file.read, artifact.malformed (a hash that is none of ours).
Status CheckCmsContent(const OpenedCms& cms, const fs::path& content);

}  // namespace birthmark::artifact
