// SPDX-License-Identifier: Apache-2.0
// Nonces between committing and signing, for a signer who answers later: sealed with the share's
// passphrase beside the share, gone before a signature made with them exists. Uses the file system.
// One process at a time a file.
#pragma once

#include <filesystem>

#include "custody/frost.h"
#include "custody/share_file.h"

namespace birthmark::custody {

// KeepNonces writes a new file; an existing one is never written over. Errors: nonce.exists,
// file.write.
Status KeepNonces(const std::filesystem::path& path, const SigningNonces& nonces,
                  const SecretBytes& passphrase, const Argon2Cost& cost = {});
// SpendNonces opens the file and removes it durably before it gives the nonces: a crash loses
// them, which costs a new commitment; nothing signs twice with them. Errors: nonce.missing,
// nonce.malformed, share.sealed, file.write.
Result<SigningNonces> SpendNonces(const std::filesystem::path& path, const SecretBytes& passphrase);

}  // namespace birthmark::custody
