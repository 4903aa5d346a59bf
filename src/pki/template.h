// SPDX-License-Identifier: Apache-2.0
// Issuing device identities at the rate of bare signing: everything that one issuer and one product
// repeat is encoded once, and only serial, dates, names and key are filled in. The bytes are those
// of BuildTbs. Leaves out authorities and people (issue.h). Immutable; thread-safe.
#pragma once

#include <string_view>

#include "pki/issue.h"

namespace birthmark::pki {

// Unit is what differs from device to device. The views must outlive the call only.
struct Unit {
  std::string_view serial_number;  // the subject's serialNumber attribute
  ByteView hardware_serial;        // hwSerialNum
  const crypto::PublicKey& key;
  NotAfter not_after;
};

class IssuerTemplate {
 public:
  // Fixed is what the units of one product share.
  struct Fixed {
    Name subject;               // without the serialNumber, which becomes its last attribute
    std::string hardware_type;  // dotted OID
    std::string masa_url;
    std::string mud_url;
    std::vector<std::string> crl_urls;
  };

  // Make prepares a profile that names a device (serialNumber and HardwareModuleName).
  // Errors: pki.template-profile; those of CheckContents.
  static Result<IssuerTemplate> Make(const Issuer& issuer, const Profile& profile,
                                     const Marks& marks, const Fixed& fixed);

  // Tbs writes the TBSCertificate into `out`, replacing what is there; a buffer kept by the caller
  // is not allocated again. Errors: name.value, pki.hardware-module, pki.validity, pki.profile (no
  // key).
  Status Tbs(const Stamp& stamp, const Unit& unit, Bytes& out) const;

  // Issue gives the certificate's DER. The signature is not verified, which would cost three
  // signatures. Errors: those of Tbs and of the Signer; pki.issuer-key when the signer has another
  // issuer's key.
  Result<Bytes> Issue(const Stamp& stamp, const Unit& unit, crypto::Signer& signer) const;

 private:
  IssuerTemplate() = default;

  Digest issuer_key_{};
  Bytes after_serial_;    // signature algorithm and issuer
  Bytes subject_prefix_;  // the relative names before serialNumber, without the outer header
  Bytes before_san_;      // extensions before subjectAltName
  Bytes hardware_type_;   // an encoded OBJECT IDENTIFIER
  Bytes after_san_;       // extensions after it
  Bytes signature_algorithm_;
};

}  // namespace birthmark::pki
