// SPDX-License-Identifier: Apache-2.0
#include "custody/nonce_file.h"

#include <system_error>

#include "base/files.h"

namespace birthmark::custody {
namespace {

constexpr std::string_view kNonceLabel = "BIRTHMARK SIGNING NONCES";

}  // namespace

Status KeepNonces(const fs::path& path, const SigningNonces& nonces, const SecretBytes& passphrase,
                  const Argon2Cost& cost) {
  std::error_code ignored;
  if (fs::exists(path, ignored))
    return Refused("nonce.exists",
                   path.string() + ": nonces of an earlier commitment are waiting there",
                   "sign with them, or remove the file: their commitment is worth nothing then");
  const SecretBytes octets = nonces.ToOctets();
  BM_TRY(const std::string text,
         SealSecret(kNonceLabel, octets.Read(SecretAccess()), passphrase, cost));
  return WriteFileAtomic(path, text, 0600);
}

Result<SigningNonces> SpendNonces(const fs::path& path, const SecretBytes& passphrase) {
  std::error_code error;
  if (!fs::exists(path, error))
    return Refused("nonce.missing", path.string() + ": no nonces are waiting there",
                   "commit first, on this machine; each commitment signs once");
  BM_TRY(const std::string text, ReadTextFile(path, kMaxShareFile));
  BM_TRY(const SecretBytes octets, OpenSecret(kNonceLabel, text, passphrase));
  BM_TRY(SigningNonces nonces, SigningNonces::FromOctets(octets.Read(SecretAccess())));
  if (!fs::remove(path, error))
    return Environment("file.write", path.string() + ": the used nonces can not be removed",
                       "make the folder writable; nothing was signed");
  BM_CHECK(SyncDir(path.has_parent_path() ? path.parent_path() : fs::path(".")));
  return nonces;
}

}  // namespace birthmark::custody
