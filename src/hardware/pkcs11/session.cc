// SPDX-License-Identifier: Apache-2.0
#include "hardware/pkcs11/session.h"

#include <fmt/format.h>

#include <algorithm>

namespace birthmark::hardware {
namespace {

constexpr size_t kMaxAttribute = 16 * 1024;
constexpr size_t kMaxObjects = 100'000;
constexpr CK_ULONG kMaxSlots = 256;

// Says tells whether a blank-padded text of CK_TOKEN_INFO is `wanted`.
bool Says(const CK_UTF8CHAR* text, size_t size, const std::optional<std::string>& wanted) {
  if (!wanted) return true;
  std::string_view have(reinterpret_cast<const char*>(text), size);
  while (!have.empty() && (have.back() == ' ' || have.back() == 0)) have.remove_suffix(1);
  return have == *wanted;
}

bool Matches(const Pkcs11Uri& u, CK_SLOT_ID slot, const CK_TOKEN_INFO& t) {
  return (t.flags & CKF_TOKEN_INITIALIZED) != 0 && (!u.slot_id || *u.slot_id == slot) &&
         Says(t.label, sizeof t.label, u.token) &&
         Says(t.manufacturerID, sizeof t.manufacturerID, u.manufacturer) &&
         Says(t.model, sizeof t.model, u.model) &&
         Says(t.serialNumber, sizeof t.serialNumber, u.serial);
}

}  // namespace

Status CheckRv(CK_RV rv, std::string_view what) {
  if (rv == CKR_OK) return {};
  std::string text = fmt::format("{}: {}", what, p11_kit_strerror(rv));
  if (rv == CKR_DEVICE_ERROR || rv == CKR_DEVICE_REMOVED || rv == CKR_TOKEN_NOT_PRESENT ||
      rv == CKR_GENERAL_ERROR || rv == CKR_HOST_MEMORY)
    return Environment("element.failed", text, "check that the token is there");
  return Refused("element.refused", text, "see the token's documentation");
}

PinState StateOf(CK_FLAGS flags) {
  if ((flags & CKF_USER_PIN_LOCKED) != 0) return PinState::kLocked;
  if ((flags & CKF_USER_PIN_FINAL_TRY) != 0) return PinState::kLastTry;
  if ((flags & CKF_USER_PIN_COUNT_LOW) != 0) return PinState::kOneWasWrong;
  return PinState::kFree;
}

bool MayTry(PinState state, Caution caution) {
  switch (state) {
    case PinState::kFree:
      return true;
    case PinState::kOneWasWrong:
      return caution != Caution::kAtFirst;
    case PinState::kLastTry:
      return caution == Caution::kNone;
    case PinState::kLocked:
      return false;
  }
  return false;
}

Result<std::unique_ptr<Session>> Session::Open(const Pkcs11Uri& uri) {
  std::unique_ptr<Session> s(new Session());
  s->module_ = p11_kit_module_load(uri.module_path.c_str(), P11_KIT_MODULE_CRITICAL);
  if (s->module_ == nullptr) {
    return Environment("element.missing",
                       fmt::format("{}: is no PKCS#11 module here", uri.module_path),
                       "check module-path");
  }
  BM_CHECK(CheckRv(p11_kit_module_initialize(s->module_), "C_Initialize"));
  s->initialised_ = true;
  CK_ULONG n = 0;
  BM_CHECK(CheckRv(s->f().C_GetSlotList(CK_TRUE, nullptr, &n), "C_GetSlotList"));
  if (n > kMaxSlots)
    return Refused("element.refused", "the module has more slots than belong there");
  std::vector<CK_SLOT_ID> slots(n);
  if (n > 0) BM_CHECK(CheckRv(s->f().C_GetSlotList(CK_TRUE, slots.data(), &n), "C_GetSlotList"));
  slots.resize(std::min<size_t>(n, slots.size()));
  // Slot numbers change when a token is initialised, so the URI's words choose.
  size_t found = 0;
  for (CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    if (s->f().C_GetTokenInfo(slot, &info) != CKR_OK || !Matches(uri, slot, info)) continue;
    if (++found == 1) {
      s->slot_ = slot;
      s->token_ = info;
    }
  }
  if (found == 0) {
    return Environment("element.missing", "the module has no token that the URI names",
                       "list them: p11tool --list-tokens, pkcs11-tool --list-token-slots");
  }
  if (found > 1) {
    return Refused("element.ambiguous", fmt::format("{} tokens are what the URI names", found),
                   "add the token's serial number: ;serial=…");
  }
  BM_CHECK(CheckRv(s->f().C_OpenSession(s->slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr,
                                        nullptr, &s->session_),
                   "C_OpenSession"));
  return s;
}

Session::~Session() {
  if (session_ != CK_INVALID_HANDLE) module_->C_CloseSession(session_);
  if (initialised_) p11_kit_module_finalize(module_);
  if (module_ != nullptr) p11_kit_module_release(module_);
}

Result<PinState> Session::AskPinState() {
  BM_CHECK(CheckRv(f().C_GetTokenInfo(slot_, &token_), "C_GetTokenInfo"));
  return StateOf(token_.flags);
}

Result<LoginOutcome> Session::Login(const SecretBytes& pin, Caution caution) {
  LoginOutcome out;
  BM_TRY(out.before, AskPinState());
  out.after = out.before;
  if (!MayTry(out.before, caution)) return out;
  ByteView octets = pin.Read(SecretAccess());
  CK_RV rv =
      f().C_Login(session_, CKU_USER, const_cast<CK_UTF8CHAR*>(octets.data()), octets.size());
  if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) {
    out.result = LoginResult::kIn;
    return out;
  }
  if (rv != CKR_PIN_INCORRECT && rv != CKR_PIN_LEN_RANGE && rv != CKR_PIN_INVALID &&
      rv != CKR_PIN_LOCKED) {
    BM_CHECK(CheckRv(rv, "C_Login"));
  }
  out.result = LoginResult::kWrongPin;
  BM_TRY(out.after, AskPinState());
  return out;
}

Result<bool> Session::LoggedIn() {
  CK_SESSION_INFO info{};
  BM_CHECK(CheckRv(f().C_GetSessionInfo(session_, &info), "C_GetSessionInfo"));
  return info.state == CKS_RW_USER_FUNCTIONS || info.state == CKS_RO_USER_FUNCTIONS;
}

bool Session::Can(CK_MECHANISM_TYPE mechanism, CK_FLAGS flags) const {
  CK_MECHANISM_INFO info{};
  return f().C_GetMechanismInfo(slot_, mechanism, &info) == CKR_OK && (info.flags & flags) == flags;
}

Result<std::vector<CK_OBJECT_HANDLE>> Session::Search(std::vector<CK_ATTRIBUTE> wanted,
                                                      size_t most) {
  BM_CHECK(
      CheckRv(f().C_FindObjectsInit(session_, wanted.data(), wanted.size()), "C_FindObjectsInit"));
  std::vector<CK_OBJECT_HANDLE> out;
  CK_RV rv = CKR_OK;
  while (out.size() < most) {
    CK_OBJECT_HANDLE some[64];
    CK_ULONG n = 0;
    rv = f().C_FindObjects(session_, some, std::min<CK_ULONG>(std::size(some), most - out.size()),
                           &n);
    if (rv != CKR_OK || n == 0 || n > std::size(some)) break;
    out.insert(out.end(), some, some + n);
  }
  f().C_FindObjectsFinal(session_);
  BM_CHECK(CheckRv(rv, "C_FindObjects"));
  return out;
}

Result<std::optional<CK_OBJECT_HANDLE>> Session::Find(CK_OBJECT_CLASS kind,
                                                      std::string_view label) {
  BM_TRY(std::vector<CK_OBJECT_HANDLE> found,
         Search({{CKA_CLASS, &kind, sizeof kind},
                 {CKA_LABEL, const_cast<char*>(label.data()), label.size()}},
                1));
  if (found.empty()) return std::nullopt;
  return found.front();
}

Result<std::vector<CK_OBJECT_HANDLE>> Session::FindAll(CK_OBJECT_CLASS kind) {
  return Search({{CKA_CLASS, &kind, sizeof kind}}, kMaxObjects);
}

Result<std::optional<Bytes>> Session::Read(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE a{type, nullptr, 0};
  CK_RV rv = f().C_GetAttributeValue(session_, object, &a, 1);
  if (rv == CKR_ATTRIBUTE_TYPE_INVALID) return std::nullopt;
  BM_CHECK(CheckRv(rv, "C_GetAttributeValue"));
  if (a.ulValueLen > kMaxAttribute)
    return Refused("element.refused", "an attribute is larger than anything that belongs there");
  Bytes out(a.ulValueLen);
  a.pValue = out.data();
  BM_CHECK(CheckRv(f().C_GetAttributeValue(session_, object, &a, 1), "C_GetAttributeValue"));
  out.resize(std::min<size_t>(a.ulValueLen, out.size()));
  return out;
}

Status Session::Destroy(CK_OBJECT_CLASS kind, std::string_view label) {
  for (;;) {
    BM_TRY(std::optional<CK_OBJECT_HANDLE> object, Find(kind, label));
    if (!object) return {};
    BM_CHECK(CheckRv(f().C_DestroyObject(session_, *object), "C_DestroyObject"));
  }
}

}  // namespace birthmark::hardware
