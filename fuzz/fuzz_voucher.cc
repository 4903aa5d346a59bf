// SPDX-License-Identifier: Apache-2.0
// A voucher of any form: what opens is judged to an end, and what it says is written and read back
// the same in both encodings.
#include "crypto/software_signer.h"
#include "fuzz/fuzz.h"
#include "voucher/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const ByteView in(data, size);
  const auto again = [](const voucher::Statement& s) {
    const std::string json = voucher::WriteJson(s);
    if (auto read = voucher::ReadJson(AsBytes(json))) FUZZ_CHECK(voucher::WriteJson(*read) == json);
    auto item = voucher::ReadCbor(voucher::WriteCbor(s));
    FUZZ_CHECK(!item || voucher::WriteCbor(*item) == voucher::WriteCbor(s));
  };
  if (auto s = voucher::ReadJson(in)) again(*s);
  if (auto s = voucher::ReadCbor(in)) again(*s);
  auto m = voucher::Open(in);
  if (!m) return 0;
  again(m->statement);
  const voucher::Judged j = voucher::Judge(
      *m, {}, {.at = TimeFromMillis(1'790'000'000'000), .serial = "BMC-0001", .nonce = "AAAAAAAA"});
  FUZZ_CHECK(!j.holds());  // nobody is trusted
  return 0;
}
