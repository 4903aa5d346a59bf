// SPDX-License-Identifier: Apache-2.0
// FIT images signed as U-Boot verifies them: a signature over a configuration and the images that
// it names, whose hash nodes vouch for the data (doc/usage/fit/signature.rst). Takes a FIT that
// mkimage made without keys. Leaves out external data, encryption and signatures of single images.
// A key is pinned itself: U-Boot reads no certificates. Pure functions; thread-safe.
#pragma once

#include <string>

#include "artifact/artifact.h"

namespace birthmark::artifact {

// FitName is the node of the key in U-Boot's control tree: /signature/key-NAME.
struct FitTerms {
  std::string key_name;
  std::string configuration;  // empty: the default one
  bool pss = false;           // RSA: padding = "pss" instead of PKCS #1 v1.5
};

// SignFit signs one configuration. Errors: artifact.malformed (no FIT, a hash that is missing, not
// SHA-256 or not that of its data), artifact.algorithm (a key that U-Boot does not verify with);
// those of the signer.
Result<Bytes> SignFit(ByteView fit, const FitTerms& terms, const Signing& signing);

bool LooksLikeFit(ByteView file);
// OpenFit reads the default configuration's signature. Errors: artifact.malformed,
// artifact.unsigned, artifact.content (an image is not the one that its hash names).
Result<Opened> OpenFit(ByteView file);

}  // namespace birthmark::artifact
