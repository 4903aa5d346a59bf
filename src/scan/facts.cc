// SPDX-License-Identifier: Apache-2.0
// What is known of an anchor by itself, as facts and never as a rating.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "scan/scanner.h"

namespace birthmark::scan {
namespace {

// Words with which makers of test keys ask that nobody ship them.
constexpr std::array<std::string_view, 8> kTestWords = {"do not trust", "do not ship", "do not use",
                                                        "test key",     "test-key",    "snakeoil",
                                                        "snake oil",    "for test"};

// The keys that everybody has, by SHA-256 of the SubjectPublicKeyInfo.
struct KnownKey {
  std::string_view spki;
  std::string_view what;
};
// Source: MCUboot's root-*.pem, which its documentation says are for development; the key of
// Debian's package ovmf, PkKek-1-snakeoil.
constexpr std::array<KnownKey, 7> kKnownKeys = {{
    {"a14bcb1bf9bb821146ba32838217e476f5412621320534ffe490a1890c994660",
     "MCUboot's RSA-2048 example"},
    {"159d8b7930769d887f3ff0b4e9ec176b82313663f2ef76dc24f5e964da1bc482",
     "MCUboot's RSA-3072 example"},
    {"e30466f6b8470c1f29070b17f1e2d3e94d445e3f608087fdc711e4382bb538b6", "MCUboot's P-256 example"},
    {"6bcd1e16d80e5fe13a5307e6f1de8344c7e50e537d9962ce35ef6db5e642fae8", "MCUboot's P-384 example"},
    {"c1907fa4eac7fae3840a78902b6f0710b037e9968e5c6274a12a28790c7d4e3c",
     "MCUboot's Ed25519 example"},
    {"6754edab1e29affef4a05935adecbeb1a7b8b62397b31e39a61b5bfcaafd63af",
     "MCUboot's second Ed25519 example"},
    {"fcc97da097d023970ad000eac55462c77cd70fa888d3bcbe1d0a427800da83c4",
     "the snakeoil key of OVMF's package"},
}};

std::string LowerText(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// BitsOf is the number in "rsa-2048".
uint32_t BitsOf(std::string_view algorithm, std::string_view family) {
  if (!algorithm.starts_with(family)) return 0;
  algorithm.remove_prefix(family.size());
  uint32_t bits = 0;
  const auto [end, err] =
      std::from_chars(algorithm.data(), algorithm.data() + algorithm.size(), bits);
  return err == std::errc() && end == algorithm.data() + algorithm.size() ? bits : 0;
}

}  // namespace

std::vector<Fact> FactsOf(const anchors::AnchorEntry& e, Time at) {
  std::vector<Fact> out;
  const std::string label = LowerText(e.label);
  for (const std::string_view word : kTestWords) {
    if (label.find(word) == std::string::npos) continue;
    out.push_back({"scan.test-key", fmt::format("its name says \"{}\"", word)});
    break;
  }
  for (const KnownKey& known : kKnownKeys) {
    if (e.spki_digest && ToHex(*e.spki_digest) == known.spki) {
      out.push_back(
          {"scan.public-key-pair", fmt::format("its private key is public: {}", known.what)});
    }
  }
  const int64_t now = Millis(at) / 1000;
  auto date = [](int64_t s) { return FormatDate(TimeFromMillis(s * 1000)); };
  if (e.not_after && *e.not_after < now) {
    out.push_back({"scan.expired", fmt::format("expired on {}", date(*e.not_after))});
  }
  if (e.not_before && *e.not_before > now) {
    out.push_back({"scan.not-yet-valid", fmt::format("not valid before {}", date(*e.not_before))});
  }
  const uint32_t rsa = std::max(BitsOf(e.algorithm, "rsa-"), BitsOf(e.algorithm, "rsa-pss-"));
  if (rsa != 0 && rsa < 2048) {
    out.push_back({"scan.weak-key", fmt::format("RSA of {} bits", rsa)});
  } else if (e.algorithm.starts_with("dsa-")) {
    out.push_back({"scan.weak-key", e.algorithm});
  } else if (rsa == 0 && e.key_bits && *e.key_bits > 0 && *e.key_bits < 224 &&
             e.algorithm != "unknown") {
    out.push_back({"scan.weak-key", fmt::format("{} of {} bits", e.algorithm, *e.key_bits)});
  }
  if (e.signature && (e.signature->ends_with("sha1") || e.signature->ends_with("md5"))) {
    // A self-signature protects nothing (draft section 3); a signature by somebody else does.
    if (e.self_signed != true) {
      out.push_back({"scan.weak-signature", "signed with " + *e.signature});
    } else if (e.signature->ends_with("md5")) {
      out.push_back({"scan.weak-signature", "signs itself with MD5"});
    }
  }
  if (e.uses && e.uses->find("revoked") != std::string::npos) {
    out.push_back({"scan.revoked", "is marked as revoked by its own keeper"});
  }
  return out;
}

std::string ImageGuard(const Source& file, uint64_t end) {
  std::string out;
  std::array<uint8_t, 8> magic{};
  const uint64_t aligned = (end + 4095) & ~uint64_t{4095};
  // A hash tree of dm-verity begins with its own superblock, mostly right behind the file system.
  if (const auto got = file.ReadAt(aligned, magic);
      got && *got == magic.size() && AsText(magic) == std::string_view("verity\0\0", 8)) {
    out = "a dm-verity hash tree follows the file system";
  }
  std::array<uint8_t, 64> footer{};
  if (file.size() >= footer.size()) {
    if (const auto got = file.ReadAt(file.size() - footer.size(), footer);
        got && *got == footer.size() && AsText(footer).starts_with("AVBf")) {
      out +=
          std::string(out.empty() ? "" : "; ") + "it ends with a footer of Android Verified Boot";
    }
  }
  return out.empty() ? "nothing in the image vouches for it" : out;
}

}  // namespace birthmark::scan
