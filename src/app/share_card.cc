// SPDX-License-Identifier: Apache-2.0
#include "app/share_card.h"

#include "custody/share_file.h"
#include "custody/sheet.h"
#include "custody/words.h"
#include "hardware/pkcs11/uri.h"
#include "keystore/pkcs11/data_object.h"

namespace birthmark::app {
namespace {

Result<keystore::Pin> PinOfCard(const std::string& text, const CardPin& pin) {
  BM_TRY(const hardware::Pkcs11Uri uri, hardware::ParsePkcs11Uri(text));
  keystore::PassphraseSource source = pin.source;
  source.prompt = "PIN of the card: ";
  if (uri.pin_source) {
    BM_TRY(source.file, hardware::PinPath(*uri.pin_source));
  }
  return keystore::Pin{.read = [source] { return keystore::ReadPassphrase(source); },
                       .last_try = pin.last_try};
}

}  // namespace

ReadCard CardReader(CardPin pin) {
  return [pin = std::move(pin)](const std::string& uri) -> Result<std::string> {
    BM_TRY(const keystore::Pin source, PinOfCard(uri, pin));
    BM_TRY(const Bytes octets, keystore::GetDataObject(uri, source));
    return std::string(AsText(octets));
  };
}

Status StoreOnCard(const fs::path& file, const std::string& uri, const CardPin& pin) {
  BM_TRY(const std::string sealed, ReadTextFile(file, custody::kMaxShareFile));
  BM_CHECK(custody::CheckShareFile(sealed));
  BM_TRY(const keystore::Pin source, PinOfCard(uri, pin));
  return keystore::PutDataObject(uri, AsBytes(sealed), source);
}

Status WriteSheet(const std::string& sealed, const custody::Share* plain, const fs::path& page) {
  SecretBytes words;
  if (plain != nullptr) {
    BM_TRY(words, custody::ToWords(*plain));
  }
  BM_TRY(const SecretBytes html,
         custody::MakeSheet({.sealed = sealed, .words = AsText(words.Read(SecretAccess()))}));
  return WriteFileAtomic(page, html.Read(SecretAccess()), 0600);
}

}  // namespace birthmark::app
