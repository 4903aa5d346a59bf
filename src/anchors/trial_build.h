// SPDX-License-Identifier: Apache-2.0
// Making trial objects: a COSE_Sign1 as the device's verifier takes it, under the anchor's own key
// or a forger's; and a TLS server's certificates for its other verifier. Not thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "anchors/trial_keys.h"
#include "base/clock.h"
#include "base/ids.h"
#include "crypto/cert.h"
#include "crypto/key.h"

namespace birthmark::anchors {

// TrialIssuer is an authority of the real PKI below the anchor, when it is at hand.
struct TrialIssuer {
  crypto::Certificate certificate;
  crypto::Signer* signer = nullptr;
};

// TrialSetup is what trial objects of one anchor have in common.
struct TrialSetup {
  crypto::Signer* anchor = nullptr;  // null: only a forger's objects can be made
  // The anchor's certificate; absent for a bare key. It gives the issuer's name below it.
  std::optional<crypto::Certificate> certificate;
  // The real subordinates from level 2 down; where they do not reach, the trial makes its own.
  std::vector<TrialIssuer> subordinates;
  // The anchor is held as a digest in the device, so its key has to travel with each object.
  bool anchor_travels = false;
  // What a good signer's certificate has.
  std::string eku = "1.3.6.1.5.5.7.3.43";  // id-kp-updatePackageSigning, RFC 9809
  std::string policy_oid = "1.3.6.1.4.1.32473.1.1";
  std::string subject = "Trial signer";  // commonName
  std::string organization;              // organizationName; empty: none
  std::string subordinate;  // commonName of the authority that the device insists on; empty: any
  Time now;
  std::chrono::hours lifetime{24};  // of the certificates
  // Of servers: the name they are asked for under, and one outside of the anchor's constraints.
  std::string host = "trial.example";
  std::string elsewhere;  // empty: no DNS names are excluded
};

// TrialObject is one object ready to be offered.
struct TrialObject {
  TrialSpec spec;
  Bytes payload;
  std::vector<Bytes> x5chain;  // signer first; empty when a bare key signs
  int64_t cose_algorithm = 0;
  Bytes object;     // the whole COSE_Sign1
  Digest digest{};  // SHA-256 of it
};

// TrialServer is one TLS server ready to be offered: its certificates, and whose key they are for.
struct TrialServer {
  // Whose key answers the device. kNobody shows the anchor's own certificate without having its
  // key: whether the device takes that level shows before a signature is asked for.
  enum class Key { kTrial, kAnchor, kNobody };
  TrialSpec spec;
  std::string host;          // that the device asks for
  std::vector<Bytes> chain;  // the server's first
  Key key = Key::kTrial;
  Digest digest{};  // SHA-256 of the chain
};

// TrialBuilder makes the objects of one anchor.
class TrialBuilder {
 public:
  // `keys` are the signers' (a large RSA key takes a second: share them between anchors), `rng`
  // gives certificate serials; both must outlive the builder, as must the setup's signers.
  TrialBuilder(TrialSetup setup, TrialKeys& keys, Rng& rng)
      : setup_(std::move(setup)), keys_(keys), rng_(rng) {}

  // Build makes one object with `payload` inside. Errors: trial.no-key (the anchor's key is not at
  // hand), trial.spec (a level or an algorithm that cannot be made), trial.key, trial.sign, those
  // of the signers.
  Result<TrialObject> Build(const TrialSpec& spec, ByteView payload);
  // BuildServer makes a server's certificates. Errors: as Build.
  Result<TrialServer> BuildServer(const TrialSpec& spec);

 private:
  struct Issuer {
    Bytes name;  // DER
    crypto::Signer* signer = nullptr;
  };
  Result<Issuer> TopOf(const TrialSpec& spec);
  Bytes SubjectOf(const TrialSpec& spec) const;
  Result<crypto::Signer*> TestAuthority(const std::string& role);
  // Certify signs for an authority when `end_entity` is null; a server's certificate has `dns`.
  Result<Bytes> Certify(const Issuer& issuer, ByteView subject, ByteView spki,
                        const TrialSpec* end_entity, int path_len, const std::string& dns = "");
  // Chain fills the certificates from the signer to the anchor, whose key signs the last.
  Result<std::vector<Bytes>> Chain(const TrialSpec& spec, const Issuer& top, ByteView spki,
                                   const std::string& dns = "");

  TrialSetup setup_;
  TrialKeys& keys_;
  Rng& rng_;
  std::map<std::string, std::unique_ptr<crypto::Signer>> authorities_;  // by role
};

}  // namespace birthmark::anchors
