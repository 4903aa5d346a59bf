// SPDX-License-Identifier: Apache-2.0
#include "link/intel_hex.h"

#include <fmt/format.h>

#include <algorithm>

namespace birthmark::link {
namespace {

enum Type : uint8_t { kData = 0, kEndOfFile = 1, kLinearAddress = 4 };
constexpr size_t kRecord = 16;                 // data bytes a record, as most programs write it
constexpr size_t kLine = 1 + 2 * (5 + 255);    // the longest line without its end
constexpr size_t kMaxData = 16 * 1024 * 1024;  // larger than any flash this is for
constexpr uint64_t kSpace = uint64_t{1} << 32;

void PutByte(Bytes* out, uint8_t b) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  out->push_back(static_cast<uint8_t>(kDigits[b >> 4]));
  out->push_back(static_cast<uint8_t>(kDigits[b & 15]));
}

void PutRecord(Bytes* out, Type type, uint16_t address, ByteView data) {
  uint8_t sum = 0;
  auto put = [&](uint8_t b) {
    sum = static_cast<uint8_t>(sum + b);
    PutByte(out, b);
  };
  out->push_back(':');
  put(static_cast<uint8_t>(data.size()));
  put(static_cast<uint8_t>(address >> 8));
  put(static_cast<uint8_t>(address));
  put(type);
  for (uint8_t b : data) put(b);
  PutByte(out, static_cast<uint8_t>(-sum));
  out->push_back('\n');
}

int Digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::unexpected<Error> Bad(size_t line, std::string_view why) {
  return Refused("hex.format", fmt::format("line {}: {}", line, why),
                 "make the file again; a record that is not understood is not skipped");
}

// Growing takes data in ascending order and wipes what it outgrows.
class Growing {
 public:
  explicit Growing(size_t room) { bytes_.reserve(room); }
  ~Growing() { Wipe(bytes_.data(), bytes_.size()); }
  Growing(const Growing&) = delete;
  Growing& operator=(const Growing&) = delete;

  size_t total() const { return bytes_.size(); }
  uint64_t end() const { return starts_.empty() ? 0 : address_ + bytes_.size() - from_; }

  void Add(uint64_t address, ByteView data) {
    if (starts_.empty() || address != end()) {
      address_ = address;
      from_ = bytes_.size();
      starts_.push_back({static_cast<uint32_t>(address), from_});
    }
    bytes_.insert(bytes_.end(), data.begin(), data.end());  // within the room
  }

  std::vector<HexSegment> Take() {
    std::vector<HexSegment> out;
    for (size_t i = 0; i < starts_.size(); i++) {
      size_t from = starts_[i].second;
      size_t to = i + 1 < starts_.size() ? starts_[i + 1].second : bytes_.size();
      HexSegment& s = out.emplace_back(starts_[i].first, SecretBytes(to - from));
      std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(from), to - from,
                  s.bytes.Write(SecretAccess()).begin());
    }
    return out;
  }

 private:
  Bytes bytes_;
  std::vector<std::pair<uint32_t, size_t>> starts_;
  uint64_t address_ = 0;
  size_t from_ = 0;
};

}  // namespace

Result<SecretBytes> WriteIntelHex(const std::vector<HexPart>& parts) {
  size_t room = 16;
  uint64_t end = 0;
  for (const HexPart& p : parts) {
    if (p.address < end || p.address + uint64_t{p.bytes.size()} > kSpace) {
      return Refused("hex.range",
                     fmt::format("the part at 0x{:X} overlaps, goes back or ends beyond "
                                 "32 bits",
                                 p.address));
    }
    end = p.address + uint64_t{p.bytes.size()};
    room += (p.bytes.size() / kRecord + 2) * (2 * (5 + kRecord) + 2) +
            (p.bytes.size() / 0x10000 + 2) * 16;
  }
  Bytes out;
  out.reserve(room);  // no copy of a secret stays behind in freed memory
  uint32_t upper = 0;
  for (const HexPart& p : parts) {
    for (size_t at = 0; at < p.bytes.size();) {
      uint32_t address = p.address + static_cast<uint32_t>(at);
      if (address >> 16 != upper) {
        upper = address >> 16;
        uint8_t high[2] = {static_cast<uint8_t>(upper >> 8), static_cast<uint8_t>(upper)};
        PutRecord(&out, kLinearAddress, 0, high);
      }
      // A record stays within its 64 KiB and ends on a multiple of its size.
      size_t n = std::min(kRecord - address % kRecord, p.bytes.size() - at);
      PutRecord(&out, kData, static_cast<uint16_t>(address), p.bytes.subspan(at, n));
      at += n;
    }
  }
  PutRecord(&out, kEndOfFile, 0, {});
  return SecretBytes::Take(std::move(out));
}

Result<std::vector<HexSegment>> ReadIntelHex(ByteView text) {
  Growing found(std::min(text.size() / 2, kMaxData));
  uint64_t upper = 0;
  size_t line = 0;
  bool ended = false;
  uint8_t record[5 + 255];
  for (size_t at = 0; at < text.size();) {
    line++;
    size_t end = at;
    while (end < text.size() && text[end] != '\n') end++;
    ByteView row = text.subspan(at, end - at);
    at = end + 1;
    if (!row.empty() && row.back() == '\r') row = row.first(row.size() - 1);
    if (ended) return Bad(line, "there is something after the end record");
    if (row.empty() || row[0] != ':') return Bad(line, "a record begins with a colon");
    if (row.size() > kLine || row.size() % 2 == 0 || row.size() < 11) {
      return Bad(line, "the record is too short, too long or has half a byte");
    }
    size_t size = (row.size() - 1) / 2;
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
      int high = Digit(row[1 + 2 * i]);
      int low = Digit(row[2 + 2 * i]);
      if (high < 0 || low < 0) return Bad(line, "there is something that is no hexadecimal digit");
      record[i] = static_cast<uint8_t>(high << 4 | low);
      sum = static_cast<uint8_t>(sum + record[i]);
    }
    if (record[0] + size_t{5} != size) return Bad(line, "the record is not as long as it says");
    if (sum != 0) return Bad(line, "the checksum is wrong");
    ByteView data(record + 4, record[0]);
    uint32_t offset = static_cast<uint32_t>(record[1] << 8 | record[2]);
    if (record[3] == kData) {
      if (offset + data.size() > 0x10000) return Bad(line, "the record crosses 64 KiB");
      if (upper + offset < found.end()) return Bad(line, "the record overlaps or goes back");
      if (found.total() + data.size() > kMaxData) {
        return Refused("hex.too-large", "there are more than 16 MiB of data");
      }
      if (!data.empty()) found.Add(upper + offset, data);
    } else if (record[3] == kLinearAddress && data.size() == 2 && offset == 0) {
      upper = uint64_t{data[0]} << 24 | uint64_t{data[1]} << 16;
    } else if (record[3] == kEndOfFile && data.empty() && offset == 0) {
      ended = true;
    } else {
      return Bad(line, "only data, extended linear address and end records are read");
    }
  }
  Wipe(record, sizeof record);
  if (!ended) return Bad(line, "the end record is missing");
  return found.Take();
}

}  // namespace birthmark::link
