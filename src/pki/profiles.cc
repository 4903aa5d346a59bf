// SPDX-License-Identifier: Apache-2.0
// The profiles' data.
#include <array>

#include "pki/profile.h"

namespace birthmark::pki {
namespace {

constexpr std::array kCodeSigningUse = {oid::kCodeSigning};
constexpr std::array kUpdateSigningUse = {oid::kUpdatePackageSigning};
constexpr std::array kDocumentSigningUse = {oid::kDocumentSigning};
constexpr std::array kClientUse = {oid::kClientAuth};
constexpr std::array kServerUse = {oid::kServerAuth};
constexpr std::array kRaUse = {oid::kCmcRa, oid::kCmKga};
constexpr std::array kOcspUse = {oid::kOcspSigning};
constexpr std::array kScepRaUse = {oid::kCmcRa};

constexpr Profile kRoot{
    .id = "root",
    .title = "root (level 1)",
    .ca = true,
    .self_signed = true,
    .key_usage = kKeyCertSign | kCrlSign,
    .basic_constraints = true,
};
constexpr Profile kSubordinate{
    .id = "subordinate",
    .title = "subordinate certification authority",
    .ca = true,
    .key_usage = kKeyCertSign | kCrlSign,
    .basic_constraints = true,
};
constexpr Profile kIDevId{
    .id = "idevid",
    .title = "initial device identity (IEEE 802.1AR)",
    .subject_key_id = false,
    .subject_serial = Need::kMust,
    .hardware_module = Need::kMust,
    .device_urls = true,
};
constexpr Profile kDeviceAttestation{
    .id = "device-attestation",
    .title = "attestation key of a device, or of a batch of them",
    .subject_key_id = false,
    .subject_serial = Need::kMust,
    .hardware_module = Need::kMust,
    .device_urls = true,
};
// RFC 5480 section 3: a key for ECDH has keyAgreement and signs nothing but its request.
constexpr Profile kDeviceDecrypt{
    .id = "device-decrypt",
    .title = "key of a device that updates are encrypted to",
    .key_usage = kKeyAgreement,
    .subject_key_id = false,
    .subject_serial = Need::kMust,
    .hardware_module = Need::kMust,
    .device_urls = true,
};
constexpr Profile kCode{
    .id = "code-signing",
    .title = "signer of boot images and programs",
    .extended_key_usages = kCodeSigningUse,
};
constexpr Profile kUpdate{
    .id = "update-signing",
    .title = "signer of update packages",
    .extended_key_usages = kUpdateSigningUse,
};
constexpr Profile kDisclosure{
    .id = "disclosure",
    .title = "signer of disclosures",
    .extended_key_usages = kDocumentSigningUse,
};
constexpr Profile kVoucher{
    .id = "voucher",
    .title = "signer of vouchers",
};
constexpr Profile kPerson{
    .id = "person",
    .title = "credential of a person at a station",
    .extended_key_usages = kClientUse,
};
constexpr Profile kStation{
    .id = "station",
    .title = "credential of a station",
    .extended_key_usages = kClientUse,
};
constexpr Profile kTlsServer{
    .id = "tls-server",
    .title = "server on the factory network",
    .extended_key_usages = kServerUse,
    .dns_names = Need::kMust,
};
constexpr Profile kEnrolmentRa{
    .id = "enrolment-ra",
    .title = "signer of CMP replies",
    .extended_key_usages = kRaUse,
};
constexpr Profile kScepRa{
    .id = "scep-ra",
    .title = "SCEP registration authority",
    .key_usage = kDigitalSignature | kKeyEncipherment,
    .extended_key_usages = kScepRaUse,
};

constexpr Profile kOcspResponder{
    .id = "ocsp-responder",
    .title = "answers for the authority that issued it",
    .extended_key_usages = kOcspUse,
    .no_check = true,
};

constexpr std::array kAll = {&kRoot,          &kSubordinate,   &kIDevId, &kCode,
                             &kUpdate,        &kDisclosure,    &kPerson, &kStation,
                             &kTlsServer,     &kEnrolmentRa,   &kScepRa, &kDeviceAttestation,
                             &kDeviceDecrypt, &kOcspResponder, &kVoucher};

}  // namespace

const Profile& RootProfile() { return kRoot; }
const Profile& SubordinateProfile() { return kSubordinate; }
const Profile& IDevIdProfile() { return kIDevId; }
const Profile& DeviceAttestationProfile() { return kDeviceAttestation; }
const Profile& DeviceDecryptProfile() { return kDeviceDecrypt; }
const Profile& CodeSigningProfile() { return kCode; }
const Profile& UpdateSigningProfile() { return kUpdate; }
const Profile& DisclosureProfile() { return kDisclosure; }
const Profile& VoucherProfile() { return kVoucher; }
const Profile& PersonProfile() { return kPerson; }
const Profile& StationProfile() { return kStation; }
const Profile& TlsServerProfile() { return kTlsServer; }
const Profile& EnrolmentRaProfile() { return kEnrolmentRa; }
const Profile& ScepRaProfile() { return kScepRa; }
const Profile& OcspResponderProfile() { return kOcspResponder; }
std::span<const Profile* const> AllProfiles() { return kAll; }

const Profile* FindProfile(std::string_view id) {
  for (const Profile* p : kAll) {
    if (p->id == id) return p;
  }
  return nullptr;
}

Marks RehearsalMarks() { return {{std::string(oid::kRehearsalPolicy)}, "REHEARSAL"}; }

}  // namespace birthmark::pki
