// SPDX-License-Identifier: Apache-2.0
// One to five disclosures as one HTML file that needs nothing else: inline drawings and style, no
// script, no network. Rows stand in the draft's order, columns in the reader's. Says what is there
// and how it is known, and judges nothing. A disclosure is a stranger's file: every text of it is
// made harmless first. Leaves out what changed since an earlier disclosure. Pure functions;
// thread-safe.
#pragma once

#include <span>
#include <string>

#include "disclose/opened.h"

namespace birthmark::disclose {

// RenderPage is the page; the same input gives the same octets. Products after the fifth
// (kMaxCompared) are left out, and the page says so.
std::string RenderPage(std::span<const OpenedDisclosure> products);

}  // namespace birthmark::disclose
