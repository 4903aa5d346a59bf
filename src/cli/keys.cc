// SPDX-License-Identifier: Apache-2.0
#include "cli/keys.h"

namespace birthmark::cli {
namespace {

Result<keystore::PassphraseSource> Source(const Invocation& in, const std::string& prefix,
                                          std::string variable, std::string credential) {
  keystore::PassphraseSource s;
  if (in.Has(prefix + "-file")) s.file = in.Get(prefix + "-file");
  if (in.Has(prefix + "-fd")) {
    BM_TRY(uint64_t fd, in.Number(prefix + "-fd", 0, 0, 1 << 20));
    s.fd = static_cast<int>(fd);
  }
  s.variable = std::move(variable);
  s.credential = std::move(credential);
  return s;
}

}  // namespace

Result<app::KeySource> KeysFor(const Invocation& in) {
  app::KeySource keys;
  BM_TRY(keys.online,
         Source(in, "--passphrase", "BIRTHMARK_PASSPHRASE_FILE", "birthmark.passphrase"));
  BM_TRY(keys.offline, Source(in, "--offline-passphrase", "BIRTHMARK_OFFLINE_PASSPHRASE_FILE",
                              "birthmark.offline-passphrase"));
  BM_TRY(keys.pin, Source(in, "--pin", "BIRTHMARK_PIN_FILE", "birthmark.pin"));
  BM_TRY(keys.offline_pin,
         Source(in, "--offline-pin", "BIRTHMARK_OFFLINE_PIN_FILE", "birthmark.offline-pin"));
  keys.pin_last_try = in.Has("--pin-last-try");
  return keys;
}

}  // namespace birthmark::cli
