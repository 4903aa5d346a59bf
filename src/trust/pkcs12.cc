// SPDX-License-Identifier: Apache-2.0
#include "trust/pkcs12.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include <algorithm>
#include <set>

#include "crypto/der.h"
#include "crypto/openssl.h"

namespace birthmark::trust {
namespace {

namespace der = crypto::der;
using crypto::DerReader;
using crypto::DerWriter;

using Pkcs12Ptr = crypto::Owned<PKCS12, PKCS12_free>;

constexpr std::string_view kDataOid = "1.2.840.113549.1.7.1";
constexpr std::string_view kCertBag = "1.2.840.113549.1.12.10.1.3";
constexpr std::string_view kX509Certificate = "1.2.840.113549.1.9.22.1";
constexpr std::string_view kFriendlyName = "1.2.840.113549.1.9.20";
// OpenJDK sun.security.pkcs12.PKCS12KeyStore: trustedKeyUsage makes a certificate an entry that
// Java believes; its value is what for.
constexpr std::string_view kJavaTrusted = "2.16.840.1.113894.746875.1.1";
constexpr std::string_view kAnyUsage = "2.5.29.37.0";
constexpr uint8_t kBmpString = 0x1e;
// Java and OpenSSL hash a password some thousand times; of a whole store this is a second or two.
constexpr uint64_t kMaxIterations = 1'000'000;
constexpr int kMacIterations = 10'000;

std::unexpected<Error> BadPkcs12(std::string_view why) {
  return Refused("trust.pkcs12-malformed", fmt::format("not a PKCS #12 store: {}", why),
                 "look at it with openssl pkcs12 -info");
}

// Password is one that is tried; without octets it is the absent one, which differs from "".
struct Password {
  const char* text = nullptr;
  int size = 0;
};

// IterationsOf finds the count in an algorithm's parameters: the second of PBE's (RFC 7292
// appendix C), or that of PBKDF2 inside PBES2 (RFC 8018 appendix A). Absent for any other shape.
std::optional<uint64_t> IterationsOf(const X509_ALGOR* algorithm) {
  uint8_t* encoded = nullptr;
  const int n = i2d_X509_ALGOR(algorithm, &encoded);
  if (n <= 0) return std::nullopt;
  const Bytes copy(encoded, encoded + n);
  OPENSSL_free(encoded);
  auto walk = [](ByteView data) -> Result<uint64_t> {
    DerReader file(data);
    BM_TRY(DerReader id, file.Enter());
    BM_CHECK(id.Oid());
    BM_TRY(DerReader parameters, id.Enter());
    if (parameters.NextIs(der::kOctetString)) {
      BM_CHECK(parameters.Next());
      return parameters.SmallUnsigned();
    }
    BM_TRY(DerReader kdf, parameters.Enter());
    BM_CHECK(kdf.Oid());
    BM_TRY(DerReader pbkdf2, kdf.Enter());
    BM_CHECK(pbkdf2.Expect(der::kOctetString));
    return pbkdf2.SmallUnsigned();
  };
  auto count = walk(copy);
  if (!count) return std::nullopt;
  return *count;
}

bool MacVerifies(PKCS12* p12, const Password& p) {
  const bool ok = PKCS12_verify_mac(p12, p.text, p.size) == 1;
  ERR_clear_error();
  return ok;
}

using SafePtr =
    crypto::Owned<STACK_OF(PKCS7), [](STACK_OF(PKCS7) * s) { sk_PKCS7_pop_free(s, PKCS7_free); }>;
using BagsPtr = crypto::Owned<STACK_OF(PKCS12_SAFEBAG), [](STACK_OF(PKCS12_SAFEBAG) * s) {
  sk_PKCS12_SAFEBAG_pop_free(s, PKCS12_SAFEBAG_free);
}>;

void ReadBag(PKCS12_SAFEBAG* bag, Store& store) {
  const int kind = PKCS12_SAFEBAG_get_nid(bag);
  if (kind == NID_keyBag || kind == NID_pkcs8ShroudedKeyBag) {
    store.findings.Warn("trust.private-key", "there is a private key in the store",
                        "keep private keys apart from anchors");
    return;
  }
  if (kind != NID_certBag || PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate) return;
  // A key and its certificate carry the same localKeyID: that certificate is an identity.
  if (PKCS12_SAFEBAG_get0_attr(bag, NID_localKeyID) != nullptr) return;
  crypto::X509Ptr x(PKCS12_SAFEBAG_get1_cert(bag));
  uint8_t* encoded = nullptr;
  const int n = x ? i2d_X509(x.get(), &encoded) : 0;
  const Bytes certificate(encoded, encoded + std::max(n, 0));
  OPENSSL_free(encoded);
  ERR_clear_error();
  auto a = AnchorOfCertificate(certificate);
  if (!a) {
    store.findings.Error(
        a.error().code,
        fmt::format("certificate {}: {}", store.anchors.size() + 1, a.error().message),
        a.error().fix);
    return;
  }
  if (char* name = PKCS12_get_friendlyname(bag); name != nullptr) {
    const std::string_view text(name);
    if (text.size() <= 256 && IsUtf8(text)) a->place = text;
    OPENSSL_free(name);
  }
  store.anchors.push_back(std::move(*a));
}

// OpenPart gives a part's bags; empty when no password opens it.
BagsPtr OpenPart(PKCS7* part, const std::vector<Password>& passwords) {
  if (PKCS7_type_is_data(part)) return BagsPtr(PKCS12_unpack_p7data(part));
  for (const Password& p : passwords) {
    BagsPtr bags(PKCS12_unpack_p7encdata(part, p.text, p.size));
    ERR_clear_error();
    if (bags) return bags;
  }
  return nullptr;
}

void NotSupported(int part, Store& store) {
  store.findings.Error("trust.pkcs12-cipher",
                       fmt::format("part {} is in a cipher that is not supported", part),
                       "write it again with openssl pkcs12 -legacy, then without");
}

Status ReadParts(PKCS12* p12, const std::vector<Password>& passwords, bool known_password,
                 Store& store) {
  SafePtr safe(PKCS12_unpack_authsafes(p12));
  ERR_clear_error();
  if (!safe) return BadPkcs12("its parts cannot be listed");
  uint64_t hashed = 0;
  for (int i = 0; i < sk_PKCS7_num(safe.get()); ++i) {
    PKCS7* part = sk_PKCS7_value(safe.get(), i);
    const bool sealed = PKCS7_type_is_encrypted(part);
    if (!sealed && !PKCS7_type_is_data(part)) continue;
    if (sealed) {
      const auto count = IterationsOf(part->d.encrypted->enc_data->algorithm);
      if (!count) {
        // What it costs to open is not told, as with scrypt.
        NotSupported(i + 1, store);
        continue;
      }
      hashed = *count > kMaxIterations ? *count : hashed + *count;
      if (hashed > kMaxIterations)
        return BadPkcs12("its password is hashed more often than a million times");
    }
    BagsPtr bags = OpenPart(part, passwords);
    if (!bags && sealed && known_password) {
      NotSupported(i + 1, store);
      continue;
    }
    if (!bags && sealed) {
      return Refused("trust.pkcs12-password", fmt::format("no password opens part {}", i + 1),
                     "give the store's password");
    }
    if (!bags) return BadPkcs12(fmt::format("part {} is malformed", i + 1));
    for (int k = 0; k < sk_PKCS12_SAFEBAG_num(bags.get()); ++k) {
      if (store.anchors.size() == kMaxAnchors) {
        store.findings.Error("trust.too-large", "more certificates than are read");
        return {};
      }
      ReadBag(sk_PKCS12_SAFEBAG_value(bags.get(), k), store);
    }
  }
  return {};
}

// FriendlyNames gives each anchor a name of its own, since Java's aliases are unique whatever their
// case.
std::vector<std::string> FriendlyNames(const std::vector<TrustAnchor>& anchors) {
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (size_t i = 0; i < anchors.size(); ++i) {
    std::string name = anchors[i].title.empty() ? "anchor" : anchors[i].title;
    std::string folded = name;
    std::ranges::transform(folded, folded.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!seen.insert(folded).second) name += fmt::format(" ({})", i + 1);
    out.push_back(std::move(name));
  }
  return out;
}

Bytes BmpText(const std::string& utf8) {
  int n = 0;
  unsigned char* text = OPENSSL_utf82uni(utf8.data(), static_cast<int>(utf8.size()), nullptr, &n);
  Bytes out;
  if (text != nullptr && n >= 2) out.assign(text, text + n - 2);  // without its two zeros
  OPENSSL_free(text);
  return out;
}

Bytes AttributeOf(std::string_view oid, const std::function<void(DerWriter&)>& value) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& attribute) {
    attribute.Oid(oid);
    attribute.Nest(der::kSet, value);
  });
  return out;
}

void WriteBag(DerWriter& out, const TrustAnchor& a, const std::string& name) {
  std::vector<Bytes> attributes = {
      AttributeOf(kFriendlyName, [&](DerWriter& v) { v.Element(kBmpString, BmpText(name)); }),
      AttributeOf(kJavaTrusted, [&](DerWriter& v) {
        if (a.purposes.empty()) v.Oid(kAnyUsage);
        std::vector<Bytes> oids;
        for (const std::string& oid : a.purposes) DerWriter(oids.emplace_back()).Oid(oid);
        std::ranges::sort(oids);
        for (const Bytes& oid : oids) v.Raw(oid);
      })};
  std::ranges::sort(attributes);  // DER: a SET OF is ordered
  out.Sequence([&](DerWriter& bag) {
    bag.Oid(kCertBag);
    bag.Nest(der::Context(0, true), [&](DerWriter& value) {
      value.Sequence([&](DerWriter& certificate) {
        certificate.Oid(kX509Certificate);
        certificate.Nest(der::Context(0, true),
                         [&](DerWriter& octets) { octets.OctetString(a.certificate); });
      });
    });
    bag.Nest(der::kSet, [&](DerWriter& set) {
      for (const Bytes& attribute : attributes) set.Raw(attribute);
    });
  });
}

// WriteData is a ContentInfo of type data around `content`.
void WriteData(DerWriter& out, ByteView content) {
  out.Sequence([&](DerWriter& info) {
    info.Oid(kDataOid);
    info.Nest(der::Context(0, true), [&](DerWriter& octets) { octets.OctetString(content); });
  });
}

}  // namespace

bool LooksLikePkcs12(ByteView data) {
  DerReader file(data);
  auto pfx = file.Enter();
  if (!pfx || !file.AtEnd()) return false;
  auto version = pfx->SmallUnsigned();
  if (!version || *version != 3) return false;
  auto info = pfx->Enter();
  if (!info) return false;
  auto type = info->Oid();
  return type && *type == kDataOid;
}

Result<Store> ReadPkcs12(ByteView data, const SecretBytes* password) {
  if (data.size() > kMaxStore) return Refused("trust.too-large", "a store of over 16 MiB");
  const uint8_t* p = data.data();
  Pkcs12Ptr p12(d2i_PKCS12(nullptr, &p, static_cast<long>(data.size())));
  ERR_clear_error();
  if (!p12 || p != data.data() + data.size()) return BadPkcs12("its frame does not read");
  Store store;
  store.format = Format::kPkcs12;
  std::vector<Password> passwords = {{nullptr, 0}, {"", 0}, {"changeit", 8}};
  if (password != nullptr) {
    const ByteView b = password->Read(SecretAccess{});
    passwords = {{reinterpret_cast<const char*>(b.data()), static_cast<int>(b.size())}};
  }
  bool known = false;
  if (PKCS12_mac_present(p12.get())) {
    const ASN1_INTEGER* count = nullptr;
    PKCS12_get0_mac(nullptr, nullptr, nullptr, &count, p12.get());
    uint64_t times = 1;
    if (count != nullptr && (ASN1_INTEGER_get_uint64(&times, count) != 1 || times > kMaxIterations))
      return BadPkcs12("its password is hashed more often than a million times");
    const auto right = std::ranges::find_if(
        passwords, [&](const Password& one) { return MacVerifies(p12.get(), one); });
    known = right != passwords.end();
    if (known) passwords = {*right};
    if (!known && password != nullptr)
      return Refused("trust.pkcs12-password", "the password is not that of the store",
                     "give the right password");
    if (!known) {
      store.findings.Note("trust.not-checked",
                          "whether the store is whole needs its password and was not checked");
    }
  } else {
    store.findings.Note("trust.not-checked", "nothing in the store tells whether it is whole");
  }
  BM_CHECK(ReadParts(p12.get(), passwords, known, store));
  return store;
}

Result<Bytes> WritePkcs12(const std::vector<TrustAnchor>& anchors, const SecretBytes* password) {
  const std::vector<std::string> names = FriendlyNames(anchors);
  Bytes bags, safe, out;
  for (const TrustAnchor& a : anchors) {
    if (a.certificate.empty()) {
      return CannotCarry(Format::kPkcs12, a, "a trust store in PKCS #12 holds certificates",
                         "a bare key travels as --format pem or rfc5914");
    }
  }
  DerWriter(bags).Sequence([&](DerWriter& list) {
    for (size_t i = 0; i < anchors.size(); ++i) WriteBag(list, anchors[i], names[i]);
  });
  DerWriter(safe).Sequence([&](DerWriter& parts) { WriteData(parts, bags); });
  DerWriter(out).Sequence([&](DerWriter& pfx) {
    pfx.Unsigned(3);
    WriteData(pfx, safe);
  });
  if (password == nullptr) return out;
  const uint8_t* p = out.data();
  Pkcs12Ptr p12(d2i_PKCS12(nullptr, &p, static_cast<long>(out.size())));
  const ByteView secret = password->Read(SecretAccess{});
  uint8_t* encoded = nullptr;
  // 20 octets of salt; SHA-256 as Java and OpenSSL write it since 2021.
  if (!p12 || PKCS12_set_mac(p12.get(), reinterpret_cast<const char*>(secret.data()),
                             static_cast<int>(secret.size()), nullptr, 20, kMacIterations,
                             EVP_sha256()) != 1) {
    return std::unexpected(crypto::OpenSslError("key.encode", "making the MAC"));
  }
  const int n = i2d_PKCS12(p12.get(), &encoded);
  if (n <= 0) return std::unexpected(crypto::OpenSslError("key.encode", "encoding"));
  out.assign(encoded, encoded + n);
  OPENSSL_free(encoded);
  return out;
}

}  // namespace birthmark::trust
