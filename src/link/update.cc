// SPDX-License-Identifier: Apache-2.0
// Updates of a device that has left its factory, and the anchors that are in force in it.
#include "cbor/codec.h"
#include "device/core/protocol.h"
#include "link/answers.h"
#include "link/console.h"

namespace birthmark::link {
namespace {

Result<cbor::Value> AskUpdate(SerialLink& link, uint8_t type, cbor::Map args = {}) {
  BM_TRY(Bytes answer, link.Call(type, cbor::Encode(cbor::Value(std::move(args)))));
  return cbor::Decode(answer);
}

}  // namespace

Result<Offered> DeviceConsole::OfferImage(const std::string& partition, ByteView image) {
  BM_TRY(cbor::Value v,
         AskUpdate(link_, BM_CMD_IMAGE_OFFER,
                   {{"partition", partition}, {"image", Bytes(image.begin(), image.end())}}));
  Fields f(v);
  Offered out;
  f.Get("accepted", &out.accepted);
  f.Get("text", &out.text);
  f.Get("level", &out.level);
  f.Get("anchor", &out.anchor);
  BM_CHECK(f.Done());
  return out;
}

Result<std::vector<AnchorInForce>> DeviceConsole::AnchorsInForce() {
  BM_TRY(cbor::Value v, AskUpdate(link_, BM_CMD_ANCHORS));
  Fields f(v);
  std::vector<AnchorInForce> out;
  for (const cbor::Value& item : f.List("anchors")) {
    Fields g(item);
    AnchorInForce& a = out.emplace_back();
    g.Get("id", &a.id);
    g.Get("verifies", &a.verifies);
    g.Get("place", &a.place);
    g.Get("sha256", &a.sha256);
    f.Take(g);
  }
  BM_CHECK(f.Done());
  return out;
}

}  // namespace birthmark::link
