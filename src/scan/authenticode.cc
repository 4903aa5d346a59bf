// SPDX-License-Identifier: Apache-2.0
#include "scan/authenticode.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pkcs7.h>

#include <algorithm>
#include <array>
#include <map>

#include "crypto/der.h"
#include "crypto/openssl.h"

namespace birthmark::scan {
namespace {

using crypto::DerReader;
using Pkcs7Ptr = crypto::Owned<PKCS7, PKCS7_free>;

constexpr std::string_view kIndirectData = "1.3.6.1.4.1.311.2.1.4";
constexpr uint64_t kMaxTable = 1 << 20;
constexpr uint16_t kPkcsSignedData = 2;

// WholeBut hashes the file without its checksum, the directory's entry of the signatures and the
// signatures themselves.
Result<Bytes> WholeBut(const Source& file, const PeImage& image, const EVP_MD* md) {
  const crypto::EvpMdCtxPtr ctx(EVP_MD_CTX_new());
  EVP_DigestInit_ex(ctx.get(), md, nullptr);
  Bytes buffer(1 << 20);
  for (const auto& [from, to] : {std::pair<uint64_t, uint64_t>{0, image.checksum_at},
                                 {image.checksum_at + 4, image.directory_at},
                                 {image.directory_at + 8, image.signatures.offset}}) {
    for (uint64_t at = from; at < to;) {
      const auto want = static_cast<size_t>(std::min<uint64_t>(buffer.size(), to - at));
      BM_TRY(const size_t got, file.ReadAt(at, std::span(buffer).first(want)));
      if (got != want) return Refused("scan.truncated", "became shorter while it was read");
      EVP_DigestUpdate(ctx.get(), buffer.data(), got);
      at += got;
    }
  }
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned n = 0;
  EVP_DigestFinal_ex(ctx.get(), out.data(), &n);
  out.resize(n);
  return out;
}

struct Indirect {
  std::string algorithm;  // OID
  Bytes digest;
};

// ReadIndirect reads SpcIndirectDataContent: what the data is, then its DigestInfo.
Result<Indirect> ReadIndirect(ByteView content) {
  DerReader reader(content);
  BM_CHECK(reader.Next());
  BM_TRY(DerReader info, reader.Enter());
  BM_TRY(DerReader algorithm, info.Enter());
  Indirect out;
  BM_TRY(out.algorithm, algorithm.Oid());
  BM_TRY(const ByteView digest, info.Expect(crypto::der::kOctetString));
  out.digest.assign(digest.begin(), digest.end());
  return out;
}

// Judge reads one PKCS #7 message; absent when it is of a form that is not judged.
Result<std::optional<ProgramSignature>> Judge(ByteView der, const Source& file,
                                              const PeImage& image) {
  const std::optional<ProgramSignature> unknown;
  const uint8_t* p = der.data();
  const Pkcs7Ptr message(d2i_PKCS7(nullptr, &p, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!message || !PKCS7_type_is_signed(message.get())) return unknown;
  const PKCS7* inner = message->d.sign->contents;
  std::array<char, 64> oid{};
  OBJ_obj2txt(oid.data(), oid.size(), inner->type, 1);
  if (kIndirectData != oid.data() || inner->d.other == nullptr ||
      inner->d.other->type != V_ASN1_SEQUENCE) {
    return unknown;
  }
  const ASN1_STRING* whole = inner->d.other->value.sequence;
  DerReader outer({ASN1_STRING_get0_data(whole), static_cast<size_t>(ASN1_STRING_length(whole))});
  const auto element = outer.Next();
  if (!element) return unknown;
  const auto signed_for = ReadIndirect(element->content);
  if (!signed_for) return unknown;
  const EVP_MD* md = nullptr;
  for (const auto& [name, one] : {std::pair("2.16.840.1.101.3.4.2.1", EVP_sha256()),
                                  {"2.16.840.1.101.3.4.2.2", EVP_sha384()},
                                  {"2.16.840.1.101.3.4.2.3", EVP_sha512()},
                                  {"1.3.14.3.2.26", EVP_sha1()}}) {
    if (signed_for->algorithm == name) md = one;
  }
  if (md == nullptr) return unknown;
  ProgramSignature out;
  const crypto::Owned<STACK_OF(X509), [](STACK_OF(X509) * s) { sk_X509_free(s); }> signers(
      PKCS7_get0_signers(message.get(), nullptr, 0));
  ERR_clear_error();
  if (!signers || sk_X509_num(signers.get()) != 1) return unknown;
  uint8_t* encoded = nullptr;
  const int n = i2d_X509(sk_X509_value(signers.get(), 0), &encoded);
  if (n > 0) out.signer.assign(encoded, encoded + n);
  OPENSSL_free(encoded);
  BM_TRY(const Bytes digest, WholeBut(file, image, md));
  if (digest != signed_for->digest) {
    out.why = fmt::format("the program's digest is {}, and {} was signed", ToHex(digest),
                          ToHex(signed_for->digest));
    return std::optional(std::move(out));
  }
  // What is signed is the content without its own tag and length.
  const crypto::BioPtr content(
      BIO_new_mem_buf(element->content.data(), static_cast<int>(element->content.size())));
  if (PKCS7_verify(message.get(), nullptr, nullptr, content.get(), nullptr,
                   PKCS7_NOVERIFY | PKCS7_BINARY) != 1) {
    out.why = "the signature does not verify under the certificate that came along";
  }
  ERR_clear_error();
  return std::optional(std::move(out));
}

uint32_t LittleAt(ByteView b, size_t at) {
  return b[at] | uint32_t{b[at + 1]} << 8 | uint32_t{b[at + 2]} << 16 | uint32_t{b[at + 3]} << 24;
}

}  // namespace

Result<std::optional<std::vector<ProgramSignature>>> ReadSignatures(const Source& file,
                                                                    const PeImage& image) {
  std::optional<std::vector<ProgramSignature>> none;
  const Extent& where = image.signatures;
  // The rule hashes section after section; it is the file's own order only where nothing lies
  // between them and nothing behind the signatures.
  if (!image.in_order || where.size == 0 || where.size > kMaxTable ||
      where.offset + where.size != file.size() || image.directory_at + 8 > where.offset) {
    return none;
  }
  BM_TRY(const Bytes table, ReadPart(file, where.offset, static_cast<size_t>(where.size)));
  std::vector<ProgramSignature> out;
  for (size_t at = 0; at + 8 <= table.size();) {
    const size_t size = LittleAt(table, at);
    if (size == 0) break;  // padding
    if (size < 8 || size > table.size() - at)
      return Refused("scan.pe-malformed", "UEFI program: a signature is longer than their table");
    if ((LittleAt(table, at + 4) >> 16) == kPkcsSignedData) {
      BM_TRY(auto one, Judge(ByteView(table).subspan(at + 8, size - 8), file, image));
      if (!one) return none;
      out.push_back(std::move(*one));
    }
    at = (at + size + 7) & ~size_t{7};
  }
  if (out.empty()) return none;
  return std::optional(std::move(out));
}

}  // namespace birthmark::scan
