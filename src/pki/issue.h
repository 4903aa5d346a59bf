// SPDX-License-Identifier: Apache-2.0
// The one issuing path: build the TBSCertificate, hand it to a Signer, assemble. Roots,
// subordinates, devices and people all go through here; template.h is the same thing prepared for
// millions. Leaves out the ledger (nothing issued leaves the process before its event) and
// revocation. Free functions; an Issuer is as thread-safe as its Signer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/cert.h"
#include "crypto/key.h"
#include "pki/level.h"
#include "pki/name.h"
#include "pki/profile.h"
#include "pki/serial.h"

namespace birthmark::pki {

// HardwareModule is the HardwareModuleName of a device (RFC 4108 section 5): what kind of hardware,
// by an OID of the manufacturer's, and which one.
struct HardwareModule {
  std::string type;  // dotted OID
  Bytes serial;      // 1 to 64 octets
};

// NotAfter of nullopt is 99991231235959Z: no well-defined end (RFC 5280 section 4.1.2.5).
using NotAfter = std::optional<Time>;

// Contents is what a profile leaves open.
struct Contents {
  Name subject;
  crypto::PublicKey key;
  NotAfter not_after;
  std::optional<int> path_len;  // authorities: how many authorities may follow below
  std::optional<HardwareModule> hardware;
  std::string masa_url;  // RFC 8995 section 2.3.2; empty: none
  std::string mud_url;   // RFC 8520 section 11; empty: none
  std::vector<std::string> dns_names;
  std::vector<std::string> crl_urls;   // cRLDistributionPoints, http or ldap URIs
  std::vector<std::string> ocsp_urls;  // authorityInfoAccess, http URIs
};

// RevocationUrls is where an authority tells what became of the certificates that it signs.
struct RevocationUrls {
  std::vector<std::string> crl, ocsp;
};

// IssuerIdentity is what of an issuer goes into the certificates below it.
struct IssuerIdentity {
  Name name;
  Bytes key_id;  // its subjectKeyIdentifier
  crypto::Algorithm algorithm = crypto::Algorithm::kEcdsaP256;
};

// Issuer is an authority with its certificate and the key that signs for it.
class Issuer {
 public:
  // Make checks that they belong together and that the certificate allows issuing. `signer` must
  // outlive the Issuer. Errors: pki.issuer-key, pki.issuer-not-ca, pki.issuer-key-id.
  static Result<Issuer> Make(crypto::Certificate certificate, crypto::Signer& signer);

  const crypto::Certificate& certificate() const { return certificate_; }
  const IssuerIdentity& identity() const { return identity_; }
  // path_len is the certificate's limit; nullopt: none.
  std::optional<int> path_len() const { return path_len_; }
  crypto::Signer& signer() const { return *signer_; }
  // With gives the issuer URLs that go into all it signs but OCSP responders' certificates, unless
  // the contents name others.
  Issuer With(RevocationUrls urls) && {
    urls_ = std::move(urls);
    return std::move(*this);
  }
  const RevocationUrls& urls() const { return urls_; }

 private:
  Issuer(crypto::Certificate c, IssuerIdentity i, std::optional<int> p, crypto::Signer* s)
      : certificate_(std::move(c)), identity_(std::move(i)), path_len_(p), signer_(s) {}
  crypto::Certificate certificate_;
  IssuerIdentity identity_;
  std::optional<int> path_len_;
  crypto::Signer* signer_;
  RevocationUrls urls_;
};

// MarkSubject adds the workspace's mark to an authority's subject, unless it is there already.
Result<Name> MarkSubject(const Profile& profile, const Marks& marks, const Name& subject);

// CheckContents refuses contents that their profile does not allow.
// Errors: pki.profile (something missing or not allowed), pki.validity, pki.path-length, pki.url,
// pki.hardware-module, pki.oid, pki.dns-name.
Status CheckContents(const Profile& profile, const Contents& contents, Time not_before);

// BuildTbs encodes the TBSCertificate. Errors: those of CheckContents.
Result<Bytes> BuildTbs(const Profile& profile, const Marks& marks, const IssuerIdentity& issuer,
                       const Stamp& stamp, const Contents& contents);

// Issue makes one certificate under an issuer and checks the signature before giving it out.
// Errors: those of BuildTbs; pki.path-length (the issuer's limit leaves no room for the child's);
// pki.signature-fault; those of the Signer.
Result<crypto::Certificate> Issue(const Issuer& issuer, const Profile& profile, const Marks& marks,
                                  const Stamp& stamp, const Contents& contents);

// SelfSign makes a root. `contents.key` is taken from the signer. Errors: as Issue.
Result<crypto::Certificate> SelfSign(crypto::Signer& signer, const Profile& profile,
                                     const Marks& marks, const Stamp& stamp, Contents contents);

}  // namespace birthmark::pki
