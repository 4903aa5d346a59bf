// SPDX-License-Identifier: Apache-2.0
// An answer to one question about one subject: what is declared, what is measured, and how.
// Source: draft section 6 and section 3's aspects; docs/formats/answers.md has each value's shape.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cbor/reflect.h"

namespace birthmark::answer {

// Declared is what a person says, by role and never by name.
struct Declared {
  std::string date;  // RFC 3339 date
  std::string role;
  cbor::Value value;
  std::optional<std::string> note;
  template <class V>
  void Fields(V& v) {
    v("date", date);
    v("note", note);
    v("role", role);
    v("value", value);
  }
};

// Population says how many were looked at of how many; texts because volumes are bucketed ("<=
// 100").
struct Population {
  std::string of;
  std::string counted;
  template <class V>
  void Fields(V& v) {
    v("of", of);
    v("counted", counted);
  }
};

// Evidence names the log prefix that everything was worked out from.
struct Evidence {
  Digest root{};      // Merkle tree head
  uint64_t size = 0;  // events [0, size)
  std::string origin;
  Digest events{};  // SHA-256 over the leaf hashes, in order, of the events the method used
  template <class V>
  void Fields(V& v) {
    v("root", root);
    v("size", size);
    v("events", events);
    v("origin", origin);
  }
};

// Measured is the result of a named method over evidence that anyone can recompute to the same
// bytes.
struct Measured {
  std::string basis = "measured";  // "measured" or "attested"
  cbor::Value value;
  std::vector<std::string> notes;   // quality notes: "lower bound: shared log-in"
  std::string method;               // "first-stage-exposure/1"
  std::optional<int64_t> to, from;  // the period, milliseconds since 1970 UTC
  Evidence evidence;
  std::vector<std::string> leans_on;  // declared inputs: "plan: site coordinates"
  std::vector<std::string> exclusions;
  std::optional<Population> population;
  std::optional<std::string> verifier;  // name and build, where a trial decided
  template <class V>
  void Fields(V& v) {
    v("to", to);
    v("from", from);
    v("basis", basis);
    v("notes", notes);
    v("value", value);
    v("method", method);
    v("evidence", evidence);
    v("leans_on", leans_on);
    v("verifier", verifier);
    v("exclusions", exclusions);
    v("population", population);
  }
};

// Answer: `question` is a permanent name of vocab (one of the 18, or an aspect: "replace", "add",
// "remove", "keeper"); `subject` is "device", "identity-pki:<id>", "anchor:<id>" or
// "share-set:<id>".
struct Answer {
  std::optional<std::string> why;      // of withheld and not-applicable: the reason or clause
  std::string state = "not-answered";  // "answered", "withheld", "not-applicable", "not-answered"
  bool differs = false;                // by the question's own rule; false unless both exist
  std::string subject;
  std::optional<Declared> declared;
  std::optional<Measured> measured;
  // By methods of earlier releases, in the order of their age: for recomputing what they disclosed;
  // never written.
  std::vector<Measured> earlier;
  std::string question;
  std::string rounding = "exact";  // "exact" or the bucket's rule
  template <class V>
  void Fields(V& v) {
    v("why", why);
    v("state", state);
    v("differs", differs);
    v("subject", subject);
    v("declared", declared);
    v("measured", measured);
    v("question", question);
    v("rounding", rounding);
  }
};

}  // namespace birthmark::answer
