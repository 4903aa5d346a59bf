// SPDX-License-Identifier: Apache-2.0
// BER (X.690) as a stream: heads of elements and their octets, from a source that is read once, in
// order. For files too large for crypto::DerReader, and for the indefinite lengths that CMS is
// written with while its size is unknown. Private to this room. One thread.
#pragma once

#include <functional>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::seed {

// Pull gives the next octets of a stream, 0 at its end.
using Pull = std::function<Result<size_t>(std::span<uint8_t>)>;

struct BerHead {
  uint8_t tag = 0;
  bool indefinite = false;
  uint64_t length = 0;  // of the content, when definite
  Bytes octets;         // of the head itself
};

// Errors of all readers: seed.truncated, seed.malformed, those of the source.
class BerStream {
 public:
  explicit BerStream(Pull pull) : pull_(std::move(pull)), buffer_(1 << 16) {}
  ~BerStream() { Wipe(buffer_.data(), buffer_.size()); }
  BerStream(const BerStream&) = delete;
  BerStream& operator=(const BerStream&) = delete;

  // at is how many octets have been taken.
  uint64_t at() const { return at_; }
  Result<bool> AtEnd();
  // PeekTag is the next octet, without taking it.
  Result<uint8_t> PeekTag();
  Result<BerHead> Head();
  // Expect is Head of this tag.
  Result<BerHead> Expect(uint8_t tag, std::string_view what);
  Status Take(std::span<uint8_t> out);
  // Whole takes an element of definite length, head and content, of at most `limit` octets.
  Result<Bytes> Whole(size_t limit, std::string_view what);
  Status Skip(uint64_t n);

 private:
  Status Fill();
  Pull pull_;
  Bytes buffer_;
  size_t from_ = 0, to_ = 0;
  uint64_t at_ = 0;
};

}  // namespace birthmark::seed
