// SPDX-License-Identifier: Apache-2.0
#include "element/pkcs11/session.h"

#include <fmt/format.h>
#include <p11-kit/uri.h>

#include "base/files.h"

namespace birthmark::element::pkcs11 {
namespace {

constexpr size_t kMaxAttribute = 16 * 1024;

struct UriFree {
  void operator()(P11KitUri* u) const { p11_kit_uri_free(u); }
};

Result<SecretBytes> ReadPin(const std::string& source) {
  constexpr std::string_view kFile = "file:";
  if (!source.starts_with(kFile)) {
    return Usage("element.pin", "the URI does not say where the PIN comes from",
                 "add ?pin-source=file:/path (a PIN in the URI itself would show in lists of "
                 "processes)");
  }
  BM_TRY(Bytes pin, ReadFile(source.substr(kFile.size()), 256));
  while (!pin.empty() && (pin.back() == '\n' || pin.back() == '\r')) pin.pop_back();
  return SecretBytes::Take(std::move(pin));
}

}  // namespace

Status Check(CK_RV rv, std::string_view what) {
  if (rv == CKR_OK) return {};
  std::string text = fmt::format("{}: {}", what, p11_kit_strerror(rv));
  if (rv == CKR_DEVICE_ERROR || rv == CKR_DEVICE_REMOVED || rv == CKR_TOKEN_NOT_PRESENT ||
      rv == CKR_GENERAL_ERROR || rv == CKR_HOST_MEMORY)
    return Environment("element.failed", text, "check that the token is there");
  return Refused("element.refused", text, "see the token's documentation");
}

Result<std::unique_ptr<Session>> Session::Open(const std::string& text) {
  std::unique_ptr<P11KitUri, UriFree> uri(p11_kit_uri_new());
  if (p11_kit_uri_parse(text.c_str(), P11_KIT_URI_FOR_ANY, uri.get()) != P11_KIT_URI_OK)
    return Usage("element.uri", "the pkcs11: URI does not read", "see RFC 7512");
  if (p11_kit_uri_get_pin_value(uri.get()) != nullptr) {
    return Usage("element.pin", "the URI holds the PIN itself",
                 "put it into a file that you alone can read: ?pin-source=file:/path");
  }
  const char* path = p11_kit_uri_get_module_path(uri.get());
  if (path == nullptr)
    return Usage("element.uri", "the pkcs11: URI names no module", "add ?module-path=/path.so");
  std::unique_ptr<Session> s(new Session());
  s->module_ = p11_kit_module_load(path, P11_KIT_MODULE_CRITICAL);
  if (s->module_ == nullptr) {
    return Environment("element.missing", fmt::format("{}: is no PKCS#11 module here", path),
                       "check module-path");
  }
  BM_CHECK(Check(p11_kit_module_initialize(s->module_), "C_Initialize"));
  s->initialised_ = true;
  // Slot numbers change when a token is initialised, so the URI's words choose.
  CK_SLOT_ID slots[64];
  CK_ULONG n = std::size(slots);
  BM_CHECK(Check(s->f().C_GetSlotList(CK_TRUE, slots, &n), "C_GetSlotList"));
  bool found = false;
  for (CK_ULONG i = 0; i < n && !found; ++i) {
    CK_TOKEN_INFO info{};
    if (s->f().C_GetTokenInfo(slots[i], &info) != CKR_OK ||
        p11_kit_uri_match_token_info(uri.get(), &info) == 0 ||
        (info.flags & CKF_TOKEN_INITIALIZED) == 0)
      continue;
    s->slot_ = slots[i];
    s->token_ = info;
    found = true;
  }
  if (!found) {
    return Environment("element.missing", "the module has no token that the URI names",
                       "list them: p11tool --list-tokens, pkcs11-tool --list-token-slots");
  }
  BM_CHECK(Check(s->f().C_OpenSession(s->slot_, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr,
                                      nullptr, &s->session_),
                 "C_OpenSession"));
  const char* pin_source = p11_kit_uri_get_pin_source(uri.get());
  BM_CHECK(s->Login(pin_source == nullptr ? "" : pin_source));
  return s;
}

Status Session::Login(const std::string& pin_source) {
  // PKCS #11 v3.0 section 3.2: the token says when one more wrong PIN locks it, and then no program
  // may try its luck.
  if ((token_.flags & (CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED)) != 0) {
    return Refused("element.pin",
                   (token_.flags & CKF_USER_PIN_LOCKED) != 0
                       ? "the token's PIN is locked"
                       : "one more wrong PIN would lock the token: not tried",
                   "a person who knows the PIN logs in once: pkcs11-tool --login --list-objects");
  }
  BM_TRY(SecretBytes pin, ReadPin(pin_source));
  ByteView octets = pin.Read(SecretAccess());
  CK_RV rv =
      f().C_Login(session_, CKU_USER, const_cast<CK_UTF8CHAR*>(octets.data()), octets.size());
  if (rv == CKR_USER_ALREADY_LOGGED_IN) return {};
  if (rv == CKR_PIN_INCORRECT) {
    return Refused("element.pin", "the token does not take this PIN",
                   "check the file; it is not tried again");
  }
  return Check(rv, "C_Login");
}

Session::~Session() {
  if (session_ != CK_INVALID_HANDLE) module_->C_CloseSession(session_);
  if (initialised_) p11_kit_module_finalize(module_);
  if (module_ != nullptr) p11_kit_module_release(module_);
}

Result<std::optional<CK_OBJECT_HANDLE>> Session::Find(CK_OBJECT_CLASS kind,
                                                      std::string_view label) {
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof kind},
                           {CKA_LABEL, const_cast<char*>(label.data()), label.size()}};
  BM_CHECK(Check(f().C_FindObjectsInit(session_, wanted, std::size(wanted)), "C_FindObjectsInit"));
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  CK_ULONG n = 0;
  CK_RV rv = f().C_FindObjects(session_, &object, 1, &n);
  f().C_FindObjectsFinal(session_);
  BM_CHECK(Check(rv, "C_FindObjects"));
  if (n == 0) return std::nullopt;
  return object;
}

Result<std::optional<Bytes>> Session::Read(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_ATTRIBUTE a{type, nullptr, 0};
  CK_RV rv = f().C_GetAttributeValue(session_, object, &a, 1);
  if (rv == CKR_ATTRIBUTE_TYPE_INVALID) return std::nullopt;
  BM_CHECK(Check(rv, "C_GetAttributeValue"));
  if (a.ulValueLen > kMaxAttribute)
    return Refused("element.refused", "an attribute is larger than anything that belongs there");
  Bytes out(a.ulValueLen);
  a.pValue = out.data();
  BM_CHECK(Check(f().C_GetAttributeValue(session_, object, &a, 1), "C_GetAttributeValue"));
  out.resize(a.ulValueLen);
  return out;
}

Status Session::Destroy(CK_OBJECT_CLASS kind, std::string_view label) {
  for (;;) {
    BM_TRY(std::optional<CK_OBJECT_HANDLE> object, Find(kind, label));
    if (!object) return {};
    BM_CHECK(Check(f().C_DestroyObject(session_, *object), "C_DestroyObject"));
  }
}

}  // namespace birthmark::element::pkcs11
