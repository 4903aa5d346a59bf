// SPDX-License-Identifier: Apache-2.0
// Updates of a device that has left its factory, messages to its TAM, the anchors that are in
// force.
#include <algorithm>
#include <iterator>

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

// ReadOffered reads a verdict; `whole` answers tell level and anchor too.
Result<Offered> ReadOffered(const cbor::Value& v, bool whole) {
  Fields f(v);
  Offered out;
  f.Get("accepted", &out.accepted);
  f.Get("verdict", &out.verdict);
  f.Get("text", &out.text);
  if (whole) {
    f.Get("level", &out.level);
    f.Get("anchor", &out.anchor);
  }
  f.Optional("into", &out.into);
  f.Optional("partition", &out.into);
  BM_CHECK(f.Done());
  return out;
}

}  // namespace

std::string_view VerdictWord(uint64_t verdict) {
  // In the order of bm_verdict (device/core/verify.h), which is part of the station protocol.
  static constexpr std::string_view kWords[] = {
      "accepted",     "not-verified", "format",      "algorithm",      "anchor-form",
      "no-anchor",    "chain",        "chain-rules", "weak",           "level",
      "eku",          "policy",       "subject",     "signature",      "image-digest",
      "image-size",   "image-kind",   "retired",     "empty",          "older",
      "none-left",    "rolled-back",  "privilege",   "no-such-anchor", "anchor-exists",
      "other-device", "subordinate",  "names",       "other-product",  "host",
      "date",         "handshake"};
  return verdict < std::size(kWords) ? kWords[verdict] : "unknown";
}

Result<Offered> DeviceConsole::OfferImage(const std::string& partition, ByteView image) {
  BM_TRY(cbor::Value v,
         AskUpdate(link_, BM_CMD_IMAGE_OFFER,
                   {{"partition", partition}, {"image", Bytes(image.begin(), image.end())}}));
  return ReadOffered(v, true);
}

Result<Offered> DeviceConsole::BeginUpdate(ByteView envelope, const std::string& policy) {
  BM_TRY(cbor::Value v,
         AskUpdate(link_, BM_CMD_UPDATE_BEGIN,
                   {{"envelope", Bytes(envelope.begin(), envelope.end())}, {"policy", policy}}));
  return ReadOffered(v, false);
}

Status DeviceConsole::WriteUpdate(uint64_t offset, ByteView data) {
  constexpr size_t kPiece = 12288;  // a request carries 16384 octets with its map
  for (size_t at = 0; at < data.size(); at += kPiece) {
    const ByteView piece = data.subspan(at, std::min(kPiece, data.size() - at));
    BM_TRY(cbor::Value v,
           AskUpdate(link_, BM_CMD_UPDATE_WRITE,
                     {{"data", Bytes(piece.begin(), piece.end())}, {"offset", offset + at}}));
  }
  return {};
}

Result<Offered> DeviceConsole::FinishUpdate() {
  BM_TRY(cbor::Value v, AskUpdate(link_, BM_CMD_UPDATE_FINISH));
  return ReadOffered(v, false);
}

Result<uint64_t> DeviceConsole::ConfirmUpdate() {
  BM_TRY(cbor::Value v, AskUpdate(link_, BM_CMD_UPDATE_CONFIRM));
  Fields f(v);
  uint64_t floor = 0;
  f.Get("floor", &floor);
  BM_CHECK(f.Done());
  return floor;
}

Result<UpdateState> DeviceConsole::ReadUpdateState() {
  BM_TRY(cbor::Value v, AskUpdate(link_, BM_CMD_UPDATE_STATE));
  Fields f(v);
  UpdateState out;
  f.Get("confirmed", &out.confirmed);
  f.Get("trial", &out.trial);
  f.Get("fell_back", &out.fell_back);
  f.Get("floor", &out.floor);
  BM_CHECK(f.Done());
  return out;
}

Result<TamJudged> DeviceConsole::TamMessage(ByteView object) {
  BM_TRY(cbor::Value v,
         AskUpdate(link_, BM_CMD_TAM_MESSAGE, {{"object", Bytes(object.begin(), object.end())}}));
  Fields f(v);
  TamJudged out;
  f.Get("accepted", &out.accepted);
  f.Get("verdict", &out.verdict);
  f.Get("text", &out.text);
  f.Get("sequence", &out.sequence);
  if (const cbor::Value* counters = v.Find("counters"); counters && counters->AsMap()) {
    for (const auto& [name, value] : *counters->AsMap()) {
      if (name.AsText() != nullptr && value.AsUint() != nullptr)
        out.counters.emplace_back(*name.AsText(), *value.AsUint());
    }
  }
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
