// SPDX-License-Identifier: Apache-2.0
#include "keystore/pkcs11/data_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "hardware/pkcs11/session.h"
#include "keystore/pkcs11/login.h"

namespace birthmark::keystore {
namespace {

constexpr std::string_view kApplication = "birthmark";

// Token is a session that is logged in, and the object's label.
struct Token {
  std::unique_ptr<hardware::Session> session;
  std::string where, label;
};

Result<Token> OpenToken(const std::string& text, const Pin& pin) {
  BM_TRY(hardware::Pkcs11Uri uri, hardware::ParsePkcs11Uri(text));
  if (!uri.object || uri.object->empty())
    return Refused("pkcs11.uri", "the URI does not name an object",
                   "pkcs11:token=CARD;object=NAME?module-path=/…/module.so");
  Token out{.session = nullptr,
            .where = fmt::format("the token \"{}\"", uri.token.value_or("of the URI")),
            .label = *uri.object};
  BM_TRY(out.session, hardware::Session::Open(uri));
  BM_CHECK(LogIn(*out.session, pin, out.where));
  return out;
}

Result<std::optional<Bytes>> ReadObject(Token& token) {
  BM_TRY(std::optional<CK_OBJECT_HANDLE> object, token.session->Find(CKO_DATA, token.label));
  if (!object) return std::optional<Bytes>();
  return token.session->Read(*object, CKA_VALUE);
}

}  // namespace

Status PutDataObject(const std::string& uri, ByteView value, const Pin& pin) {
  if (value.empty() || value.size() > kMaxDataObject)
    return Refused("keystore.data", "what is to be stored is empty, or too large for a card");
  BM_TRY(Token token, OpenToken(uri, pin));
  BM_TRY(std::optional<Bytes> there, ReadObject(token));
  if (there)
    return Refused("keystore.exists",
                   fmt::format("{} has an object \"{}\" already", token.where, token.label),
                   "name another object");
  CK_OBJECT_CLASS kind = CKO_DATA;
  CK_BBOOL yes = CK_TRUE;
  std::string application(kApplication);
  Bytes octets(value.begin(), value.end());
  std::array<CK_ATTRIBUTE, 6> wanted{{
      {CKA_CLASS, &kind, sizeof kind},
      {CKA_TOKEN, &yes, sizeof yes},
      {CKA_PRIVATE, &yes, sizeof yes},
      {CKA_APPLICATION, application.data(), application.size()},
      {CKA_LABEL, token.label.data(), token.label.size()},
      {CKA_VALUE, octets.data(), octets.size()},
  }};
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  BM_CHECK(hardware::CheckRv(token.session->f().C_CreateObject(token.session->handle(),
                                                               wanted.data(), wanted.size(), &made),
                             "C_CreateObject"));
  BM_TRY(std::optional<Bytes> back, ReadObject(token));
  if (!back || !std::ranges::equal(*back, value))
    return Refused("keystore.data", token.where + " does not give back what was stored",
                   "use another card");
  return {};
}

Result<Bytes> GetDataObject(const std::string& uri, const Pin& pin) {
  BM_TRY(Token token, OpenToken(uri, pin));
  BM_TRY(std::optional<Bytes> there, ReadObject(token));
  if (!there)
    return Refused("keystore.missing",
                   fmt::format("{} has no object \"{}\"", token.where, token.label),
                   "name the object that `share store` wrote");
  if (there->empty() || there->size() > kMaxDataObject)
    return Refused("keystore.data", fmt::format("the object \"{}\" is no share", token.label));
  return std::move(*there);
}

}  // namespace birthmark::keystore
