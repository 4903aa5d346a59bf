// SPDX-License-Identifier: Apache-2.0
#include "app/field_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "crypto/pem.h"
#include "pki/crl.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxFilesSeen = 100'000;
constexpr size_t kMaxLine = 256 * 1024;
constexpr size_t kMaxBlock = pki::kMaxCrlInMemory * 3 / 2;  // base64 of it
constexpr std::string_view kBegin = "-----BEGIN ";

// NextLine reads up to a line end, without it; a longer line is cut and said to be too long.
bool NextLine(std::istream& in, std::string& line, bool& too_long) {
  line.clear();
  too_long = false;
  int c = in.get();
  if (c == std::istream::traits_type::eof()) return false;
  for (; c != std::istream::traits_type::eof() && c != '\n'; c = in.get()) {
    if (line.size() < kMaxLine) {
      line += static_cast<char>(c);
    } else {
      too_long = true;
    }
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

// IsList tells a revocation list from a certificate: after the version and the algorithm, a list
// has two names of types where a certificate has its serial number first.
bool IsList(ByteView der) { return pki::ReadCrl(der).has_value(); }

class FileReader {
 public:
  FileReader(std::istream& in, std::string place, const SeenSink& sink)
      : in_(in), place_(std::move(place)), sink_(sink) {}

  Status Run() {
    if (in_.peek() == 0x30) return Binary();
    std::string line;
    bool too_long = false;
    while (NextLine(in_, line, too_long)) {
      ++number_;
      if (too_long) {
        sink_.unreadable(Place(), "the line is longer than any that is understood");
      } else if (line.starts_with(kBegin)) {
        BM_CHECK(Block(line));
      } else if (line.starts_with("{")) {
        BM_CHECK(Json(line));
      }
    }
    return {};
  }

 private:
  std::string Place() const { return place_ + ":" + std::to_string(number_); }

  Status Der(ByteView der, const std::string& place) {
    return IsList(der) ? sink_.list(place, der) : sink_.certificate(place, der);
  }

  Status Binary() {
    Bytes der;
    char buffer[16 * 1024];
    while (in_.read(buffer, sizeof buffer) || in_.gcount() > 0) {
      der.insert(der.end(), buffer, buffer + in_.gcount());
      if (der.size() > pki::kMaxCrlInMemory) {
        sink_.unreadable(place_, "larger than any certificate or list that is looked at");
        return {};
      }
    }
    return Der(der, place_);
  }

  // Block reads one PEM block to its end.
  Status Block(const std::string& first) {
    const std::string place = Place();
    std::string text = first + "\n", line;
    bool too_long = false;
    while (NextLine(in_, line, too_long)) {
      ++number_;
      text += line + "\n";
      if (text.size() > kMaxBlock || too_long) {
        sink_.unreadable(place, "a block larger than any certificate or list");
        return {};
      }
      if (line.starts_with("-----END ")) break;
    }
    const bool certificate = first.starts_with("-----BEGIN CERTIFICATE-----");
    const bool list = first.starts_with("-----BEGIN X509 CRL-----");
    if (!certificate && !list) return {};
    auto blocks = crypto::ReadPem(text, 1);
    if (!blocks) {
      sink_.unreadable(place, blocks.error().message);
      return {};
    }
    return list ? sink_.list(place, blocks->front().der)
                : sink_.certificate(place, blocks->front().der);
  }

  // Json looks at every text of an object: PEM, or base64 of DER.
  Status Json(const std::string& line) {
    auto object = nlohmann::json::parse(line, nullptr, false);
    if (object.is_discarded()) {
      sink_.unreadable(Place(), "the line is no JSON object");
      return {};
    }
    return Value(object, 0);
  }
  Status Value(const nlohmann::json& v, int depth) {
    if (depth > 4) return {};
    if (v.is_structured()) {
      for (const auto& inner : v) BM_CHECK(Value(inner, depth + 1));
      return {};
    }
    if (!v.is_string()) return {};
    const auto& text = v.get_ref<const std::string&>();
    if (text.find(kBegin) != text.npos) {
      auto blocks = crypto::ReadPem(text, 16);
      if (!blocks) {
        sink_.unreadable(Place(), blocks.error().message);
        return {};
      }
      for (const crypto::PemBlock& b : *blocks) {
        if (b.label == "CERTIFICATE") BM_CHECK(sink_.certificate(Place(), b.der));
        if (b.label == "X509 CRL") BM_CHECK(sink_.list(Place(), b.der));
      }
      return {};
    }
    // A certificate in base64 begins with SEQUENCE and a length of two octets.
    if (!text.starts_with("MII")) return {};
    auto der = FromBase64(text);
    if (!der) return {};
    return Der(*der, Place());
  }

  std::istream& in_;
  std::string place_;
  const SeenSink& sink_;
  uint64_t number_ = 0;
};

}  // namespace

Status SeenInFile(std::istream& in, const std::string& place, const SeenSink& sink) {
  return FileReader(in, place, sink).Run();
}

Status ForEachSeen(const std::vector<fs::path>& paths, const SeenSink& sink) {
  std::vector<fs::path> files;
  for (const fs::path& path : paths) {
    std::error_code ec;
    if (!fs::is_directory(path, ec)) {
      files.push_back(path);
      continue;
    }
    for (auto it = fs::recursive_directory_iterator(path, ec);
         !ec && it != fs::recursive_directory_iterator(); it.increment(ec)) {
      if (it->is_regular_file(ec)) files.push_back(it->path());
      if (files.size() > kMaxFilesSeen)
        return Refused("seen.too-many", fmt::format("more than {} files", kMaxFilesSeen));
    }
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return Environment("file.missing", file.string() + ": cannot be read");
    BM_CHECK(SeenInFile(in, file.filename().string(), sink));
  }
  return {};
}

}  // namespace birthmark::app
