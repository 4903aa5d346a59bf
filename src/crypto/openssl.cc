// SPDX-License-Identifier: Apache-2.0
#include "crypto/openssl.h"

#include <fmt/format.h>
#include <openssl/err.h>

namespace birthmark::crypto {

Error OpenSslError(std::string code, std::string_view doing) {
  std::string reasons;
  // Reason texts come from a fixed table. The queue's data strings may quote input, so they are
  // left out.
  while (unsigned long e = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(e);
    if (!reasons.empty()) reasons += "; ";
    reasons += reason != nullptr ? std::string(reason) : fmt::format("code {:#x}", e);
  }
  if (reasons.empty()) reasons = "the library gave no reason";
  return Error{ErrorKind::kInternal, std::move(code), fmt::format("{}: {}", doing, reasons), ""};
}

}  // namespace birthmark::crypto
