// SPDX-License-Identifier: Apache-2.0
// Which store some bytes are, and reading them as that. Pure; thread-safe.
#pragma once

#include <optional>

#include "trust/store.h"

namespace birthmark::trust {

// DetectFormat tells a store from its content, never from its name; absent for what is none. DNSSEC
// anchors, certs-only CMS and C sources with keys are not looked for.
std::optional<Format> DetectFormat(ByteView data);
// ReadStore reads a store of a known format; PKCS #12 with the passwords everybody knows.
// Errors: those of the format's reader; trust.format for one that has no reader here.
Result<Store> ReadStore(Format format, ByteView data);

}  // namespace birthmark::trust
