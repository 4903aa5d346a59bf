// SPDX-License-Identifier: Apache-2.0
// Identities that the factory makes and hands over whole (draft section 1): a symmetric secret, an
// initial password, the key that a batch shares on purpose. Bamboo over a private interface: made
// outside, mechanically-transferred. A secret is in the ledger as a fact and never as itself.
// Leaves out where secrets wait (SecretDesk) and how a label is printed (Printer).
#pragma once

#include "base/ids.h"
#include "link/console.h"
#include "method/method.h"

namespace birthmark::method {

// Known is what the ledger says a unit has in a slot.
struct Known {
  std::optional<Digest> check;  // of a symmetric secret
  std::string batch;            // of a group key
};

// Group is a batch that still takes units, with the key they share.
struct Group {
  std::string id;
  Digest spki{};
  SecretBytes scalar;        // P-256, 32 octets
  std::vector<Bytes> chain;  // DER, the certificate first, without the root; empty: there is none
};

// SecretDesk keeps and remembers secrets. What it gives is durable before it is given.
class SecretDesk {
 public:
  virtual ~SecretDesk() = default;
  virtual Result<std::optional<Known>> Find(const Job& job) = 0;
  // Symmetric is the unit's secret of `size` octets: derived from the product's master key, or
  // drawn and kept sealed until it is delivered. Asked again it gives the same.
  virtual Result<SecretBytes> Symmetric(const Job& job, size_t size, bool derived) = 0;
  // Password draws one, or gives the one that is kept sealed; on a label it is kept nowhere.
  virtual Result<SecretBytes> Password(const Job& job, bool kept) = 0;
  // GroupFor is the batch a unit goes into: the one it is in, while its key is there, or the open
  // one. Errors: group.closed for none that could be opened.
  virtual Result<Group> GroupFor(const Job& job) = 0;
  // GroupKey is the key of a batch, open or not; nothing for one nobody knows.
  virtual Result<std::optional<Digest>> GroupKey(const std::string& id) = 0;
  virtual Status Record(const ledger::SecretProvisioned& body) = 0;
  virtual Status RecordEnd(const ledger::KeyOutside& body) = 0;
  virtual Time Now() const = 0;
};

// Printer prints a unit's label with its password, and reads what was printed.
class Printer {
 public:
  virtual ~Printer() = default;
  // Printed is the password on the unit's label; empty when there is no label or none on it.
  virtual Result<SecretBytes> Printed(const Job& job) = 0;
  virtual Status Print(const Job& job, const SecretBytes& password) = 0;
};

// kPasswordBits is the entropy of a password made here: 16 letters and digits of 5 bits each.
inline constexpr uint64_t kPasswordBits = 80;
// MakePassword draws 16 of 32 letters and digits that are not mistaken for one another, in groups
// of four with hyphens; the hyphens belong to it.
SecretBytes MakePassword(Rng& rng);

// ProvisionSymmetric brings the secret in and holds the device's check value against its own. A
// device that has it already is left alone. Errors: secret.read-back, those of desk and link.
Result<Outcome> ProvisionSymmetric(link::DeviceConsole& device, SecretDesk& desk, const Job& job,
                                   size_t size, bool derived);
// ProvisionPassword prints the label first, when there is a printer: a process that dies in between
// leaves a password that the next one reads from the label. Errors: secret.read-back,
// secret.label, those of desk, printer and link.
Result<Outcome> ProvisionPassword(link::DeviceConsole& device, SecretDesk& desk, const Job& job,
                                  const std::string& place, Printer* printer);
// ProvisionGroup brings the shared key in, with its certificate if it has one. Errors:
// secret.read-back, those of desk and link.
Result<Outcome> ProvisionGroup(link::DeviceConsole& device, SecretDesk& desk, const Job& job);

// TryDecrypt encrypts a random text to the device's key of slot "decrypt" (HPKE) and has the device
// open it; a changed one must not open. Errors: decrypt.trial, those of link.
Result<Outcome> TryDecrypt(link::DeviceConsole& device, const Job& job,
                           const crypto::PublicKey& key, Rng& rng);

}  // namespace birthmark::method
