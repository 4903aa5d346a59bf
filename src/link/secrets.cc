// SPDX-License-Identifier: Apache-2.0
// The commands that carry secrets to a device, and what it answers about them.
#include "cbor/codec.h"
#include "crypto/digest.h"
#include "device/core/protocol.h"
#include "link/answers.h"
#include "link/console.h"

namespace birthmark::link {
namespace {

// AskSecretly wipes the request, which holds a secret in plain text as the wire does.
Result<cbor::Value> AskSecretly(SerialLink& link, uint8_t type, const std::string& slot,
                                const char* name, const SecretBytes& secret, bool replace) {
  ByteView plain = secret.Read(SecretAccess());
  cbor::Map args = {{"slot", slot}, {name, Bytes(plain.begin(), plain.end())}};
  if (replace) args.emplace_back("replace", true);
  cbor::Value request(std::move(args));
  Bytes encoded = cbor::Encode(request);
  auto answer = link.Call(type, encoded);
  Wipe(encoded.data(), encoded.size());
  Bytes* copy = const_cast<Bytes*>(request.Find(name)->AsBytes());
  Wipe(copy->data(), copy->size());
  if (!answer) return std::unexpected(std::move(answer).error());
  return cbor::Decode(*answer);
}

Result<SecretInfo> ReadInfo(const cbor::Value& v) {
  Fields f(v);
  SecretInfo out;
  f.Get("slot", &out.slot);
  f.Get("occupied", &out.occupied);
  f.Optional("check", &out.check);
  if (v.Find("match") != nullptr) f.Get("match", &out.match);
  BM_CHECK(f.Done());
  return out;
}

}  // namespace

Digest KeyCheck(const SecretBytes& secret) {
  return crypto::HmacSha256(secret.Read(SecretAccess()), AsBytes("birthmark key check 1"));
}

Result<SecretInfo> DeviceConsole::PutSecret(const std::string& slot, const SecretBytes& secret,
                                            bool replace) {
  BM_TRY(cbor::Value v, AskSecretly(link_, BM_CMD_PUT_SECRET, slot, "secret", secret, replace));
  return ReadInfo(v);
}

Result<SlotInfo> DeviceConsole::PutGroupKey(const SecretBytes& scalar, bool replace) {
  BM_TRY(cbor::Value v, AskSecretly(link_, BM_CMD_PUT_SECRET, "group", "secret", scalar, replace));
  Fields f(v);
  SlotInfo out;
  ReadSlot(f, &out);
  BM_CHECK(f.Done());
  return out;
}

Result<SecretInfo> DeviceConsole::CheckSecret(const std::string& slot, const SecretBytes* guess) {
  if (guess != nullptr) {
    BM_TRY(cbor::Value v, AskSecretly(link_, BM_CMD_SECRET_CHECK, slot, "guess", *guess, false));
    return ReadInfo(v);
  }
  BM_TRY(Bytes answer,
         link_.Call(BM_CMD_SECRET_CHECK, cbor::Encode(cbor::Value(cbor::Map{{"slot", slot}}))));
  BM_TRY(cbor::Value v, cbor::Decode(answer));
  return ReadInfo(v);
}

Result<UpdateOpened> DeviceConsole::OpenUpdate(ByteView enc, ByteView object, ByteView info,
                                               ByteView aad) {
  auto copy = [](ByteView b) { return Bytes(b.begin(), b.end()); };
  cbor::Map args = {
      {"enc", copy(enc)}, {"object", copy(object)}, {"info", copy(info)}, {"aad", copy(aad)}};
  BM_TRY(Bytes answer, link_.Call(BM_CMD_UPDATE_OPEN, cbor::Encode(cbor::Value(std::move(args)))));
  BM_TRY(cbor::Value v, cbor::Decode(answer));
  Fields f(v);
  UpdateOpened out;
  f.Get("opened", &out.opened);
  if (out.opened) {
    f.Get("size", &out.size);
    f.Get("sha256", &out.sha256);
  }
  BM_CHECK(f.Done());
  return out;
}

}  // namespace birthmark::link
