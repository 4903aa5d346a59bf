// SPDX-License-Identifier: Apache-2.0
// A part as its maker describes it, and the interface by which lists of parts are read one at a
// time, however long they are. Leaves out the forms (microchip.h, ek_list.h) and what is done with
// a part (app).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::manifest {

inline constexpr size_t kMaxName = 100;

// IsName is true for what may name a reel, a part or a maker: UTF-8 without control characters,
// 100 octets at most. Nothing is cut short, since two long names could become one.
bool IsName(std::string_view s);
// Shown is a hostile text for a message: 40 characters at most, ASCII that can be seen.
std::string Shown(std::string_view s);

// Source gives the next octets of a file, 0 of them at its end.
using Source = std::function<Result<size_t>(std::span<char>)>;

// Part is one element whose description was checked.
struct Part {
  std::string uid;   // the part's own identifier, lower-case hex
  std::string reel;  // the maker's group or reel; empty: it names none
  std::string slot;  // that holds the key; "ek" for a TPM
  std::string maker;
  std::string part_number;
  Bytes cert;                   // DER; empty: none came with it
  Bytes spki;                   // of the key; empty: no key is listed
  Digest key{};                 // SHA-256 of it; zero: no key is listed
  uint64_t sealed_secrets = 0;  // symmetric keys in the description, encrypted; none was opened
};

// Item is one element of a list: taken, or refused with the reason.
struct Item {
  uint64_t number = 0;  // from 1
  std::string name;     // for people: "element 17 (0123f1822c38dd7a01)"
  Result<Part> part;
};

// PartReader reads a list. An error of Next ends the list: what follows cannot be found.
class PartReader {
 public:
  virtual ~PartReader() = default;
  virtual Result<std::optional<Item>> Next() = 0;
};

}  // namespace birthmark::manifest
