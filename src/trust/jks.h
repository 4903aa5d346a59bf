// SPDX-License-Identifier: Apache-2.0
// Java's own key stores, JKS and JCEKS: their certificates, which lie there in the clear. Reading
// only. The digest at the end takes a password to check: those that everybody knows are tried.
// Pure; thread-safe. Source: the format as OpenJDK's JavaKeyStore.engineLoad documents it.
#pragma once

#include "trust/store.h"

namespace birthmark::trust {

bool LooksLikeJavaKeystore(ByteView data);
// ReadJavaKeystore reads trusted certificates. Errors: trust.jks-malformed, trust.too-large.
// Findings: trust.not-checked (no known password fits the digest), trust.private-key,
// trust.certificate-malformed, trust.jks-secret (a sealed object; the read ends there, its length
// is not told).
Result<Store> ReadJavaKeystore(ByteView data);

}  // namespace birthmark::trust
