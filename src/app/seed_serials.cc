// SPDX-License-Identifier: Apache-2.0
#include "app/seed_serials.h"

#include <fmt/format.h>

#include <array>
#include <unordered_set>

#include "app/seed_store.h"

namespace birthmark::app {

Result<std::unordered_map<std::string, std::string>> ReadSerialList(std::istream& in,
                                                                    const std::string& name) {
  std::unordered_map<std::string, std::string> out;
  std::unordered_set<std::string> taken;
  std::array<char, kMaxSerialLine + 2> buffer;
  for (int line = 1;; ++line) {
    auto bad = [&](const std::string& why) {
      return Refused("seeds.serials", fmt::format("{}:{}: {}", name, line, why),
                     "a line is CHIP,SERIAL, each chip and each serial once");
    };
    in.getline(buffer.data(), buffer.size());
    const auto got = static_cast<size_t>(in.gcount());
    if (in.fail() && (!in.eof() || got != 0)) return bad("the line is longer than 512 octets");
    if (in.fail()) break;
    std::string text(buffer.data(), in.eof() ? got : got - 1);
    if (!text.empty() && text.back() == '\r') text.pop_back();
    if (text.empty() || (line == 1 && text == "chip,serial")) continue;
    size_t cut = text.find(',');
    if (cut == 0 || cut == std::string::npos || cut > kMaxChipName) return bad("no CHIP,SERIAL");
    std::string chip = text.substr(0, cut), serial = text.substr(cut + 1);
    if (!IsSerialText(serial)) return bad("what stands behind the comma is no serial number");
    if (!taken.insert(serial).second) return bad(serial + " stands there twice");
    if (!out.emplace(std::move(chip), std::move(serial)).second)
      return bad("the chip stands there twice");
    if (out.size() > kMaxSerialLines) return bad("more lines than a batch may have seeds");
  }
  if (out.empty()) return Refused("seeds.serials", name + ": is empty");
  return out;
}

}  // namespace birthmark::app
