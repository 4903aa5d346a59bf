// SPDX-License-Identifier: Apache-2.0
// Messages to the Trusted Application Manager of a device (docs/formats/tam-message.md): a
// COSE_Sign1 that asks for one thing, within the privileges that the TAM's manifest has. Pure
// functions; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "link/image.h"

namespace birthmark::artifact {

// TamActions is what a message can ask for: "anchor-add", "anchor-replace", "anchor-remove",
// "retire-application", "read-private".
const std::vector<std::string>& TamActions();

struct TamMessage {
  std::string action;
  uint64_t sequence = 0;                    // above the device's last one
  std::optional<Bytes> uid;                 // of the one device that may obey; absent: all
  std::string target;                       // anchor-replace, anchor-remove: its id
  std::optional<link::StageAnchor> anchor;  // anchor-add, anchor-replace
  std::optional<uint64_t> version;          // retire-application: the lowest that still starts
};

// EncodeTamMessage is the message as it is signed.
Bytes EncodeTamMessage(const TamMessage& message);
// SignTam makes a message. Errors: artifact.tam (a member that the action needs or cannot have is
// missing or there); those of the signer.
Result<Bytes> SignTam(const TamMessage& message, const Signing& signing);

bool LooksLikeTam(ByteView file);
// OpenTam reads one. Errors: artifact.malformed, those of ParseCose.
Result<Opened> OpenTam(ByteView file);

}  // namespace birthmark::artifact
