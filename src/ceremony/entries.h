// SPDX-License-Identifier: Apache-2.0
// What stands inside the seal: the entries of a ceremony's own log. They know k, n, pseudonyms and
// continents; names of people are kept apart, where they can be erased. None of these types leaves
// the sealed folder. Values. Source: docs/formats/ceremony.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ceremony/record.h"
#include "custody/share.h"

namespace birthmark::ceremony {

// Begun opens a ceremony in the log.
struct Begun {
  static constexpr std::string_view kType = "begun";
  std::string id;  // UUID
  Bytes script;    // the reviewed file
  std::string program;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("script", script);
    v("program", program);
  }
};

// Present is somebody with a role, by pseudonym.
struct Present {
  static constexpr std::string_view kType = "present";
  std::string who;
  std::string role;
  template <class V>
  void Fields(V& v) {
    v("who", who);
    v("role", role);
  }
};

// StepBegun stands before anything a step does; StepDone ends it.
struct StepBegun {
  static constexpr std::string_view kType = "step-begun";
  std::string step;
  template <class V>
  void Fields(V& v) {
    v("step", step);
  }
};
struct StepDone {
  static constexpr std::string_view kType = "step-done";
  std::string by;  // role
  std::string step;
  template <class V>
  void Fields(V& v) {
    v("by", by);
    v("step", step);
  }
};

// Exception is what went otherwise than written. Outside the seal only `digest` is shown.
struct Exception {
  static constexpr std::string_view kType = "exception";
  Bytes salt;
  std::string step;
  std::string text;
  Digest digest{};  // SHA-256 of salt and text
  template <class V>
  void Fields(V& v) {
    v("salt", salt);
    v("step", step);
    v("text", text);
    v("digest", digest);
  }
};

// Line is a line of the transcript; `open` ones may stand in the printed copy for everybody.
struct Line {
  static constexpr std::string_view kType = "line";
  bool open = false;
  std::string text;
  template <class V>
  void Fields(V& v) {
    v("open", open);
    v("text", text);
  }
};

// Seat is one Key Executive: who, which share, where seated.
struct Seat {
  std::string who;  // pseudonym
  uint16_t index = 0;
  std::string continent;  // AF AN AS EU NA OC SA
  bool operator==(const Seat&) const = default;
  template <class V>
  void Fields(V& v) {
    v("who", who);
    v("index", index);
    v("continent", continent);
  }
};

// Chosen is what was asked for at the prompt for the sets that this ceremony deals.
struct Chosen {
  static constexpr std::string_view kType = "chosen";
  std::vector<Seat> seats;
  bool withhold = false;  // nothing is to be attested of these numbers
  uint16_t threshold = 0;
  template <class V>
  void Fields(V& v) {
    v("seats", seats);
    v("withhold", withhold);
    v("threshold", threshold);
  }
};

// KeyKept is a key with what only the sealed side has of it.
struct KeyKept {
  static constexpr std::string_view kType = "key";
  RecordKey key;
  std::string place;              // URI of the store, where there is one
  std::string parent;             // id; empty: itself
  std::optional<Digest> wrapped;  // split: of the wrapped key, which stands beside the log
  template <class V>
  void Fields(V& v) {
    v("key", key);
    v("place", place);
    v("parent", parent);
    v("wrapped", wrapped);
  }
};

// SetDealt puts a set of shares in force in place of the one before.
struct SetDealt {
  static constexpr std::string_view kType = "set";
  std::string key;  // id
  custody::ShareSet set;
  std::vector<Seat> seats;
  bool withhold = false;
  template <class V>
  void Fields(V& v) {
    v("key", key);
    v("set", set);
    v("seats", seats);
    v("withhold", withhold);
  }
};

// Proven is a holder who had the right share.
struct Proven {
  static constexpr std::string_view kType = "proven";
  std::string how;  // "read-back", "proof", "brought"
  std::string key;
  uint16_t index = 0;
  uint32_t generation = 1;
  template <class V>
  void Fields(V& v) {
    v("how", how);
    v("key", key);
    v("index", index);
    v("generation", generation);
  }
};

// ShareRefused is a share or proof that was set aside.
struct ShareRefused {
  static constexpr std::string_view kType = "refused";
  std::string key;
  std::string code;
  uint16_t index = 0;  // 0: not known
  template <class V>
  void Fields(V& v) {
    v("key", key);
    v("code", code);
    v("index", index);
  }
};

// ItemSigned is a use of a key.
struct ItemSigned {
  static constexpr std::string_view kType = "signed";
  SignedItem item;
  template <class V>
  void Fields(V& v) {
    v("item", item);
  }
};

// Attested is a statement to be published, Alarm why none could be.
struct Attested {
  static constexpr std::string_view kType = "attested";
  std::string key;
  Bytes statement;
  template <class V>
  void Fields(V& v) {
    v("key", key);
    v("statement", statement);
  }
};
struct Alarm {
  static constexpr std::string_view kType = "alarm";
  std::string key;
  std::string text;
  template <class V>
  void Fields(V& v) {
    v("key", key);
    v("text", text);
  }
};

// KeyEnded is the end of a key.
struct KeyEnded {
  static constexpr std::string_view kType = "ended";
  std::string how;
  std::string key;
  template <class V>
  void Fields(V& v) {
    v("how", how);
    v("key", key);
  }
};

// Noted is what happened to a holder's share between ceremonies: vaults, seals, drills.
struct Noted {
  static constexpr std::string_view kType = "noted";
  std::string who;             // pseudonym
  std::optional<Digest> seal;  // HMAC of the seal's number
  std::string text;            // free words, or empty
  std::string event;
  template <class V>
  void Fields(V& v) {
    v("who", who);
    v("seal", seal);
    v("text", text);
    v("event", event);
  }
};

// Closed ends a ceremony.
struct Closed {
  static constexpr std::string_view kType = "closed";
  std::string id;
  Bytes salt;                   // of the commitment
  std::optional<Bytes> record;  // absent when nothing may leave
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("salt", salt);
    v("record", record);
  }
};

// Entry is one of them with its type's word.
struct Entry {
  cbor::Value body;
  std::string type;
  template <class V>
  void Fields(V& v) {
    v("body", body);
    v("type", type);
  }
};

// MakeEntry wraps a body; ReadEntry reads it as B. Errors: ceremony.entry.
template <cbor::Reflected B>
Entry MakeEntry(const B& body) {
  return {.body = cbor::ToValue(body), .type = std::string(B::kType)};
}
template <cbor::Reflected B>
Result<B> ReadEntry(const Entry& e) {
  auto b = cbor::FromValue<B>(e.body);
  if (!b) return Refused("ceremony.entry", fmt::format("{}: {}", e.type, b.error().message));
  return b;
}

}  // namespace birthmark::ceremony
