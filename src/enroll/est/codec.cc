// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/codec.h"

#include <algorithm>

#include "crypto/der.h"
#include "crypto/pem.h"

namespace birthmark::enroll::est {
namespace {

namespace der = crypto::der;
using crypto::DerReader;
using crypto::DerWriter;

constexpr std::string_view kSignedData = "1.2.840.113549.1.7.2";
constexpr std::string_view kData = "1.2.840.113549.1.7.1";
constexpr size_t kMaxCertificates = 64;

std::unexpected<Error> NotCertsOnly(std::string_view why) {
  return Refused("est.certs-only", "not a certs-only message: " + std::string(why));
}

void Append(Bytes& out, std::string_view s) { out.insert(out.end(), s.begin(), s.end()); }

}  // namespace

Bytes CertsOnly(std::span<const ByteView> certificates) {
  Bytes out;
  size_t total = 0;
  for (ByteView c : certificates) total += c.size();
  out.reserve(total + 64);
  DerWriter(out).Sequence([&](DerWriter& info) {
    info.Oid(kSignedData);
    info.Nest(der::Context(0, true), [&](DerWriter& explicit_content) {
      explicit_content.Sequence([&](DerWriter& signed_data) {
        signed_data.Unsigned(1);
        signed_data.Element(der::kSet, {});  // digestAlgorithms
        signed_data.Sequence([](DerWriter& content) { content.Oid(kData); });
        signed_data.Nest(der::Context(0, true), [&](DerWriter& list) {
          for (ByteView c : certificates) list.Raw(c);
        });
        signed_data.Element(der::kSet, {});  // signerInfos
      });
    });
  });
  return out;
}

Result<std::vector<crypto::Certificate>> ReadCertsOnly(ByteView data) {
  std::vector<crypto::Certificate> out;
  auto walk = [&]() -> Status {
    DerReader file(data);
    BM_TRY(DerReader info, file.Enter());
    BM_CHECK(file.End());
    BM_TRY(std::string type, info.Oid());
    if (type != kSignedData) return NotCertsOnly("its type is " + type);
    BM_TRY(DerReader wrapped, info.Enter(der::Context(0, true)));
    BM_CHECK(info.End());
    BM_TRY(DerReader signed_data, wrapped.Enter());
    BM_CHECK(wrapped.End());
    BM_CHECK(signed_data.SmallUnsigned());
    BM_CHECK(signed_data.Expect(der::kSet));
    BM_CHECK(signed_data.Expect(der::kSequence));
    if (signed_data.NextIs(der::Context(0, true))) {
      BM_TRY(DerReader list, signed_data.Enter(der::Context(0, true)));
      while (!list.AtEnd()) {
        if (out.size() == kMaxCertificates) return NotCertsOnly("too many certificates");
        BM_TRY(crypto::DerElement one, list.Next());
        BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(one.whole));
        out.push_back(std::move(c));
      }
    }
    if (signed_data.NextIs(der::Context(1, true))) {
      BM_CHECK(signed_data.Expect(der::Context(1, true)));  // crls
    }
    BM_TRY(ByteView signers, signed_data.Expect(der::kSet));
    if (!signers.empty()) return NotCertsOnly("it is signed");
    return signed_data.End();
  };
  if (auto ok = walk(); !ok) {
    if (ok.error().code.starts_with("der.")) return NotCertsOnly(ok.error().message);
    return std::unexpected(std::move(ok).error());
  }
  return out;
}

Bytes ToBody(ByteView der) {
  const std::string text = ToBase64(der);
  Bytes out;
  out.reserve(text.size() + 1);
  Append(out, text);
  out.push_back('\n');
  return out;
}

Result<Bytes> FromBody(ByteView body) {
  std::string_view text = AsText(body);
  if (text.find("-----BEGIN ") != std::string_view::npos) {
    auto blocks = crypto::ReadPem(text, 4);
    if (blocks && blocks->size() == 1) return std::move(blocks->front().der);
    return Refused("est.body", "the body is PEM, but not one block of it");
  }
  auto der = FromBase64(text);
  if (!der || der->empty()) {
    return Refused("est.body", "the body is not base64",
                   "send base64 of DER (RFC 8951 section 3.1)");
  }
  return std::move(*der);
}

Bytes KeyAndCertificate(const SecretBytes& pkcs8, ByteView certs_only) {
  constexpr std::string_view kBoundary = "birthmark-server-generated-key";
  std::string key = ToBase64(pkcs8.Read(SecretAccess()));
  const std::string certificate = ToBase64(certs_only);
  Bytes out;
  // One allocation, so that no copy of the key stays behind in a smaller one.
  out.reserve(key.size() + certificate.size() + 512);
  Append(out, "--");
  Append(out, kBoundary);
  Append(out, "\r\nContent-Type: application/pkcs8\r\n\r\n");
  Append(out, key);
  Append(out, "\r\n--");
  Append(out, kBoundary);
  Append(out, "\r\nContent-Type: application/pkcs7-mime; smime-type=certs-only\r\n\r\n");
  Append(out, certificate);
  Append(out, "\r\n--");
  Append(out, kBoundary);
  Append(out, "--\r\n");
  Wipe(key.data(), key.size());
  return out;
}

}  // namespace birthmark::enroll::est
