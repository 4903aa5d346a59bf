// SPDX-License-Identifier: Apache-2.0
// What a disclosure says. Only this struct leaves: it has no field that could hold k, n, a person's
// name, a place of a share or a count of shares. Signed as COSE_Sign1 (disclose/signed.h); every
// page and table is a pure function of it. Source: docs/formats/disclosure.md (CDDL).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "answer/answer.h"
#include "cbor/reflect.h"

namespace birthmark::disclose {

struct Product {
  std::string id;
  std::string name;
  std::string firmware;  // version
  std::string hardware;  // variant
  std::string manufacturer;
  std::optional<Digest> firmware_digest;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("name", name);
    v("firmware", firmware);
    v("hardware", hardware);
    v("manufacturer", manufacturer);
    v("firmware_digest", firmware_digest);
  }
};

struct Site {
  std::string id;
  std::string country;    // ISO 3166-1 alpha-2
  std::string continent;  // AF AN AS EU NA OC SA
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("country", country);
    v("continent", continent);
  }
};

// Place is somewhere the private key of an identity exists or existed, in order.
struct Place {
  std::string how;       // "born", "installed", "destroyed"
  std::string where;     // "device: private memory", "station st-1 process"
  bool outside = false;  // outside the device
  template <class V>
  void Fields(V& v) {
    v("how", how);
    v("where", where);
    v("outside", outside);
  }
};

struct Identity {
  std::string pki;  // id of a Pki below; empty when there is none
  std::string slot;
  std::string lock;    // "fuse", "software", "none"
  std::string birth;   // vocab: "device-generated"…
  std::string method;  // vocab: "avocado"…
  std::vector<Place> places;
  std::optional<Digest> refers;  // of the other party's signed disclosure
  std::string transfer;          // vocab: "mechanically-transferred"…
  std::string algorithm;
  // Sapodilla: "generic" (the silicon maker's own), "on-behalf", "connected".
  std::optional<std::string> authority;
  // Of a group key: by how many devices, "<= 100000" unless the plan tells exact counts.
  std::optional<std::string> shared;
  template <class V>
  void Fields(V& v) {
    v("pki", pki);
    v("lock", lock);
    v("slot", slot);
    v("birth", birth);
    v("method", method);
    v("places", places);
    v("refers", refers);
    v("shared", shared);
    v("transfer", transfer);
    v("algorithm", algorithm);
    v("authority", authority);
  }
};

// PkiLevel is one row of the drawing: the authorities of a level, or the EE at the end.
struct PkiLevel {
  std::string name;
  uint32_t level = 1;
  bool ee = false;
  bool offline = false;
  std::string storage;    // "file", "pkcs11", …; "device" for EE keys
  uint64_t siblings = 1;  // authorities of this level; 0 where the number is not told
  std::string algorithm;
  std::optional<int64_t> not_after, not_before;
  template <class V>
  void Fields(V& v) {
    v("ee", ee);
    v("name", name);
    v("level", level);
    v("offline", offline);
    v("storage", storage);
    v("siblings", siblings);
    v("algorithm", algorithm);
    v("not_after", not_after);
    v("not_before", not_before);
  }
};

struct Pki {
  std::string id;  // the plan's id of an identity PKI; "anchor:<id>"
  std::vector<PkiLevel> levels;
  std::optional<Digest> anchor_digest;  // SHA-256 of the anchor certificate or key that is pinned
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("levels", levels);
    v("anchor_digest", anchor_digest);
  }
};

// Store, Stage and Anchor draw the boot chain and what protects what (the superior artifact).
struct Store {
  std::string id;
  std::string kind;       // "otp-fuse", "spi-nor", …
  bool internal = false;  // to the CPU package
  std::string processor;
  std::optional<std::string> protected_by;  // id of the superior artifact
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("kind", kind);
    v("internal", internal);
    v("processor", processor);
    v("protected_by", protected_by);
  }
};

struct Stage {
  std::string id;
  std::string lock;  // "fuse", "software", "none"
  std::string store;
  std::string encrypted;  // "no", "shared-key", "per-device-key"
  std::string processor;
  std::optional<std::string> verified_by;  // anchor id
  std::string kind;                        // vocab: "first-stage", "application"…
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("kind", kind);
    v("lock", lock);
    v("store", store);
    v("encrypted", encrypted);
    v("processor", processor);
    v("verified_by", verified_by);
  }
};

struct Anchor {
  std::string id;
  std::string form;  // "spki", "certificate", "bundle", "openpgp-keyring", "dnssec"
  std::string kind;  // vocab: "first-boot", "software-update", …
  std::string store;
  Digest digest{};                    // of the anchor as it is in the device
  uint64_t entries = 1;               // keys or certificates in it
  std::vector<std::string> verifies;  // stage ids or words
  std::optional<int64_t> not_after, not_before;
  std::optional<std::string> protected_by;  // id of the superior artifact
  std::vector<std::string> also;            // further kinds it plays
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("also", also);
    v("form", form);
    v("kind", kind);
    v("store", store);
    v("digest", digest);
    v("entries", entries);
    v("verifies", verifies);
    v("not_after", not_after);
    v("not_before", not_before);
    v("protected_by", protected_by);
  }
};

struct Disclosure {
  Product product;
  uint32_t format = 1;
  uint32_t version = 1;
  int64_t issued = 0;
  std::vector<std::string> marks;  // "devices are emulated", "keys are rehearsal keys"
  std::vector<Pki> pkis;
  std::vector<Site> sites;
  std::vector<Store> stores;
  std::vector<Stage> stages;
  std::vector<Anchor> anchors;
  std::vector<answer::Answer> answers;
  std::string program;
  std::string revision = "02";  // of the taxonomy
  bool rehearsal = true;
  std::string checkpoint;  // the signed checkpoint the evidence ends at; "" if declared only
  int64_t period_to = 0, period_from = 0;
  std::vector<Identity> identities;
  std::optional<std::string> split_model;  // stated only if the maker wants: "single-set"
  template <class V>
  void Fields(V& v) {
    v("pkis", pkis);
    v("marks", marks);
    v("sites", sites);
    v("format", format);
    v("issued", issued);
    v("stages", stages);
    v("stores", stores);
    v("anchors", anchors);
    v("answers", answers);
    v("product", product);
    v("program", program);
    v("version", version);
    v("revision", revision);
    v("period_to", period_to);
    v("rehearsal", rehearsal);
    v("checkpoint", checkpoint);
    v("identities", identities);
    v("period_from", period_from);
    v("split_model", split_model);
  }
};

}  // namespace birthmark::disclose
