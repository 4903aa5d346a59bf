// SPDX-License-Identifier: Apache-2.0
// The commands on a secure element behind the device, whose keys are made on the device's order.
#include "cbor/codec.h"
#include "device/core/protocol.h"
#include "link/answers.h"
#include "link/console.h"

namespace birthmark::link {
namespace {

Result<cbor::Value> AskElement(SerialLink& link, uint8_t type, cbor::Map args = {}) {
  BM_TRY(Bytes answer, link.Call(type, cbor::Encode(cbor::Value(std::move(args)))));
  return cbor::Decode(answer);
}

Bytes Octets(ByteView b) { return Bytes(b.begin(), b.end()); }

}  // namespace

Result<ElementInfo> DeviceConsole::Element() {
  BM_TRY(cbor::Value v, AskElement(link_, BM_CMD_ELEMENT_INFO));
  Fields f(v);
  Fields e(f.Map("element"));
  ElementInfo out;
  e.Get("kind", &out.kind);
  e.Get("manufacturer", &out.manufacturer);
  e.Get("model", &out.model);
  e.Get("firmware", &out.firmware);
  if (out.kind == "tpm2") {
    e.Get("ek_public", &out.ek_public);
    e.Get("ak_public", &out.ak_public);
    for (const cbor::Value& item : e.List("certificates")) {
      if (auto* der = item.AsBytes()) out.certificates.push_back(*der);
    }
  }
  f.Take(e);
  BM_CHECK(f.Done());
  return out;
}

Result<SlotInfo> DeviceConsole::MakeInElement(const std::string& slot, bool restart) {
  cbor::Map args = {{"slot", slot}};
  if (restart) args.emplace_back("restart", true);
  BM_TRY(cbor::Value v, AskElement(link_, BM_CMD_ELEMENT_MAKE, std::move(args)));
  Fields f(v);
  SlotInfo out;
  ReadSlot(f, &out);
  BM_CHECK(f.Done());
  return out;
}

Result<Bytes> DeviceConsole::Attest(const std::string& slot, ByteView nonce) {
  BM_TRY(cbor::Value v,
         AskElement(link_, BM_CMD_ELEMENT_ATTEST, {{"slot", slot}, {"nonce", Octets(nonce)}}));
  Fields f(v);
  Bytes bundle;
  f.Get("bundle", &bundle);
  BM_CHECK(f.Done());
  return bundle;
}

Result<SecretBytes> DeviceConsole::Activate(ByteView id_object, ByteView secret) {
  BM_TRY(cbor::Value v,
         AskElement(link_, BM_CMD_ELEMENT_ACTIVATE,
                    {{"credential", Octets(id_object)}, {"secret", Octets(secret)}}));
  Fields f(v);
  Fields e(f.Map("element"));
  Bytes opened;
  e.Get("secret", &opened);
  f.Take(e);
  BM_CHECK(f.Done());
  return SecretBytes::Take(std::move(opened));
}

Result<std::vector<std::pair<std::string, bool>>> DeviceConsole::ElementFacts(
    const std::string& slot) {
  BM_TRY(cbor::Value v, AskElement(link_, BM_CMD_ELEMENT_FACTS, {{"slot", slot}}));
  Fields f(v);
  Fields e(f.Map("element"));
  std::vector<std::pair<std::string, bool>> out;
  const cbor::Value& facts = e.Map("facts");
  if (auto* map = facts.AsMap()) {
    for (const auto& [name, value] : *map) {
      if (name.AsText() && value.AsBool()) out.emplace_back(*name.AsText(), *value.AsBool());
    }
  }
  f.Take(e);
  BM_CHECK(f.Done());
  return out;
}

Result<Bytes> DeviceConsole::CertificateInElement(const std::string& slot) {
  BM_TRY(cbor::Value v,
         AskElement(link_, BM_CMD_GET_CERTIFICATE, {{"slot", slot}, {"element", true}}));
  Fields f(v);
  Bytes leaf;
  for (const cbor::Value& item : f.List("chain")) {
    if (auto* der = item.AsBytes()) leaf = *der;
  }
  BM_CHECK(f.Done());
  return leaf;
}

}  // namespace birthmark::link
