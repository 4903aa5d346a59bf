// SPDX-License-Identifier: Apache-2.0
// Session: one session with one token of one PKCS #11 module, for a device's element and for a key
// store alike. Leaves out what kind of key is made and whose it is. Not thread-safe.
#pragma once

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "hardware/pkcs11/uri.h"

namespace birthmark::hardware {

// CheckRv turns a return value into an error with p11-kit's words for it. Errors: element.failed
// (the token does not answer as it should), element.refused (its own no).
Status CheckRv(CK_RV rv, std::string_view what);

// Caution says at which of a token's warnings no PIN is tried any more.
enum class Caution {
  kAtFirst,  // after one wrong PIN (CKF_USER_PIN_COUNT_LOW): somebody has to look first
  kAtLast,   // when one more wrong PIN locks it (CKF_USER_PIN_FINAL_TRY)
  kNone,     // a person said: try
};
enum class PinState { kFree, kOneWasWrong, kLastTry, kLocked };
// StateOf reads a token's flags. Source: PKCS #11 v3.0 section 3.2, CK_TOKEN_INFO.
PinState StateOf(CK_FLAGS token_flags);
// MayTry tells whether a PIN may be given to a token in this state.
bool MayTry(PinState state, Caution caution);

enum class LoginResult { kIn, kWrongPin, kNotTried };
struct LoginOutcome {
  LoginResult result = LoginResult::kNotTried;
  PinState before = PinState::kFree;  // what the token said before the PIN was tried
  PinState after = PinState::kFree;
};

class Session {
 public:
  // Open loads the module and opens a session with the one token that the URI names; nobody is
  // logged in yet. Errors: element.missing (no such module or token), element.ambiguous (two tokens
  // match), element.failed, element.refused.
  static Result<std::unique_ptr<Session>> Open(const Pkcs11Uri& uri);
  Session(const Session&) = delete;
  ~Session();

  // Login gives the user PIN once, unless the token's own warnings forbid it; it never repeats.
  Result<LoginOutcome> Login(const SecretBytes& pin, Caution caution);
  // LoggedIn asks the token itself.
  Result<bool> LoggedIn();

  CK_FUNCTION_LIST& f() const { return *module_; }
  CK_SESSION_HANDLE handle() const { return session_; }
  const CK_TOKEN_INFO& token() const { return token_; }
  // Can tells whether the token has a mechanism with these flags (CKF_SIGN, CKF_GENERATE_KEY_PAIR).
  bool Can(CK_MECHANISM_TYPE mechanism, CK_FLAGS flags) const;

  // Find is the first object of the class with this label.
  Result<std::optional<CK_OBJECT_HANDLE>> Find(CK_OBJECT_CLASS kind, std::string_view label);
  // FindAll is every object of the class.
  Result<std::vector<CK_OBJECT_HANDLE>> FindAll(CK_OBJECT_CLASS kind);
  // Read is one attribute's octets; nullopt when the token has no such attribute.
  Result<std::optional<Bytes>> Read(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
  Status Destroy(CK_OBJECT_CLASS kind, std::string_view label);

 private:
  Session() = default;
  Result<PinState> AskPinState();
  Result<std::vector<CK_OBJECT_HANDLE>> Search(std::vector<CK_ATTRIBUTE> wanted, size_t most);
  CK_FUNCTION_LIST* module_ = nullptr;
  bool initialised_ = false;
  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
  CK_SLOT_ID slot_ = 0;
  CK_TOKEN_INFO token_{};
};

}  // namespace birthmark::hardware
