// SPDX-License-Identifier: Apache-2.0
#include "offline/askers.h"

#include <fmt/format.h>

#include "crypto/pem.h"

namespace birthmark::offline {
namespace {

constexpr size_t kMaxAskerFile = 16 * 1024;
constexpr size_t kMaxAskers = 1000;

}  // namespace

Status KeepAsker(const fs::path& side, const std::string& name, const crypto::PublicKey& key) {
  BM_CHECK(MakeDirs(side / "askers", 0700));
  return WriteFileAtomic(side / "askers" / (name + ".pem"),
                         crypto::WritePem("PUBLIC KEY", key.spki()));
}

Result<std::string> CheckAsker(const fs::path& side, const std::optional<Digest>& asker) {
  const fs::path folder = side / "askers";
  if (!fs::exists(folder)) return std::string();
  if (!asker)
    return Refused("request.unsigned", "nobody signed the request, and this side knows who may ask",
                   "have the factory make it again with this release");
  size_t n = 0;
  std::error_code ec;
  fs::directory_iterator it(folder, ec), end;
  for (; !ec && it != end && n < kMaxAskers; it.increment(ec)) {
    if (it->path().extension() != ".pem") continue;
    ++n;
    BM_TRY(const std::string text, ReadTextFile(it->path(), kMaxAskerFile));
    auto der = crypto::ReadOnePem(text, "PUBLIC KEY");
    auto key = der ? crypto::PublicKey::FromSpki(*der) : std::unexpected(der.error());
    if (!key)
      return Refused("offline.askers", it->path().string() + ": " + key.error().message,
                     "put the factory's public key there, or take the file away");
    if (key->spki_digest() == *asker) return it->path().stem().string();
  }
  if (ec) return std::unexpected(FromErrno("file.read", folder.string(), ec.value()));
  return Refused(
      "request.asker",
      fmt::format("the request was signed with the key {}, which is not registered here",
                  ToHex(*asker)),
      "find out who asks; a factory's key is registered as " + folder.string() + "/NAME.pem");
}

}  // namespace birthmark::offline
