// SPDX-License-Identifier: Apache-2.0
#include "manifest/ek_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/clock.h"
#include "base/files.h"
#include "crypto/digest.h"

namespace birthmark::manifest {
namespace {

constexpr size_t kMaxRow = 64 * 1024;
constexpr size_t kEkBlock = 64 * 1024;
constexpr size_t kMaxEkFile = 64 * 1024;
constexpr size_t kMaxEkFiles = 1'000'000;

std::unexpected<Error> BadList(std::string what) {
  return Refused("manifest.ek-list", std::move(what),
                 fmt::format("the first line has to be {}", kEkHeader));
}

// Ek checks one endorsement certificate.
Result<Part> Ek(ChainChecker& chain, Bytes cert, std::string reel) {
  Part part;
  BM_TRY(ByteView spki, chain.Check(cert, {}));
  part.spki.assign(spki.begin(), spki.end());
  part.key = crypto::Sha256(part.spki);
  part.uid = ToHex(part.key);
  part.slot = "ek";
  part.reel = std::move(reel);
  part.cert = std::move(cert);
  return part;
}

class CsvReader : public PartReader {
 public:
  CsvReader(Source source, ChainChecker chain, std::string reel)
      : source_(std::move(source)), chain_(std::move(chain)), reel_(std::move(reel)) {}

  Result<std::optional<Item>> Next() override {
    if (number_ == 0) {
      BM_TRY(auto header, Line());
      if (!header || *header != kEkHeader) return BadList("this is no list of endorsement keys");
      number_ = 1;
    }
    for (;;) {
      BM_TRY(auto line, Line());
      if (!line) return std::nullopt;
      ++number_;
      if (line->empty()) continue;
      Result<Part> part = Row(*line);
      return Item{
          .number = number_ - 1,
          .name = fmt::format("line {} (TPM {})", number_, Shown(line->substr(0, line->find(',')))),
          .part = std::move(part)};
    }
  }

 private:
  Result<Part> Row(std::string_view line) {
    auto bad = [](std::string what) {
      return Refused("manifest.ek-row", std::move(what), "see docs/formats/manifest.md");
    };
    std::array<std::string_view, 7> field;
    for (size_t i = 0; i < field.size(); ++i) {
      size_t end = line.find(',');
      if ((end == line.npos) != (i + 1 == field.size())) return bad("a row has seven fields");
      field[i] = line.substr(0, end);
      if (end != line.npos) line.remove_prefix(end + 1);
    }
    const auto& [serial, alg, name, der, url, reel, received] = field;
    static constexpr std::string_view kAlgs[] = {"rsa-2048", "rsa-3072", "rsa-4096", "ecc-p256",
                                                 "ecc-p384"};
    if (serial.empty() || !IsName(serial)) return bad("it has no tpm_serial");
    if (std::ranges::find(kAlgs, alg) == std::end(kAlgs))
      return bad("its ek_alg is not rsa-2048, rsa-3072, rsa-4096, ecc-p256 or ecc-p384");
    // TPM 2.0 part 1, "Names": the hash's identifier, here SHA-256's 000b, and the digest.
    if (!name.empty() && !(name.size() == 68 && name.starts_with("000b") && FromHex(name)))
      return bad("its ek_name_sha256 is not 000b and 64 hexadecimal digits");
    if (!received.empty() && !ParseTime(received)) return bad("its received_at is no time");
    if (!IsName(reel)) return bad("its reel has no name");
    auto cert = FromBase64(der);
    if (!cert || cert->empty()) return bad("its ek_cert_der_b64 is not base64");
    if (!reel_.empty() && !reel.empty() && reel != reel_) {
      return Refused("manifest.customer",
                     fmt::format("it is of reel \"{}\", not of \"{}\"", Shown(reel), reel_),
                     "this row is not of this delivery");
    }
    return Ek(chain_, std::move(*cert), std::string(reel));
  }

  // Line views the next line without its end, until the call after.
  Result<std::optional<std::string_view>> Line() {
    buffer_.erase(0, used_);
    used_ = 0;
    size_t searched = 0;
    for (;;) {
      size_t end = buffer_.find('\n', searched);
      if (end == buffer_.npos && !ended_) {
        if (buffer_.size() > kMaxRow) return BadList("a line without end");
        searched = buffer_.size();
        buffer_.resize(searched + kEkBlock);
        Result<size_t> n = source_(std::span(buffer_).subspan(searched));
        buffer_.resize(searched + (n ? *n : 0));
        if (!n) return std::unexpected(n.error());
        ended_ = *n == 0;
        continue;
      }
      if (end == buffer_.npos && buffer_.empty()) return std::nullopt;
      size_t size = std::min(end, buffer_.size());
      used_ = std::min(size + 1, buffer_.size());
      std::string_view line = std::string_view(buffer_).substr(0, size);
      if (line.size() > kMaxRow) return BadList("a line without end");
      if (line.ends_with('\r')) line.remove_suffix(1);
      return line;
    }
  }

  Source source_;
  ChainChecker chain_;
  std::string reel_;
  std::string buffer_;
  size_t used_ = 0;
  bool ended_ = false;
  uint64_t number_ = 0;
};

class FolderReader : public PartReader {
 public:
  FolderReader(std::vector<fs::path> files, ChainChecker chain, std::string reel)
      : files_(std::move(files)), chain_(std::move(chain)), reel_(std::move(reel)) {}

  Result<std::optional<Item>> Next() override {
    if (at_ == files_.size()) return std::nullopt;
    const fs::path& file = files_[at_++];
    auto part = [&]() -> Result<Part> {
      BM_TRY(Bytes der, ReadFile(file, kMaxEkFile));
      return Ek(chain_, std::move(der), reel_);
    }();
    return Item{
        .number = at_, .name = "file " + Shown(file.filename().string()), .part = std::move(part)};
  }

 private:
  std::vector<fs::path> files_;
  ChainChecker chain_;
  std::string reel_;
  size_t at_ = 0;
};

}  // namespace

std::unique_ptr<PartReader> EkCsv(Source source, ChainChecker chain, std::string reel) {
  return std::make_unique<CsvReader>(std::move(source), std::move(chain), std::move(reel));
}

Result<std::unique_ptr<PartReader>> EkFolder(const fs::path& folder, ChainChecker chain,
                                             std::string reel) {
  std::error_code ec;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, ec)) {
    std::string ext = entry.path().extension().string();
    if ((ext == ".der" || ext == ".crt") && entry.is_regular_file(ec))
      files.push_back(entry.path());
    if (files.size() > kMaxEkFiles) return BadList("more than a million files in one folder");
  }
  if (files.empty()) return BadList(folder.filename().string() + ": no *.der and no *.crt in it");
  std::ranges::sort(files);
  return std::make_unique<FolderReader>(std::move(files), std::move(chain), std::move(reel));
}

}  // namespace birthmark::manifest
