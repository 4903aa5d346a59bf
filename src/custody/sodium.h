// SPDX-License-Identifier: Apache-2.0
// Starts libsodium. Thread-safe.
#pragma once

namespace birthmark::custody {

// InitSodium is called before anything of libsodium that draws random numbers or picks its code by
// the processor. It ends the process when libsodium can not start.
void InitSodium();

}  // namespace birthmark::custody
