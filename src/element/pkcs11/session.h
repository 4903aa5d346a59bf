// SPDX-License-Identifier: Apache-2.0
// Session: one logged-in session with one token of one module. Private to this folder. Not
// thread-safe.
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

namespace birthmark::element::pkcs11 {

// Check turns a return value into an error with p11-kit's words for it.
Status Check(CK_RV rv, std::string_view what);

class Session {
 public:
  static Result<std::unique_ptr<Session>> Open(const std::string& uri);
  Session(const Session&) = delete;
  ~Session();

  CK_FUNCTION_LIST& f() const { return *module_; }
  CK_SESSION_HANDLE handle() const { return session_; }
  const CK_TOKEN_INFO& token() const { return token_; }

  // Find is the first object of the class with this label.
  Result<std::optional<CK_OBJECT_HANDLE>> Find(CK_OBJECT_CLASS kind, std::string_view label);
  // Read is one attribute's octets; nullopt when the token has no such attribute.
  Result<std::optional<Bytes>> Read(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
  Status Destroy(CK_OBJECT_CLASS kind, std::string_view label);

 private:
  Session() = default;
  Status Login(const std::string& pin_source);
  CK_FUNCTION_LIST* module_ = nullptr;
  bool initialised_ = false;
  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
  CK_SLOT_ID slot_ = 0;
  CK_TOKEN_INFO token_{};
};

}  // namespace birthmark::element::pkcs11
