// SPDX-License-Identifier: Apache-2.0
// Entity Attestation Tokens (RFC 9711) of our device core, read strictly: the claims, and the
// measured boot inside them. Believes nothing: whose key signed it and whether the claims are so
// are eat_check.h's. Source: docs/attestation-token.md. Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "cbor/cose.h"

namespace birthmark::attest {

inline constexpr size_t kMaxToken = 64 * 1024;
inline constexpr std::string_view kTokenType = "application/eat+cwt";
inline constexpr std::string_view kTokenProfile = "tag:birthmark.example,2026:eat/device/1";

// BootEvent is one entry of the measured boot. Which members are there follows from `event`.
struct BootEvent {
  std::string event;  // "rom", "stage"; what else was measured later: "tam-message"
  // rom
  std::string board, fuse_form;
  Bytes boot_anchor;
  bool secure_boot = false, port_lock = false, seal = false;
  uint64_t retired = 0;
  // stage
  std::string partition, name, anchor;
  uint64_t version = 0, verdict = 0;
  bool usable = false;
  Bytes sha256;  // of the image; also of what an event is about
};

// Token is what a device says; nothing of it was checked but its form.
struct Token {
  cbor::CoseSign1 message;
  Bytes nonce, ueid;
  std::optional<uint64_t> oem;  // private enterprise number
  Bytes model;                  // empty: not claimed
  std::string hardware;
  bool oemboot = false;
  uint64_t debug = 0;  // RFC 9711 section 4.2.9: 0 enabled to 4 disabled fully and permanently
  std::string software, version;
  std::vector<Bytes> log;  // entries of the measured boot as they were extended
  Bytes boot_register;
  std::vector<BootEvent> boot;  // the same, decoded

  // Running is the last stage that started and is an application, else the last that started.
  const BootEvent* Running() const;
};

// ReadToken reads a COSE_Sign1 in tag 18. Claims of other meaning than this profile's are
// tolerated. Errors: those of cbor::ParseCose and Decode; eat.type, eat.profile, eat.claims (one is
// missing or of another form).
Result<Token> ReadToken(ByteView bytes);

// LogReplays tells whether the entries, extended one after the other, give the register.
bool LogReplays(const Token& token);

}  // namespace birthmark::attest
