// SPDX-License-Identifier: Apache-2.0
// What a station and the server say to each other, as values: the join code and the bodies of
// /station/…, deterministic CBOR. Leaves out how they travel and what is decided. Source:
// docs/formats/stations.md. Values; thread-compatible.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "cbor/reflect.h"
#include "ledger/events.h"

namespace birthmark::app {

inline constexpr std::string_view kStationType = "application/cbor";
inline constexpr std::string_view kSegmentType = "application/vnd.birthmark.evidence";
inline constexpr size_t kMaxJoinCode = 1024;
inline constexpr size_t kMaxStationRequest = 128 * 1024;
inline constexpr size_t kMaxStationReply = 64 << 20;  // images are in it
inline constexpr size_t kMaxSegment = 64 << 20;

// JoinCode is what a person carries from the server to the station: where the server is, whose
// certificate it must show, and a secret that works once.
struct JoinCode {
  std::string id;
  Digest pin{};  // SHA-256 of a certificate in the server's chain
  std::string url;
  Bytes secret;  // 32 octets
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("pin", pin);
    v("url", url);
    v("secret", secret);
  }
};

// FormatJoinCode gives text that a QR code or a person can carry: "BMJ1." and base64url.
// ParseJoinCode reads it, white space around it aside. Errors: station.code.
std::string FormatJoinCode(const JoinCode& code);
Result<JoinCode> ParseJoinCode(std::string_view text);

// JoinRequest asks to become a station. Each request is signed by the key that it is for.
struct JoinRequest {
  std::string id;
  Bytes log;  // PKCS #10 of the key that signs the island's checkpoints
  Bytes secret;
  Bytes station;    // PKCS #10 of the station's credential
  Bytes operators;  // PKCS #10 of the local person's credential; its common name is a pseudonym
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("log", log);
    v("secret", secret);
    v("station", station);
    v("operators", operators);
  }
};

// CarriedFile is a file of the station's folder.
struct CarriedFile {
  std::string name;  // "images/8f3a41c95c0a77d0/first-stage"
  Bytes bytes;
  template <class V>
  void Fields(V& v) {
    v("name", name);
    v("bytes", bytes);
  }
};

// JoinReply is everything an island starts from.
struct JoinReply {
  std::vector<CarriedFile> files;
  std::vector<Bytes> events;  // of the server's log, as stored, that the island's begins with
  std::string origin;         // of the island's log
  std::string product;
  std::string station;
  bool rehearsal = true;
  std::string workspace;
  std::string manufacturer;
  template <class V>
  void Fields(V& v) {
    v("files", files);
    v("events", events);
    v("origin", origin);
    v("product", product);
    v("station", station);
    v("rehearsal", rehearsal);
    v("workspace", workspace);
    v("manufacturer", manufacturer);
  }
};

// RenewRequest asks for a quota: a certificate for the island's next authority.
struct RenewRequest {
  std::string ca;          // the authority's id
  ledger::KeyFacts facts;  // of its key, as the station's store tells
  std::string store;       // scheme of that store
  std::string request;     // text of docs/formats/request.md
  template <class V>
  void Fields(V& v) {
    v("ca", ca);
    v("facts", facts);
    v("store", store);
    v("request", request);
  }
};

// RenewReply has the events that the island's log needs, once the quota is granted.
struct RenewReply {
  std::string state;  // "granted", "waiting": the level above is offline
  std::vector<Bytes> events;
  std::string response;  // to the request
  template <class V>
  void Fields(V& v) {
    v("state", state);
    v("events", events);
    v("response", response);
  }
};

// PushReply says what became of a segment.
struct PushReply {
  uint64_t next = 0;
  std::vector<std::string> named;
  uint64_t taken = 0;
  uint64_t set_aside = 0;
  template <class V>
  void Fields(V& v) {
    v("next", next);
    v("named", named);
    v("taken", taken);
    v("set_aside", set_aside);
  }
};

// LogQuery names a log in the query of GET /station/push: "log=" and SHA-256 of its origin in
// hexadecimal, since an origin may have any letter.
std::string LogQuery(std::string_view origin);

// ReadMessage reads a body strictly: deterministic CBOR, no keys that are not known, at most `max`
// octets. Errors: station.malformed.
template <class M>
Result<M> ReadMessage(ByteView body, size_t max) {
  auto bad = [](std::string_view what) {
    return Refused("station.malformed", fmt::format("the message {}", what));
  };
  if (body.size() > max) return bad("is too large");
  auto m = cbor::FromCbor<M>(body);
  if (!m) return bad(m.error().message);
  if (cbor::ToCbor(*m) != Bytes(body.begin(), body.end())) return bad("has keys that nobody knows");
  return m;
}

// CheckCarriedName refuses names of files that do not belong into a station's folder: only
// images/…, anchors/… and public/…, of plain characters. Errors: station.malformed.
Status CheckCarriedName(std::string_view name);

}  // namespace birthmark::app
