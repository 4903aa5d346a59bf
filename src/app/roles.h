// SPDX-License-Identifier: Apache-2.0
// Who may do what is not everybody's: the role stands in the credential that the log knows.
#pragma once

#include <string_view>

#include "app/factory.h"

namespace birthmark::app {

// RequireRole refuses unless the acting credential has one of the roles; it gives the role.
// Errors: credential.role.
Result<std::string> RequireRole(Factory& factory, std::initializer_list<std::string_view> roles,
                                std::string_view what);

}  // namespace birthmark::app
