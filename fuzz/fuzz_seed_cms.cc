// SPDX-License-Identifier: Apache-2.0
// CMS as it comes, with a recipient's key at hand, and a package as it looks after decryption.
#include "crypto/software_signer.h"
#include "fuzz/seed_checks.h"
#include "seed/cms.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  static const auto key =
      crypto::SoftwareSigner::FromP256Scalar(SecretBytes::Take(Bytes(32, 0x01))).value();
  seed::CheckedRead({data, size}, {.key = key->evp(), .allow_unprotected = true});
  seed::MemoryInput package({data, size});
  uint64_t at = 0;
  std::string oem;
  seed::OnSeed none;
  seed::OnRefusal no_refusal;
  seed::Intake intake(none, no_refusal, 1000);
  (void)seed::ReadPackage(
      [&](std::span<uint8_t> out) {
        auto n = package.ReadAt(at, out);
        at += n.value();
        return n;
      },
      [&] { return at; }, intake, oem);
  return 0;
}
