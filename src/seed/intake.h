// SPDX-License-Identifier: Apache-2.0
// What happens to every element whatever its file's form: the checks on chip and seed, the search
// for repeats, the callbacks. Private to this room. One thread.
#pragma once

#include <string>
#include <vector>

#include "seed/read.h"

namespace birthmark::seed {

// SeenSet remembers values by 64 bits of a keyed hash with a key of its own: 12 octets a value and
// at most as much again unused. Two values that differ are taken for one with probability 2^-64 a
// pair; a file of a million seeds meets that once in thirty million files, and the result is a
// refusal.
class SeenSet {
 public:
  SeenSet();
  // Add gives the index that had this value before, or nothing and remembers this one.
  std::optional<uint64_t> Add(ByteView value, uint64_t index);

 private:
  void Grow();
  size_t Slot(uint64_t hash) const;
  SecretBytes key_;
  std::vector<uint64_t> hash_;
  std::vector<uint32_t> index_;  // plus one; zero: free
  size_t used_ = 0;
};

class Intake {
 public:
  Intake(const OnSeed& on_seed, const OnRefusal& on_refusal, uint64_t max_elements)
      : on_seed_(on_seed), on_refusal_(on_refusal), max_(max_elements) {}
  // Take gives the next element its index and hands it to the one callback or the other. Errors:
  // those of the callbacks, seed.too-large.
  Status Take(std::string chip, Result<SecretBytes> seed, uint64_t file_offset);
  uint64_t count() const { return count_; }
  uint64_t refused() const { return refused_; }

 private:
  Status Check(const std::string& chip, const SecretBytes& seed, uint64_t index);
  const OnSeed& on_seed_;
  const OnRefusal& on_refusal_;
  uint64_t max_, next_ = 0, count_ = 0, refused_ = 0;
  SeenSet seeds_, chips_;
};

// IsChipName is true for 1 to 64 of A-Z a-z 0-9 . _ : -, which is what chips are called and what
// can be shown and filed anywhere.
bool IsChipName(std::string_view s);

// ShownName is a name out of a file, trimmed, cut to 128 octets and without control characters.
std::string ShownName(std::string_view s);

}  // namespace birthmark::seed
