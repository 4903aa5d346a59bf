// SPDX-License-Identifier: Apache-2.0
// What earlier batches leave for later ones, in one file: names and keys, moduli, their product,
// and the r of signatures. No secrets; a file is as good as the disk it lies on. Not thread-safe.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "audit/intake.h"
#include "audit/number.h"

namespace birthmark::audit {

struct KnownKey {
  std::string name;  // empty: nothing said whose key it is
  std::string place;
  Digest key{};   // KeyFacts::key
  Bytes modulus;  // of RSA keys; empty for others and for all but the first name of a key
};

struct KnownSignature {
  std::string name;
  SeenSignature signature;
};

struct State {
  std::vector<KnownKey> keys;
  std::vector<KnownSignature> signatures;
  mpz_class product = 1;  // of all moduli
};

inline constexpr size_t kMaxStateBytes = size_t{2} << 30;

// EncodeState and DecodeState: see docs/audit.md. DecodeState refuses what was changed or cut
// short. Errors: audit.state.
Bytes EncodeState(const State& state);
Result<State> DecodeState(ByteView data);

// LoadState gives an empty state where there is no file. Errors: audit.state, file.read,
// file.too-large.
Result<State> LoadState(const std::filesystem::path& path);
// SaveState is atomic and durable. Errors: audit.state (too large), file.write.
Status SaveState(const State& state, const std::filesystem::path& path);

}  // namespace birthmark::audit
