// SPDX-License-Identifier: Apache-2.0
#include "seed/derive_command.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "crypto/pem.h"
#include "seed/derive.h"

namespace birthmark::seed {
namespace {

constexpr size_t kMaxSeedFile = 2 * kMaxSeed + 2;  // in hexadecimal, with the end of its line

Result<SecretBytes> ReadSeedFile(const std::string& path) {
  BM_TRY(Bytes octets, ReadFile(path, kMaxSeedFile));
  SecretBytes raw = SecretBytes::Take(std::move(octets));
  std::string_view text = AsText(raw.Read(SecretAccess{}));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  // 32 octets of a seed are all hexadecimal digits about once in 10^34, so what is, is text.
  // Without this a short seed in hexadecimal would pass for a longer one.
  if (auto decoded = FromHex(text); decoded && !text.empty()) {
    return SecretBytes::Take(std::move(*decoded));
  }
  if (raw.size() > kMaxSeed) {
    return Refused("seed.file", path + ": neither 32 to 64 octets nor that in hexadecimal");
  }
  return raw;
}

Result<crypto::Algorithm> AlgorithmOf(const std::string& name) {
  if (name == "ed25519") return crypto::Algorithm::kEd25519;
  if (name == "p256") return crypto::Algorithm::kEcdsaP256;
  if (name == "p384") return crypto::Algorithm::kEcdsaP384;
  return Usage("seed.algorithm", "no such algorithm: " + name, "use ed25519, p256 or p384");
}

}  // namespace

Result<std::string> RunDerive(const DeriveArgs& args) {
  BM_TRY(crypto::Algorithm algorithm, AlgorithmOf(args.algorithm));
  BM_TRY(SecretBytes seed, ReadSeedFile(args.seed_file));
  BM_TRY(Derived derived, Derive(seed, algorithm));
  ByteView spki = derived.public_key.spki();
  const std::string pem = crypto::WritePem("PUBLIC KEY", spki);
  // The key in its curve's own form stands at the end of every SubjectPublicKeyInfo.
  const size_t size = algorithm == crypto::Algorithm::kEd25519     ? 32
                      : algorithm == crypto::Algorithm::kEcdsaP256 ? 65
                                                                   : 97;
  const std::string raw = ToHex(spki.last(size)), id = ToHex(derived.id);
  const std::string digest = ToHex(derived.public_key.spki_digest());
  if (args.json) {
    nlohmann::ordered_json all = {{"algorithm", args.algorithm},
                                  {"id", id},
                                  {"public_key", raw},
                                  {"spki_sha256", digest},
                                  {"spki_pem", pem}};
    return all.dump(2) + "\n";
  }
  return fmt::format("{}id           {}\npublic key   {}\nSPKI SHA-256 {}\n", pem, id, raw, digest);
}

}  // namespace birthmark::seed
