// SPDX-License-Identifier: Apache-2.0
// Text inside XML, SVG and HTML. Free functions; thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace birthmark {

// EscapeMarkup replaces the characters that mean something in markup, in text and in attributes.
// Source: XML 1.0 section 2.4; the grave accent for old readers of HTML attributes.
std::string EscapeMarkup(std::string_view text);

}  // namespace birthmark
