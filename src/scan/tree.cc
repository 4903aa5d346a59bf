// SPDX-License-Identifier: Apache-2.0
// FIT images: flattened device trees whose properties `data` are kernels and file systems, and
// whose nodes say by which key they are signed. Source: Devicetree specification v0.4 section 5,
// Flattened Image Tree specification section 2.
#include <fmt/format.h>

#include "scan/scanner.h"

namespace birthmark::scan {
namespace {

constexpr uint32_t kBeginNode = 1, kEndNode = 2, kProperty = 3, kNop = 4, kEnd = 9;
constexpr size_t kMaxDepth = 16, kMaxImages = 256, kMaxNames = 1 << 20;
constexpr uint64_t kMaxTokens = 1'000'000;

uint32_t BigAt(ByteView b, size_t at) {
  return uint32_t{b[at]} << 24 | uint32_t{b[at + 1]} << 16 | uint32_t{b[at + 2]} << 8 |
         uint32_t{b[at + 3]};
}

// Text up to the first zero.
std::string_view CText(ByteView b) { return AsText(b).substr(0, AsText(b).find('\0')); }

struct TreeNode {
  std::string name;
  std::string key, algorithm;            // of a signature
  std::optional<uint64_t> offset, size;  // of data behind the tree
};

}  // namespace

void WalkTree(Scanner& scanner, const Where& where, const SourcePtr& file, const Meta& meta) {
  auto named = [&](std::string reason) {
    scanner.Unreadable(where, {ErrorKind::kNegative, "scan.tree-malformed",
                               "device tree: " + std::move(reason), ""});
  };
  const auto head = ReadPart(*file, 0, 40);
  if (!head) return named("its header is cut off");
  const uint64_t total = BigAt(*head, 4), structure = BigAt(*head, 8), strings = BigAt(*head, 12),
                 strings_size = BigAt(*head, 32), structure_size = BigAt(*head, 36);
  if (total > file->size() || structure > total || structure_size > total - structure ||
      strings > total || strings_size > total - strings || strings_size > kMaxNames) {
    return named("its blocks lie outside of it");
  }
  if (where.depth > scanner.options().depth) {
    return scanner.Unreadable(
        where, {ErrorKind::kNegative, "scan.depth", "a FIT image below too many containers", ""});
  }
  const auto names = ReadPart(*file, strings, static_cast<size_t>(strings_size));
  if (!names) return named("cannot be read");
  std::vector<TreeNode> path;
  size_t images = 0;
  Where inner = scanner.Inner(where);
  Meta inside = meta;
  inside.guard += std::string(inside.guard.empty() ? "" : "; ") + "in a FIT image";
  auto text_of = [&] {
    std::string out;
    for (size_t i = 1; i < path.size(); ++i) out += "/" + path[i].name;
    return out;
  };
  uint64_t given = 0;
  auto image = [&](uint64_t offset, uint64_t size, bool outside) {
    if (path.size() != 3 || path[1].name != "images" || size < 64 || ++images > kMaxImages) return;
    Where at = inner;
    at.path = text_of();
    given += size;
    // An image that is the whole of which it is a part would never end.
    if (offset > file->size() || size > file->size() - offset || given > file->size() ||
        (outside && offset < total)) {
      return scanner.Unreadable(
          at, {ErrorKind::kNegative, "scan.overlap",
               "lies outside of the FIT image, or images of it lie over each other", ""});
    }
    scanner.File(at, Slice(file, offset, size), inside);
  };
  uint64_t tokens = 0;
  for (uint64_t at = structure; at + 4 <= structure + structure_size;) {
    if (++tokens > kMaxTokens) return named("it has more than a million parts");
    const auto token = ReadPart(*file, at, 4);
    if (!token) return named("cannot be read");
    at += 4;
    switch (BigAt(*token, 0)) {
      case kNop:
        break;
      case kEnd:
        return;
      case kBeginNode: {
        Bytes name(256);
        const auto got = file->ReadAt(at, name);
        if (!got || path.size() >= kMaxDepth) return named("its nodes are too deep");
        const std::string_view text = CText(ByteView(name).first(*got));
        if (text.size() == *got) return named("a node's name has no end");
        path.push_back({std::string(text), "", "", {}, {}});
        at = (at + text.size() + 4) & ~uint64_t{3};
        break;
      }
      case kEndNode: {
        if (path.empty()) return named("a node ends that never began");
        const TreeNode& node = path.back();
        if (node.offset && node.size) image(*node.offset, *node.size, true);
        if (node.name.starts_with("signature") && !node.key.empty() && path.size() > 2) {
          scanner.Note(where, meta, "fit-signature",
                       {"scan.fit-signed", fmt::format("{} is signed with a key called \"{}\" ({})",
                                                       text_of(), node.key, node.algorithm)});
        }
        path.pop_back();
        break;
      }
      case kProperty: {
        const auto p = ReadPart(*file, at, 8);
        if (!p || path.empty()) return named("a property is cut off or outside of all nodes");
        const uint64_t size = BigAt(*p, 0), name_at = BigAt(*p, 4);
        at += 8;
        if (size > structure + structure_size - std::min(at, structure + structure_size) ||
            name_at >= names->size()) {
          return named("a property lies outside of it");
        }
        const std::string_view name = CText(ByteView(*names).subspan(name_at));
        TreeNode& node = path.back();
        if (name == "data") image(at, size, false);
        if (size <= 256) {
          const auto value = ReadPart(*file, at, static_cast<size_t>(size));
          if (!value) return named("cannot be read");
          if (name == "key-name-hint") node.key = CText(*value);
          if (name == "algo") node.algorithm = CText(*value);
          if (size == 4 && name == "data-size") node.size = BigAt(*value, 0);
          if (size == 4 && name == "data-position") node.offset = BigAt(*value, 0);
          // Counted from the tree's end, which is a multiple of four.
          if (size == 4 && name == "data-offset")
            node.offset = ((total + 3) & ~uint64_t{3}) + BigAt(*value, 0);
        }
        at = (at + size + 3) & ~uint64_t{3};
        break;
      }
      default:
        return named(fmt::format("an unknown token at octet {}", at - 4));
    }
  }
  named("it has no end");
}

}  // namespace birthmark::scan
