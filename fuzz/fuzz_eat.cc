// SPDX-License-Identifier: Apache-2.0
// An attestation token from anybody: what reads has its parts, and compared with records of a unit
// whose key did not sign it there is always a row that differs.
#include <algorithm>

#include "attest/eat.h"
#include "attest/eat_check.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  auto token = attest::ReadToken(ByteView(data, size));
  if (!token) return 0;
  FUZZ_CHECK(token->nonce.size() >= 8 && token->nonce.size() <= 64);
  FUZZ_CHECK(token->ueid.size() == 33 && token->boot_register.size() == 32);
  FUZZ_CHECK(!token->log.empty() && token->log.size() == token->boot.size());
  attest::Records records;
  records.unit = "p/1";
  auto rows = attest::Compare(*token, records);
  FUZZ_CHECK(
      std::ranges::any_of(rows, [](const attest::Row& r) { return r.code == "eat.provenance"; }));
  return 0;
}
