// SPDX-License-Identifier: Apache-2.0
#include "app/roles.h"

#include <algorithm>

namespace birthmark::app {

Result<std::string> RequireRole(Factory& f, std::initializer_list<std::string_view> roles,
                                std::string_view what) {
  BM_TRY(std::vector<ledger::CredentialRow> rows, f.log->registry().Credentials());
  for (const ledger::CredentialRow& row : rows) {
    if (row.pseudonym != f.context.actor || row.revoked_at) continue;
    if (std::ranges::find(roles, row.role) != roles.end()) return row.role;
  }
  std::string names;
  for (std::string_view r : roles) names += (names.empty() ? "" : " or ") + std::string(r);
  return Refused("credential.role",
                 fmt::format("{} takes the role {}; {} has it not", what, names, f.context.actor),
                 "act --as a credential with that role: birthmark credential list WS");
}

}  // namespace birthmark::app
