// SPDX-License-Identifier: Apache-2.0
#include "seed/intake.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "crypto/digest.h"
#include "seed/derive.h"

namespace birthmark::seed {

SeenSet::SeenSet() : key_(32), hash_(64), index_(64) {
  // Without the random key somebody who writes the file could choose values that collide.
  if (RAND_bytes(key_.Write(SecretAccess{}).data(), 32) != 1) std::abort();
}

size_t SeenSet::Slot(uint64_t hash) const {
  size_t at = hash & (hash_.size() - 1);
  while (index_[at] != 0 && hash_[at] != hash) at = (at + 1) & (hash_.size() - 1);
  return at;
}

void SeenSet::Grow() {
  std::vector<uint64_t> hash(hash_.size() * 2);
  std::vector<uint32_t> index(hash.size());
  hash.swap(hash_);
  index.swap(index_);
  for (size_t i = 0; i < hash.size(); ++i) {
    if (index[i] == 0) continue;
    size_t at = Slot(hash[i]);
    hash_[at] = hash[i];
    index_[at] = index[i];
  }
}

std::optional<uint64_t> SeenSet::Add(ByteView value, uint64_t index) {
  Digest mac = crypto::HmacSha256(key_.Read(SecretAccess{}), value);
  uint64_t hash;
  std::memcpy(&hash, mac.data(), sizeof hash);
  size_t at = Slot(hash);
  if (index_[at] != 0) return index_[at] - 1;
  hash_[at] = hash;
  index_[at] = static_cast<uint32_t>(index + 1);
  if (++used_ * 4 > hash_.size() * 3) Grow();
  return std::nullopt;
}

bool IsChipName(std::string_view s) {
  return !s.empty() && s.size() <= 64 && std::all_of(s.begin(), s.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  });
}

std::string ShownName(std::string_view s) {
  size_t from = s.find_first_not_of(" \t\r\n");
  if (from == s.npos || !IsUtf8(s)) return "";
  std::string out(s.substr(from, 128));
  while (!IsUtf8(out)) out.pop_back();
  out.erase(out.find_last_not_of(" \t\r\n") + 1);
  std::replace_if(
      out.begin(), out.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return out;
}

Status Intake::Check(const std::string& chip, const SecretBytes& seed, uint64_t index) {
  ByteView octets = seed.Read(SecretAccess{});
  if (octets.size() < kMinSeed) {
    return Refused("seed.short", fmt::format("a seed of {} bits", octets.size() * 8),
                   "a seed has 256 bits at least; ask its maker for a new batch");
  }
  if (octets.size() > kMaxSeed) {
    return Refused("seed.long", fmt::format("a seed of {} bits", octets.size() * 8),
                   "at most 512 bits are taken");
  }
  if (std::all_of(octets.begin(), octets.end(), [](uint8_t b) { return b == 0; })) {
    return Refused("seed.zero", "a seed of zeros: the chip's maker put none in");
  }
  if (auto before = chips_.Add(AsBytes(chip), index)) {
    return Refused("seed.chip-repeated",
                   fmt::format("the chip stands in the file already, as element {}", *before),
                   "which of the two seeds is the chip's cannot be told; ask its maker");
  }
  if (auto before = seeds_.Add(octets, index)) {
    return Refused("seed.repeated", fmt::format("the seed is that of element {}", *before),
                   "two chips with one seed have one key: refuse both and ask their maker");
  }
  return {};
}

Status Intake::Take(std::string chip, Result<SecretBytes> seed, uint64_t file_offset) {
  if (next_ >= max_ || next_ >= UINT32_MAX - 1) {
    return Refused("seed.too-large", fmt::format("more than {} elements", max_),
                   "ask for several files");
  }
  uint64_t index = next_++;
  Status good;
  if (!IsChipName(chip)) {
    good =
        Refused("seed.chip",
                chip.empty() ? "the element does not say which chip it is for"
                             : "the chip's identifier is longer than 64 characters or has others "
                               "than letters, digits, dot, colon, hyphen and underscore",
                "the maker names each chip in SerialNo");
    chip.clear();
  } else if (!seed) {
    good = std::unexpected(std::move(seed).error());
  } else {
    good = Check(chip, *seed, index);
  }
  if (!good) {
    ++refused_;
    if (!on_refusal_) return {};
    return on_refusal_(Refusal{index, std::move(chip), std::move(good).error()});
  }
  ++count_;
  if (!on_seed_) return {};
  return on_seed_(Element{index, std::move(chip), std::move(*seed), file_offset});
}

}  // namespace birthmark::seed
