// SPDX-License-Identifier: Apache-2.0
// The one error type and the result that carries it. Says what, where and the fix; never a secret.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace birthmark {

// ErrorKind decides the exit code of a command and nothing else.
enum class ErrorKind {
  kNegative,     // a negative result: refused, does not verify, finding (exit 1)
  kUsage,        // wrong use (exit 2)
  kEnvironment,  // missing, full, locked, no permission (exit 3)
  kInternal,     // a fault of ours (exit 4)
};

// ExitCode maps a kind to the process's exit code.
int ExitCode(ErrorKind kind);

// Error is one failure: a stable dotted code ("ledger.locked"), what happened, and how to mend it.
struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string code;
  std::string message;
  std::string fix;

  // Context returns the same error with "where: " before the message.
  Error Context(std::string_view where) &&;
  // ToString is "error[code]: message" and, on a second line, "  fix: …".
  std::string ToString() const;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

inline std::unexpected<Error> Fail(ErrorKind kind, std::string code, std::string message,
                                   std::string fix = "") {
  return std::unexpected(Error{kind, std::move(code), std::move(message), std::move(fix)});
}
inline std::unexpected<Error> Refused(std::string code, std::string message, std::string fix = "") {
  return Fail(ErrorKind::kNegative, std::move(code), std::move(message), std::move(fix));
}
inline std::unexpected<Error> Usage(std::string code, std::string message, std::string fix = "") {
  return Fail(ErrorKind::kUsage, std::move(code), std::move(message), std::move(fix));
}
inline std::unexpected<Error> Environment(std::string code, std::string message,
                                          std::string fix = "") {
  return Fail(ErrorKind::kEnvironment, std::move(code), std::move(message), std::move(fix));
}
inline std::unexpected<Error> Internal(std::string code, std::string message,
                                       std::string fix = "") {
  return Fail(ErrorKind::kInternal, std::move(code), std::move(message), std::move(fix));
}
// FromErrno is an environment error with the system's own words; ENOSPC and EACCES name their fix.
Error FromErrno(std::string code, std::string_view what, int err);

}  // namespace birthmark

#define BM_CONCAT2(a, b) a##b
#define BM_CONCAT(a, b) BM_CONCAT2(a, b)
// BM_TRY(var, expr): var = *expr, or return its error.
#define BM_TRY(var, ...)                                                     \
  auto BM_CONCAT(bm_try_, __LINE__) = (__VA_ARGS__);                         \
  if (!BM_CONCAT(bm_try_, __LINE__))                                         \
    return std::unexpected(std::move(BM_CONCAT(bm_try_, __LINE__)).error()); \
  var = std::move(*BM_CONCAT(bm_try_, __LINE__))
// BM_CHECK(expr): go on, or return its error; for Status.
#define BM_CHECK(...)                                                     \
  do {                                                                    \
    auto bm_status = (__VA_ARGS__);                                       \
    if (!bm_status) return std::unexpected(std::move(bm_status).error()); \
  } while (0)
