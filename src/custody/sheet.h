// SPDX-License-Identifier: Apache-2.0
// A share on paper: one HTML page with the sealed share as a QR code and as text, and, where its
// holder wants it, the plain share as words. Leaves out printing. Thread-safe functions.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::custody {

// Sheet is what goes on the page.
struct Sheet {
  std::string_view sealed;  // a share file's text
  std::string_view words;   // of ToWords; empty: none
};

// MakeSheet gives a page that needs nothing else: no script, no link, no font. It says neither k
// nor n nor whose it is. Errors: share.file (the text is no share file), share.sheet. The page is
// as secret as the words on it.
Result<SecretBytes> MakeSheet(const Sheet& sheet);

}  // namespace birthmark::custody
