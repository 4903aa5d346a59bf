// SPDX-License-Identifier: Apache-2.0
// The texts of an HTTP head that are read by our own code: the target, EST's routes, and
// credentials of the Basic scheme.
#include "enroll/est/est.h"
#include "fuzz/fuzz.h"
#include "server/message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView in(data, size);
  if (auto target = server::ReadTarget(AsText(in))) {
    FUZZ_CHECK(target->path.starts_with('/') && IsUtf8(target->path));
    for (char c : target->path) FUZZ_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    FUZZ_CHECK((target->path + "/").find("/../") == std::string::npos);
    if (auto route = enroll::est::ReadRoute(target->path)) {
      FUZZ_CHECK(target->path.starts_with(enroll::est::kPrefix));
      FUZZ_CHECK(route->product.find('/') == std::string::npos);
    }
  }
  if (auto basic = enroll::est::ReadBasic(in)) {
    FUZZ_CHECK(!basic->id.empty() && basic->id.find(':') == std::string::npos);
  }
  return 0;
}
