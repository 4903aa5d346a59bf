// SPDX-License-Identifier: Apache-2.0
#include "app/station_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "plan/toml.h"

namespace birthmark::app {
namespace {

std::unexpected<Error> Bad(int line, std::string_view what) {
  return Refused("station.file", fmt::format("station.toml:{}: {}", line, what),
                 "mend that line; docs/formats/stations.md says what may stand there");
}

// Text reads a text member of a table.
Status Text(const plan::Node& table, std::string_view name, bool needed, std::string& out) {
  const plan::Node* node = table.Find(name);
  if (node == nullptr)
    return needed ? Bad(table.line, fmt::format("\"{}\" is missing", name)) : Status();
  bool plain = std::ranges::none_of(
      node->text, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
  if (node->kind != plan::Node::Kind::kText || node->text.empty() || node->text.size() > 256 ||
      !plain) {
    return Bad(node->line, fmt::format("\"{}\" has to be a text of one line", name));
  }
  out = node->text;
  return {};
}

}  // namespace

fs::path StationFileOf(const fs::path& folder) { return folder / "station.toml"; }
bool IsStation(const fs::path& folder) {
  auto text = ReadTextFile(StationFileOf(folder), kMaxStationFile);
  if (!text) return text.error().code != "file.missing";
  // A factory has the file too where it says nothing but where its keys are.
  Findings findings;
  std::optional<plan::Node> root = plan::ReadToml(*text, kMaxStationFile, 4096, findings);
  return !root || root->Find("station") != nullptr || root->Find("keys") == nullptr;
}

std::string FormatStationFile(const StationFile& f) {
  return fmt::format(
      R"(# This station's own settings: addresses and ports. Nothing here is evidence; nothing secret
# belongs here. Test a change with: birthmark station check DIR
station = {}

[server]
url = {}
# SHA-256 of the certificate that the server, or the authority above it, must show.
pin = "{}"

[device]
# Where the device under work is attached:
#   "emulator:"                    an emulated device (rehearsal)
#   "serial:/dev/ttyUSB0"          a serial console
#   "openocd:127.0.0.1:6666"       OpenOCD's Tcl port
link = {}
# A programmer's port beside a serial console:
{}port = {}
)",
      plan::TomlText(f.station), plan::TomlText(f.server), ToHex(f.pin), plan::TomlText(f.link),
      f.port.empty() ? "# " : "",
      plan::TomlText(f.port.empty() ? "openocd:127.0.0.1:6666" : f.port));
}

Result<StationFile> ParseStationFile(std::string_view text) {
  Findings findings;
  std::optional<plan::Node> root = plan::ReadToml(text, kMaxStationFile, 4096, findings);
  if (!root || findings.HasErrors())
    return Refused("station.file", "station.toml does not read:\n" + findings.ToString());
  for (const auto& [name, node] : root->members) {
    if (name != "station" && name != "server" && name != "device" && name != "keys")
      return Bad(node.line, fmt::format("nobody knows \"{}\"", name));
  }
  StationFile f;
  BM_CHECK(Text(*root, "station", true, f.station));
  const plan::Node* server = root->Find("server");
  if (server == nullptr || server->kind != plan::Node::Kind::kTable)
    return Bad(1, "[server] is missing");
  std::string pin;
  BM_CHECK(Text(*server, "url", true, f.server));
  BM_CHECK(Text(*server, "pin", true, pin));
  if (!f.server.starts_with("https://")) return Bad(server->line, "\"url\" begins with https://");
  std::optional<Bytes> digest = FromHex(pin);
  if (!digest || digest->size() != f.pin.size())
    return Bad(server->line, "\"pin\" is 64 hexadecimal digits");
  std::ranges::copy(*digest, f.pin.begin());
  if (const plan::Node* device = root->Find("device")) {
    if (device->kind != plan::Node::Kind::kTable) return Bad(device->line, "[device] is a table");
    BM_CHECK(Text(*device, "link", false, f.link));
    BM_CHECK(Text(*device, "port", false, f.port));
  }
  return f;
}

Result<StationFile> ReadStationFile(const fs::path& folder) {
  if (!IsStation(folder)) {
    return Environment("station.none", folder.string() + ": is no station's folder",
                       "make one: birthmark station join DIR");
  }
  BM_TRY(std::string text, ReadTextFile(StationFileOf(folder), kMaxStationFile));
  return ParseStationFile(text);
}

}  // namespace birthmark::app
