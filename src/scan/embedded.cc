// SPDX-License-Identifier: Apache-2.0
#include "scan/embedded.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace birthmark::scan {
namespace {

constexpr size_t kPiece = 1 << 20;
constexpr size_t kLookBack = 64;  // patterns may lie across two pieces
constexpr size_t kMaxCertificate = 64 << 10;
constexpr size_t kMaxBlock = 128 << 10;   // a PEM block of the largest certificate
constexpr size_t kMaxPgpBlock = 2 << 20;  // keyrings are armoured whole
constexpr std::string_view kBegin = "-----BEGIN ";
// What every X.509 v3 TBSCertificate has behind its own header: version [0] 2, then an INTEGER.
constexpr std::array<uint8_t, 6> kVersion3 = {0xa0, 0x03, 0x02, 0x01, 0x02, 0x02};
// SubjectPublicKeyInfo of Ed25519, P-256, P-384 and RSA of 2048, 3072 and 4096 bits up to the key.
const std::array<ByteView, 6>& KeyPatterns() {
  static constexpr uint8_t kEd25519[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                         0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
  static constexpr uint8_t kP256[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
  static constexpr uint8_t kP384[] = {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                      0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                      0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04};
  static constexpr uint8_t kRsa2048[] = {0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a,
                                         0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05};
  static constexpr uint8_t kRsa3072[] = {0x30, 0x82, 0x01, 0xa2, 0x30, 0x0d, 0x06, 0x09, 0x2a,
                                         0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05};
  static constexpr uint8_t kRsa4096[] = {0x30, 0x82, 0x02, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a,
                                         0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05};
  static const std::array<ByteView, 6> all = {kEd25519, kP256, kP384, kRsa2048, kRsa3072, kRsa4096};
  return all;
}

// DerSize is the whole size of the element that begins here; absent when it is no SEQUENCE with a
// sensible definite length.
std::optional<size_t> DerSize(ByteView b) {
  if (b.size() < 4 || b[0] != 0x30) return std::nullopt;
  if (b[1] < 0x80) return size_t{2} + b[1];
  if (b[1] == 0x81) return size_t{3} + b[2];
  if (b[1] == 0x82) return size_t{4} + (size_t{b[2]} << 8 | b[3]);
  return std::nullopt;
}

// CertificateStart finds, behind the version's octets at `at`, the two SEQUENCEs before them.
std::optional<size_t> CertificateStart(ByteView piece, size_t at) {
  for (const size_t inner : {size_t{4}, size_t{3}}) {
    for (const size_t outer : {size_t{4}, size_t{3}}) {
      if (at < inner + outer) continue;
      const size_t start = at - inner - outer;
      const auto whole = DerSize(piece.subspan(start));
      const auto tbs = DerSize(piece.subspan(start + outer));
      if (!whole || !tbs || *tbs + outer >= *whole || *whole > kMaxCertificate) continue;
      // Both length forms must be as long as assumed.
      if ((piece[start + 1] == 0x82) != (outer == 4)) continue;
      if ((piece[start + outer + 1] == 0x82) != (inner == 4)) continue;
      return start;
    }
  }
  return std::nullopt;
}

// Base64Of takes white space out, and what quotes the lines of a block inside a program's source or
// a JSON string.
Bytes Base64Of(std::string_view body) {
  std::string clean;
  clean.reserve(body.size());
  for (size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (c == '\\' && i + 1 < body.size() && (body[i + 1] == 'n' || body[i + 1] == 'r')) {
      ++i;
      continue;
    }
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '"' || c == '\\') continue;
    clean += c;
  }
  return FromBase64(clean).value_or(Bytes());
}

class Search {
 public:
  Search(const Source& file, const SearchOptions& options, const std::function<bool(Hit)>& found)
      : file_(file), options_(options), found_(found) {}

  Status Run() {
    Bytes piece(static_cast<size_t>(std::min<uint64_t>(file_.size(), kPiece)));
    for (uint64_t start = 0; start < file_.size();) {
      BM_TRY(const size_t got, file_.ReadAt(start, piece));
      BM_CHECK(InPiece(ByteView(piece).first(got), start));
      if (start + got >= file_.size()) break;
      if (got < piece.size()) return Refused("scan.truncated", "became shorter while it was read");
      start += got - kLookBack;
    }
    return {};
  }

 private:
  Status InPiece(ByteView piece, uint64_t start) {
    struct Mark {
      uint64_t offset;
      int sort;  // 0 PEM, 1 certificate, 2 key
    };
    std::vector<Mark> marks;
    Collect(piece, AsBytes(kBegin), [&](size_t at) { marks.push_back({start + at, 0}); });
    Collect(piece, kVersion3, [&](size_t at) {
      if (const auto begin = CertificateStart(piece, at)) marks.push_back({start + *begin, 1});
    });
    if (options_.keys) {
      for (const ByteView pattern : KeyPatterns()) {
        Collect(piece, pattern, [&](size_t at) { marks.push_back({start + at, 2}); });
      }
    }
    std::ranges::stable_sort(marks, {}, &Mark::offset);
    for (const Mark& mark : marks) {
      if (mark.offset < done_) continue;
      BM_CHECK(mark.sort == 0 ? Pem(mark.offset) : Der(mark.offset));
    }
    return {};
  }

  template <class F>
  static void Collect(ByteView piece, ByteView pattern, F call) {
    size_t at = 0;
    while (at < piece.size()) {
      const void* p = memmem(piece.data() + at, piece.size() - at, pattern.data(), pattern.size());
      if (p == nullptr) return;
      const auto found = static_cast<size_t>(static_cast<const uint8_t*>(p) - piece.data());
      call(found);
      at = found + 1;
    }
  }

  // Window gives what follows an offset, out of the octets that were read last where it can.
  Result<ByteView> Window(uint64_t offset, size_t size) {
    size = static_cast<size_t>(std::min<uint64_t>(size, file_.size() - offset));
    if (offset < window_start_ || offset + size > window_start_ + window_.size()) {
      window_.resize(static_cast<size_t>(
          std::min<uint64_t>(std::max(size, kMaxBlock * 2), file_.size() - offset)));
      BM_TRY(const size_t got, file_.ReadAt(offset, window_));
      window_.resize(got);
      window_start_ = offset;
      size = std::min(size, got);
    }
    return ByteView(window_).subspan(static_cast<size_t>(offset - window_start_), size);
  }

  Status Pem(uint64_t offset) {
    BM_TRY(ByteView window, Window(offset, kMaxBlock));
    std::string_view text = AsText(window);
    const size_t label_end = text.substr(0, 96).find("-----", kBegin.size());
    if (label_end == std::string_view::npos) return {};
    Hit hit;
    hit.label = text.substr(kBegin.size(), label_end - kBegin.size());
    if (!std::ranges::all_of(hit.label, [](char c) {
          return (c >= 'A' && c <= 'Z') || c == ' ' || c == '0' || c == '9' || c == '5';
        })) {
      return {};
    }
    const bool pgp = hit.label.starts_with("PGP ");
    if (pgp && offset + kMaxBlock < file_.size()) {
      BM_TRY(window, Window(offset, kMaxPgpBlock));
      text = AsText(window);
    }
    const std::string end_line = "-----END " + hit.label + "-----";
    const size_t body = label_end + 5, end = text.find(end_line, body);
    hit.offset = offset;
    const std::string_view content =
        end == std::string_view::npos ? "" : text.substr(body, end - body);
    // Another beginning inside: this one has no end, or is a program's constant and no block.
    if (end == std::string_view::npos || content.find(kBegin) != std::string_view::npos) {
      hit.broken = true;
      return Give(std::move(hit));
    }
    hit.size = end + end_line.size();
    if (pgp) {
      hit.der = ToBytes(text.substr(0, end + end_line.size()));
      hit.der.push_back('\n');
    } else if (content.find("ENCRYPTED") != std::string_view::npos) {
      hit.encrypted = true;
    } else {
      hit.der = Base64Of(content);
      hit.broken = hit.der.empty();
      hit.encrypted = hit.label == "ENCRYPTED PRIVATE KEY";
    }
    return Give(std::move(hit));
  }

  Status Der(uint64_t offset) {
    BM_TRY(const ByteView window, Window(offset, kMaxCertificate));
    const auto size = DerSize(window);
    if (!size || *size > window.size()) return {};
    Hit hit;
    hit.offset = offset;
    hit.size = *size;
    hit.der.assign(window.begin(), window.begin() + static_cast<ptrdiff_t>(*size));
    return Give(std::move(hit));
  }

  Status Give(Hit hit) {
    if (given_ == options_.max_hits) {
      return Refused("scan.too-many",
                     fmt::format("holds more than {} certificates and keys", options_.max_hits));
    }
    const uint64_t end = hit.offset + hit.size;
    if (found_(std::move(hit))) {
      ++given_;
      done_ = end;
    }
    return {};
  }

  const Source& file_;
  const SearchOptions& options_;
  const std::function<bool(Hit)>& found_;
  Bytes window_;
  uint64_t window_start_ = 0, done_ = 0;
  size_t given_ = 0;
};

}  // namespace

Status FindEmbedded(const Source& file, const SearchOptions& options,
                    const std::function<bool(Hit)>& found) {
  return Search(file, options, found).Run();
}

}  // namespace birthmark::scan
