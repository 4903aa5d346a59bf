// SPDX-License-Identifier: Apache-2.0
#include "seed/ber.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace birthmark::seed {
namespace {

std::unexpected<Error> Cut() {
  return Refused("seed.truncated", "the file ends in the middle of an element",
                 "get the whole file; take nothing from this one");
}

}  // namespace

Status BerStream::Fill() {
  if (from_ < to_) return {};
  BM_TRY(size_t n, pull_(buffer_));
  from_ = 0;
  to_ = n;
  return {};
}

Result<bool> BerStream::AtEnd() {
  BM_CHECK(Fill());
  return from_ == to_;
}

Result<uint8_t> BerStream::PeekTag() {
  BM_CHECK(Fill());
  if (from_ == to_) return Cut();
  return buffer_[from_];
}

Status BerStream::Take(std::span<uint8_t> out) {
  while (!out.empty()) {
    BM_CHECK(Fill());
    if (from_ == to_) return Cut();
    size_t n = std::min(out.size(), to_ - from_);
    std::memcpy(out.data(), buffer_.data() + from_, n);
    from_ += n;
    at_ += n;
    out = out.subspan(n);
  }
  return {};
}

Status BerStream::Skip(uint64_t n) {
  while (n > 0) {
    BM_CHECK(Fill());
    if (from_ == to_) return Cut();
    size_t step = static_cast<size_t>(std::min<uint64_t>(n, to_ - from_));
    from_ += step;
    at_ += step;
    n -= step;
  }
  return {};
}

Result<BerHead> BerStream::Head() {
  BerHead head;
  uint8_t octet = 0;
  BM_CHECK(Take({&octet, 1}));
  head.tag = octet;
  head.octets.push_back(octet);
  if ((octet & 0x1f) == 0x1f) return Refused("seed.malformed", "a tag of more than one octet");
  BM_CHECK(Take({&octet, 1}));
  head.octets.push_back(octet);
  if (octet < 0x80) {
    head.length = octet;
    return head;
  }
  if (octet == 0x80) {
    // X.690 section 8.1.3.2: only what is constructed may have an indefinite length.
    if ((head.tag & 0x20) == 0) {
      return Refused("seed.malformed", "an indefinite length of a primitive element");
    }
    head.indefinite = true;
    return head;
  }
  size_t n = octet & 0x7f;
  if (n > 6) return Refused("seed.malformed", "a length of more than 48 bits");
  for (size_t i = 0; i < n; ++i) {
    BM_CHECK(Take({&octet, 1}));
    head.octets.push_back(octet);
    head.length = head.length << 8 | octet;
  }
  return head;
}

Result<BerHead> BerStream::Expect(uint8_t tag, std::string_view what) {
  BM_TRY(BerHead head, Head());
  if (head.tag != tag) {
    return Refused("seed.malformed",
                   fmt::format("{}: tag {:02x} where {:02x} must stand", what, head.tag, tag));
  }
  return head;
}

Result<Bytes> BerStream::Whole(size_t limit, std::string_view what) {
  BM_TRY(BerHead head, Head());
  if (head.indefinite) {
    return Refused("seed.malformed", fmt::format("{}: a length that is not stated", what));
  }
  if (head.length > limit) {
    return Refused("seed.malformed",
                   fmt::format("{}: {} octets, more than {}", what, head.length, limit));
  }
  Bytes out = std::move(head.octets);
  size_t start = out.size();
  out.resize(start + static_cast<size_t>(head.length));
  BM_CHECK(Take(std::span(out).subspan(start)));
  return out;
}

}  // namespace birthmark::seed
