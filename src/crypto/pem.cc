// SPDX-License-Identifier: Apache-2.0
#include "crypto/pem.h"

#include <fmt/format.h>

namespace birthmark::crypto {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ", kEnd = "-----END ", kDashes = "-----";
// RFC 7468 section 2 writes 64 characters a line; older writers use 76 (RFC 1421).
constexpr size_t kLongestLine = 76;

std::unexpected<Error> Bad(int line, std::string_view what) {
  return Refused("pem.malformed", fmt::format("line {}: {}", line, what));
}

// LabelOf gives the label of a boundary line that starts with `start`; empty when it is none.
std::string_view LabelOf(std::string_view line, std::string_view start) {
  if (!line.starts_with(start) || !line.ends_with(kDashes) ||
      line.size() <= start.size() + kDashes.size()) {
    return {};
  }
  std::string_view label = line.substr(start.size(), line.size() - start.size() - kDashes.size());
  for (char c : label) {
    if (!(c == ' ' || c == '.' || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) return {};
  }
  return label;
}

}  // namespace

Result<std::vector<PemBlock>> ReadPem(std::string_view text, size_t max_blocks) {
  std::vector<PemBlock> out;
  std::string base64;
  std::string_view label;
  bool inside = false, last_line_short = false;
  for (int number = 1; !text.empty(); ++number) {
    size_t nl = text.find('\n');
    std::string_view line = text.substr(0, nl);
    text = nl == std::string_view::npos ? std::string_view() : text.substr(nl + 1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
      line.remove_suffix(1);
    }
    if (!inside) {
      if (!line.starts_with(kDashes)) continue;
      label = LabelOf(line, kBegin);
      if (label.empty()) return Bad(number, "this is no BEGIN line");
      if (out.size() == max_blocks) {
        return Refused("pem.too-many", fmt::format("more than {} blocks", max_blocks));
      }
      inside = true;
      last_line_short = false;
      base64.clear();
      continue;
    }
    if (line.starts_with(kDashes)) {
      if (LabelOf(line, kEnd) != label) return Bad(number, "the END line does not match its BEGIN");
      auto der = FromBase64(base64);
      if (!der || der->empty()) return Bad(number, "the block before is not base64");
      out.push_back({std::string(label), std::move(*der)});
      inside = false;
      continue;
    }
    if (line.empty() || line.size() > kLongestLine || last_line_short) {
      return Bad(number, "a block's lines are not of one width");
    }
    // Only the last line may end in the middle of a group of four.
    last_line_short = line.size() % 4 != 0 || line.back() == '=';
    if (line.find(':') != std::string_view::npos) {
      return Bad(number, "blocks with headers (encrypted keys) are not read");
    }
    base64 += line;
  }
  if (inside) return Refused("pem.malformed", "the last block has no END line");
  if (out.empty()) return Refused("pem.none", "there is no PEM block");
  return out;
}

Result<Bytes> ReadOnePem(std::string_view text, std::string_view label) {
  BM_TRY(std::vector<PemBlock> blocks, ReadPem(text, 2));
  if (blocks.size() != 1 || blocks[0].label != label) {
    return Refused("pem.label",
                   fmt::format("one {} block is due; this has {}{}", label,
                               blocks.size() == 1 ? "a " : "more, first a ", blocks[0].label));
  }
  return std::move(blocks[0].der);
}

std::string WritePem(std::string_view label, ByteView der) {
  std::string out = fmt::format("-----BEGIN {}-----\n", label);
  std::string base64 = ToBase64(der);
  for (size_t i = 0; i < base64.size(); i += 64) {
    out += base64.substr(i, 64);
    out += '\n';
  }
  return out + fmt::format("-----END {}-----\n", label);
}

}  // namespace birthmark::crypto
