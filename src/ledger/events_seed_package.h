// SPDX-License-Identifier: Apache-2.0
// The event of a batch of seeds that another site opened and used: what is here of it was told by
// that site's signed log. Canonical CBOR order of the map's keys.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace birthmark::ledger {

// SeedTold says who told of a batch: neither its seeds nor any private half was ever here.
struct SeedTold {
  static constexpr std::string_view kType = "seed.told";
  Digest file{};  // SHA-256 of the package it came in first
  std::string batch;
  std::string origin;  // of the site's log
  Bytes log_key;       // SubjectPublicKeyInfo that signed it
  template <class V>
  void Fields(V& v) {
    v("file", file);
    v("batch", batch);
    v("origin", origin);
    v("log_key", log_key);
  }
};

}  // namespace birthmark::ledger
