// SPDX-License-Identifier: Apache-2.0
// Messages between holders as text files: deterministic CBOR of a struct in a PEM-like block whose
// label is the struct's. Thread-safe functions.
#pragma once

#include <string>
#include <string_view>

#include "cbor/reflect.h"
#include "crypto/pem.h"

namespace birthmark::custody {

// kMaxMessageFile bounds a message's file before it is read.
inline constexpr size_t kMaxMessageFile = size_t{2} << 20;
inline constexpr cbor::Limits kMessageLimits{.depth = 6, .items = 20000};

template <class T>
std::string ToArmor(const T& message) {
  return crypto::WritePem(T::kLabel, cbor::ToCbor(message));
}
// FromArmor reads exactly one block of the type's label, and refuses fields that it does not know.
// What the fields hold is checked where they are used. Errors: those of crypto::ReadOnePem and
// cbor::FromCbor, message.too-large, message.fields.
template <class T>
Result<T> FromArmor(std::string_view text) {
  if (text.size() > kMaxMessageFile)
    return Refused("message.too-large", "the file is larger than any message between holders");
  BM_TRY(Bytes der, crypto::ReadOnePem(text, T::kLabel));
  BM_TRY(T message, cbor::FromCbor<T>(der, kMessageLimits));
  if (cbor::ToCbor(message) != der)
    return Refused("message.fields", "the message holds fields that are not known here",
                   "use the program that wrote it, or a newer one");
  return message;
}

}  // namespace birthmark::custody
