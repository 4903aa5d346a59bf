// SPDX-License-Identifier: Apache-2.0
// A disclosure as a reader holds it: what it says, which file it came from, who signed it. The
// input of every table and page. Values; thread-compatible.
#pragma once

#include <string>

#include "disclose/disclosure.h"

namespace birthmark::disclose {

// OpenedDisclosure is a disclosure whose signature fits the certificate inside the file.
struct OpenedDisclosure {
  Disclosure disclosure;
  std::string file_name;
  std::string signer_name;    // subject of the signing certificate
  bool signer_named = false;  // the signer's chain ends at what the reader named
};

}  // namespace birthmark::disclose
