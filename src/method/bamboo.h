// SPDX-License-Identifier: Apache-2.0
// Bamboo (draft 4.1.1.2): the key is made outside, certified, and put into the device together with
// its firmware in one write (mechanically-installed). How long it existed outside, where and in
// what form is recorded. The key is only ever in this process's memory; the image that carries it
// is too.
#pragma once

#include "base/ids.h"
#include "method/method.h"

namespace birthmark::method {

// MadeAhead is a key that a pool kept sealed until its unit came, and what is told of that time.
struct MadeAhead {
  SecretBytes scalar;  // P-256, 32 octets; empty: it was handed out before and is lost
  Time made{};
  Time released{};
};

// Pool hands out keys that were made and certified ahead of their units.
class Pool {
 public:
  virtual ~Pool() = default;
  // Release hands out the key of a unit's slot, once: its event is committed before the key is
  // opened, and no sealed copy is left when it returns. Nothing when the unit is in no pool.
  // Errors: pool.damaged (the sealed batch is not the one that was filled), those of the ledger.
  virtual Result<std::optional<MadeAhead>> Release(const Job& job) = 0;
};

// BambooKey is one infrastructure-generated identity on its way into a device. Not thread-safe.
class BambooKey {
 public:
  // Make takes the unit's key from the pool, if there is one. Else it voids an identity whose key
  // was lost with an earlier process, makes a key and has it certified. `place` says where this
  // process is: "station flash-1". Errors: bamboo.installed (the slot's identity is already in a
  // device), bamboo.pool-lost (the pool's key is lost and nobody certifies another); those of the
  // desk and of the pool.
  static Result<BambooKey> Make(Desk& desk, const Job& job, const std::string& place,
                                Pool* pool = nullptr);

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
  std::optional<ledger::KeyPlace> in_pool_;
};

}  // namespace birthmark::method
