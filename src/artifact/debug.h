// SPDX-License-Identifier: Apache-2.0
// What opens the closed debug port of one device for one session: an answer to its nonce, for its
// serial number (docs/formats/station-protocol.md, debug-unlock). Pure functions; thread-safe.
#pragma once

#include <string>

#include "artifact/artifact.h"

namespace birthmark::artifact {

struct DebugAnswer {
  Bytes nonce;         // of the device's challenge
  std::string serial;  // of the device
};

// EncodeDebugAnswer is the answer as it is signed.
Bytes EncodeDebugAnswer(const DebugAnswer& answer);
// SignDebugAnswer makes the COSE_Sign1. Errors: those of the signer.
Result<Bytes> SignDebugAnswer(const DebugAnswer& answer, const Signing& signing);

// LooksLikeDebugAnswer tells by the type in the protected header.
bool LooksLikeDebugAnswer(ByteView file);
// OpenDebugAnswer errors: artifact.malformed, those of COSE.
Result<Opened> OpenDebugAnswer(ByteView file);

}  // namespace birthmark::artifact
