// SPDX-License-Identifier: Apache-2.0
#include "link/console.h"

#include <algorithm>

#include "cbor/codec.h"
#include "device/core/protocol.h"
#include "link/answers.h"

namespace birthmark::link {
namespace {

// One request may carry 16384 bytes with its map around the data.
constexpr size_t kMaxTransfer = 12288;

Result<cbor::Value> Ask(SerialLink& link, uint8_t type, cbor::Map args = {}) {
  BM_TRY(Bytes answer, link.Call(type, cbor::Encode(cbor::Value(std::move(args)))));
  auto value = cbor::Decode(answer);
  if (!value) {
    return Environment("link.answer", "the device's answer is not CBOR: " + value.error().message,
                       "check that it runs firmware of this protocol version");
  }
  return value;
}

Bytes Copy(ByteView b) { return Bytes(b.begin(), b.end()); }

Result<SlotInfo> AskSlot(SerialLink& link, uint8_t type, cbor::Map args) {
  BM_TRY(cbor::Value v, Ask(link, type, std::move(args)));
  Fields f(v);
  SlotInfo out;
  ReadSlot(f, &out);
  BM_CHECK(f.Done());
  return out;
}

Result<bool> AskAlready(SerialLink& link, uint8_t type, cbor::Map args) {
  BM_TRY(cbor::Value v, Ask(link, type, std::move(args)));
  Fields f(v);
  bool already = false;
  f.Get("already", &already);
  BM_CHECK(f.Done());
  return already;
}

}  // namespace

Bytes CsrProofMessage(ByteView challenge, const Digest& csr_sha256) {
  Bytes message = ToBytes("birthmark csr proof 1");
  message.push_back(static_cast<uint8_t>(challenge.size()));
  message.insert(message.end(), challenge.begin(), challenge.end());
  message.insert(message.end(), csr_sha256.begin(), csr_sha256.end());
  return message;
}

Result<DeviceConsole> DeviceConsole::Open(const std::string& path, const SerialOptions& options) {
  BM_TRY(auto stream, OpenStream({.scheme = Uri::Scheme::kSerial, .target = path}));
  return Over(std::move(stream), options);
}

Result<DeviceConsole> DeviceConsole::Over(std::unique_ptr<ByteStream> stream,
                                          const SerialOptions& options) {
  DeviceConsole console(SerialLink::Over(std::move(stream), options));
  BM_TRY(Hello hello, console.SayHello());
  if (hello.protocol != 1) {
    return Environment("link.answer",
                       "the device speaks protocol " + std::to_string(hello.protocol),
                       "use firmware of protocol 1");
  }
  return console;
}

Result<Hello> DeviceConsole::SayHello() {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_HELLO));
  Fields f(v);
  Hello h;
  f.Get("board", &h.board);
  f.Get("uid", &h.uid);
  f.Get("core", &h.core);
  f.Get("protocol", &h.protocol);
  f.Get("boot_id", &h.boot_id);
  f.Get("uptime_ms", &h.uptime_ms);
  f.Get("running", &h.running);
  f.Get("name", &h.name);
  f.Get("version", &h.version);
  f.Get("factory_commands", &h.factory_commands);
  f.Get("factory_mode", &h.factory_mode);
  f.Get("sealed", &h.sealed);
  f.Get("private_memory", &h.private_memory);
  f.Get("serial", &h.serial);
  f.Get("bad_frames", &h.bad_frames);
  BM_CHECK(f.Done());
  return h;
}

Result<std::vector<BootStage>> DeviceConsole::BootReport() {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_BOOT_REPORT));
  Fields f(v);
  auto stages = ReadBoot(f);
  BM_CHECK(f.Done());
  return stages;
}

Result<SelfTest> DeviceConsole::RunSelfTest() {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_SELF_TEST));
  Fields f(v);
  SelfTest t;
  f.Get("pass", &t.pass);
  f.Get("flash", &t.flash);
  f.Get("fuses", &t.fuses);
  Fields rng(f.Map("rng"));
  ReadRng(rng, &t.rng);
  f.Take(rng);
  BM_CHECK(f.Done());
  return t;
}

Result<bool> DeviceConsole::InitialisePrivateMemory() {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_PRIVATE_MEMORY_INIT));
  Fields f(v);
  bool fresh = false;
  f.Get("fresh", &fresh);
  BM_CHECK(f.Done());
  return fresh;
}

Result<RngHealth> DeviceConsole::AddEntropy(ByteView seed) {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_ENTROPY, {{"seed", Copy(seed)}}));
  Fields f(v);
  RngHealth health;
  Fields rng(f.Map("rng"));
  ReadRng(rng, &health);
  f.Take(rng);
  BM_CHECK(f.Done());
  return health;
}

Result<SlotInfo> DeviceConsole::Generate(const std::string& slot, bool restart) {
  cbor::Map args = {{"slot", slot}, {"algorithm", "p256"}};
  if (restart) args.emplace_back("restart", true);
  return AskSlot(link_, BM_CMD_GENERATE, std::move(args));
}

Result<ChipSeed> DeviceConsole::SeedFacts() {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_SEED_FACTS));
  Fields f(v);
  ChipSeed out;
  f.Get("present", &out.present);
  f.Get("origin", &out.origin);
  f.Get("mixes", &out.mixes);
  BM_CHECK(f.Done());
  return out;
}

Result<DerivedSlot> DeviceConsole::Derive(const std::string& slot) {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_DERIVE, {{"slot", slot}, {"algorithm", "p256"}}));
  Fields f(v);
  DerivedSlot out;
  ReadSlot(f, &out.slot);
  f.Get("mixed", &out.mixed);
  BM_CHECK(f.Done());
  return out;
}

Result<SlotInfo> DeviceConsole::Slot(const std::string& slot) {
  return AskSlot(link_, BM_CMD_SLOT, {{"slot", slot}});
}

Result<CsrAnswer> DeviceConsole::Csr(const std::string& slot, const std::string& subject,
                                     ByteView challenge, ByteView nonce) {
  cbor::Map args = {{"slot", slot}, {"subject", subject}, {"challenge", Copy(challenge)}};
  if (!nonce.empty()) args.emplace_back("nonce", Copy(nonce));
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_CSR, std::move(args)));
  Fields f(v);
  CsrAnswer out;
  f.Get("csr", &out.csr);
  f.Get("proof", &out.proof);
  BM_CHECK(f.Done());
  return out;
}

Result<SlotInfo> DeviceConsole::PutCertificate(const std::string& slot,
                                               const std::vector<Bytes>& chain, bool replace) {
  cbor::Map args = {{"slot", slot}, {"chain", cbor::Array(chain.begin(), chain.end())}};
  if (replace) args.emplace_back("replace", true);
  return AskSlot(link_, BM_CMD_PUT_CERTIFICATE, std::move(args));
}

Result<std::vector<Bytes>> DeviceConsole::GetCertificate(const std::string& slot) {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_GET_CERTIFICATE, {{"slot", slot}}));
  Fields f(v);
  std::vector<Bytes> chain;
  for (const cbor::Value& item : f.List("chain")) {
    if (auto* der = item.AsBytes()) chain.push_back(*der);
  }
  BM_CHECK(f.Done());
  return chain;
}

Result<std::string> DeviceConsole::SetSerial(const std::string& serial) {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_SET_SERIAL, {{"serial", serial}}));
  Fields f(v);
  std::string out;
  f.Get("serial", &out);
  BM_CHECK(f.Done());
  return out;
}

Status DeviceConsole::FlashWrite(const std::string& partition, uint64_t offset, ByteView data) {
  for (size_t at = 0; at < data.size();) {
    size_t n = std::min(kMaxTransfer, data.size() - at);
    BM_TRY(cbor::Value v, Ask(link_, BM_CMD_FLASH_WRITE,
                              {{"partition", partition},
                               {"offset", offset + at},
                               {"data", Copy(data.subspan(at, n))}}));
    Fields f(v);
    uint64_t written = 0;
    f.Get("written", &written);
    BM_CHECK(f.Done());
    at += n;
  }
  return {};
}

Result<Bytes> DeviceConsole::FlashErase(const std::string& partition) {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_FLASH_ERASE, {{"partition", partition}}));
  Fields f(v);
  Bytes sha256;
  f.Get("sha256", &sha256);
  BM_CHECK(f.Done());
  return sha256;
}

Result<FlashDigest> DeviceConsole::Digest(const std::string& partition,
                                          std::optional<uint64_t> offset,
                                          std::optional<uint64_t> size) {
  cbor::Map args = {{"partition", partition}};
  if (offset) args.emplace_back("offset", *offset);
  if (size) args.emplace_back("size", *size);
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_FLASH_DIGEST, std::move(args)));
  Fields f(v);
  FlashDigest d;
  f.Get("sha256", &d.sha256);
  f.Get("erased", &d.erased);
  f.Get("size", &d.size);
  BM_CHECK(f.Done());
  return d;
}

Result<Bytes> DeviceConsole::FlashRead(const std::string& partition, uint64_t offset,
                                       uint64_t size) {
  Bytes all;
  while (all.size() < size) {
    uint64_t n = std::min<uint64_t>(kMaxTransfer, size - all.size());
    BM_TRY(cbor::Value v,
           Ask(link_, BM_CMD_FLASH_READ,
               {{"partition", partition}, {"offset", offset + all.size()}, {"size", n}}));
    Fields f(v);
    Bytes data;
    f.Get("data", &data);
    BM_CHECK(f.Done());
    if (data.size() != n) {
      return Environment("link.answer", "the device read less flash than asked for",
                         "check that it runs firmware of this protocol version");
    }
    all.insert(all.end(), data.begin(), data.end());
  }
  return all;
}

Result<bool> DeviceConsole::Blow(const std::string& fuse, ByteView digest) {
  cbor::Map args = {{"fuse", fuse}};
  if (!digest.empty()) args.emplace_back("digest", Copy(digest));
  return AskAlready(link_, BM_CMD_BLOW, std::move(args));
}

Result<bool> DeviceConsole::Lock(const std::string& which, const std::string& by) {
  return AskAlready(link_, BM_CMD_LOCK, {{"which", which}, {"by", by}});
}

Result<uint64_t> DeviceConsole::Unconfigure() {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_UNCONFIGURE));
  Fields f(v);
  uint64_t count = 0;
  f.Get("unconfigure_count", &count);
  BM_CHECK(f.Done());
  return count;
}

Status DeviceConsole::Reset() {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_RESET));
  return Fields(v).Done();
}

Result<ReportAnswer> DeviceConsole::Report(ByteView nonce, const std::string& slot) {
  cbor::Map args = {{"nonce", Copy(nonce)}};
  if (!slot.empty()) args.emplace_back("slot", slot);
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_REPORT, std::move(args)));
  Fields f(v);
  ReportAnswer out;
  f.Get("signed", &out.is_signed);
  f.Get("report", &out.bytes);
  BM_CHECK(f.Done());
  return out;
}

Result<Bytes> DeviceConsole::Token(ByteView nonce) {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_TOKEN, {{"nonce", Copy(nonce)}}));
  Fields f(v);
  Bytes token;
  f.Get("token", &token);
  BM_CHECK(f.Done());
  return token;
}

Result<Trial> DeviceConsole::Try(ByteView object, const std::string& anchor) {
  BM_TRY(cbor::Value v, Ask(link_, BM_CMD_TRIAL, {{"object", Copy(object)}, {"anchor", anchor}}));
  Fields f(v);
  Trial t;
  f.Get("accepted", &t.accepted);
  f.Get("verdict", &t.verdict);
  f.Get("text", &t.text);
  f.Get("level", &t.level);
  f.Get("algorithm", &t.algorithm);
  BM_CHECK(f.Done());
  return t;
}

}  // namespace birthmark::link
