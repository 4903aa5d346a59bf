// SPDX-License-Identifier: Apache-2.0
#include "attest/eat.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/codec.h"
#include "crypto/digest.h"

namespace birthmark::attest {
namespace {

// Claims of RFC 9711 by their numbers in the IANA registry of CWT claims.
enum Claim : int {
  kNonce = 10,
  kUeid = 256,
  kOemId = 258,
  kHwModel = 259,
  kHwVersion = 260,
  kOemBoot = 262,
  kDebugStatus = 263,
  kProfile = 265,
  kSwName = 270,
  kSwVersion = 271,
  kMeasurements = 273,
};
constexpr uint64_t kContentCbor = 60;  // CoAP content format of application/cbor
constexpr size_t kMaxEntries = 64;

std::unexpected<Error> BadClaim(std::string_view what) {
  return Refused("eat.claims", fmt::format("the token's claims are not as they must be: {}", what),
                 "ask a device of this core for a new one: docs/attestation-token.md");
}

// Member reads a map's member into `out`; false when it is missing or of another type.
bool Member(const cbor::Value& map, const cbor::Value& key, std::string* out) {
  const cbor::Value* v = map.Find(key);
  const std::string* text = v ? v->AsText() : nullptr;
  if (text) *out = *text;
  return text != nullptr;
}
bool Member(const cbor::Value& map, const cbor::Value& key, Bytes* out) {
  const cbor::Value* v = map.Find(key);
  const Bytes* bytes = v ? v->AsBytes() : nullptr;
  if (bytes) *out = *bytes;
  return bytes != nullptr;
}
bool Member(const cbor::Value& map, const cbor::Value& key, uint64_t* out) {
  const cbor::Value* v = map.Find(key);
  const uint64_t* number = v ? v->AsUint() : nullptr;
  if (number) *out = *number;
  return number != nullptr;
}
bool Member(const cbor::Value& map, const cbor::Value& key, bool* out) {
  const cbor::Value* v = map.Find(key);
  const bool* is = v ? v->AsBool() : nullptr;
  if (is) *out = *is;
  return is != nullptr;
}

// Version reads hwversion or swversion: [text, ? scheme] (RFC 9711 sections 4.2.5 and 4.2.7).
bool Version(const cbor::Value& claims, int key, std::string* out) {
  const cbor::Value* v = claims.Find(key);
  const cbor::Array* list = v ? v->AsArray() : nullptr;
  if (!list || list->empty() || list->size() > 2 || !(*list)[0].AsText()) return false;
  *out = *(*list)[0].AsText();
  return true;
}

Result<BootEvent> ReadEvent(const Bytes& entry) {
  BM_TRY(cbor::Value v, cbor::Decode(entry));
  BootEvent e;
  if (!Member(v, "event", &e.event)) return BadClaim("an entry of the boot log has no event");
  bool whole = true;
  if (e.event == "rom") {
    whole = Member(v, "board", &e.board) && Member(v, "fuse_form", &e.fuse_form) &&
            Member(v, "boot_anchor", &e.boot_anchor) && Member(v, "secure_boot", &e.secure_boot) &&
            Member(v, "port_lock", &e.port_lock) && Member(v, "seal", &e.seal) &&
            Member(v, "retired", &e.retired);
  } else if (e.event == "stage") {
    whole = Member(v, "partition", &e.partition) && Member(v, "name", &e.name) &&
            Member(v, "anchor", &e.anchor) && Member(v, "version", &e.version) &&
            Member(v, "verdict", &e.verdict) && Member(v, "usable", &e.usable) &&
            Member(v, "sha256", &e.sha256);
  } else {
    whole = Member(v, "sha256", &e.sha256);
  }
  if (!whole) return BadClaim("an entry of the boot log lacks a member");
  return e;
}

Status ReadMeasurements(const cbor::Value& claims, Token* t) {
  const cbor::Value* v = claims.Find(kMeasurements);
  const cbor::Array* list = v ? v->AsArray() : nullptr;
  for (const cbor::Value& item : list ? *list : cbor::Array{}) {
    const cbor::Array* pair = item.AsArray();
    if (!pair || pair->size() != 2 || !(*pair)[0].AsUint() || !(*pair)[1].AsBytes())
      return BadClaim("a measurement is no pair of format and bytes");
    if (*(*pair)[0].AsUint() != kContentCbor || !t->log.empty()) continue;
    BM_TRY(cbor::Value measured, cbor::Decode(*(*pair)[1].AsBytes()));
    const cbor::Value* log = measured.Find("log");
    if (!log || !log->AsArray() || log->AsArray()->size() > kMaxEntries ||
        !Member(measured, "register", &t->boot_register) || t->boot_register.size() != 32) {
      return BadClaim("the measured boot is no log with its register");
    }
    for (const cbor::Value& entry : *log->AsArray()) {
      if (!entry.AsBytes()) return BadClaim("an entry of the boot log is no byte string");
      BM_TRY(BootEvent e, ReadEvent(*entry.AsBytes()));
      t->log.push_back(*entry.AsBytes());
      t->boot.push_back(std::move(e));
    }
  }
  if (t->log.empty()) return BadClaim("there is no measured boot");
  return {};
}

}  // namespace

const BootEvent* Token::Running() const {
  const BootEvent* last = nullptr;
  for (const BootEvent& e : boot) {
    // The TAM and the store are used beside what runs, and do not take its place.
    if (e.event == "stage" && e.usable && e.partition != "tam" && e.partition != "store") last = &e;
  }
  return last;
}

Result<Token> ReadToken(ByteView bytes) {
  Token t;
  BM_TRY(t.message, cbor::ParseCose(bytes, {.max_bytes = kMaxToken}));
  if (t.message.headers.TypeText() != kTokenType || !t.message.payload) {
    return Refused("eat.type", "the file is signed, but it is no attestation token",
                   fmt::format("its type is \"{}\", a token's is {}", t.message.headers.TypeText(),
                               kTokenType));
  }
  BM_TRY(cbor::Value claims, cbor::Decode(*t.message.payload));
  std::string profile;
  if (!Member(claims, kProfile, &profile) || profile != kTokenProfile) {
    return Refused("eat.profile", "the token is of another profile: " + profile,
                   "docs/attestation-token.md describes the one that is read here");
  }
  // RFC 9711 section 4.1: one nonce of 8 to 64 bytes; several are for several parties.
  if (!Member(claims, kNonce, &t.nonce) || t.nonce.size() < 8 || t.nonce.size() > 64)
    return BadClaim("eat_nonce");
  if (!Member(claims, kUeid, &t.ueid) || t.ueid.size() != 33 || t.ueid[0] != 1)
    return BadClaim("ueid");
  if (!Member(claims, kOemBoot, &t.oemboot)) return BadClaim("oemboot");
  if (!Member(claims, kDebugStatus, &t.debug) || t.debug > 4) return BadClaim("dbgstat");
  if (!Member(claims, kSwName, &t.software)) return BadClaim("swname");
  if (!Version(claims, kSwVersion, &t.version)) return BadClaim("swversion");
  // A device whose images name no product claims none of these three.
  if (claims.Find(kOemId) || claims.Find(kHwModel) || claims.Find(kHwVersion)) {
    uint64_t oem = 0;
    if (!Member(claims, kOemId, &oem)) return BadClaim("oemid");
    t.oem = oem;
    if (!Member(claims, kHwModel, &t.model) || t.model.empty() || t.model.size() > 32)
      return BadClaim("hwmodel");
    if (!Version(claims, kHwVersion, &t.hardware)) return BadClaim("hwversion");
  }
  BM_CHECK(ReadMeasurements(claims, &t));
  return t;
}

bool LogReplays(const Token& token) {
  Digest r{};
  for (const Bytes& entry : token.log) r = crypto::Sha256(r, crypto::Sha256(entry));
  return std::ranges::equal(r, token.boot_register);
}

}  // namespace birthmark::attest
