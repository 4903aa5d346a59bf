// SPDX-License-Identifier: Apache-2.0
#include "keystore/pin.h"

namespace birthmark::keystore {

std::unexpected<Error> WrongPin(const std::string& where) {
  return Refused("keystore.pin", where + " does not take this PIN",
                 "look it up before you try again: the module counts wrong ones and locks");
}

std::unexpected<Error> PinLastTry(const std::string& where, const std::string& why) {
  return Refused("keystore.pin-last-try", where + ": " + why + "; no PIN was tried",
                 "when you are sure of the PIN, say --pin-last-try");
}

std::unexpected<Error> PinLocked(const std::string& where, const std::string& fix) {
  return Refused("keystore.pin-locked", where + " takes no PIN any more", fix);
}

}  // namespace birthmark::keystore
