// SPDX-License-Identifier: Apache-2.0
#include "artifact/artifact.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "crypto/digest.h"

namespace birthmark::artifact {
namespace {

constexpr std::array<std::string_view, 8> kWords = {
    "device-image", "update", "cms", "fit", "mcuboot", "tam", "tls-server", "debug-unlock"};

}  // namespace

std::string_view ToText(Kind k) { return kWords[static_cast<size_t>(k)]; }

bool FromText(std::string_view s, Kind& k) {
  const auto* it = std::ranges::find(kWords, s);
  if (it == kWords.end()) return false;
  k = static_cast<Kind>(it - kWords.begin());
  return true;
}

const std::vector<std::string>& KindWords() {
  static const std::vector<std::string> words(kWords.begin(), kWords.end());
  return words;
}

Result<Content> ContentOf(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return std::unexpected(FromErrno("file.missing", file.string(), errno));
  crypto::Sha256Hasher hasher;
  Content out;
  std::vector<char> piece(size_t{1} << 16);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
    const auto n = static_cast<size_t>(in.gcount());
    hasher.Update(AsBytes(std::string_view(piece.data(), n)));
    out.size += n;
  }
  if (in.bad()) return Environment("file.read", file.string() + ": it could not be read");
  out.sha256 = hasher.Finish();
  return out;
}

std::unexpected<Error> BadArtifact(Kind kind, std::string what) {
  return Refused("artifact.malformed", fmt::format("no {}: {}", ToText(kind), what),
                 "compare the file with the one that its signer keeps");
}

}  // namespace birthmark::artifact
