// SPDX-License-Identifier: Apache-2.0
// Vectors made by others live outside the repository; a clone without them says which tests did not
// run.
#pragma once

#include <filesystem>
#include <string>

namespace birthmark::test {

// VectorsDir is ../shared/data beside the checkout, or what BIRTHMARK_VECTORS names.
std::filesystem::path VectorsDir();
// VectorsPresent says whether `set` is there, and prints once a test that its vectors did not run
// if not.
bool VectorsPresent(const std::string& set);

}  // namespace birthmark::test
