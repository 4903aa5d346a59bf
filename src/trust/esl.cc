// SPDX-License-Identifier: Apache-2.0
#include "trust/esl.h"

#include <fmt/format.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/openssl.h"
#include "trust/key_parts.h"
#include "trust/little.h"
#include "trust/x509_frame.h"

namespace birthmark::trust {
namespace {

// UEFI 2.10 section 32.4.1: what a list holds is told by the GUID in front.
constexpr std::string_view kX509 = "a5c059a1-94e4-4aa7-87b5-ab155c2bf072";
constexpr std::string_view kSha256 = "c1c41626-504c-4092-aca9-41f936934328";
constexpr std::string_view kRsa2048 = "3c5766e8-269c-4e34-aa14-ed776e85b3b6";
constexpr std::string_view kX509Sha256 = "3bd2a492-96c0-4079-b420-fcf98ef103ed";
constexpr std::string_view kPkcs7 = "4aafd29d-68df-49ee-8aa9-347d375665a7";

constexpr size_t kListHead = 28;  // GUID, ListSize, HeaderSize, SignatureSize
constexpr size_t kOwner = 16;     // SignatureOwner before every entry
constexpr size_t kTimeSize = 16;  // EFI_TIME

std::unexpected<Error> BadList(size_t offset, std::string_view why) {
  return Refused("trust.esl-malformed", fmt::format("octet {}: {}", offset, why),
                 "make the list with cert-to-efi-sig-list, or read the variable again");
}

struct ListHead {
  std::string kind;
  size_t size = 0, header = 0, entry = 0;
};

Result<ListHead> HeadAt(ByteView data, size_t offset) {
  const ByteView rest = data.subspan(offset);
  if (rest.size() < kListHead) return BadList(offset, "a signature list's head is cut short");
  ListHead h{GuidText(rest.first(16)), Little32(rest, 16), Little32(rest, 20), Little32(rest, 24)};
  if (h.size < kListHead || h.size > rest.size())
    return BadList(offset,
                   fmt::format("a list of {} octets where {} are left", h.size, rest.size()));
  if (h.header > h.size - kListHead || h.entry <= kOwner ||
      (h.size - kListHead - h.header) % h.entry != 0) {
    return BadList(offset, "a list whose sizes do not fit each other");
  }
  return h;
}

// RsaOfModulus: an RSA2048 entry is the modulus alone; the exponent is always 65537.
Bytes RsaOfModulus(ByteView modulus) {
  constexpr std::array<uint8_t, 3> kF4 = {1, 0, 1};
  return SpkiOfRsa(modulus, kF4);
}

Result<TrustAnchor> EntryOfKind(std::string_view kind, ByteView content) {
  if (kind == kX509) {
    // Firmware stores some certificates with padding behind them; what counts is the front.
    BM_TRY(ByteView certificate, CertificateAtFront(content));
    return AnchorOfCertificate(certificate);
  }
  TrustAnchor a;
  if (kind == kSha256 && content.size() == 32) {
    a.form = Form::kImageDigest;
    a.digest.assign(content.begin(), content.end());
    a.title = ToHex(a.digest);
    return a;
  }
  if (kind == kX509Sha256 && content.size() == 32 + kTimeSize) {
    a.form = Form::kCertificateDigest;
    a.digest.assign(content.begin(), content.begin() + 32);
    a.title = ToHex(a.digest);
    return a;
  }
  if (kind == kRsa2048 && content.size() == 256 && content[0] >= 0x80)
    return AnchorOfKey(RsaOfModulus(content));
  return Refused("trust.esl-malformed",
                 fmt::format("an entry of {} octets is not of kind {}", content.size(), kind));
}

void ReadEntries(const ListHead& h, ByteView entries, size_t offset, std::string_view variable,
                 Store& store) {
  const bool known =
      h.kind == kX509 || h.kind == kSha256 || h.kind == kRsa2048 || h.kind == kX509Sha256;
  if (!known) {
    store.findings.Note("trust.esl-kind",
                        fmt::format("octet {}: {} signatures of kind {} were not read", offset,
                                    entries.size() / h.entry, h.kind));
    return;
  }
  for (; !entries.empty(); entries = entries.subspan(h.entry), offset += h.entry) {
    if (store.anchors.size() == kMaxAnchors) {
      store.findings.Error(
          "trust.too-large",
          fmt::format("more than {} signatures; the rest was not read", kMaxAnchors));
      return;
    }
    auto a = EntryOfKind(h.kind, entries.subspan(kOwner, h.entry - kOwner));
    if (!a) {
      store.findings.Error(a.error().code, fmt::format("octet {}: {}", offset, a.error().message),
                           a.error().fix);
      continue;
    }
    a->owner = GuidText(entries.first(kOwner));
    a->place = variable;
    a->rejected = variable == "dbx" || variable == "MokListX" || variable == "MokListXRT";
    store.anchors.push_back(std::move(*a));
  }
}

bool IsListKind(std::string_view guid) {
  static constexpr std::string_view kKnown[] = {
      kX509,
      kSha256,
      kRsa2048,
      kX509Sha256,
      kPkcs7,
      "826ca512-cf10-4ac9-b187-be01496631bd",   // SHA1
      "0b6e5233-a65c-44c9-9407-d9ab83bfc8bd",   // SHA224
      "ff3e5307-9fd0-48c9-85f1-8ad56c701e01",   // SHA384
      "093e0fae-a6c4-4f50-9f1b-d41e2b89c19a",   // SHA512
      "e2b36190-879b-4a3d-ad8d-f2e7bba32784",   // RSA2048_SHA256
      "67f8444f-8743-48f1-a328-1eaab8736080",   // RSA2048_SHA1
      "7076876e-80c2-4ee6-aad2-28b349a6865b",   // X509_SHA384
      "446dbf63-2502-4cda-bcfa-2465d2b0fe9d"};  // X509_SHA512
  return std::ranges::find(kKnown, guid) != std::end(kKnown);
}

Result<Bytes> OwnerOf(const TrustAnchor& a, std::string_view fallback) {
  const std::string text = a.owner.empty() ? std::string(fallback) : a.owner;
  auto guid = GuidOctets(text);
  if (!guid) {
    return Usage("trust.esl-owner", fmt::format("\"{}\" is no GUID", text),
                 "give the owner as 8-4-4-4-12 hexadecimal digits");
  }
  return *guid;
}

void AppendHead(Bytes& out, std::string_view kind, size_t entries, size_t entry_size) {
  const Bytes guid = *GuidOctets(kind);
  out.insert(out.end(), guid.begin(), guid.end());
  AppendLittle32(out, static_cast<uint32_t>(kListHead + entries * entry_size));
  AppendLittle32(out, 0);
  AppendLittle32(out, static_cast<uint32_t>(entry_size));
}

// ContentOf is what a list of the anchor's kind holds for it.
struct EslContent {
  std::string_view kind;
  Bytes bytes;
};
Result<EslContent> ContentOf(const TrustAnchor& a) {
  if (!a.certificate.empty()) return EslContent{kX509, a.certificate};
  if (a.form == Form::kImageDigest && a.digest.size() == 32) return EslContent{kSha256, a.digest};
  if (a.form == Form::kCertificateDigest && a.digest.size() == 32) {
    Bytes b = a.digest;
    b.resize(b.size() + kTimeSize);  // a time of zero: refused whenever it was signed
    return EslContent{kX509Sha256, std::move(b)};
  }
  if (a.spki.empty()) {
    return CannotCarry(Format::kSignatureList, a, "a list holds certificates and RSA-2048 keys",
                       "export its certificate");
  }
  auto rsa = RsaParts(a.spki);
  if (!rsa || rsa->modulus.size() != 256 || rsa->exponent != Bytes{1, 0, 1}) {
    return CannotCarry(Format::kSignatureList, a,
                       "the only bare keys a list holds are RSA-2048 with exponent 65537",
                       "export a certificate of this key; UEFI takes any algorithm there that the "
                       "firmware knows");
  }
  return EslContent{kRsa2048, rsa->modulus};
}

}  // namespace

std::string GuidText(ByteView b) {
  return fmt::format("{:08x}-{:04x}-{:04x}-{:02x}{:02x}-{:02x}{:02x}{:02x}{:02x}{:02x}{:02x}",
                     Little32(b, 0), Little16(b, 4), Little16(b, 6), b[8], b[9], b[10], b[11],
                     b[12], b[13], b[14], b[15]);
}

std::optional<Bytes> GuidOctets(std::string_view text) {
  if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
    return std::nullopt;
  std::string hex;
  for (size_t part : {0, 9, 14, 19, 24}) {
    hex += text.substr(part, part == 0 ? 8 : part == 24 ? 12 : 4);
  }
  auto b = FromHex(hex);
  if (!b) return std::nullopt;
  std::reverse(b->begin(), b->begin() + 4);
  std::reverse(b->begin() + 4, b->begin() + 6);
  std::reverse(b->begin() + 6, b->begin() + 8);
  return b;
}

bool LooksLikeSignatureLists(ByteView data) {
  return data.size() > kListHead && IsListKind(GuidText(data.first(16))) && HeadAt(data, 0);
}

Result<ByteView> UnwrapAuthenticated(ByteView data) {
  // EFI_TIME, then WIN_CERTIFICATE_UEFI_GUID: length, revision 0x0200, type 0x0ef1, GUID.
  constexpr size_t kHead = kTimeSize + 24;
  if (data.size() < kHead || Little16(data, 20) != 0x0200 || Little16(data, 22) != 0x0ef1 ||
      GuidText(data.subspan(24, 16)) != kPkcs7) {
    return data;
  }
  const size_t length = Little32(data, 16);
  if (length < 24 || length > data.size() - kTimeSize)
    return BadList(16, "the signature before the lists is longer than the file");
  return data.subspan(kTimeSize + length);
}

Result<Store> ReadSignatureLists(ByteView data, std::string_view variable) {
  Store store;
  store.format = Format::kSignatureList;
  if (data.size() > kMaxStore)
    return Refused("trust.too-large", "signature lists are larger than 16 MiB");
  for (size_t offset = 0; offset < data.size();) {
    auto head = HeadAt(data, offset);
    if (!head) {
      if (offset == 0) return std::unexpected(head.error());
      store.findings.Error(head.error().code, head.error().message, head.error().fix);
      break;
    }
    const size_t first = offset + kListHead + head->header;
    ReadEntries(*head, data.subspan(first, offset + head->size - first), first, variable, store);
    offset += head->size;
  }
  return store;
}

Result<Bytes> WriteSignatureLists(const std::vector<TrustAnchor>& anchors, std::string_view owner) {
  Bytes out;
  for (const TrustAnchor& a : anchors) {
    BM_TRY(EslContent content, ContentOf(a));
    BM_TRY(Bytes guid, OwnerOf(a, owner));
    AppendHead(out, content.kind, 1, kOwner + content.bytes.size());
    out.insert(out.end(), guid.begin(), guid.end());
    out.insert(out.end(), content.bytes.begin(), content.bytes.end());
  }
  return out;
}

Result<Bytes> WriteSha256Lists(const std::vector<TrustAnchor>& anchors, std::string_view owner) {
  Bytes out;
  if (anchors.empty()) return out;
  constexpr size_t kEntry = kOwner + 32 + kTimeSize;
  AppendHead(out, kX509Sha256, anchors.size(), kEntry);
  for (const TrustAnchor& a : anchors) {
    if (a.certificate.empty()) {
      return CannotCarry(Format::kSignatureListSha256, a, "the digest is of a certificate",
                         "export an anchor that has one");
    }
    BM_TRY(Bytes guid, OwnerOf(a, owner));
    BM_TRY(CertFrame frame, FrameOfCertificate(a.certificate));
    const Digest digest = crypto::Sha256(frame.tbs);
    out.insert(out.end(), guid.begin(), guid.end());
    out.insert(out.end(), digest.begin(), digest.end());
    out.resize(out.size() + kTimeSize);
  }
  return out;
}

}  // namespace birthmark::trust
