// SPDX-License-Identifier: Apache-2.0
// Bamboo (draft 4.1.1.2): the key is made outside, certified, and put into the device together with
// its firmware in one write (mechanically-installed). How long it existed outside, where and in
// what form is recorded. The key is only ever in this process's memory; the image that carries it
// is too.
#pragma once

#include "base/ids.h"
#include "method/method.h"

namespace birthmark::method {

// BambooKey is one infrastructure-generated identity on its way into a device. Not thread-safe.
class BambooKey {
 public:
  // Make voids an identity whose key was lost with an earlier process, makes a key and has it
  // certified. `place` says where this process is: "station flash-1". Errors: bamboo.installed (the
  // slot's identity is already in a device); those of the desk.
  static Result<BambooKey> Make(Desk& desk, const Job& job, const std::string& place);

  // FactoryRecord is the content of the factory-data partition with the private key in it
  // (docs/formats/device-image.md).
  SecretBytes FactoryRecord() const;
  const Certified& certified() const { return certified_; }

  // Installed wipes the key and records its life outside; call it when the read-back was equal.
  Status Installed(Desk& desk);
  // Abandon wipes the key, voids the identity and records both; call it when the write failed.
  Status Abandon(Desk& desk, const std::string& reason);

 private:
  BambooKey() = default;
  Status RecordLife(Desk& desk, const std::string& destroyed);
  Job job_;
  Certified certified_;
  Digest spki_{};
  SecretBytes scalar_;
  std::string place_;
  Time made_{};
};

}  // namespace birthmark::method
