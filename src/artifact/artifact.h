// SPDX-License-Identifier: Apache-2.0
// What is signed under a trust anchor: the kinds of artifact, what travels with a signature, and an
// artifact that was opened but not yet believed. Each format has a file of its own; who may sign is
// lock.h. Leaves out keys, plans and the ledger. Values; thread-compatible.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "crypto/cert.h"
#include "crypto/key.h"

namespace birthmark::artifact {

// Kind is a format of artifact.
enum class Kind { kDeviceImage, kUpdate, kCms, kFit, kMcuboot, kTam, kTlsServer, kDebugUnlock };
// ToText gives "device-image", "update", "cms", "fit", "mcuboot", "tam", "tls-server",
// "debug-unlock".
std::string_view ToText(Kind k);
bool FromText(std::string_view s, Kind& k);
const std::vector<std::string>& KindWords();

// Images of boot loaders are looked at in memory; what is only hashed has no such limit.
inline constexpr size_t kMaxImage = size_t{256} << 20;
// kMaxEnvelope bounds what holds signatures, and not the content.
inline constexpr size_t kMaxEnvelope = size_t{4} << 20;

// Signing is a key and what of its certificates goes with the signature.
struct Signing {
  crypto::Signer& signer;
  std::vector<crypto::Certificate> chain;  // its own first; empty: the key is pinned itself
  std::optional<crypto::Certificate> root;
};

// Content is a file by what a signature needs of it.
struct Content {
  uint64_t size = 0;
  Digest sha256{};
};
// ContentOf hashes a file piece by piece. Errors: file.missing, file.read.
Result<Content> ContentOf(const fs::path& file);

// Opened is an artifact that was read; nothing in it is believed before a key was found that
// `signed_by` accepts.
struct Opened {
  Kind kind = Kind::kDeviceImage;
  std::string name;                 // of the component; empty: the format has none
  std::optional<uint64_t> version;  // or sequence number
  std::string algorithm;            // as the artifact names it
  Digest content{};                 // of what was signed; zeros: it is not in the artifact
  std::optional<uint64_t> content_size;
  std::vector<crypto::Certificate> chain;                  // that came along, the signer's first
  std::vector<std::pair<std::string, std::string>> facts;  // what else it says, for people
  std::function<bool(const crypto::PublicKey&)> signed_by;
};

// BadArtifact is the error of every format: artifact.malformed.
std::unexpected<Error> BadArtifact(Kind kind, std::string what);

}  // namespace birthmark::artifact
