// SPDX-License-Identifier: Apache-2.0
// Microchip Trust Platform manifests, versions 1, 2 and 3: a JSON array with a JWS (RFC 7515
// section 7.2.2) for each secure element. Each is checked by itself, in this order: the algorithm
// is an allowed one, the signer is the pinned one, the signature holds, the signed identifier is
// the one outside the signature, the element is this customer's, its certificate leads to a pinned
// root. The signature says who wrote the list, the certificate who certified the chip: two answers.
// Encrypted secrets are counted and left alone. Not thread-safe. Source: docs/formats/manifest.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "manifest/chain.h"
#include "manifest/splitter.h"

namespace birthmark::manifest {

// Wanted says whose elements a list may hold; empty: any.
struct Wanted {
  std::string group;  // groupId: the reel or order
  std::string part_number;
  std::string provisioner;  // organizationName
};

class MicrochipReader : public PartReader {
 public:
  // Make. Errors: manifest.signer (its key is neither P-256 nor P-384, or it names no key
  // identifier).
  static Result<std::unique_ptr<MicrochipReader>> Make(Source source, crypto::Certificate signer,
                                                       ChainChecker chain, Wanted wanted);
  ~MicrochipReader() override;

  // Next. An element's own errors: manifest.json, manifest.format, manifest.algorithm,
  // manifest.signer, manifest.unprotected, manifest.signature, manifest.unique-id,
  // manifest.version, manifest.customer, manifest.key, manifest.private-key, manifest.chain.
  Result<std::optional<Item>> Next() override;

 private:
  struct Impl;
  explicit MicrochipReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::manifest
