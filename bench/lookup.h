// SPDX-License-Identifier: Apache-2.0
// Start-up, look-ups and memory of a reader, in a process of its own so that nothing is warm in it.
#pragma once

#include <filesystem>

namespace birthmark::bench {

// LookUps prints the figures of the ledger in a folder.
void LookUps(const std::filesystem::path& ledger);

}  // namespace birthmark::bench
