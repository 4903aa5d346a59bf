// SPDX-License-Identifier: Apache-2.0
// Rows as aligned columns for people, or as a JSON array of objects for programs.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace birthmark::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> columns) : columns_(std::move(columns)) {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  // Text aligns all columns but the last, which runs on. JSON keys are the columns with "_" for "
  // ".
  std::string Text(bool json) const;

 private:
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Fields is one thing's facts, a line each. A name given twice becomes an array in JSON.
class Fields {
 public:
  void Add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  std::string Text(bool json) const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace birthmark::cli
