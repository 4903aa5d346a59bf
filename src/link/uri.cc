// SPDX-License-Identifier: Apache-2.0
#include "link/uri.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

namespace birthmark::link {
namespace {

constexpr size_t kMaxUri = 512;
constexpr std::array<unsigned, 9> kBauds = {9600,   19200,  38400,  57600,  115200,
                                            230400, 460800, 921600, 1000000};

std::unexpected<Error> Bad(std::string_view text, std::string_view why) {
  // Only what can be shown on one line is shown.
  bool clean = text.size() <= kMaxUri &&
               std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  return Usage("link.uri", fmt::format("{}{}", clean ? fmt::format("\"{}\": ", text) : "", why),
               "write serial:/dev/ttyUSB0?baud=115200, unix:/run/uart.sock, openocd:127.0.0.1:6666 "
               "or emulator:ID");
}

std::optional<unsigned> Number(std::string_view text, unsigned most) {
  unsigned value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool plain = error == std::errc() && end == text.data() + text.size() && text.front() != '0';
  return plain && value <= most ? std::optional(value) : std::nullopt;
}

bool IsId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && id.front() != '.' &&
         std::ranges::all_of(id, [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

// ReadParameter takes "baud=9600"; false when there is no such parameter or value.
bool ReadParameter(std::string_view item, Uri* out) {
  size_t equals = item.find('=');
  if (equals == std::string_view::npos) return false;
  std::string_view key = item.substr(0, equals);
  std::string_view value = item.substr(equals + 1);
  if (key == "baud" && out->scheme == Uri::Scheme::kSerial) {
    auto baud = Number(value, kBauds.back());
    if (!baud || std::ranges::find(kBauds, *baud) == kBauds.end()) return false;
    out->baud = *baud;
    return true;
  }
  auto number = Number(value, 65536);
  if (!number) return false;
  if (key == "pace") out->pace = *number;
  if (key == "fifo") out->fifo = *number;
  return key == "pace" || key == "fifo";
}

Result<Uri> ReadPath(std::string_view text, std::string_view rest, Uri uri) {
  size_t question = rest.find('?');
  uri.target = rest.substr(0, question);
  if (!uri.target.starts_with('/')) return Bad(text, "the path does not begin with /");
  if (uri.target.find('#') != std::string::npos) return Bad(text, "a link has no #part");
  if (uri.scheme == Uri::Scheme::kUnix && uri.target.size() >= sizeof(sockaddr_un::sun_path)) {
    return Bad(text, "a socket's path has at most 107 bytes");
  }
  if (question == std::string_view::npos) return uri;
  std::set<std::string_view> seen;
  for (std::string_view all = rest.substr(question + 1);;) {
    size_t end = all.find('&');
    std::string_view item = all.substr(0, end);
    if (!seen.insert(item.substr(0, item.find('='))).second) {
      return Bad(text, fmt::format("\"{}\" stands twice", item));
    }
    if (!ReadParameter(item, &uri)) {
      return Bad(text, fmt::format("\"{}\" is no parameter of this link, or out of range", item));
    }
    if (end == std::string_view::npos) return uri;
    all.remove_prefix(end + 1);
  }
}

Result<Uri> ReadHost(std::string_view text, std::string_view rest, Uri uri) {
  size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return Bad(text, "there is no port");
  uri.target = rest.substr(0, colon);
  // Whoever reaches that port commands the probe, and keys pass through it in the clear.
  if (uri.target != "127.0.0.1" && uri.target != "localhost") {
    return Bad(text,
               "OpenOCD's port has no protection, so its host is 127.0.0.1; reach another "
               "machine through a tunnel");
  }
  auto port = Number(rest.substr(colon + 1), 65535);
  if (!port) return Bad(text, "the port is no number from 1 to 65535");
  uri.port = static_cast<uint16_t>(*port);
  return uri;
}

}  // namespace

Result<Uri> ParseUri(std::string_view text) {
  if (text.size() > kMaxUri) return Bad(text, fmt::format("longer than {} bytes", kMaxUri));
  if (!std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; })) {
    return Bad(text, "a link is printable ASCII without spaces");
  }
  size_t colon = text.find(':');
  if (colon == std::string_view::npos) return Bad(text, "there is no scheme");
  std::string_view scheme = text.substr(0, colon);
  std::string_view rest = text.substr(colon + 1);
  Uri uri;
  if (scheme == "emulator") {
    if (!IsId(rest)) return Bad(text, "an id has 1 to 64 letters, digits, dots, dashes");
    uri.target = rest;
    return uri;
  }
  if (scheme == "serial") {
    uri.scheme = Uri::Scheme::kSerial;
    return ReadPath(text, rest, std::move(uri));
  }
  if (scheme == "unix") {
    uri.scheme = Uri::Scheme::kUnix;
    return ReadPath(text, rest, std::move(uri));
  }
  if (scheme == "openocd") {
    uri.scheme = Uri::Scheme::kOpenOcd;
    return ReadHost(text, rest, std::move(uri));
  }
  return Bad(text, "this scheme is not known");
}

std::string ToText(const Uri& uri) {
  const Uri plain;
  std::string query;
  auto add = [&](std::string_view key, unsigned value, unsigned usual) {
    if (value != usual) query += fmt::format("{}{}={}", query.empty() ? '?' : '&', key, value);
  };
  switch (uri.scheme) {
    case Uri::Scheme::kEmulator:
      return "emulator:" + uri.target;
    case Uri::Scheme::kOpenOcd:
      return fmt::format("openocd:{}:{}", uri.target, uri.port);
    case Uri::Scheme::kSerial:
      add("baud", uri.baud, plain.baud);
      [[fallthrough]];
    case Uri::Scheme::kUnix:
      add("pace", uri.pace, plain.pace);
      add("fifo", uri.fifo, plain.fifo);
  }
  return (uri.scheme == Uri::Scheme::kSerial ? "serial:" : "unix:") + uri.target + query;
}

}  // namespace birthmark::link
