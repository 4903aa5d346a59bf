// SPDX-License-Identifier: Apache-2.0
// What the offline side knows of its authorities, as files of its own folder, since it has neither
// plan nor log: authorities/ID.pem. Leaves out their keys. Free functions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "crypto/cert.h"
#include "pki/issue.h"

namespace birthmark::offline {

// OfflineAuthority is one authority whose key is on this side.
struct OfflineAuthority {
  std::string id;  // "identity-1.1"
  std::string pki;
  int level = 1;
  std::vector<crypto::Certificate> chain;  // itself, and so on to the root
  pki::RevocationUrls urls;                // what it puts into what it signs
  bool rehearsal = true;                   // as its certificate says
};

// WriteAuthority gives the file: certificates, which openssl reads, and a block with the rest.
std::string WriteAuthority(const OfflineAuthority& authority);
// ReadAuthority reads one strictly. Errors: offline.authority.
Result<OfflineAuthority> ReadAuthority(std::string_view text);

// KeepAuthority writes an authority's file, unless it is there. Errors: file.write.
Status KeepAuthority(const fs::path& side, const OfflineAuthority& authority);
// AuthoritiesOf reads all of a side, by id. Errors: offline.none (no offline side, or one made
// before they were kept), offline.authority.
Result<std::vector<OfflineAuthority>> AuthoritiesOf(const fs::path& side);

}  // namespace birthmark::offline
