// SPDX-License-Identifier: Apache-2.0
// `birthmark attest verify`: thin over what birthmark-reader uses too.
#include "attest/command.h"
#include "cli/handlers.h"
#include "cli/terminal.h"

namespace birthmark::cli {

Result<int> AttestVerify(const Invocation& in) {
  BM_TRY(std::string text, attest::RunVerify({.file = in.Arg("FILE"),
                                              .anchors = in.Get("--anchor"),
                                              .nonce = in.Get("--nonce"),
                                              .key = in.Get("--key"),
                                              .at = in.Get("--at"),
                                              .facts_only = in.Has("--facts-only"),
                                              .json = in.json()}));
  Print(text);
  return 0;
}

}  // namespace birthmark::cli
