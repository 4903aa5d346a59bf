// SPDX-License-Identifier: Apache-2.0
// Batch GCD: the audit's tree beside the classic one of the literature, on the same moduli in one
// run.
#pragma once

#include <cstddef>

namespace birthmark::bench {

// BatchGcd prints the ratio of CPU times over `pairs` pairs, and that both found the same.
void BatchGcd(size_t keys, size_t pairs);

}  // namespace birthmark::bench
