// SPDX-License-Identifier: Apache-2.0
// Path validation (RFC 5280 section 6) for our own needs, with OpenSSL's strict verifier as the
// engine, and the level of a PKI as the draft counts it. Leaves out revocation. Thread-safe.
#pragma once

#include <span>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/cert.h"
#include "pki/level.h"

namespace birthmark::pki {

// Purpose is what the end of a path wants to be trusted for.
enum class Purpose {
  kDevice,         // an IDevID: digitalSignature; clientAuth where uses are named at all
  kCodeSigning,    // the use must be named
  kUpdateSigning,  // the use must be named
  kDisclosure,     // the use must be named
  kClient,         // people and stations: clientAuth must be named
  kServer,         // serverAuth must be named
  kAuthority,      // the end is itself an authority
  kOcspResponder,  // the use must be named
};

// Path runs from the end (front) to the anchor (back).
using Path = std::vector<crypto::Certificate>;

inline constexpr size_t kMaxPathCertificates = 10;
inline constexpr size_t kMaxOffered = 64;  // intermediates or anchors looked at

// BuildPath finds and validates one path. An anchor need not be self-signed: whatever the caller
// names is trusted, and must itself be valid at `at`. A path of the anchor alone has length 1.
// Errors: path.none (no way to an anchor), path.invalid (with OpenSSL's reason and the
// certificate), path.date, path.usage, path.key (the end's key is of a kind that Birthmark does not
// use), path.too-many.
Result<Path> BuildPath(const crypto::Certificate& leaf,
                       std::span<const crypto::Certificate> intermediates,
                       std::span<const crypto::Certificate> anchors, Time at, Purpose purpose);

// LevelOf is the level at the end of a path.
inline PkiLevel LevelOf(const Path& path) { return PkiLevel(static_cast<int>(path.size())); }

}  // namespace birthmark::pki
