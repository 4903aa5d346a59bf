// SPDX-License-Identifier: Apache-2.0
// The commands on a secure element that came with its identity from its maker's factory.
#include "cbor/codec.h"
#include "device/core/protocol.h"
#include "link/answers.h"
#include "link/console.h"

namespace birthmark::link {
namespace {

Result<cbor::Value> AskChip(SerialLink& link, uint8_t type, cbor::Map args = {}) {
  BM_TRY(Bytes answer, link.Call(type, cbor::Encode(cbor::Value(std::move(args)))));
  return cbor::Decode(answer);
}

}  // namespace

Bytes ChipProofMessage(ByteView challenge, ByteView uid) {
  Bytes message = ToBytes("birthmark element proof 1");
  message.push_back(static_cast<uint8_t>(challenge.size()));
  message.insert(message.end(), challenge.begin(), challenge.end());
  message.insert(message.end(), uid.begin(), uid.end());
  return message;
}

Result<ChipInfo> DeviceConsole::Chip() {
  BM_TRY(cbor::Value v, AskChip(link_, BM_CMD_CHIP));
  Fields f(v);
  ChipInfo out;
  f.Get("uid", &out.uid);
  f.Get("public_key", &out.public_key);
  for (const cbor::Value& item : f.List("chain")) {
    if (auto* der = item.AsBytes()) out.chain.push_back(*der);
  }
  BM_CHECK(f.Done());
  return out;
}

Result<bool> DeviceConsole::ActivateChip(const std::string& password) {
  BM_TRY(cbor::Value v, AskChip(link_, BM_CMD_CHIP_ACTIVATE, {{"password", password}}));
  Fields f(v);
  bool active = false;
  f.Get("active", &active);
  BM_CHECK(f.Done());
  return active;
}

Result<Bytes> DeviceConsole::ChipProof(ByteView challenge) {
  BM_TRY(cbor::Value v, AskChip(link_, BM_CMD_CHIP_PROOF,
                                {{"challenge", Bytes(challenge.begin(), challenge.end())}}));
  Fields f(v);
  Bytes proof;
  f.Get("proof", &proof);
  BM_CHECK(f.Done());
  return proof;
}

}  // namespace birthmark::link
