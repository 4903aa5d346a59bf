// SPDX-License-Identifier: Apache-2.0
// The bodies of all events, in one place that the line, the answers and the tests include.
// Words for methods, steps, transfers, kinds and questions are the permanent names of vocab
// (revision -02), as text, so that a later revision's word still round-trips. Times are
// milliseconds since 1970 UTC. Source: docs/formats/events.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cbor/reflect.h"
#include "ledger/events_floor.h"
#include "ledger/events_parts.h"

namespace birthmark::ledger {

// Genesis opens a log. `rehearsal` is fixed here for ever.
struct Genesis {
  static constexpr std::string_view kType = "log.genesis";
  uint32_t format = 1;
  std::string origin;   // the log's name in its checkpoints: "acme/factory-8f3a41c9"
  std::string program;  // "birthmark 0.1.0"
  Bytes log_key;        // SubjectPublicKeyInfo of the key that signs checkpoints
  bool rehearsal = true;
  std::string workspace;  // UUID
  std::string manufacturer;
  template <class V>
  void Fields(V& v) {
    v("format", format);
    v("origin", origin);
    v("log_key", log_key);
    v("program", program);
    v("rehearsal", rehearsal);
    v("workspace", workspace);
    v("manufacturer", manufacturer);
  }
};

// PlanAdopted carries the whole plan: the declared half of every answer comes from it.
struct PlanAdopted {
  static constexpr std::string_view kType = "plan.adopted";
  Bytes text;
  Digest digest{};
  std::string product;
  uint32_t version = 1;
  template <class V>
  void Fields(V& v) {
    v("text", text);
    v("digest", digest);
    v("product", product);
    v("version", version);
  }
};

// KeyFacts are unordered Booleans as a module reports them; absent means the module does not say.
// Source: slides "Key Attributes"; PKCS#11 attribute names.
struct KeyFacts {
  std::optional<bool> local;        // made inside the store
  std::optional<bool> sensitive;    // never leaves in plain text
  std::optional<bool> extractable;  // can leave wrapped, or in plain text
  std::optional<bool> always_sensitive;
  std::optional<bool> never_extractable;
  std::optional<bool> fixed_tpm;  // TPMA_OBJECT fixedTPM: never in another TPM
  std::optional<bool> derived;    // computed from a seed of the module, not drawn at random
  template <class V>
  void Fields(V& v) {
    v("local", local);
    v("derived", derived);
    v("fixed_tpm", fixed_tpm);
    v("sensitive", sensitive);
    v("extractable", extractable);
    v("always_sensitive", always_sensitive);
    v("never_extractable", never_extractable);
  }
};

// KeyCreated is a key the manufacturer keeps.
struct KeyCreated {
  static constexpr std::string_view kType = "key.created";
  std::string id;  // "root", "site-1", "log", "disclosure"
  Digest spki{};   // SHA-256 of the SubjectPublicKeyInfo
  KeyFacts facts;
  std::string store;  // URI scheme of the key store: "file", "pkcs11", "tpm2", "frost"
  bool offline = false;
  std::string purpose;  // "ca", "log", "disclosure", "image", "credential", "anchor"
  std::string algorithm;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("spki", spki);
    v("facts", facts);
    v("store", store);
    v("offline", offline);
    v("purpose", purpose);
    v("algorithm", algorithm);
  }
};

// KeyDestroyed ends a key; `how` says what destruction meant there.
struct KeyDestroyed {
  static constexpr std::string_view kType = "key.destroyed";
  std::string id;
  std::string how;
  Digest spki{};
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("how", how);
    v("spki", spki);
  }
};

// CaCreated is a certification authority of any level with its certificate. Level 1 is the root.
struct CaCreated {
  static constexpr std::string_view kType = "ca.created";
  std::string id;
  std::string pki;  // "identity", "disclosure", "operations", "anchor:<id>"
  Bytes cert;       // DER
  std::string name;
  uint32_t level = 1;
  std::string issuer;  // ca id; its own for a root
  bool offline = false;
  std::optional<uint64_t> max_count;    // identities before it retires
  std::optional<int64_t> issues_until;  // end of the issuing window
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("pki", pki);
    v("cert", cert);
    v("name", name);
    v("level", level);
    v("issuer", issuer);
    v("offline", offline);
    v("max_count", max_count);
    v("issues_until", issues_until);
  }
};

// RequestCarried is one leg of a request's way to an offline level and back.
struct RequestCarried {
  static constexpr std::string_view kType = "request.carried";
  std::string ca;      // the authority being certified
  Digest request{};    // SHA-256 of the request file
  std::string action;  // "exported", "signed", "imported"
  std::optional<Digest> response;
  template <class V>
  void Fields(V& v) {
    v("ca", ca);
    v("action", action);
    v("request", request);
    v("response", response);
  }
};

// CredentialIssued gives a person or a station its own key's certificate. Pseudonyms only.
struct CredentialIssued {
  static constexpr std::string_view kType = "credential.issued";
  Bytes cert;
  std::string kind;  // "person" or "station"
  std::string role;  // "operator", "maintainer", "release", "administrator", "station"
  std::string pseudonym;
  template <class V>
  void Fields(V& v) {
    v("cert", cert);
    v("kind", kind);
    v("role", role);
    v("pseudonym", pseudonym);
  }
};

// SessionStatement is what a credential signs to say "I am here".
struct SessionStatement {
  int64_t at = 0;
  std::string role;
  std::string station;
  std::string workspace;
  template <class V>
  void Fields(V& v) {
    v("at", at);
    v("role", role);
    v("station", station);
    v("workspace", workspace);
  }
};

// SessionOpened is a person proving a credential at a station. `proof` is a COSE_Sign1 by the
// credential over the deterministic CBOR of {"at","role","station","workspace"}, x5chain inside, so
// that anyone can check who was there.
struct SessionOpened {
  static constexpr std::string_view kType = "session.opened";
  std::string id;
  Bytes proof;
  std::string role;  // as what: "operator", "maintainer", "release", "administrator"
  std::string station;
  std::string pseudonym;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("role", role);
    v("proof", proof);
    v("station", station);
    v("pseudonym", pseudonym);
  }
};

struct SessionClosed {
  static constexpr std::string_view kType = "session.closed";
  std::string id;
  template <class V>
  void Fields(V& v) {
    v("id", id);
  }
};

// ImageReleased makes an image usable on the line: "test-image", "first-stage", "second-stage",
// "application". Whoever releases or changes a first stage counts in first-stage-exposure.
struct ImageReleased {
  static constexpr std::string_view kType = "image.released";
  std::string stage;
  Digest digest{};  // SHA-256 of the whole image as written
  std::string version;
  std::vector<std::string> anchors;  // ids of the anchors inside
  std::optional<Digest> signer;      // SPKI digest of the key that signed it
  uint32_t signer_level = 0;         // 1: the anchor's own key; 0: not signed
  template <class V>
  void Fields(V& v) {
    v("stage", stage);
    v("digest", digest);
    v("signer", signer);
    v("anchors", anchors);
    v("version", version);
    v("signer_level", signer_level);
  }
};

// AnchorRead is what an anchor's file says, understood; `facts` is anchors::AnchorFacts.
struct AnchorRead {
  static constexpr std::string_view kType = "anchor.read";
  std::string kind;  // vocab name: "software-update"
  cbor::Value facts;
  std::string anchor;
  Digest file_digest{};
  template <class V>
  void Fields(V& v) {
    v("kind", kind);
    v("facts", facts);
    v("anchor", anchor);
    v("file_digest", file_digest);
  }
};

// IdentityIssued is one certificate: the event is the issue, in one commit.
struct IdentityIssued {
  static constexpr std::string_view kType = "identity.issued";
  std::optional<std::string> by;  // who asked, where it was not the line: "token:7f3a…", "self"
  std::string ca;
  std::optional<std::string> via;  // the protocol: "est", "cmp", "scep", "est-coaps"
  Bytes cert;
  std::string slot;  // "idevid"
  Digest spki{};
  std::string unit;   // "<product>/<serial>"
  std::string proof;  // proof of possession: "csr-signature", "made-by-us", "none"
  Bytes serial;       // of the certificate, 16 octets
  std::string method;
  template <class V>
  void Fields(V& v) {
    v("by", by);
    v("ca", ca);
    v("via", via);
    v("cert", cert);
    v("slot", slot);
    v("spki", spki);
    v("unit", unit);
    v("proof", proof);
    v("method", method);
    v("serial", serial);
  }
};

// IdentityState moves one identity: "installed", "confirmed-locked", "shipped", "superseded",
// "revoked", "void", "destroyed", "lost-at-station". Source: factory-data 2.3.
struct IdentityState {
  static constexpr std::string_view kType = "identity.state";
  std::string slot;
  std::string unit;
  std::string state;
  std::string reason;
  Bytes serial;
  template <class V>
  void Fields(V& v) {
    v("slot", slot);
    v("unit", unit);
    v("state", state);
    v("reason", reason);
    v("serial", serial);
  }
};

// UnitIntent stands before anything irreversible: a fuse, a device write, a release, a root's use.
struct UnitIntent {
  static constexpr std::string_view kType = "unit.intent";
  std::string step;
  std::string unit;
  std::string visit;
  template <class V>
  void Fields(V& v) {
    v("step", step);
    v("unit", unit);
    v("visit", visit);
  }
};

// StepRecord is one step of a visit with what the device itself said about it.
struct StepRecord {
  int64_t at = 0;
  int64_t ms = 0;       // how long it took
  std::string step;     // vocab step name
  std::string proof;    // "read-back", "refusal", "signed-report", "station-log", "none"
  std::string outcome;  // "done", "skipped", "failed"
  std::optional<std::string> detail;  // short, no secrets
  template <class V>
  void Fields(V& v) {
    v("at", at);
    v("ms", ms);
    v("step", step);
    v("proof", proof);
    v("detail", detail);
    v("outcome", outcome);
  }
};

// ReadBack is a range of the device compared with what was meant to be there.
struct ReadBack {
  std::string what;  // "fuse:boot-anchor", "flash:first-stage"
  bool equal = false;
  Digest found{};
  Digest meant{};
  template <class V>
  void Fields(V& v) {
    v("what", what);
    v("equal", equal);
    v("found", found);
    v("meant", meant);
  }
};

// UnitVisit is one unit's stay at one station: one event, not a line a step.
struct UnitVisit {
  static constexpr std::string_view kType = "unit.visit";
  std::string id;
  std::string site;
  std::string unit;
  std::vector<StepRecord> steps;
  std::optional<Bytes> report;  // COSE_Sign1 by the device's own identity key over its report
  std::string result;           // "good", "retry", "scrap"
  std::string station;
  std::vector<std::string> sessions;  // SessionOpened ids of the people signed on
  std::vector<ReadBack> read_backs;
  std::optional<std::string> reason;  // of a retry or scrap
  std::optional<std::string> chip;    // the chip's own identifier, hex
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("chip", chip);
    v("site", site);
    v("unit", unit);
    v("steps", steps);
    v("reason", reason);
    v("report", report);
    v("result", result);
    v("station", station);
    v("sessions", sessions);
    v("read_backs", read_backs);
  }
};

// UnitState moves a unit: "started", "first-stage-written", "tested", "locked", "packed",
// "shipped", "scrapped", "rework".
struct UnitState {
  static constexpr std::string_view kType = "unit.state";
  std::string unit;
  std::string state;
  std::string reason;
  template <class V>
  void Fields(V& v) {
    v("unit", unit);
    v("state", state);
    v("reason", reason);
  }
};

// CustodyLeg is a journey of one or more units between sites. A distance is the sum of legs.
struct CustodyLeg {
  static constexpr std::string_view kType = "custody.leg";
  std::string to;
  std::string from;
  std::vector<std::string> units;
  int64_t arrived = 0;
  int64_t departed = 0;
  std::optional<std::string> handover;  // who carried it, a role and never a name
  template <class V>
  void Fields(V& v) {
    v("to", to);
    v("from", from);
    v("units", units);
    v("arrived", arrived);
    v("departed", departed);
    v("handover", handover);
  }
};

// KeyPlace is one place where a device's private key existed outside the device.
struct KeyPlace {
  int64_t to = 0;  // 0: it was still there when this was recorded
  int64_t from = 0;
  std::string form;   // "plain memory", "sealed file", "image on tmpfs"
  std::string place;  // "station st-1 process", "pool"
  template <class V>
  void Fields(V& v) {
    v("to", to);
    v("form", form);
    v("from", from);
    v("place", place);
  }
};

// KeyOutside tells the life of an infrastructure-generated private key outside its device. The last
// one of a key holds: one without an end is followed by another when the end has come.
struct KeyOutside {
  static constexpr std::string_view kType = "key.outside";
  Digest spki{};
  std::string slot;
  std::string unit;
  std::vector<KeyPlace> places;
  std::string destroyed;  // how the last outside copy went; empty: it is still there
  template <class V>
  void Fields(V& v) {
    v("slot", slot);
    v("spki", spki);
    v("unit", unit);
    v("places", places);
    v("destroyed", destroyed);
  }
};

// TrialsRun is what a device's own verifier accepted and refused; each result is
// anchors::TrialResult.
struct TrialsRun {
  static constexpr std::string_view kType = "trials.run";
  std::string unit;  // the sacrificial unit
  std::string anchor;
  std::vector<cbor::Value> results;
  std::string verifier;  // the device core's version
  template <class V>
  void Fields(V& v) {
    v("unit", unit);
    v("anchor", anchor);
    v("results", results);
    v("verifier", verifier);
  }
};

// SignerCertified is an end-entity key the manufacturer keeps: of disclosures, or under an anchor.
struct SignerCertified {
  static constexpr std::string_view kType = "signer.certified";
  std::string key;  // key id
  std::string pki;
  std::vector<Bytes>
      chain;  // DER, itself first, without the root; empty: the key is its own anchor
  template <class V>
  void Fields(V& v) {
    v("key", key);
    v("pki", pki);
    v("chain", chain);
  }
};

// DisclosureSigned records that a disclosure left the process; the file is written after the
// commit.
struct DisclosureSigned {
  static constexpr std::string_view kType = "disclosure.signed";
  Digest digest{};  // SHA-256 of the payload
  std::string product;
  uint32_t version = 1;
  template <class V>
  void Fields(V& v) {
    v("digest", digest);
    v("product", product);
    v("version", version);
  }
};

}  // namespace birthmark::ledger
