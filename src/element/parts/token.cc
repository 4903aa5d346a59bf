// SPDX-License-Identifier: Apache-2.0
// A new SoftHSM2 token: label "birthmark", PINs drawn at random, the user's in a file. By the
// PKCS#11 interface, so that no PIN stands in a list of arguments.
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#include <cstdlib>
#include <cstring>

#include "base/ids.h"
#include "element/parts/internal.h"
#include "hardware/pkcs11/session.h"

namespace birthmark::element {
namespace {

SecretBytes RandomPin() {
  SystemRng rng;
  Bytes raw(16);
  rng.Fill(raw);
  std::string hex = ToHex(raw);
  Wipe(raw.data(), raw.size());
  Bytes pin(hex.begin(), hex.end());
  Wipe(hex.data(), hex.size());
  return SecretBytes::Take(std::move(pin));
}

CK_UTF8CHAR* Text(const SecretBytes& pin) {
  return const_cast<CK_UTF8CHAR*>(pin.Read(SecretAccess()).data());
}

}  // namespace

Status InitialiseToken(const std::string& module, const fs::path& folder) {
  using hardware::CheckRv;
  setenv("SOFTHSM2_CONF", fs::absolute(folder / "softhsm2.conf").c_str(), 1);
  std::unique_ptr<CK_FUNCTION_LIST, void (*)(CK_FUNCTION_LIST*)> f(
      p11_kit_module_load(module.c_str(), P11_KIT_MODULE_CRITICAL), p11_kit_module_release);
  if (!f) return Environment("element.missing", module + ": is no PKCS#11 module");
  BM_CHECK(CheckRv(p11_kit_module_initialize(f.get()), "C_Initialize"));
  auto work = [&]() -> Status {
    CK_SLOT_ID slots[8];
    CK_ULONG n = std::size(slots);
    BM_CHECK(CheckRv(f->C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList"));
    if (n == 0) return Environment("element.failed", "the module offers no slot");
    CK_UTF8CHAR label[32];
    std::memset(label, ' ', sizeof label);
    std::memcpy(label, "birthmark", 9);
    SecretBytes officer = RandomPin(), user = RandomPin();
    // SoftHSM2's last slot is the one without a token.
    const CK_SLOT_ID free_slot = slots[n - 1];
    BM_CHECK(
        CheckRv(f->C_InitToken(free_slot, Text(officer), officer.size(), label), "C_InitToken"));
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    BM_CHECK(CheckRv(f->C_OpenSession(free_slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr,
                                      nullptr, &session),
                     "C_OpenSession"));
    BM_CHECK(CheckRv(f->C_Login(session, CKU_SO, Text(officer), officer.size()),
                     "C_Login of the officer"));
    BM_CHECK(CheckRv(f->C_InitPIN(session, Text(user), user.size()), "C_InitPIN"));
    f->C_CloseSession(session);
    return WriteFileAtomic(folder / "pin", user.Read(SecretAccess()), 0600);
  };
  Status done = work();
  p11_kit_module_finalize(f.get());
  return done;
}

}  // namespace birthmark::element
