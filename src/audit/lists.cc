// SPDX-License-Identifier: Apache-2.0
#include "audit/lists.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/files.h"
#include "crypto/digest.h"

namespace birthmark::audit {
namespace {

constexpr size_t kMaxList = size_t{256} << 20;
constexpr std::string_view kDebian = "Debian openssl-blacklist", kSpki = "SPKI SHA-256 list";

template <class F>
Status Entries(const fs::path& path, F each) {
  BM_TRY(std::string text, ReadTextFile(path, kMaxList));
  size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    ++number;
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty() || line[0] == '#') continue;
    auto octets = FromHex(line);
    if (!octets || !each(*octets)) {
      return Refused("audit.list",
                     fmt::format("{}:{}: no entry of such a list", path.string(), number),
                     "a line is a digest in hexadecimal; \"#\" begins a remark");
    }
  }
  return {};
}

Digest ToDigest(const Bytes& b) {
  Digest d;
  std::ranges::copy(b, d.begin());
  return d;
}

// The package's own rule: the last 80 bits of SHA-1 over what `openssl … -modulus` prints.
std::array<uint8_t, 10> DebianTail(const mpz_class& modulus) {
  std::string hex = modulus.get_str(16);
  std::ranges::transform(hex, hex.begin(),
                         [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  const auto sha1 = crypto::Sha1ForKeyId(AsBytes("Modulus=" + hex + "\n"));
  std::array<uint8_t, 10> tail;
  std::copy(sha1.begin() + 10, sha1.end(), tail.begin());
  return tail;
}

}  // namespace

Status WeakLists::ReadOne(const fs::path& path) {
  const size_t debian = debian_.size(), spki = spki_.size();
  BM_CHECK(Entries(path, [&](const Bytes& b) {
    if (b.size() == std::tuple_size_v<Tail>) {
      std::ranges::copy(b, debian_.emplace_back().begin());
      return true;
    }
    if (b.size() == std::tuple_size_v<Digest>) spki_.push_back(ToDigest(b));
    return b.size() == std::tuple_size_v<Digest>;
  }));
  if (debian_.size() > debian)
    used_.push_back({std::string(kDebian), path.string(), debian_.size() - debian});
  if (spki_.size() > spki)
    used_.push_back({std::string(kSpki), path.string(), spki_.size() - spki});
  return {};
}

Result<WeakLists> WeakLists::Read(const std::vector<fs::path>& paths) {
  WeakLists lists;
  for (const fs::path& p : paths) {
    std::error_code ec;
    if (!fs::is_directory(p, ec)) {
      BM_CHECK(lists.ReadOne(p));
      continue;
    }
    std::vector<fs::path> files;
    for (fs::directory_iterator it(p, ec); !ec && it != fs::directory_iterator(); it.increment(ec))
      files.push_back(it->path());
    if (ec) return std::unexpected(FromErrno("file.read", p.string(), ec.value()));
    std::ranges::sort(files);
    for (const fs::path& f : files) BM_CHECK(lists.ReadOne(f));
  }
  std::ranges::sort(lists.debian_);
  std::ranges::sort(lists.spki_);
  return lists;
}

std::string WeakLists::Find(const KeyFacts& key) const {
  if (std::ranges::binary_search(spki_, key.spki)) return std::string(kSpki);
  if (key.rsa && !debian_.empty() &&
      std::ranges::binary_search(debian_, DebianTail(key.rsa->modulus))) {
    return std::string(kDebian);
  }
  return "";
}

std::vector<std::string> WeakLists::Absent() const {
  std::vector<std::string> out;
  if (debian_.empty()) out.push_back(fmt::format("{}: no such list was given", kDebian));
  if (spki_.empty()) out.push_back(fmt::format("{}: no such list was given", kSpki));
  return out;
}

Result<std::set<Digest>> ReadDigests(const fs::path& path) {
  std::set<Digest> out;
  BM_CHECK(Entries(path, [&](const Bytes& b) {
    if (b.size() != std::tuple_size_v<Digest>) return false;
    out.insert(ToDigest(b));
    return true;
  }));
  return out;
}

}  // namespace birthmark::audit
