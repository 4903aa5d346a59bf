// SPDX-License-Identifier: Apache-2.0
#include "trust/jks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "crypto/openssl.h"

namespace birthmark::trust {
namespace {

constexpr uint32_t kJks = 0xfeedfeed, kJceks = 0xcececece;
constexpr size_t kDigest = 20;  // SHA-1 over password, a phrase and the file
// Of OpenJDK's own tools and Android's; whoever has a secret password keeps more than anchors.
constexpr std::array<std::string_view, 4> kPasswords = {"changeit", "changeme", "password", ""};

std::unexpected<Error> BadJks(std::string_view why) {
  return Refused("trust.jks-malformed", fmt::format("not a Java key store: {}", why),
                 "list it with keytool -list to see whether it is whole");
}

// BigReader walks numbers in big endian and octets with their lengths in front.
class BigReader {
 public:
  explicit BigReader(ByteView b) : rest_(b) {}
  Result<uint64_t> Number(size_t octets) {
    BM_TRY(ByteView b, Octets(octets));
    uint64_t n = 0;
    for (uint8_t octet : b) n = n << 8 | octet;
    return n;
  }
  Result<ByteView> Octets(size_t n) {
    if (n > rest_.size()) return BadJks("it is cut short");
    const ByteView b = rest_.first(n);
    rest_ = rest_.subspan(n);
    return b;
  }
  // Text is Java's modified UTF-8; what is no UTF-8 is told as hexadecimal.
  Result<std::string> Text() {
    BM_TRY(uint64_t n, Number(2));
    BM_TRY(ByteView b, Octets(n));
    return IsUtf8(AsText(b)) ? std::string(AsText(b)) : ToHex(b);
  }
  Result<ByteView> Block() {
    BM_TRY(uint64_t n, Number(4));
    return Octets(n);
  }
  // CertificateOf reads one certificate, whose type is told since version 2.
  Result<ByteView> CertificateOf(uint64_t version) {
    if (version == 2) BM_CHECK(Text());
    return Block();
  }

 private:
  ByteView rest_;
};

Status ReadEntry(BigReader& r, uint64_t version, Store& store, bool& sealed_object) {
  BM_TRY(uint64_t tag, r.Number(4));
  BM_TRY(std::string alias, r.Text());
  BM_CHECK(r.Number(8));  // when it was made
  if (tag == 3) {
    store.findings.Note("trust.jks-secret",
                        fmt::format("entry \"{}\" is a sealed secret key; it and what follows were "
                                    "not read",
                                    alias));
    sealed_object = true;
    return {};
  }
  if (tag == 1) {
    BM_CHECK(r.Block());
    BM_TRY(uint64_t chain, r.Number(4));
    for (uint64_t i = 0; i < chain; ++i) BM_CHECK(r.CertificateOf(version));
    store.findings.Warn("trust.private-key",
                        fmt::format("entry \"{}\" is a private key with its chain", alias),
                        "keep private keys apart from anchors");
    return {};
  }
  if (tag != 2) return BadJks(fmt::format("an entry of kind {}", tag));
  BM_TRY(ByteView der, r.CertificateOf(version));
  auto a = AnchorOfCertificate(der);
  if (!a) {
    store.findings.Error(a.error().code, fmt::format("entry \"{}\": {}", alias, a.error().message),
                         a.error().fix);
    return {};
  }
  a->place = alias.substr(0, 256);
  if (!IsUtf8(a->place)) a->place.clear();
  store.anchors.push_back(std::move(*a));
  return {};
}

// DigestFits tries the passwords that everybody knows. SHA-1 is the format's own choice; over a
// public password it finds accidents, not attackers. Source: OpenJDK
// sun.security.provider.JavaKeyStore.getPreKeyedHash.
bool DigestFits(ByteView data) {
  return std::ranges::any_of(kPasswords, [&](std::string_view password) {
    Bytes all;
    for (const char c : password) all.insert(all.end(), {0, static_cast<uint8_t>(c)});  // UTF-16
    const ByteView phrase = AsBytes("Mighty Aphrodite");
    all.insert(all.end(), phrase.begin(), phrase.end());
    const ByteView body = data.first(data.size() - kDigest);
    all.insert(all.end(), body.begin(), body.end());
    std::array<uint8_t, kDigest> digest{};
    return EVP_Digest(all.data(), all.size(), digest.data(), nullptr, EVP_sha1(), nullptr) == 1 &&
           std::ranges::equal(digest, data.last(kDigest));
  });
}

}  // namespace

bool LooksLikeJavaKeystore(ByteView b) {
  if (b.size() < 12 + kDigest) return false;
  const uint32_t magic = uint32_t{b[0]} << 24 | b[1] << 16 | b[2] << 8 | b[3];
  return (magic == kJks || magic == kJceks) && b[4] == 0 && b[5] == 0 && b[6] == 0 &&
         (b[7] == 1 || b[7] == 2);
}

Result<Store> ReadJavaKeystore(ByteView data) {
  if (data.size() > kMaxStore) return Refused("trust.too-large", "a key store of over 16 MiB");
  if (!LooksLikeJavaKeystore(data)) return BadJks("its magic or version is another");
  Store store;
  store.format = Format::kJavaKeystore;
  if (!DigestFits(data)) {
    store.findings.Note("trust.not-checked",
                        "the key store's digest fits no password that everybody knows: it has "
                        "another one, or the store was altered");
  }
  BigReader r(data.first(data.size() - kDigest).subspan(4));
  BM_TRY(uint64_t version, r.Number(4));
  BM_TRY(uint64_t count, r.Number(4));
  bool sealed_object = false;
  for (uint64_t i = 0; i < count && !sealed_object; ++i) {
    if (i == kMaxAnchors) {
      store.findings.Error("trust.too-large", "more entries than are read");
      break;
    }
    Status s = ReadEntry(r, version, store, sealed_object);
    if (s) continue;
    if (i == 0) return std::unexpected(std::move(s).error());
    store.findings.Error(s.error().code, fmt::format("entry {}: {}", i + 1, s.error().message),
                         s.error().fix);
    break;
  }
  return store;
}

}  // namespace birthmark::trust
