// SPDX-License-Identifier: Apache-2.0
// What an offline anchor's key signs when it signs an artifact: read, or made again, from what the
// request carries, and refused unless it is the very artifact that the request's words name. Pure
// functions; thread-safe.
#pragma once

#include <optional>

#include "crypto/pss.h"
#include "offline/artifact_request.h"

namespace birthmark::offline {

struct ArtifactOctets {
  Bytes message;
  std::optional<crypto::PssSalt> pss;  // RSA with RSASSA-PSS instead of PKCS #1 v1.5
};

// OctetsOf gives what is to be signed. For boot images it is made here from the carried file.
// Errors: request.artifact, those of artifact::SignFit and SignMcuboot.
Result<ArtifactOctets> OctetsOf(const ArtifactRequest& request);

// CarriesFile is true for kinds whose request carries the whole file: fit, mcuboot.
bool CarriesFile(std::string_view kind);

}  // namespace birthmark::offline
