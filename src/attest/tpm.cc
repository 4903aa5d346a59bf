// SPDX-License-Identifier: Apache-2.0
#include "attest/tpm.h"

#include <fmt/format.h>

#include "attest/octets.h"

namespace birthmark::attest {
namespace {

constexpr uint32_t kGenerated = 0xff544347;  // TPM_GENERATED_VALUE, Part 2 section 6.2
constexpr size_t kMaxDigest = 64, kMaxName = 2 + kMaxDigest, kMaxData = 2 + kMaxDigest,
                 kMaxRsa = 512, kMaxCoordinate = 66, kMaxStructure = 8 * 1024;

// A file that begins with its own remaining length is a TPM2B of what is inside.
ByteView Unsized(ByteView b) {
  if (b.size() >= 2 && size_t(b[0] << 8 | b[1]) == b.size() - 2) return b.subspan(2);
  return b;
}

Status CheckSize(ByteView b, std::string_view what) {
  if (b.size() <= kMaxStructure) return {};
  return Refused("tpm.value",
                 fmt::format("{} of {} octets; {} are allowed", what, b.size(), kMaxStructure));
}

// TPMT_SYM_DEF_OBJECT, Part 2 section 11.1.7.
void ReadSymmetric(OctetReader& r, TpmPublic& p) {
  p.symmetric = r.U16("symmetric");
  if (p.symmetric == alg::kNull) return;
  if (p.symmetric != alg::kAes) return r.Refuse("symmetric", "neither AES nor none");
  p.symmetric_bits = r.U16("symmetric.keyBits");
  p.symmetric_mode = r.U16("symmetric.mode");
  if (p.symmetric_bits != 128 && p.symmetric_bits != 192 && p.symmetric_bits != 256)
    r.Refuse("symmetric.keyBits", "not 128, 192 or 256");
  if (p.symmetric_mode != alg::kCfb) r.Refuse("symmetric.mode", "not CFB, which parents use");
}

// TPMT_RSA_SCHEME and TPMT_ECC_SCHEME, Part 2 sections 11.2.4.2 and 11.2.5.6.
void ReadScheme(OctetReader& r, TpmPublic& p) {
  p.scheme = r.U16("scheme");
  switch (p.scheme) {
    case alg::kNull:
    case alg::kRsaes:  // has no details
      return;
    case alg::kRsassa:
    case alg::kRsapss:
    case alg::kOaep:
    case alg::kEcdsa:
    case alg::kEcdh:
      p.scheme_hash = r.U16("scheme.hashAlg");
      return;
    default:
      r.Refuse("scheme", AlgorithmText(p.scheme) + " is not supported");
  }
}

// The names in a TPMS_ATTEST of keys outside this TPM's hierarchies are handles of 4 octets.
Bytes ReadName(OctetReader& r, std::string_view field) { return r.Sized(kMaxName, field); }

}  // namespace

std::span<const ObjectAttribute> ObjectAttributes() {
  static constexpr ObjectAttribute kAll[] = {
      {object::kFixedTpm, "fixedTPM"},
      {object::kStClear, "stClear"},
      {object::kFixedParent, "fixedParent"},
      {object::kSensitiveDataOrigin, "sensitiveDataOrigin"},
      {object::kUserWithAuth, "userWithAuth"},
      {object::kAdminWithPolicy, "adminWithPolicy"},
      {object::kNoDa, "noDA"},
      {object::kEncryptedDuplication, "encryptedDuplication"},
      {object::kRestricted, "restricted"},
      {object::kDecrypt, "decrypt"},
      {object::kSign, "sign"},
      {object::kX509Sign, "x509sign"},
  };
  return kAll;
}

std::vector<Fact> TpmPublic::Facts() const {
  std::vector<Fact> facts;
  for (const ObjectAttribute& a : ObjectAttributes())
    facts.push_back({std::string(a.name), Has(a.bit)});
  return facts;
}

Bytes TpmPublic::Name() const {
  Bytes name;
  PutU16(name, name_alg);
  auto digest = HashOf(name_alg, octets);  // ReadPublic took no other hash
  if (digest) name.insert(name.end(), digest->begin(), digest->end());
  return name;
}

Result<TpmPublic> ReadPublic(ByteView tpmt) {
  BM_CHECK(CheckSize(tpmt, "TPMT_PUBLIC"));
  OctetReader r(tpmt, "TPMT_PUBLIC");
  TpmPublic p;
  p.type = r.U16("type");
  p.name_alg = r.U16("nameAlg");
  p.attributes = r.U32("objectAttributes");
  p.policy = r.Sized(kMaxDigest, "authPolicy");
  if (!r.failed() && p.name_alg != alg::kSha256 && p.name_alg != alg::kSha384 &&
      p.name_alg != alg::kSha512)
    r.Refuse("nameAlg", AlgorithmText(p.name_alg) + " gives no name to rely on");
  uint32_t known = 0;
  for (const ObjectAttribute& a : ObjectAttributes()) known |= a.bit;
  // Part 2 section 8.3.2: reserved bits shall be zero.
  if ((p.attributes & ~known) != 0) r.Refuse("objectAttributes", "a reserved bit is set");
  if (p.type == alg::kRsa) {
    ReadSymmetric(r, p);
    ReadScheme(r, p);
    p.rsa_bits = r.U16("keyBits");
    p.rsa_exponent = r.U32("exponent");
    p.rsa_modulus = r.Sized(kMaxRsa, "unique");
    if (p.rsa_modulus.size() * 8 != p.rsa_bits) r.Refuse("unique", "not as long as keyBits says");
  } else if (p.type == alg::kEcc) {
    ReadSymmetric(r, p);
    ReadScheme(r, p);
    p.curve = r.U16("curveID");
    // TPMT_KDF_SCHEME, Part 2 section 11.2.3.2. Only keys that are no identities have one.
    if (r.U16("kdf") != alg::kNull) r.U16("kdf.hashAlg");
    p.x = r.Sized(kMaxCoordinate, "unique.x");
    p.y = r.Sized(kMaxCoordinate, "unique.y");
  } else {
    r.Refuse("type", AlgorithmText(p.type) + " is neither an RSA nor an ECC key");
  }
  BM_CHECK(r.Done());
  p.octets.assign(tpmt.begin(), tpmt.end());
  return p;
}

Result<TpmPublic> ReadSizedPublic(ByteView file) { return ReadPublic(Unsized(file)); }

Result<TpmAttest> ReadAttest(ByteView b) {
  b = Unsized(b);
  BM_CHECK(CheckSize(b, "TPMS_ATTEST"));
  OctetReader r(b, "TPMS_ATTEST");
  TpmAttest a;
  uint32_t magic = r.U32("magic");
  if (!r.failed() && magic != kGenerated) {
    return Refused("tpm.magic",
                   fmt::format("TPMS_ATTEST begins with {:08x}, not with TPM_GENERATED_VALUE: it "
                               "was not made inside a TPM",
                               magic));
  }
  uint16_t kind = r.U16("type");
  if (!r.failed() && kind != static_cast<uint16_t>(AttestKind::kCertify) &&
      kind != static_cast<uint16_t>(AttestKind::kCreation)) {
    return Refused("tpm.attest-kind",
                   fmt::format("TPMS_ATTEST is of type {:04x}: it says nothing about where a key "
                               "is",
                               kind),
                   "use TPM2_Certify or TPM2_CertifyCreation");
  }
  a.kind = static_cast<AttestKind>(kind);
  a.signer = ReadName(r, "qualifiedSigner");
  a.extra = r.Sized(kMaxData, "extraData");
  a.clock = r.U64("clockInfo.clock");
  a.reset_count = r.U32("clockInfo.resetCount");
  a.restart_count = r.U32("clockInfo.restartCount");
  uint8_t safe = r.U8("clockInfo.safe");
  if (safe > 1) r.Refuse("clockInfo.safe", "neither 0 nor 1");
  a.clock_safe = safe == 1;
  a.firmware = r.U64("firmwareVersion");
  if (a.kind == AttestKind::kCertify) {
    a.name = ReadName(r, "certify.name");
    a.qualified_name = ReadName(r, "certify.qualifiedName");
  } else {
    a.name = ReadName(r, "creation.objectName");
    a.creation_hash = r.Sized(kMaxDigest, "creation.creationHash");
  }
  BM_CHECK(r.Done());
  a.octets.assign(b.begin(), b.end());
  return a;
}

Result<CreationData> ReadCreationData(ByteView b) {
  b = Unsized(b);
  BM_CHECK(CheckSize(b, "TPMS_CREATION_DATA"));
  OctetReader r(b, "TPMS_CREATION_DATA");
  CreationData c;
  uint32_t banks = r.U32("pcrSelect.count");
  if (banks > 16) r.Refuse("pcrSelect.count", "more banks than a TPM has");
  for (uint32_t i = 0; i < banks && !r.failed(); ++i) {
    r.U16("pcrSelect.hash");
    uint8_t size = r.U8("pcrSelect.sizeofSelect");
    if (size > 4) r.Refuse("pcrSelect.sizeofSelect", "more than 32 registers");
    r.Take(size, "pcrSelect.pcrSelect");
  }
  r.Sized(kMaxDigest, "pcrDigest");
  c.locality = r.U8("locality");
  c.parent_name_alg = r.U16("parentNameAlg");
  c.parent_name = ReadName(r, "parentName");
  c.parent_qualified_name = ReadName(r, "parentQualifiedName");
  c.outside_info = r.Sized(kMaxData, "outsideInfo");
  // Part 2 section 15.1: a hierarchy has a handle for a name, an object a digest.
  if (!r.failed() && (c.parent_name_alg == alg::kNull) != (c.parent_name.size() == 4))
    r.Refuse("parentName", "does not fit parentNameAlg");
  BM_CHECK(r.Done());
  c.octets.assign(b.begin(), b.end());
  return c;
}

std::string AlgorithmText(uint16_t id) {
  switch (id) {
    case alg::kRsa:
      return "rsa";
    case alg::kSha1:
      return "sha1";
    case alg::kAes:
      return "aes";
    case alg::kSha256:
      return "sha256";
    case alg::kSha384:
      return "sha384";
    case alg::kSha512:
      return "sha512";
    case alg::kNull:
      return "none";
    case alg::kRsassa:
      return "rsassa";
    case alg::kRsaes:
      return "rsaes";
    case alg::kRsapss:
      return "rsapss";
    case alg::kOaep:
      return "oaep";
    case alg::kEcdsa:
      return "ecdsa";
    case alg::kEcdh:
      return "ecdh";
    case alg::kEcc:
      return "ecc";
    default:
      return fmt::format("0x{:04x}", id);
  }
}

}  // namespace birthmark::attest
