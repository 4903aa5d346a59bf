// SPDX-License-Identifier: Apache-2.0
// Where a command's passphrases come from: option, environment's file name, systemd credential,
// prompt.
#pragma once

#include "app/keys.h"
#include "cli/spec.h"

namespace birthmark::cli {

// KeysFor reads what the options say; a prompt comes only when the passphrase is needed.
Result<app::KeySource> KeysFor(const Invocation& in);

}  // namespace birthmark::cli
