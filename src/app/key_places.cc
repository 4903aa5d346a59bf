// SPDX-License-Identifier: Apache-2.0
#include "app/key_places.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/station_file.h"
#include "hardware/pkcs11/uri.h"
#include "keystore/open.h"
#include "plan/toml.h"

namespace birthmark::app {
namespace {

std::unexpected<Error> BadPlace(int line, std::string_view what) {
  return Refused("station.file", fmt::format("station.toml:{}: {}", line, what),
                 "mend that line; docs/key-stores.md says what may stand there");
}

Result<std::string> PlaceText(const plan::Node& node, std::string_view name) {
  const bool plain = std::ranges::none_of(
      node.text, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
  if (node.kind != plan::Node::Kind::kText || node.text.empty() || node.text.size() > 4096 ||
      !plain)
    return BadPlace(node.line, fmt::format("\"{}\" has to be a text of one line", name));
  return node.text;
}

// CheckPlaceUri finds a URI that nothing could open before anything is made.
Status CheckPlaceUri(const std::string& scheme, KeyPlace& place, int line) {
  if (keystore::SchemeOf(place.uri) != scheme)
    return BadPlace(line, fmt::format("\"uri\" has to begin with {}:", scheme));
  if (scheme != "pkcs11") return {};
  auto uri = hardware::ParsePkcs11Uri(place.uri);
  if (!uri) return BadPlace(line, uri.error().message);
  if (uri->pin_source && !place.pin_file && place.pin_credential.empty()) {
    BM_TRY(place.pin_file, hardware::PinPath(*uri->pin_source));
  }
  return {};
}

Result<KeyPlace> ReadPlace(const std::string& scheme, const plan::Node& table) {
  if (table.kind != plan::Node::Kind::kTable)
    return BadPlace(table.line, fmt::format("\"{}\" is a table", scheme));
  KeyPlace out;
  for (const auto& [name, node] : table.members) {
    BM_TRY(std::string text, PlaceText(node, name));
    if (name == "uri") {
      out.uri = std::move(text);
    } else if (name == "pin-file") {
      out.pin_file = std::move(text);
    } else if (name == "pin-credential") {
      // It names a file of $CREDENTIALS_DIRECTORY, never one outside it.
      if (text.find('/') != text.npos || text.starts_with('.'))
        return BadPlace(node.line, "\"pin-credential\" is a name, not a path");
      out.pin_credential = std::move(text);
    } else {
      return BadPlace(node.line, fmt::format("nobody knows \"{}\"", name));
    }
  }
  if (out.uri.empty()) return BadPlace(table.line, "\"uri\" is missing");
  if (out.pin_file && !out.pin_credential.empty())
    return BadPlace(table.line, "the PIN comes from a file or from a credential, not from both");
  BM_CHECK(CheckPlaceUri(scheme, out, table.line));
  return out;
}

}  // namespace

Result<KeyPlaces> ParseKeyPlaces(std::string_view text, std::string_view side) {
  Findings findings;
  std::optional<plan::Node> root = plan::ReadToml(text, kMaxStationFile, 4096, findings);
  if (!root || findings.HasErrors())
    return Refused("station.file", "station.toml does not read:\n" + findings.ToString());
  KeyPlaces out;
  const plan::Node* keys = root->Find(side);
  if (keys == nullptr) return out;
  if (keys->kind != plan::Node::Kind::kTable)
    return BadPlace(keys->line, fmt::format("[{}] is a table", side));
  for (const auto& [scheme, table] : keys->members) {
    if (scheme != "pkcs11" && scheme != "tpm2")
      return BadPlace(table.line, fmt::format("no kind of key store is called \"{}\"", scheme));
    BM_TRY(out[scheme], ReadPlace(scheme, table));
  }
  return out;
}

std::string FormatKeyPlaces(const KeyPlaces& places) {
  std::string out =
      "# Where this machine's keys are. Nothing here is evidence, and no PIN stands here.\n";
  for (const auto& [scheme, place] : places) {
    out += fmt::format("\n[keys.{}]\nuri = {}\n", scheme, plan::TomlText(place.uri));
    if (place.pin_file) out += fmt::format("pin-file = {}\n", plan::TomlText(*place.pin_file));
    if (!place.pin_credential.empty())
      out += fmt::format("pin-credential = {}\n", plan::TomlText(place.pin_credential));
  }
  return out;
}

Result<KeyPlaces> ReadKeyPlaces(const fs::path& folder) {
  auto text = ReadTextFile(StationFileOf(folder), kMaxStationFile);
  if (!text && text.error().code == "file.missing") return KeyPlaces{};
  if (!text) return std::unexpected(std::move(text).error());
  return ParseKeyPlaces(*text, "keys");
}

Status InstallKeyPlaces(const fs::path& file, const fs::path& online, const fs::path& offline) {
  BM_TRY(std::string text, ReadTextFile(file, kMaxStationFile));
  BM_TRY(KeyPlaces here, ParseKeyPlaces(text, "keys"));
  BM_TRY(KeyPlaces there, ParseKeyPlaces(text, "offline-keys"));
  if (!here.empty()) BM_CHECK(WriteFileAtomic(StationFileOf(online), FormatKeyPlaces(here), 0600));
  if (!there.empty())
    BM_CHECK(WriteFileAtomic(StationFileOf(offline), FormatKeyPlaces(there), 0600));
  return {};
}

Result<std::string> SchemeOf(plan::Custody custody) {
  switch (custody) {
    case plan::Custody::kSoftware:
      return "file";
    case plan::Custody::kPkcs11:
      return "pkcs11";
    case plan::Custody::kTpm:
      return "tpm2";
    case plan::Custody::kSplit:
    case plan::Custody::kThreshold:
      break;
  }
  return Refused("keystore.unsupported", "a key that people hold together is made in a ceremony",
                 "birthmark ceremony run");
}

}  // namespace birthmark::app
