// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <algorithm>
#include <map>

#include "cli/terminal.h"

namespace birthmark::cli {
namespace {

// Width counts characters, not octets: names may be outside ASCII.
size_t Width(const std::string& s) {
  return static_cast<size_t>(std::ranges::count_if(
      s, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string Pad(const std::string& s, size_t width) {
  size_t have = Width(s);
  return s + std::string(have < width ? width - have : 0, ' ');
}

std::string Key(std::string name) {
  std::ranges::replace(name, ' ', '_');
  return name;
}

}  // namespace

std::string Table::Text(bool json) const {
  std::string out;
  if (json) {
    out = "[";
    for (size_t r = 0; r < rows_.size(); ++r) {
      out += r > 0 ? ",\n  {" : "\n  {";
      for (size_t c = 0; c < columns_.size(); ++c) {
        out += (c > 0 ? ", " : "") + JsonString(Key(columns_[c])) + ": " + JsonString(rows_[r][c]);
      }
      out += "}";
    }
    return out + (rows_.empty() ? "]\n" : "\n]\n");
  }
  std::vector<size_t> widths;
  for (const std::string& c : columns_) widths.push_back(Width(c));
  for (const auto& row : rows_) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], Width(row[c]));
  }
  auto line = [&](const std::vector<std::string>& row) {
    std::string text;
    for (size_t c = 0; c < row.size(); ++c)
      text += c + 1 < row.size() ? Pad(row[c], widths[c]) + "  " : row[c];
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text + "\n";
  };
  out += Bold(line(columns_).substr(0, line(columns_).size() - 1)) + "\n";
  for (const auto& row : rows_) out += line(row);
  return out;
}

std::string Fields::Text(bool json) const {
  if (!json) {
    size_t width = 0;
    for (const auto& [name, _] : fields_) width = std::max(width, Width(name));
    std::string out;
    for (const auto& [name, value] : fields_) {
      std::string text = value;
      while (!text.empty() && text.back() == '\n') text.pop_back();
      out += Pad(name, width) + "  " + (text.find('\n') == std::string::npos ? text : "\n" + text) +
             "\n";
    }
    return out;
  }
  std::map<std::string, int> count;
  for (const auto& [name, _] : fields_) ++count[name];
  std::string out = "{";
  std::map<std::string, bool> done;
  for (const auto& [name, value] : fields_) {
    if (done[name]) continue;
    done[name] = true;
    out += out.size() > 1 ? ",\n  " : "\n  ";
    out += JsonString(Key(name)) + ": ";
    if (count[name] == 1) {
      out += JsonString(value);
      continue;
    }
    std::string all;
    for (const auto& [other, v] : fields_) {
      if (other == name) all += (all.empty() ? "" : ", ") + JsonString(v);
    }
    out += "[" + all + "]";
  }
  return out + "\n}\n";
}

}  // namespace birthmark::cli
