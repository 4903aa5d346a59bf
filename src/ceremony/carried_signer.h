// SPDX-License-Identifier: Apache-2.0
// A threshold key whose holders sign where they are: each signature is a request that is written
// out, and parts that are carried back while the room waits. Holds no share. Not thread-safe.
#pragma once

#include <memory>

#include "base/files.h"
#include "ceremony/dialogue.h"
#include "crypto/key.h"
#include "custody/share.h"

namespace birthmark::ceremony {

class CarriedSigner : public crypto::Signer {
 public:
  // Make: `room` must outlive the signer; messages and requests are written below `folder`, by
  // message. Errors: custody.point.
  static Result<std::unique_ptr<CarriedSigner>> Make(custody::ShareSet set, fs::path folder,
                                                     Dialogue& room);
  const crypto::PublicKey& public_key() const override { return key_; }
  // Sign asks for the folders of commitments and of parts until they give a signature; a signer
  // whose part is bad is named, and the room may choose others. Errors: ceremony.stopped,
  // ceremony.no-answer.
  Result<Bytes> Sign(ByteView message) override;

 private:
  CarriedSigner(custody::ShareSet set, fs::path folder, Dialogue& room, crypto::PublicKey key)
      : set_(std::move(set)), folder_(std::move(folder)), room_(&room), key_(std::move(key)) {}
  custody::ShareSet set_;
  fs::path folder_;
  Dialogue* room_;
  crypto::PublicKey key_;
};

}  // namespace birthmark::ceremony
