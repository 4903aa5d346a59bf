// SPDX-License-Identifier: Apache-2.0
#include "scan/pe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace birthmark::scan {
namespace {

constexpr uint16_t kMaxSections = 96;  // what Windows' own loader takes
constexpr size_t kSecurityDirectory = 4;

uint32_t Little(ByteView b, size_t at, size_t size) {
  uint32_t out = 0;
  for (size_t i = 0; i < size; ++i) out |= static_cast<uint32_t>(b[at + i]) << (8 * i);
  return out;
}

std::unexpected<Error> PeMalformed(std::string what) {
  return Refused("scan.pe-malformed", "UEFI program: " + std::move(what));
}

// LongName resolves "/37": an offset into the string table behind the symbols.
std::string LongName(const Source& file, const std::string& name, uint64_t strings) {
  uint32_t offset = 0;
  const auto [end, err] = std::from_chars(name.data() + 1, name.data() + name.size(), offset);
  if (strings == 0 || err != std::errc() || end != name.data() + name.size()) return name;
  std::array<uint8_t, 64> text{};
  const auto got = file.ReadAt(strings + offset, text);
  if (!got) return name;
  const std::string_view all = AsText(ByteView(text).first(*got));
  return std::string(all.substr(0, all.find('\0')));
}

bool Fits(const Source& file, const Extent& e) {
  return e.offset <= file.size() && e.size <= file.size() - e.offset;
}

}  // namespace

Result<std::optional<PeImage>> ReadPe(const Source& file) {
  std::array<uint8_t, 64> dos{};
  BM_TRY(const size_t got, file.ReadAt(0, dos));
  if (got < dos.size() || dos[0] != 'M' || dos[1] != 'Z') return std::optional<PeImage>();
  const uint32_t start = Little(dos, 0x3c, 4);
  std::array<uint8_t, 24> coff{};
  BM_TRY(const size_t header, file.ReadAt(start, coff));
  if (header < 4 || Little(coff, 0, 4) != 0x4550) return std::optional<PeImage>();
  if (header < coff.size()) return PeMalformed("its header is cut off");
  const uint32_t count = Little(coff, 6, 2), optional_size = Little(coff, 20, 2);
  if (count > kMaxSections) return PeMalformed(fmt::format("claims {} sections", count));
  // Of a symbol 18 octets; zero symbols mean no string table either.
  const uint32_t symbols = Little(coff, 12, 4);
  const uint64_t strings = symbols == 0 ? 0 : symbols + uint64_t{Little(coff, 16, 4)} * 18;
  BM_TRY(const Bytes optional, ReadPart(file, uint64_t{start} + 24, optional_size));
  if (optional.size() < 2) return PeMalformed("has no optional header");
  const uint32_t magic = Little(optional, 0, 2);
  if (magic != 0x10b && magic != 0x20b) return PeMalformed("is neither PE32 nor PE32+");
  PeImage out;
  const size_t directories = magic == 0x20b ? 112 : 96;
  const size_t entry = directories + 8 * kSecurityDirectory;
  if (optional.size() >= entry + 8 && Little(optional, directories - 4, 4) > kSecurityDirectory) {
    // The one directory whose address is an offset in the file and no address in memory.
    out.signatures = {Little(optional, entry, 4), Little(optional, entry + 4, 4)};
    if (!Fits(file, out.signatures)) return PeMalformed("its certificate table lies outside it");
    out.checksum_at = uint64_t{start} + 24 + 64;
    out.directory_at = uint64_t{start} + 24 + entry;
  }
  BM_TRY(const Bytes table,
         ReadPart(file, uint64_t{start} + 24 + optional_size, size_t{count} * 40));
  std::vector<Extent> raw;
  for (size_t i = 0; i < count; ++i) {
    const ByteView row = ByteView(table).subspan(i * 40, 40);
    std::string name;
    for (size_t c = 0; c < 8 && row[c] != 0; ++c) name += static_cast<char>(row[c]);
    if (name.starts_with('/')) name = LongName(file, name, strings);
    const Extent data{Little(row, 20, 4), std::min(Little(row, 8, 4), Little(row, 16, 4))};
    if (Little(row, 16, 4) != 0) raw.push_back({Little(row, 20, 4), Little(row, 16, 4)});
    if (Fits(file, data)) out.sections.push_back({std::move(name), data});
  }
  std::ranges::sort(raw, {}, &Extent::offset);
  uint64_t end = optional.size() >= 64 ? Little(optional, 60, 4) : 0;
  out.in_order = end != 0;
  for (const Extent& e : raw) {
    out.in_order = out.in_order && e.offset == end;
    end = e.offset + e.size;
  }
  return std::optional(std::move(out));
}

Result<std::optional<ShimLists>> ReadShimLists(const Source& file, const PeImage& image) {
  // Cut to eight characters where there is no string table.
  const auto found = std::ranges::find_if(image.sections, [](const PeSection& s) {
    return s.name == ".vendor_" || s.name == ".vendor_cert";
  });
  if (found == image.sections.end()) return std::optional<ShimLists>();
  if (found->data.size < 16) return PeMalformed("its section .vendor_cert is too short");
  BM_TRY(const Bytes head, ReadPart(file, found->data.offset, 16));
  auto part = [&](size_t size_at, size_t offset_at) -> std::optional<Extent> {
    const uint64_t size = Little(head, size_at, 4), offset = Little(head, offset_at, 4);
    if (offset > found->data.size || size > found->data.size - offset) return std::nullopt;
    return Extent{found->data.offset + offset, size};
  };
  const auto believed = part(0, 8), refused = part(4, 12);
  if (!believed || !refused) return PeMalformed("its section .vendor_cert points outside itself");
  return std::optional(ShimLists{*believed, *refused});
}

std::optional<Extent> KernelPayload(const Source& file) {
  auto head = ReadPart(file, 0, 0x250);
  if (!head) return std::nullopt;
  const ByteView h = *head;
  Extent out;
  if (Little(h, 0x202, 4) == 0x53726448) {                 // "HdrS"
    if (Little(h, 0x206, 2) < 0x208) return std::nullopt;  // older ones do not say
    // Of zero sectors the boot protocol means four.
    const uint32_t sectors = h[0x1f1] == 0 ? 4 : h[0x1f1];
    out = {(uint64_t{sectors} + 1) * 512 + Little(h, 0x248, 4), Little(h, 0x24c, 4)};
  } else if (h[0] == 'M' && h[1] == 'Z' && AsText(h).substr(4, 4) == "zimg") {
    out = {Little(h, 8, 4), Little(h, 12, 4)};
  } else {
    return std::nullopt;
  }
  if (out.size == 0 || !Fits(file, out)) return std::nullopt;
  return out;
}

}  // namespace birthmark::scan
