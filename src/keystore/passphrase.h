// SPDX-License-Identifier: Apache-2.0
// Where a passphrase comes from: a file, an open descriptor, a systemd credential, or a person at
// the terminal; never an argument or the environment itself. Call from one thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::keystore {

inline constexpr size_t kMaxPassphrase = 1024;

// All readers drop one newline at the end.
// Errors of all: passphrase.empty, passphrase.too-long.

// PassphraseFromFile reads a file that only its owner may read. Errors: passphrase.permissions,
// file.missing, file.read.
Result<SecretBytes> PassphraseFromFile(const std::filesystem::path& path);
// PassphraseFromFd reads a descriptor to its end and leaves it open. Errors: passphrase.read.
Result<SecretBytes> PassphraseFromFd(int fd);
// PassphraseFromTerminal asks on /dev/tty without echo; the terminal is restored also when a signal
// ends or stops the process. With `twice` the answer is asked again. Errors:
// passphrase.no-terminal, passphrase.read, passphrase.mismatch.
Result<SecretBytes> PassphraseFromTerminal(const std::string& prompt, bool twice = false);

// PassphraseSource says where to look; what is named first wins.
struct PassphraseSource {
  std::optional<std::filesystem::path> file;  // --passphrase-file
  std::optional<int> fd;                      // --passphrase-fd
  // This environment variable names a file, and then $CREDENTIALS_DIRECTORY/<credential> is tried
  // (systemd's LoadCredential=).
  std::string variable = "BIRTHMARK_PASSPHRASE_FILE";
  std::string credential;
  std::string prompt = "Passphrase: ";  // then a person is asked
  bool twice = false;
};
// ReadPassphrase looks in that order. Errors: all of the above.
Result<SecretBytes> ReadPassphrase(const PassphraseSource& source);

}  // namespace birthmark::keystore
