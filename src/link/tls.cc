// SPDX-License-Identifier: Apache-2.0
// A device's TLS session and its debug lock, behind a console: the octets are carried, nothing is
// looked at.
#include "cbor/codec.h"
#include "device/core/protocol.h"
#include "link/answers.h"
#include "link/console.h"

namespace birthmark::link {
namespace {

Result<cbor::Value> AskTls(SerialLink& link, uint8_t type, cbor::Map args) {
  BM_TRY(Bytes answer, link.Call(type, cbor::Encode(cbor::Value(std::move(args)))));
  return cbor::Decode(answer);
}

Result<TlsStep> Step(SerialLink& link, uint8_t type, cbor::Map args) {
  BM_TRY(cbor::Value v, AskTls(link, type, std::move(args)));
  Fields f(v);
  TlsStep out;
  f.Get("state", &out.state);
  f.Get("accepted", &out.accepted);
  f.Get("verdict", &out.verdict);
  f.Get("text", &out.text);
  f.Get("level", &out.level);
  f.Get("algorithm", &out.algorithm);
  f.Get("left", &out.left);
  f.Get("waiting", &out.waiting);
  f.Get("out", &out.out);
  f.Optional("verifier", &out.verifier);
  if (v.Find("cacerts") != nullptr) {
    Fields fetched(f.Map("cacerts"));
    out.cacerts.emplace();
    fetched.Get("accepted", &out.cacerts->accepted);
    fetched.Get("why", &out.cacerts->why);
    fetched.Get("text", &out.cacerts->text);
    fetched.Get("count", &out.cacerts->count);
    f.Take(fetched);
  }
  BM_CHECK(f.Done());
  return out;
}

cbor::Value Octets(ByteView b) { return Bytes(b.begin(), b.end()); }

}  // namespace

Result<TlsStep> DeviceConsole::TlsOpen(const std::string& anchor, const std::string& host) {
  return Step(link_, BM_CMD_TLS_OPEN, {{"anchor", anchor}, {"host", host}});
}

Result<TlsStep> DeviceConsole::TlsOpenUnderOwner(const std::string& host) {
  return Step(link_, BM_CMD_TLS_OPEN, {{"owner", true}, {"host", host}});
}

Result<TlsStep> DeviceConsole::FetchCacerts(const std::string& host, const std::string& path) {
  cbor::Map args{{"host", host}};
  if (!path.empty()) args.emplace_back("path", path);
  return Step(link_, BM_CMD_OWNER_CACERTS, std::move(args));
}

Result<TlsStep> DeviceConsole::TlsPump(ByteView in) {
  return Step(link_, BM_CMD_TLS_PUMP, {{"in", Octets(in)}});
}

Result<TlsStep> DeviceConsole::TlsSend(ByteView data) {
  return Step(link_, BM_CMD_TLS_SEND, {{"data", Octets(data)}});
}

Result<Bytes> DeviceConsole::TlsReceive() {
  BM_TRY(cbor::Value v, AskTls(link_, BM_CMD_TLS_RECEIVE, {}));
  Fields f(v);
  Bytes out;
  f.Get("data", &out);
  BM_CHECK(f.Done());
  return out;
}

Result<TlsStep> DeviceConsole::TlsClose() { return Step(link_, BM_CMD_TLS_CLOSE, {}); }

Result<DebugChallenge> DeviceConsole::AskDebug() {
  BM_TRY(cbor::Value v, AskTls(link_, BM_CMD_DEBUG_CHALLENGE, {}));
  Fields f(v);
  DebugChallenge out;
  f.Get("nonce", &out.nonce);
  f.Get("serial", &out.serial);
  BM_CHECK(f.Done());
  return out;
}

Result<VoucherJudged> DeviceConsole::UnlockDebug(ByteView object) {
  BM_TRY(cbor::Value v, AskTls(link_, BM_CMD_DEBUG_UNLOCK, {{"object", Octets(object)}}));
  Fields f(v);
  VoucherJudged out;
  f.Get("accepted", &out.accepted);
  f.Get("why", &out.why);
  f.Get("text", &out.text);
  f.Get("level", &out.level);
  BM_CHECK(f.Done());
  return out;
}

}  // namespace birthmark::link
