// SPDX-License-Identifier: Apache-2.0
// Whether an opened artifact is signed as an anchor and the lock around it want: the key or the
// path, the level, and each restriction by its own name (pki-lock-policy). Leaves out reading
// artifacts (open.h) and revocation. Thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "artifact/artifact.h"
#include "base/clock.h"
#include "plan/plan.h"

namespace birthmark::artifact {

// Trusted is an anchor as a verifier holds it: a certificate, or a key without one.
struct Trusted {
  crypto::PublicKey key;
  std::optional<crypto::Certificate> certificate;
};
// ReadTrusted reads a file of anchors: certificates and public keys, PEM or one of them in DER.
// Errors: artifact.anchor-file (nothing in it verifies), those of crypto::ReadPem.
Result<std::vector<Trusted>> ReadTrusted(ByteView file, const std::string& name);

// Lock is what the code around an anchor demands of a signer; empty members demand nothing.
struct Lock {
  std::vector<int> levels;
  std::vector<std::string> eku;         // all of them, OIDs
  std::vector<std::string> policy_oid;  // all of them
  // An attribute of the signer's subject ("O=Acme"), its commonName or serialNumber, or all of it.
  std::optional<std::string> subject;
  std::vector<std::string> name_constraints;  // "dn:O=Acme", "dns:acme.example"
  std::optional<std::string> subordinate;     // commonName of an authority on the path
  std::optional<Digest> subordinate_key;      // or SHA-256 of its SubjectPublicKeyInfo
  std::optional<uint64_t> installed_version;  // lower ones are refused
};
// LockOf is the lock that a plan puts around an anchor.
Lock LockOf(const plan::Anchor& anchor);

struct Refusal {
  std::string code;  // artifact.signature, artifact.path, artifact.level, artifact.eku, …
  std::string message;
};

struct Verdict {
  bool Accepted() const { return refused.empty(); }
  int level = 0;  // draft 5.1; 0: no key that is trusted signed it
  std::optional<crypto::PublicKey> signer;
  std::vector<std::string> path;  // subjects, the signer's first; empty: a bare key
  std::vector<Refusal> refused;   // all that is wrong, in the order of the checks
};

// Judge checks everything and stops at nothing but a signature that nobody made. Errors: those of
// pki::Validate.
Result<Verdict> Judge(const Opened& artifact, std::span<const Trusted> anchors, const Lock& lock,
                      Time at);

}  // namespace birthmark::artifact
