// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cerrno>
#include <cstring>

namespace birthmark {

int ExitCode(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kNegative:
      return 1;
    case ErrorKind::kUsage:
      return 2;
    case ErrorKind::kEnvironment:
      return 3;
    case ErrorKind::kInternal:
      return 4;
  }
  return 4;
}

Error Error::Context(std::string_view where) && {
  message = std::string(where) + ": " + message;
  return std::move(*this);
}

std::string Error::ToString() const {
  std::string out = "error[" + code + "]: " + message;
  if (!fix.empty()) out += "\n  fix: " + fix;
  return out;
}

Error FromErrno(std::string code, std::string_view what, int err) {
  Error e{ErrorKind::kEnvironment, std::move(code), std::string(what) + ": " + std::strerror(err),
          ""};
  if (err == ENOSPC || err == EDQUOT) e.fix = "free some space on that disk and run it again";
  if (err == EACCES || err == EPERM) e.fix = "run it as the owner of that path, or change its mode";
  if (err == ENOENT) e.fix = "check the path";
  return e;
}

}  // namespace birthmark
