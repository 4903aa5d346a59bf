// SPDX-License-Identifier: Apache-2.0
// TCG_CSR_IDEVID. Layout: "TPM 2.0 Keys for Device Identity and Attestation" 1.10, section 13.1.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "attest/bundle.h"
#include "attest/octets.h"

namespace birthmark::attest {
namespace {

constexpr uint32_t kVersion = 0x00000100;  // structVer of both structures: 1.0
constexpr size_t kMaxText = 256;

Result<Bytes> HashFor(uint32_t hash_alg, ByteView data) {
  if (hash_alg > 0xffff) return Refused("tpm.value", "no TPM_ALG_ID");
  return HashOf(static_cast<uint16_t>(hash_alg), data);
}

std::array<ByteView, 12> FieldsOfTcg(const TcgCsr& c) {
  return {AsBytes(c.product_model), AsBytes(c.product_serial), c.product_ca_data,
          c.boot_event_log,         c.ek_certificate,          c.attest_public,
          c.attest_creation_ticket, c.attest_certify_info,     c.attest_certify_signature,
          c.signing_public,         c.signing_certify_info,    c.signing_certify_signature};
}

constexpr std::array<std::string_view, 12> kFieldNames = {
    "prodModel",   "prodSerial",     "prodCaData",
    "bootEvntLog", "ekCert",         "attestPub",
    "atCreateTkt", "atCertifyInfo",  "atCertifyInfoSignature",
    "signingPub",  "sgnCertifyInfo", "sgnCertifyInfoSignature"};

std::unexpected<Error> MalformedTcg(const Error& e) {
  return Refused("attest.malformed", e.message);
}

Result<TcgCsr> ReadContent(ByteView content) {
  OctetReader r(content, "TCG_IDEVID_CONTENT");
  TcgCsr c;
  uint32_t version = r.U32("structVer");
  uint32_t hash_alg = r.U32("hashAlgoId");
  uint32_t hash_size = r.U32("hashSz");
  if (!r.failed() && version != kVersion) r.Refuse("structVer", "not 1.0");
  if (!r.failed() && hash_size > 64) r.Refuse("hashSz", "longer than any hash");
  ByteView hash = r.Take(hash_size, "hash");
  std::array<uint32_t, kFieldNames.size()> sizes{};
  for (size_t i = 0; i < sizes.size(); ++i) sizes[i] = r.U32(fmt::format("{}Sz", kFieldNames[i]));
  uint32_t pad = r.U32("padSz");
  std::array<ByteView, kFieldNames.size()> fields;
  for (size_t i = 0; i < fields.size(); ++i) fields[i] = r.Take(sizes[i], kFieldNames[i]);
  r.Take(pad, "pad");
  if (!r.failed() && (sizes[0] > kMaxText || sizes[1] > kMaxText))
    r.Refuse(sizes[0] > kMaxText ? "prodModel" : "prodSerial",
             fmt::format("longer than {} octets", kMaxText));
  if (auto done = r.Done(); !done) return MalformedTcg(done.error());
  auto want = HashFor(hash_alg, content.subspan(12 + hash_size));
  if (!want) return MalformedTcg(want.error());
  if (!std::ranges::equal(*want, hash)) {
    return Refused("attest.tampered",
                   "TCG_CSR_IDEVID: its hash is not that of its content, so a field was altered");
  }
  c.hash_alg = static_cast<uint16_t>(hash_alg);
  c.product_model = std::string(AsText(fields[0]));
  c.product_serial = std::string(AsText(fields[1]));
  if (!IsUtf8(c.product_model) || !IsUtf8(c.product_serial))
    return Refused("attest.malformed", "TCG_IDEVID_CONTENT: prodModel or prodSerial is no UTF-8");
  Bytes* into[] = {&c.product_ca_data,          &c.boot_event_log,
                   &c.ek_certificate,           &c.attest_public,
                   &c.attest_creation_ticket,   &c.attest_certify_info,
                   &c.attest_certify_signature, &c.signing_public,
                   &c.signing_certify_info,     &c.signing_certify_signature};
  for (size_t i = 0; i < std::size(into); ++i)
    into[i]->assign(fields[i + 2].begin(), fields[i + 2].end());
  c.signed_part.assign(content.begin(), content.end());
  return c;
}

}  // namespace

Result<Bytes> TcgContent(const TcgCsr& c) {
  Bytes tail;
  size_t sum = 0;
  for (ByteView f : FieldsOfTcg(c)) {
    PutU32(tail, static_cast<uint32_t>(f.size()));
    sum += f.size();
  }
  BM_TRY(Bytes empty, HashOf(c.hash_alg, {}));
  const size_t unpadded = 12 + empty.size() + tail.size() + 4 + sum;
  const size_t pad = (16 - unpadded % 16) % 16;
  PutU32(tail, static_cast<uint32_t>(pad));
  for (ByteView f : FieldsOfTcg(c)) tail.insert(tail.end(), f.begin(), f.end());
  tail.insert(tail.end(), pad, 0);
  BM_TRY(Bytes hash, HashOf(c.hash_alg, tail));
  Bytes out;
  PutU32(out, kVersion);
  PutU32(out, c.hash_alg);
  PutU32(out, static_cast<uint32_t>(hash.size()));
  out.insert(out.end(), hash.begin(), hash.end());
  out.insert(out.end(), tail.begin(), tail.end());
  return out;
}

Result<Bytes> EncodeTcgCsr(const TcgCsr& c) {
  BM_TRY(Bytes content, TcgContent(c));
  Bytes out;
  PutU32(out, kVersion);
  PutU32(out, static_cast<uint32_t>(content.size()));
  PutU32(out, static_cast<uint32_t>(c.signature.size()));
  out.insert(out.end(), content.begin(), content.end());
  out.insert(out.end(), c.signature.begin(), c.signature.end());
  return out;
}

Result<TcgCsr> DecodeTcgCsr(ByteView b) {
  if (b.size() > kMaxBundleBytes) {
    return Refused("attest.too-large", fmt::format("a TCG_CSR_IDEVID of {} octets; {} are allowed",
                                                   b.size(), kMaxBundleBytes));
  }
  OctetReader r(b, "TCG_CSR_IDEVID");
  uint32_t version = r.U32("structVer");
  if (!r.failed() && version != kVersion) r.Refuse("structVer", "not 1.0");
  uint32_t content_size = r.U32("contents");
  uint32_t signature_size = r.U32("sigSz");
  ByteView content = r.Take(content_size, "csrContents");
  ByteView signature = r.Take(signature_size, "signature");
  if (auto done = r.Done(); !done) return MalformedTcg(done.error());
  BM_TRY(TcgCsr c, ReadContent(content));
  c.signature.assign(signature.begin(), signature.end());
  return c;
}

}  // namespace birthmark::attest
