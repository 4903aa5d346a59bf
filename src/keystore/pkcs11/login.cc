// SPDX-License-Identifier: Apache-2.0
#include "keystore/pkcs11/login.h"

namespace birthmark::keystore {

Status LogIn(hardware::Session& session, const Pin& pin, const std::string& where) {
  BM_TRY(const SecretBytes typed, pin.read());
  BM_TRY(
      const hardware::LoginOutcome out,
      session.Login(typed, pin.last_try ? hardware::Caution::kNone : hardware::Caution::kAtFirst));
  if (out.result == hardware::LoginResult::kIn) return {};
  if (out.after == hardware::PinState::kLocked)
    return PinLocked(where, "its security officer sets a new PIN");
  if (out.result == hardware::LoginResult::kWrongPin) return WrongPin(where);
  return PinLastTry(where, out.before == hardware::PinState::kLastTry
                               ? "one more wrong PIN locks it"
                               : "a wrong PIN was given to it before");
}

}  // namespace birthmark::keystore
