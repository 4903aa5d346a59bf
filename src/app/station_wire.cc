// SPDX-License-Identifier: Apache-2.0
#include "app/station_wire.h"

#include <algorithm>

#include "crypto/digest.h"

namespace birthmark::app {
namespace {

constexpr std::string_view kMark = "BMJ1.";

std::unexpected<Error> BadCode(std::string_view what) {
  return Refused("station.code", fmt::format("this is no join code: {}", what),
                 "make one: birthmark station add WS --station ID --server URL");
}

}  // namespace

std::string FormatJoinCode(const JoinCode& code) {
  std::string text = ToBase64(cbor::ToCbor(code));
  // base64url without padding (RFC 4648 section 5).
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  while (text.ends_with('=')) text.pop_back();
  return std::string(kMark) + text;
}

Result<JoinCode> ParseJoinCode(std::string_view text) {
  auto space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  if (text.size() > kMaxJoinCode) return BadCode("it is too long");
  if (!text.starts_with(kMark)) return BadCode(fmt::format("it does not begin with {}", kMark));
  std::string body(text.substr(kMark.size()));
  if (!std::ranges::all_of(body, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
      })) {
    return BadCode("it has other characters");
  }
  std::ranges::replace(body, '-', '+');
  std::ranges::replace(body, '_', '/');
  while (body.size() % 4 != 0) body += '=';
  auto raw = FromBase64(body);
  if (!raw) return BadCode("it is cut short or mistyped");
  auto code = cbor::FromCbor<JoinCode>(*raw);
  if (!code) return BadCode("it is cut short or mistyped");
  if (code->secret.size() != 32 || code->id.empty() || code->id.size() > 64)
    return BadCode("its secret or its name is missing");
  if (!code->url.starts_with("https://") || code->url.size() > 256)
    return BadCode("the server's address does not begin with https://");
  // One code has one text (RFC 4648 section 3.5: no stray bits).
  if (cbor::ToCbor(*code) != *raw || FormatJoinCode(*code) != text)
    return BadCode("it is not written as codes are");
  return code;
}

std::string LogQuery(std::string_view origin) {
  return "log=" + ToHex(crypto::Sha256(AsBytes(origin)));
}

Status CheckCarriedName(std::string_view name) {
  auto bad = [&] {
    return Refused("station.malformed", "the server sent a file for a place that is not its own");
  };
  bool place =
      name.starts_with("images/") || name.starts_with("anchors/") || name.starts_with("public/");
  if (!place || name.size() > 200 || name.ends_with('/')) return bad();
  char last = '/';
  for (char c : name) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '_' || c == '.' || c == '/';
    // No hidden files, no way up, no empty step.
    if (!plain || (last == '/' && (c == '.' || c == '/'))) return bad();
    last = c;
  }
  return {};
}

}  // namespace birthmark::app
