// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/nonce.h"

#include <nlohmann/json.hpp>

namespace birthmark::enroll::est {
namespace {

// A statement whose attestation key has no certificate: docs/attestation.md.
constexpr const char* kBoundType = "1.3.6.1.4.1.32473.1.2";
constexpr int kNonceOctets = 32;

std::unexpected<Error> BadNonceRequest(std::string why) {
  return Refused("est.nonce", "no nonce request: " + std::move(why),
                 "GET takes no body; POST takes the JSON of docs/attestation.md");
}

// RFC 4648 section 5, without padding.
std::string Base64Url(ByteView b) {
  std::string s = ToBase64(b);
  while (s.ends_with('=')) s.pop_back();
  for (char& c : s) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return s;
}

}  // namespace

Result<NonceRequest> ReadNonceRequest(ByteView body) {
  if (body.size() > kMaxNonceRequest) return BadNonceRequest("it is too large");
  // Nothing nests deeper than reqInfo, so depth is bounded before memory is.
  int depth = 0;
  for (uint8_t c : body) {
    if (c == '[' || c == '{') ++depth;
    if (depth > 16) return BadNonceRequest("it nests too deep");
  }
  const auto j = nlohmann::json::parse(AsText(body), nullptr, false);
  if (!j.is_object()) return BadNonceRequest("it is no JSON object");
  NonceRequest out;
  if (j.contains("len") && (!j["len"].is_number_integer() || j["len"] != kNonceOctets))
    return BadNonceRequest("nonces have 32 octets here");
  if (j.contains("type") && !j["type"].is_string()) return BadNonceRequest("type is no text");
  if (j.value("type", "") != kBoundType) return out;
  if (!j.contains("reqInfo") || !j["reqInfo"].is_object())
    return BadNonceRequest("reqInfo is missing");
  auto octets = [&](const char* name) -> std::optional<Bytes> {
    const auto& info = j["reqInfo"];
    if (!info.contains(name) || !info[name].is_string()) return std::nullopt;
    return FromBase64(info[name].get<std::string>());
  };
  auto ek = octets("ek-certificate"), ak = octets("ak-public");
  if (!ek || !ak || ek->empty() || ak->empty())
    return BadNonceRequest("reqInfo takes ek-certificate and ak-public, in base64");
  out.ek_certificate = std::move(*ek);
  out.ak_public = std::move(*ak);
  return out;
}

Bytes WriteNonce(const GivenNonce& n) {
  nlohmann::ordered_json j = nlohmann::ordered_json::object();
  if (!n.nonce.empty()) j["nonce"] = Base64Url(n.nonce);
  j["expiry"] = n.seconds;
  if (!n.credential.empty()) {
    j["type"] = kBoundType;
    j["respInfo"] = {{"credential", ToBase64(n.credential)}};
  }
  return ToBytes(j.dump() + "\n");
}

}  // namespace birthmark::enroll::est
