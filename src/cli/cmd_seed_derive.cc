// SPDX-License-Identifier: Apache-2.0
// `birthmark seed derive`: the same function as birthmark-reader's.
#include "cli/handlers.h"
#include "cli/terminal.h"
#include "seed/derive_command.h"

namespace birthmark::cli {

Result<int> SeedDerive(const Invocation& in) {
  BM_TRY(std::string text, seed::RunDerive({.seed_file = in.Get("--seed-file"),
                                            .algorithm = in.Get("--algorithm"),
                                            .json = in.json()}));
  Print(text);
  return 0;
}

}  // namespace birthmark::cli
