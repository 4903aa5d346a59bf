// SPDX-License-Identifier: Apache-2.0
// CMS seed files: the envelope surveyed without decrypting, opened by OpenSSL as a stream, and the
// SymmetricKeyPackage (RFC 6031) inside it. Private to this room.
#pragma once

#include "seed/ber.h"
#include "seed/input.h"
#include "seed/intake.h"

namespace birthmark::seed {

// CmsEnvelope is EnvelopedData or AuthEnvelopedData (RFC 5652 section 6.1, RFC 5083 section 2.1)
// as it lies in the file.
struct CmsEnvelope {
  bool plain = false;  // no envelope: the package itself stands at content_at
  bool authenticated = false;
  Bytes head;  // the same structure in DER, without the encrypted content
  uint64_t content_at = 0;
  uint64_t content_end = 0;
  bool pieces = false;  // the content is a row of OCTET STRINGs, else one
};

// SurveyCms walks the file once and finds all this. Errors: seed.format, seed.malformed,
// seed.algorithm, seed.truncated.
Result<CmsEnvelope> SurveyCms(Input& in);

// CmsContent opens an envelope and gives its plaintext as a stream.
class CmsContent {
 public:
  // Open finds the recipient's key and starts. Errors: seed.key, seed.recipient, seed.algorithm,
  // seed.decrypt, seed.malformed. `in` must outlive it.
  static Result<std::unique_ptr<CmsContent>> Open(Input& in, const CmsEnvelope& envelope,
                                                  const ReadOptions& options);
  virtual ~CmsContent() = default;
  // Read gives plaintext; 0 at the end, where the padding or the tag has been checked.
  // Errors: seed.decrypt, file.read.
  virtual Result<size_t> Read(std::span<uint8_t> out) = 0;
  virtual const std::string& recipient() const = 0;
  virtual uint64_t file_offset() const = 0;
};

// ReadPackage reads a SymmetricKeyPackage; `offset` says how far in the file it is. `oem` gets the
// manufacturer. Errors: seed.malformed, seed.truncated, those of the stream and the intake.
Status ReadPackage(const Pull& pull, const std::function<uint64_t()>& offset, Intake& intake,
                   std::string& oem);

// ReadCms does all of it. Errors: as Read.
Status ReadCms(Input& in, const ReadOptions& options, Intake& intake, Summary& summary);

}  // namespace birthmark::seed
