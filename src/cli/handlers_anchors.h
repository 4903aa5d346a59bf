// SPDX-License-Identifier: Apache-2.0
// Commands about trust anchors, what is signed under them, and where they are found; each function
// stands in the file named after its noun.
#pragma once

#include "cli/spec.h"

namespace birthmark::cli {

// cmd_anchor.cc
Result<int> AnchorList(const Invocation&);
Result<int> AnchorShow(const Invocation&);
Result<int> AnchorExport(const Invocation&);
Result<int> AnchorTry(const Invocation&);
// cmd_artifact.cc
Result<int> ArtifactSign(const Invocation&);
Result<int> ArtifactVerify(const Invocation&);
Result<int> ArtifactList(const Invocation&);
Result<int> ArtifactSigner(const Invocation&);
// cmd_artifact_send.cc
Result<int> ArtifactSend(const Invocation&);
// cmd_voucher.cc
Result<int> VoucherRequest(const Invocation&);
Result<int> VoucherIssue(const Invocation&);
Result<int> VoucherVerify(const Invocation&);
Result<int> VoucherList(const Invocation&);
Result<int> VoucherPut(const Invocation&);
Result<int> VoucherOwner(const Invocation&);
// cmd_discover.cc
Result<int> MudExport(const Invocation&);
Result<int> Discover(const Invocation&);
// cmd_scan.cc
Result<int> Scan(const Invocation&);
// cmd_unit_attest.cc
Result<int> UnitAttest(const Invocation&);
Result<int> UnitUnlock(const Invocation&);

}  // namespace birthmark::cli
