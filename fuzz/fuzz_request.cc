// SPDX-License-Identifier: Apache-2.0
// Files that come back from elsewhere: a request that is taken has terms in range, and no file is
// taken as the answer to a request that nobody signed for.
#include "base/clock.h"
#include "fuzz/fuzz.h"
#include "pki/request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const std::string_view text = AsText(ByteView(data, size));
  auto request = pki::CheckRequest(text);
  if (request) {
    FUZZ_CHECK(request->terms.level >= 2 && request->terms.path_len >= 0);
    FUZZ_CHECK(pki::ReadCsrPem(request->csr_pem));
  }
  const Time now = TimeFromMillis(1795255200000);
  FUZZ_CHECK(!pki::CheckResponse(text, request ? *request : pki::Request(), {}, now));
  return 0;
}
