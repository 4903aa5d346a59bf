// SPDX-License-Identifier: Apache-2.0
// `anchor list`, `anchor show` and `anchor export`: the plan's anchors as rows, one of them whole,
// and stores written for the programs that believe them. Leaves out reading stores of others
// (scan). Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/keys.h"
#include "app/layout.h"
#include "base/clock.h"
#include "trust/fit.h"
#include "trust/store.h"

namespace birthmark::app {

struct AnchorListRow {
  std::string id, kinds, form, store, verifies, pki;
  std::string protected_by;  // the anchor whose key's holder decides over it, or what else does
  size_t entries = 0;
};
// ListAnchors gives the anchors of the plan in force. Errors: those of AnchorSource::Open.
Result<std::vector<AnchorListRow>> ListAnchors(const fs::path& workspace,
                                               const std::string& product);

// ShowAnchor is everything about one anchor, names and values; a name may come several times.
// Errors: anchor.unknown, those of MaterialOf.
Result<std::vector<std::pair<std::string, std::string>>> ShowAnchor(const fs::path& workspace,
                                                                    const std::string& product,
                                                                    const std::string& id);

struct AnchorExportOptions {
  fs::path workspace;
  std::string product;
  std::vector<std::string> ids;  // empty: all that the format can carry
  trust::Format format = trust::Format::kPem;
  fs::path output;
  std::optional<fs::path> password_file;  // PKCS #12
  std::optional<KeySource> keys;          // when given, keys may be opened
  std::string sign_with;                  // rfc5914-cms: the PKI whose end-entity key signs
  std::string owner;                      // UEFI lists: a GUID
  trust::FitRequired required = trust::FitRequired::kConfiguration;
  std::optional<Time> valid_from;  // root-anchors.xml: for keys that say no first day
  bool dry_run = false;
};

// ExportFormats names the formats that anchors are written in.
const std::vector<std::string>& ExportFormats();

struct ExportedAnchor {
  std::string id;
  size_t entries = 0;    // 0: it is not in the file
  std::string left_out;  // why not
};
struct AnchorExported {
  std::vector<ExportedAnchor> anchors;
  size_t size = 0;  // Units: bytes.
  Digest digest{};  // SHA-256 of the file
};
// ExportAnchors writes the anchors named, or refuses at the first that the format cannot carry;
// with none named, it says which it left out and why.
// Errors: anchor.unknown, anchor.nothing (no anchor fits the format), anchor.signer (sign_with),
// trust.cannot-carry and others of trust's writers, those of the key store.
Result<AnchorExported> ExportAnchors(const AnchorExportOptions& options, const Clock& clock);

}  // namespace birthmark::app
