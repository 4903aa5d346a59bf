// SPDX-License-Identifier: Apache-2.0
// Bodies of what comes from other factories: seeds, secure elements and their reels, attested keys,
// secrets that are no key pair. Part of ledger/events.h, which is what others include. Times are
// milliseconds since 1970 UTC. Source: docs/formats/events.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cbor/reflect.h"

namespace birthmark::ledger {

// SeedBatch is a file of seeds that was opened far enough to know what is in it. The seeds are
// never here. Source: draft 4.1.1.3.
struct SeedBatch {
  static constexpr std::string_view kType = "seed.batch";
  std::string id;
  std::string oem;  // the silicon maker, as the file or the plan names it
  Digest file{};    // SHA-256 of the file as received
  uint64_t count = 0;
  std::string format;  // "pskc", "cms"
  std::string origin;  // where the chip keeps its seed: "fuses", "tpm", "secure-element", "puf"
  std::string product;
  uint64_t refused = 0;    // elements that were not taken
  std::string protection;  // "cms-enveloped", "pskc-x509", …; "none": encrypted with nothing
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("oem", oem);
    v("file", file);
    v("count", count);
    v("format", format);
    v("origin", origin);
    v("product", product);
    v("refused", refused);
    v("protection", protection);
  }
};

// SeedCustody is one thing that happened to a batch of seeds. `actor` of the event says who.
struct SeedCustody {
  static constexpr std::string_view kType = "seed.custody";
  std::string how;   // the means, in a few words: "registered courier", "wrap erased"
  std::string what;  // "couriered", "received", "opened", "used", "destroyed"
  std::string batch;
  std::string place;  // site, or "derivation site"
  template <class V>
  void Fields(V& v) {
    v("how", how);
    v("what", what);
    v("batch", batch);
    v("place", place);
  }
};

// SeedsUsed is a run of seeds that keys were derived from and certified, in one commit with those
// certificates. What KeyOutside tells of one private key it tells of all of the run: each half was
// in `place` between `from` and `to`, and was gone before this was written. Chips and units stand
// in the same order.
struct SeedsUsed {
  static constexpr std::string_view kType = "seed.used";
  int64_t to = 0;
  std::string form;  // as in KeyPlace: "plain memory"
  int64_t from = 0;
  std::string slot;
  std::string batch;
  std::vector<std::string> chips;  // the chips' own identifiers
  std::string place;
  std::vector<std::string> units;
  std::string destroyed;  // how the private halves went
  template <class V>
  void Fields(V& v) {
    v("to", to);
    v("form", form);
    v("from", from);
    v("slot", slot);
    v("batch", batch);
    v("chips", chips);
    v("place", place);
    v("units", units);
    v("destroyed", destroyed);
  }
};

// SeedRefused is a seed, or a whole file of them, that was not taken, and why.
struct SeedRefused {
  static constexpr std::string_view kType = "seed.refused";
  std::string why;  // "<code>: <message>"
  std::string batch;
  std::string element;  // the chip's identifier; empty: the whole file
  template <class V>
  void Fields(V& v) {
    v("why", why);
    v("batch", batch);
    v("element", element);
  }
};

// ListedElement is one part as its maker describes it.
struct ListedElement {
  std::string uid;           // the part's own identifier, lower-case hex
  Bytes cert;                // its maker's certificate for the key; empty: none came with it
  Digest spki{};             // SHA-256 of the SubjectPublicKeyInfo; zero: no key is listed
  std::optional<Bytes> key;  // SubjectPublicKeyInfo, when there is no certificate
  std::string slot;          // the part's slot that holds the key: "0"; "ek" for a TPM
  template <class V>
  void Fields(V& v) {
    v("key", key);
    v("uid", uid);
    v("cert", cert);
    v("slot", slot);
    v("spki", spki);
  }
};

// ManifestImported closes the import of one manifest: every signature was checked, or `signer` is
// absent because its form has none.
struct ManifestImported {
  static constexpr std::string_view kType = "manifest.imported";
  std::string id;
  Digest file{};
  std::string kind;   // "microchip-tp", "tpm-ek-csv", "tpm-ek-folder"
  bool test = false;  // prototype parts: never for production
  std::string maker;
  std::string product;
  uint64_t refused = 0;
  uint64_t elements = 0;
  std::vector<std::string> reels;
  std::optional<Digest> signer;  // SHA-256 of the certificate that signed the manifest
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("file", file);
    v("kind", kind);
    v("test", test);
    v("maker", maker);
    v("reels", reels);
    v("signer", signer);
    v("product", product);
    v("refused", refused);
    v("elements", elements);
  }
};

// ElementsListed is a run of parts of one reel, in the manifest's order.
struct ElementsListed {
  static constexpr std::string_view kType = "element.listed";
  std::string reel;  // the maker's group or reel; "unnamed" when it names none
  std::vector<ListedElement> elements;
  std::string manifest;
  template <class V>
  void Fields(V& v) {
    v("reel", reel);
    v("elements", elements);
    v("manifest", manifest);
  }
};

// ElementMatched is a part found inside a unit: it proved that it holds its key.
struct ElementMatched {
  static constexpr std::string_view kType = "element.matched";
  std::string uid;
  std::string slot;  // the unit's
  std::string unit;
  std::string reel;
  std::string proof;  // "challenge-signed", "activated-credential"
  template <class V>
  void Fields(V& v) {
    v("uid", uid);
    v("reel", reel);
    v("slot", slot);
    v("unit", unit);
    v("proof", proof);
  }
};

// ReelState: "received", "quarantined", "released".
struct ReelState {
  static constexpr std::string_view kType = "reel.state";
  std::string reel;
  std::string state;
  std::string reason;
  std::string product;
  template <class V>
  void Fields(V& v) {
    v("reel", reel);
    v("state", state);
    v("reason", reason);
    v("product", product);
  }
};

// Fact is one word a module said about a key, true or false.
struct Fact {
  std::string name;  // "fixedTPM", "sensitiveDataOrigin", "CKA_NEVER_EXTRACTABLE", …
  bool value = false;
  template <class V>
  void Fields(V& v) {
    v("name", name);
    v("value", value);
  }
};

// KeyAttested is what a module proved about a key that a unit keeps in a slot. `statement` is the
// AttestationBundle (draft-ietf-lamps-csr-attestation) as it was verified, so that anybody can do
// it again; facts that a module only said, without a signature, have kind "pkcs11-attributes" and
// no statement.
struct KeyAttested {
  static constexpr std::string_view kType = "key.attested";
  std::string kind;  // "tpm2-certify", "tpm2-certify-creation", "tcg-csr-idevid", …
  std::string slot;
  Digest spki{};
  std::string unit;
  std::vector<Fact> facts;
  std::optional<Bytes> nonce;
  std::optional<Digest> root;  // SHA-256 of the vendor's root certificate it leads to
  std::optional<Bytes> statement;
  template <class V>
  void Fields(V& v) {
    v("kind", kind);
    v("root", root);
    v("slot", slot);
    v("spki", spki);
    v("unit", unit);
    v("facts", facts);
    v("nonce", nonce);
    v("statement", statement);
  }
};

// SecretProvisioned is an identity that is no key pair: a symmetric secret, a password; or one
// unit's share of a group key. The secret is never here, nor anything it can be guessed from.
struct SecretProvisioned {
  static constexpr std::string_view kType = "secret.provisioned";
  std::string how;   // "derived", "loaded", "generated"
  std::string slot;  // "symmetric", "password", "group"
  std::string unit;
  uint64_t bits = 0;                 // of entropy
  std::optional<Digest> check;       // key check value; only for secrets of 128 bits or more
  std::optional<std::string> batch;  // group: the batch that shares it
  template <class V>
  void Fields(V& v) {
    v("how", how);
    v("bits", bits);
    v("slot", slot);
    v("unit", unit);
    v("batch", batch);
    v("check", check);
  }
};

// GroupOpened is a key that a batch of devices shares on purpose.
struct GroupOpened {
  static constexpr std::string_view kType = "group.opened";
  std::string id;
  uint64_t size = 0;  // devices that may share it, as declared
  Digest spki{};
  std::string slot;
  std::string product;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("size", size);
    v("slot", slot);
    v("spki", spki);
    v("product", product);
  }
};

// PackageDelivered is a file with secrets or certificates that went to another party.
struct PackageDelivered {
  static constexpr std::string_view kType = "package.delivered";
  std::string to;  // a role: "operator", "silicon maker"
  Digest file{};
  std::string kind;  // "personalisation", "certificates"
  uint64_t count = 0;
  std::string product;
  std::string protection;  // "cms-enveloped"; "none" says so
  template <class V>
  void Fields(V& v) {
    v("to", to);
    v("file", file);
    v("kind", kind);
    v("count", count);
    v("product", product);
    v("protection", protection);
  }
};

}  // namespace birthmark::ledger
