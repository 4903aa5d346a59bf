// SPDX-License-Identifier: Apache-2.0
#include "scan/cpio.h"

#include <fmt/format.h>

#include <charconv>

namespace birthmark::scan {
namespace {

constexpr size_t kHeader = 110;
constexpr uint32_t kMaxName = 4096;  // PATH_MAX, as the kernel's own reader has it

std::optional<uint32_t> CpioField(std::string_view header, size_t index) {
  const std::string_view digits = header.substr(6 + 8 * index, 8);
  uint32_t out = 0;
  const auto [end, err] = std::from_chars(digits.data(), digits.data() + digits.size(), out, 16);
  if (err != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return out;
}

uint64_t AlignFour(uint64_t n) { return (n + 3) & ~uint64_t{3}; }

}  // namespace

bool LooksLikeCpio(ByteView head) {
  const std::string_view text = AsText(head).substr(0, 6);
  return text == "070701" || text == "070702";
}

Result<std::optional<CpioEntry>> CpioReader::Next() {
  BM_TRY(const Bytes raw, ReadPart(source_, at_, kHeader));
  const std::string_view header = AsText(raw);
  const auto mode = CpioField(header, 1), uid = CpioField(header, 2), size = CpioField(header, 6),
             name_size = CpioField(header, 11);
  if (!LooksLikeCpio(raw) || !mode || !uid || !size || !name_size) {
    return Refused("scan.cpio-malformed", fmt::format("cpio: no header at octet {}", at_));
  }
  if (*name_size == 0 || *name_size > kMaxName) {
    return Refused("scan.cpio-malformed",
                   fmt::format("cpio: a name of {} octets at octet {}", *name_size, at_));
  }
  BM_TRY(const Bytes name, ReadPart(source_, at_ + kHeader, *name_size));
  CpioEntry e;
  e.name = AsText(name).substr(0, AsText(name).find('\0'));
  e.mode = *mode;
  e.uid = *uid;
  e.size = *size;
  e.offset = AlignFour(at_ + kHeader + *name_size);
  at_ = AlignFour(e.offset + e.size);
  if (e.name == "TRAILER!!!") return std::optional<CpioEntry>();
  if (e.offset > source_.size() || e.size > source_.size() - e.offset) {
    return Refused("scan.truncated", fmt::format("cpio: {} goes beyond the end", e.name));
  }
  return std::optional(std::move(e));
}

}  // namespace birthmark::scan
