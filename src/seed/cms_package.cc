// SPDX-License-Identifier: Apache-2.0
// The inside of a CMS seed file: SymmetricKeyPackage, RFC 6031 section 2, one key at a time.
#include <algorithm>

#include "crypto/der.h"
#include "seed/cms.h"

namespace birthmark::seed {
namespace {

using crypto::DerReader;

constexpr size_t kMaxKey = 4096;          // octets of one OneSymmetricKey
constexpr size_t kMaxAttributes = 16384;  // octets of the package's attributes
// RFC 6031 section 3: attributes of id-pskc.
constexpr std::string_view kManufacturer = "1.2.840.113549.1.9.16.12.1";
constexpr std::string_view kSerialNo = "1.2.840.113549.1.9.16.12.2";
constexpr std::string_view kModuleId = "1.2.840.113549.1.9.16.12.8";
// Attributes that restrict the key's use: those RFC 6030 calls a policy.
constexpr std::string_view kPolicies[] = {
    "1.2.840.113549.1.9.16.12.21", "1.2.840.113549.1.9.16.12.22", "1.2.840.113549.1.9.16.12.23",
    "1.2.840.113549.1.9.16.12.24", "1.2.840.113549.1.9.16.12.25"};

struct KeyAttributes {
  std::string manufacturer, serial, module;
  bool policy = false;
};

// ReadAttributes takes the content of a SEQUENCE OF Attribute; each has one UTF-8 value where it is
// looked at.
Status ReadAttributes(DerReader list, KeyAttributes& out) {
  while (!list.AtEnd()) {
    BM_TRY(DerReader attribute, list.Enter());
    BM_TRY(std::string oid, attribute.Oid());
    BM_TRY(DerReader values, attribute.Enter(crypto::der::kSet));
    BM_CHECK(attribute.End());
    std::string* field = oid == kManufacturer ? &out.manufacturer
                         : oid == kSerialNo   ? &out.serial
                         : oid == kModuleId   ? &out.module
                                              : nullptr;
    if (std::find(std::begin(kPolicies), std::end(kPolicies), oid) != std::end(kPolicies)) {
      out.policy = true;
    }
    if (field == nullptr) continue;
    BM_TRY(ByteView text, values.Expect(crypto::der::kUtf8String));
    BM_CHECK(values.End());
    if (!field->empty() || !IsUtf8(AsText(text))) {
      return Refused("seed.malformed", "an attribute that stands twice, or is no UTF-8");
    }
    *field = AsText(text).substr(0, 128);
    while (!IsUtf8(*field)) field->pop_back();
  }
  return {};
}

// ReadKey takes the whole of one OneSymmetricKey.
Result<SecretBytes> ReadKey(ByteView whole, KeyAttributes& attributes) {
  DerReader outer(whole);
  BM_TRY(DerReader key, outer.Enter());
  BM_CHECK(outer.End());
  if (key.NextIs(crypto::der::kSequence)) {
    BM_TRY(DerReader list, key.Enter());
    BM_CHECK(ReadAttributes(list, attributes));
  }
  if (attributes.policy) {
    return Refused("seed.policy", "the element restricts how its key may be used",
                   "policies are not evaluated; ask for seeds without");
  }
  BM_TRY(ByteView octets, key.Expect(crypto::der::kOctetString));
  BM_CHECK(key.End());
  return SecretBytes::Take(Bytes(octets.begin(), octets.end()));
}

Error Malformed(Error e) {
  e.code = "seed.malformed";
  return e;
}

}  // namespace

Status ReadPackage(const Pull& pull, const std::function<uint64_t()>& offset, Intake& intake,
                   std::string& oem) {
  BerStream ber(pull);
  BM_TRY(BerHead package, ber.Expect(crypto::der::kSequence, "SymmetricKeyPackage"));
  uint64_t package_end = ber.at() + package.length;
  BM_TRY(uint8_t next, ber.PeekTag());
  if (next == crypto::der::kInteger) {
    BM_TRY(Bytes version, ber.Whole(4, "the package's version"));
    if (version != Bytes{2, 1, 1}) return Refused("seed.format", "a package of another version");
    BM_TRY(next, ber.PeekTag());
  }
  if (next == crypto::der::Context(0, true)) {
    BM_TRY(Bytes list, ber.Whole(kMaxAttributes, "the package's attributes"));
    KeyAttributes all;
    DerReader outer(list);
    auto inside = outer.Enter(crypto::der::Context(0, true));
    Status read = inside ? ReadAttributes(*inside, all) : std::unexpected(inside.error());
    if (!read) return std::unexpected(Malformed(std::move(read).error()));
    oem = ShownName(all.manufacturer);
  }
  BM_TRY(BerHead keys, ber.Expect(crypto::der::kSequence, "the package's keys"));
  if (package.indefinite || keys.indefinite) {
    return Refused("seed.malformed", "a package of unstated length: DER states it");
  }
  uint64_t keys_end = ber.at() + keys.length;
  if (keys_end != package_end) {
    return Refused("seed.malformed", "a package with something after its keys");
  }
  while (ber.at() < keys_end) {
    BM_TRY(Bytes raw, ber.Whole(kMaxKey, "one key of the package"));
    SecretBytes whole = SecretBytes::Take(std::move(raw));
    KeyAttributes attributes;
    auto seed = ReadKey(whole.Read(SecretAccess{}), attributes);
    if (!seed && seed.error().code.starts_with("der.")) {
      seed = std::unexpected(Malformed(std::move(seed).error()));
    }
    if (oem.empty()) oem = ShownName(attributes.manufacturer);
    BM_CHECK(intake.Take(
        attributes.serial.empty() ? std::move(attributes.module) : std::move(attributes.serial),
        std::move(seed), offset()));
  }
  BM_TRY(bool at_end, ber.AtEnd());
  if (ber.at() != keys_end || !at_end) {
    return Refused("seed.malformed", "a package of another length than it says");
  }
  return {};
}

}  // namespace birthmark::seed
