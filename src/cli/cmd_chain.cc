// SPDX-License-Identifier: Apache-2.0
// `birthmark chain verify`: thin over what birthmark-reader uses too.
#include "cli/handlers.h"
#include "cli/terminal.h"
#include "pki/chain_command.h"

namespace birthmark::cli {

Result<int> ChainVerify(const Invocation& in) {
  BM_TRY(pki::ChainVerdict v, pki::RunChainVerify({.certificate = in.Arg("CERT"),
                                                   .anchors = in.Get("--anchor"),
                                                   .untrusted = in.Get("--untrusted"),
                                                   .crls = in.Get("--crl"),
                                                   .ocsp = in.Get("--ocsp"),
                                                   .at = in.Get("--time"),
                                                   .purpose = in.Get("--purpose"),
                                                   .policies = in.Get("--policy"),
                                                   .host = in.Get("--host"),
                                                   .depth = in.Get("--depth"),
                                                   .partial = in.Has("--partial"),
                                                   .json = in.json()}));
  Print(v.text);
  return v.holds ? 0 : 1;
}

}  // namespace birthmark::cli
