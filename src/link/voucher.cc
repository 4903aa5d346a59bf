// SPDX-License-Identifier: Apache-2.0
// The pledge behind a console: its request, the voucher it is given, its owner.
#include "cbor/codec.h"
#include "device/core/protocol.h"
#include "link/answers.h"
#include "link/console.h"

namespace birthmark::link {
namespace {

Result<cbor::Value> AskPledge(SerialLink& link, uint8_t type, cbor::Map args) {
  BM_TRY(Bytes answer, link.Call(type, cbor::Encode(cbor::Value(std::move(args)))));
  return cbor::Decode(answer);
}

Result<VoucherJudged> Given(SerialLink& link, uint8_t type, const char* name, ByteView object) {
  BM_TRY(cbor::Value v, AskPledge(link, type, {{name, Bytes(object.begin(), object.end())}}));
  Fields f(v);
  VoucherJudged out;
  f.Get("accepted", &out.accepted);
  f.Get("why", &out.why);
  f.Get("text", &out.text);
  f.Get("level", &out.level);
  BM_CHECK(f.Done());
  return out;
}

}  // namespace

Result<VoucherAsked> DeviceConsole::AskVoucher(ByteView registrar) {
  cbor::Map args;
  if (!registrar.empty()) args.emplace_back("registrar", Bytes(registrar.begin(), registrar.end()));
  BM_TRY(cbor::Value v, AskPledge(link_, BM_CMD_VOUCHER_REQUEST, std::move(args)));
  Fields f(v);
  VoucherAsked out;
  f.Get("nonce", &out.nonce);
  f.Get("request", &out.request);
  BM_CHECK(f.Done());
  return out;
}

Result<VoucherJudged> DeviceConsole::GiveVoucher(ByteView voucher) {
  return Given(link_, BM_CMD_VOUCHER, "voucher", voucher);
}

Result<DeviceOwner> DeviceConsole::Owner() {
  BM_TRY(cbor::Value v, AskPledge(link_, BM_CMD_OWNER, {}));
  Fields f(v);
  DeviceOwner out;
  f.Get("present", &out.present);
  f.Get("means", &out.means);
  for (const cbor::Value& c : f.List("certificates")) {
    if (c.AsBytes() != nullptr) out.certificates.push_back(*c.AsBytes());
  }
  BM_CHECK(f.Done());
  return out;
}

Result<bool> DeviceConsole::ResetOwner() {
  BM_TRY(cbor::Value v, AskPledge(link_, BM_CMD_OWNER_RESET, {}));
  Fields f(v);
  bool forgotten = false;
  f.Get("forgotten", &forgotten);
  BM_CHECK(f.Done());
  return forgotten;
}

}  // namespace birthmark::link
