// SPDX-License-Identifier: Apache-2.0
// Certificate profiles as data, and the marks a workspace puts on everything it issues. Field by
// field with sources in docs/formats/certificates.md. Leaves out names, keys and dates (issue.h).
// Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace birthmark::pki {

// Object identifiers in their dotted form.
namespace oid {
inline constexpr std::string_view kSubjectKeyId = "2.5.29.14";
inline constexpr std::string_view kKeyUsage = "2.5.29.15";
inline constexpr std::string_view kSubjectAltName = "2.5.29.17";
inline constexpr std::string_view kBasicConstraints = "2.5.29.19";
inline constexpr std::string_view kCrlNumber = "2.5.29.20";
inline constexpr std::string_view kIssuingDistributionPoint = "2.5.29.28";
inline constexpr std::string_view kNameConstraints = "2.5.29.30";
inline constexpr std::string_view kCrlDistributionPoints = "2.5.29.31";
inline constexpr std::string_view kCertificatePolicies = "2.5.29.32";
inline constexpr std::string_view kPolicyMappings = "2.5.29.33";
inline constexpr std::string_view kAuthorityKeyId = "2.5.29.35";
inline constexpr std::string_view kPolicyConstraints = "2.5.29.36";
inline constexpr std::string_view kExtendedKeyUsage = "2.5.29.37";
inline constexpr std::string_view kInhibitAnyPolicy = "2.5.29.54";
inline constexpr std::string_view kAuthorityInfoAccess = "1.3.6.1.5.5.7.1.1";
inline constexpr std::string_view kOcsp = "1.3.6.1.5.5.7.48.1";           // RFC 6960 section 4.2.2
inline constexpr std::string_view kOcspNonce = "1.3.6.1.5.5.7.48.1.2";    // RFC 8954 section 2.1
inline constexpr std::string_view kOcspNoCheck = "1.3.6.1.5.5.7.48.1.5";  // RFC 6960, 4.2.2.2.1
inline constexpr std::string_view kMudUrl = "1.3.6.1.5.5.7.1.25";         // RFC 8520 section 11
inline constexpr std::string_view kMasaUrl = "1.3.6.1.5.5.7.1.32";        // RFC 8995 section 2.3.2
inline constexpr std::string_view kHardwareModuleName = "1.3.6.1.5.5.7.8.4";  // RFC 4108 section 5
inline constexpr std::string_view kExtensionRequest = "1.2.840.113549.1.9.14";  // RFC 2985, 5.4.2
// id-aa-attestation, draft-ietf-lamps-csr-attestation
inline constexpr std::string_view kAttestation = "1.2.840.113549.1.9.16.2.59";
inline constexpr std::string_view kServerAuth = "1.3.6.1.5.5.7.3.1";
inline constexpr std::string_view kClientAuth = "1.3.6.1.5.5.7.3.2";
inline constexpr std::string_view kCodeSigning = "1.3.6.1.5.5.7.3.3";
inline constexpr std::string_view kOcspSigning = "1.3.6.1.5.5.7.3.9";
inline constexpr std::string_view kDocumentSigning = "1.3.6.1.5.5.7.3.36";  // RFC 9336
inline constexpr std::string_view kCmcRa = "1.3.6.1.5.5.7.3.28";            // RFC 6402 section 2.10
inline constexpr std::string_view kCmKga = "1.3.6.1.5.5.7.3.32";            // RFC 9480 section 2.2
inline constexpr std::string_view kUpdatePackageSigning = "1.3.6.1.5.5.7.3.43";  // RFC 9809
// kRehearsalPolicy lies under 32473, the enterprise number reserved for examples (RFC 5612),
// whatever number the plan names: so every reader knows a rehearsal certificate without the plan.
inline constexpr std::string_view kRehearsalPolicy = "1.3.6.1.4.1.32473.1.1";
}  // namespace oid

// KeyUsageBit is a bit of RFC 5280 section 4.2.1.3, numbered as there (bit 0 is the first).
enum KeyUsageBit : uint16_t {
  kDigitalSignature = 1 << 0,
  kContentCommitment = 1 << 1,
  kKeyEncipherment = 1 << 2,
  kDataEncipherment = 1 << 3,
  kKeyAgreement = 1 << 4,
  kKeyCertSign = 1 << 5,
  kCrlSign = 1 << 6,
  kEncipherOnly = 1 << 7,
  kDecipherOnly = 1 << 8,
};

// Need says whether a profile's certificate carries something.
enum class Need { kNever, kMay, kMust };

// Profile is what one kind of certificate holds.
struct Profile {
  std::string_view id;     // permanent: stored in the ledger
  std::string_view title;  // for people
  bool ca = false;
  bool self_signed = false;
  uint16_t key_usage = kDigitalSignature;
  std::span<const std::string_view> extended_key_usages;  // emitted non-critical when not empty
  bool subject_key_id = true;           // false in a DevID leaf: IEEE 802.1AR-2018 section 8
  bool basic_constraints = false;       // CA:FALSE is implied by absence; CAs always carry it
  Need subject_serial = Need::kNever;   // serialNumber attribute in the subject
  Need hardware_module = Need::kNever;  // subjectAltName with HardwareModuleName
  Need dns_names = Need::kNever;        // subjectAltName with dNSName
  bool device_urls = false;             // MASA and MUD URL extensions are allowed
  bool no_check = false;                // id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1)
};

// The profiles. A plan's PKI is made of these and no others.
const Profile& RootProfile();
const Profile& SubordinateProfile();
const Profile& IDevIdProfile();
const Profile& DeviceAttestationProfile();  // a key that signs Evidence (RFC 9334)
const Profile& DeviceDecryptProfile();      // a key that updates are encrypted to
const Profile& CodeSigningProfile();        // boot images and programs
const Profile& UpdateSigningProfile();      // update packages (RFC 9809)
const Profile& DisclosureProfile();
const Profile& VoucherProfile();  // a MASA's (RFC 8366); no extended key usage is defined for it
const Profile& PersonProfile();   // who runs a station; the subject is a pseudonym
const Profile& StationProfile();  // a station's own credential
const Profile& TlsServerProfile();
const Profile& EnrolmentRaProfile();    // signs CMP replies
const Profile& ScepRaProfile();         // signs SCEP replies and opens SCEP requests (RSA)
const Profile& OcspResponderProfile();  // answers for the authority that issued it (RFC 6960)
std::span<const Profile* const> AllProfiles();
// FindProfile looks a profile up by its id; null when there is none.
const Profile* FindProfile(std::string_view id);

// Marks is what a workspace adds to every certificate it issues. Production adds nothing; rehearsal
// is the same code with other data.
struct Marks {
  std::vector<std::string> policies;  // certificatePolicies in every certificate
  std::string ca_unit;                // an organizationalUnitName at the end of each CA's subject
};
Marks RehearsalMarks();
inline Marks ProductionMarks() { return {}; }

}  // namespace birthmark::pki
