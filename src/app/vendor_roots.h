// SPDX-License-Identifier: Apache-2.0
// The makers' roots that a plan's slots name, kept in the workspace as they were when the plan was
// adopted, so that a file that changes beside the plan changes nothing.
#pragma once

#include <string>
#include <vector>

#include "app/layout.h"
#include "crypto/cert.h"
#include "plan/plan.h"

namespace birthmark::app {

// KeepVendorRoots copies the files into the workspace, one file a slot. Errors: attest.roots (a
// file is missing, or holds no certificate).
Status KeepVendorRoots(const Layout& layout, const plan::Plan& plan, const fs::path& plan_folder);
// VendorRootsOf reads those of a slot; none when the plan names none. Errors: attest.roots.
Result<std::vector<crypto::Certificate>> VendorRootsOf(const Layout& layout,
                                                       const std::string& product,
                                                       const std::string& slot);
// ReadRoots reads a file's content: PEM blocks, or one certificate in DER. Errors: attest.roots,
// those of crypto::Certificate.
Result<std::vector<crypto::Certificate>> ReadRoots(ByteView file, const std::string& name);
// ReadRootFiles reads several, 256 certificates at most. Errors: those of ReadRoots.
Result<std::vector<crypto::Certificate>> ReadRootFiles(const std::vector<fs::path>& files);

}  // namespace birthmark::app
