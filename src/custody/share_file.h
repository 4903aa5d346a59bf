// SPDX-License-Identifier: Apache-2.0
// A share on its way to its holder: sealed with the holder's passphrase (Argon2id, AES-256-GCM) in
// a text file that tells nothing, of one size whatever k and n are (docs/formats/share.md).
// Thread-safe functions.
#pragma once

#include <string>
#include <string_view>

#include "custody/share.h"

namespace birthmark::custody {

inline constexpr std::string_view kShareLabel = "BIRTHMARK SHARE";
inline constexpr size_t kMaxShareFile = 4096;
inline constexpr size_t kMinSharePassphrase = 8;

// Argon2Cost is what guessing a passphrase costs (RFC 9106). The default is libsodium's "moderate";
// Rehearsal is the least that is accepted.
struct Argon2Cost {
  uint32_t passes = 3;
  uint64_t memory = uint64_t{256} << 20;  // octets
  bool operator==(const Argon2Cost&) const = default;
  static Argon2Cost Rehearsal() { return {.passes = 2, .memory = uint64_t{64} << 20}; }
};

// SealShare gives the file's text. Errors: share.passphrase (shorter than 8), share.cost,
// share.mistyped.
Result<std::string> SealShare(const Share& share, const SecretBytes& passphrase,
                              const Argon2Cost& cost = {});
// OpenShare reads it back. Errors: share.sealed (wrong passphrase, or the file was changed),
// share.file (no share file), share.cost (below the least, or above 1 GiB or 10 passes).
Result<Share> OpenShare(std::string_view text, const SecretBytes& passphrase);

// CheckShareFile looks at a file's form without opening it. Errors: share.file, share.cost.
Status CheckShareFile(std::string_view text);

// CostOfShareFile is what guessing a share file's passphrase costs: what is sealed beside it costs
// the same. Errors: as CheckShareFile.
Result<Argon2Cost> CostOfShareFile(std::string_view text);

// SealSecret and OpenSecret do the same with other secrets of a holder, under another label.
Result<std::string> SealSecret(std::string_view label, ByteView secret,
                               const SecretBytes& passphrase, const Argon2Cost& cost);
Result<SecretBytes> OpenSecret(std::string_view label, std::string_view text,
                               const SecretBytes& passphrase, size_t max_text = kMaxShareFile);

}  // namespace birthmark::custody
