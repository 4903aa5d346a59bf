// SPDX-License-Identifier: Apache-2.0
#include "scan/keylines.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <functional>
#include <optional>

namespace birthmark::scan {
namespace {

constexpr size_t kMaxLabel = 200;

// WordsOf splits at blanks outside of double quotes, as the options of authorized_keys want it.
std::vector<std::string_view> WordsOf(std::string_view line) {
  std::vector<std::string_view> out;
  size_t at = 0;
  while (at < line.size()) {
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
    const size_t start = at;
    bool quoted = false;
    while (at < line.size() && (quoted || (line[at] != ' ' && line[at] != '\t'))) {
      if (line[at] == '"') quoted = !quoted;
      ++at;
    }
    if (at > start) out.push_back(line.substr(start, at - start));
  }
  return out;
}

void EachLine(std::string_view text,
              const std::function<void(int, const std::vector<std::string_view>&)>& call) {
  int number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto words = WordsOf(line);
    if (!words.empty() && !words.front().starts_with('#')) call(number, words);
  }
}

std::string PlainLabel(std::string_view text) {
  std::string out(text.substr(0, kMaxLabel));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  return out;
}

std::optional<ByteView> SshString(ByteView& rest) {
  if (rest.size() < 4) return std::nullopt;
  const uint32_t n = uint32_t{rest[0]} << 24 | uint32_t{rest[1]} << 16 | uint32_t{rest[2]} << 8 |
                     uint32_t{rest[3]};
  if (n > rest.size() - 4) return std::nullopt;
  const ByteView out = rest.subspan(4, n);
  rest = rest.subspan(4 + size_t{n});
  return out;
}

// KeyAt reads "type base64" at a word; absent when the two do not fit.
std::optional<KeyLine> KeyAt(const std::vector<std::string_view>& words, size_t at, int line) {
  if (at + 1 >= words.size()) return std::nullopt;
  auto blob = FromBase64(words[at + 1]);
  if (!blob) return std::nullopt;
  const auto key = ReadSshBlob(*blob);
  if (!key) return std::nullopt;
  KeyLine out;
  out.algorithm = key->algorithm;
  out.bits = key->bits;
  out.blob = std::move(*blob);
  out.line = line;
  return out;
}

}  // namespace

std::optional<SshKey> ReadSshBlob(ByteView blob) {
  const auto type = SshString(blob);
  if (!type) return std::nullopt;
  const std::string_view name = AsText(*type);
  if (name == "ssh-ed25519") return SshKey{"ed25519", 256};
  if (name == "ecdsa-sha2-nistp256") return SshKey{"ecdsa-p256", 256};
  if (name == "ecdsa-sha2-nistp384") return SshKey{"ecdsa-p384", 384};
  if (name == "ecdsa-sha2-nistp521") return SshKey{"ecdsa-p521", 521};
  if (name.starts_with("sk-ssh-ed25519")) return SshKey{"ed25519", 256};
  if (name.starts_with("sk-ecdsa-sha2-nistp256")) return SshKey{"ecdsa-p256", 256};
  if (name != "ssh-rsa" && name != "ssh-dss") return std::nullopt;
  if (name == "ssh-rsa" && !SshString(blob)) return std::nullopt;  // the exponent
  const auto number = SshString(blob);                             // n of RSA, p of DSA
  if (!number) return std::nullopt;
  ByteView digits = *number;
  while (!digits.empty() && digits[0] == 0) digits = digits.subspan(1);
  if (digits.empty() || digits.size() > 4096) return std::nullopt;
  const auto bits = static_cast<uint32_t>(8 * (digits.size() - 1) + std::bit_width(digits[0]));
  return SshKey{fmt::format("{}-{}", name == "ssh-rsa" ? "rsa" : "dsa", bits), bits};
}

KeyLines ReadKnownHosts(std::string_view text) {
  KeyLines out;
  EachLine(text, [&](int number, const std::vector<std::string_view>& words) {
    const bool revoked = words[0] == "@revoked";
    if (!revoked && words[0] != "@cert-authority") return;
    auto key = KeyAt(words, 2, number);
    if (!key) return out.broken.push_back(number);
    key->label = PlainLabel(words[1]);
    key->rejected = revoked;
    out.keys.push_back(std::move(*key));
  });
  return out;
}

KeyLines ReadAuthorizedKeys(std::string_view text, bool all) {
  KeyLines out;
  EachLine(text, [&](int number, const std::vector<std::string_view>& words) {
    auto key = KeyAt(words, 0, number);
    size_t comment = 2;
    if (!key) {
      key = KeyAt(words, 1, number);
      comment = 3;
      if (!key) return out.broken.push_back(number);
    }
    const std::string options = comment == 3 ? "," + std::string(words[0]) + "," : "";
    if (!all && options.find(",cert-authority,") == std::string::npos) return;
    key->label = comment < words.size() ? PlainLabel(words[comment]) : "(no comment)";
    out.keys.push_back(std::move(*key));
  });
  return out;
}

Result<Bytes> ReadSignify(std::string_view text) {
  auto refused = [] {
    return Refused("scan.signify-malformed", "this is no signify key of 42 octets in base64");
  };
  const size_t first = text.find('\n');
  if (!text.starts_with("untrusted comment:") || first == std::string_view::npos) return refused();
  text.remove_prefix(first + 1);
  const auto raw = FromBase64(text.substr(0, text.find('\n')));
  if (!raw || raw->size() != 42 || (*raw)[0] != 'E' || (*raw)[1] != 'd') return refused();
  // RFC 8410 section 4: the SubjectPublicKeyInfo of Ed25519 is this prefix and the key.
  Bytes spki = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
  spki.insert(spki.end(), raw->begin() + 10, raw->end());
  return spki;
}

std::string BindRecords(std::string_view text) {
  // Comments of all three styles go first; what remains are words and quoted strings.
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("/*")) {
      const size_t end = rest.find("*/");
      if (end == std::string_view::npos) break;
      i += end + 1;
    } else if (rest.starts_with("//") || rest.starts_with("#")) {
      i += std::min(rest.find('\n'), rest.size()) - 1;
    } else {
      plain += text[i];
    }
  }
  std::string out;
  std::string_view rest = plain;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(';'), rest.size());
    std::string statement(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    std::ranges::replace(statement, '\n', ' ');
    const size_t brace = statement.rfind('{');
    const auto words =
        WordsOf(std::string_view(statement).substr(brace == std::string::npos ? 0 : brace + 1));
    // ". initial-key 257 3 8 "…"" and ". static-ds 20326 8 2 "…"".
    if (words.size() < 6 || words[0] != ".") continue;
    const bool ds = words[1].ends_with("-ds");
    if (!ds && !words[1].ends_with("-key")) continue;
    std::string data;
    for (const char c : statement.substr(
             statement.find('"') == std::string::npos ? statement.size() : statement.find('"'))) {
      if (c != '"' && c != ' ' && c != '\t') data += c;
    }
    out += fmt::format(". 3600 IN {} {} {} {} {}\n", ds ? "DS" : "DNSKEY", words[2], words[3],
                       words[4], data);
  }
  return out;
}

}  // namespace birthmark::scan
