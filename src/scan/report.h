// SPDX-License-Identifier: Apache-2.0
// What a scan found: stores with the anchors in them, what could not be read, and facts. Nothing is
// rated: certainty is a word and its reason. Values; thread-compatible. The JSON form is written
// down in docs/scan.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "anchors/facts.h"
#include "base/clock.h"
#include "vocab/vocab.h"

namespace birthmark::scan {

// Role is what an item is where it lies.
enum class Role {
  kAnchor,       // something believes what it signs
  kRejected,     // the store says: never believe this one
  kSigner,       // came along with a signature
  kCertificate,  // present; nothing says that anything believes it
  kPrivateKey,
};
std::string_view ToText(Role r);
bool FromText(std::string_view s, Role& r);

// Certainty is how the scanner knows that a store is one.
enum class Certainty {
  kKnown,    // a program is known to read anchors from this place, or the format holds nothing else
  kLikely,   // name or form say so, no rule is certain
  kPresent,  // found by its content alone
};
std::string_view ToText(Certainty c);
bool FromText(std::string_view s, Certainty& c);

// Fact is something known about an item or a store that a reader should see.
struct Fact {
  std::string code;
  std::string text;
  bool operator==(const Fact&) const = default;
};

// Item is one anchor, certificate or key, once, wherever it was found.
struct Item {
  std::string form;  // as anchors::EntryForm has it, and "ssh-key", "image-digest",
                     // "certificate-digest", "private-key"
  anchors::AnchorEntry entry;
  std::vector<Fact> facts;
  Bytes der;  // certificate or SubjectPublicKeyInfo, where there is one: what --rfc5914 writes
};

// Member is an item in a store.
struct Member {
  size_t item = 0;  // index into Report::items
  Role role = Role::kAnchor;
  std::string place;  // inside the store: a file's name, a variable's, an offset
};

struct Store {
  std::string in;    // the chain of containers it lies in, "" for the scanned thing itself
  std::string path;  // in the innermost of them; a folder ends in "/"
  std::string form;  // "pem", "openpgp-keyring", "uefi-variables", …
  std::optional<vocab::AnchorKind> kind;
  std::string verifies;    // what its anchors are believed for, in words
  std::string protection;  // what keeps it from being changed, in words
  Certainty certainty = Certainty::kPresent;
  std::string reason;
  std::string rule;                  // id of the rule that told
  std::optional<Digest> digest;      // SHA-256 of the store's octets, when it is one file
  std::optional<Digest> set_digest;  // anchors::SetDigest, when anchors::ReadAnchors read it
  std::vector<Member> members;
  std::vector<Fact> facts;
  bool aside = false;  // in an archive that only lies there
  // Where is chain and path in one.
  std::string Where() const { return in.empty() ? path : in + "!" + path; }
};

// Unread is a part that was not looked into, and why.
struct Unread {
  std::string where;
  std::string code;  // "scan.permission", "scan.encrypted", …
  std::string reason;
};

struct Report {
  std::string target;
  std::string what;  // "folder", "squashfs image", …
  Time at;           // the moment that dates were compared with
  std::vector<Store> stores;
  std::vector<Item> items;
  std::vector<Unread> unread;
  uint64_t files = 0;
  uint64_t bytes = 0;  // looked at, unpacked ones included
  uint64_t containers = 0;
  uint64_t special = 0;      // devices, pipes and sockets, which hold nothing
  uint64_t unread_more = 0;  // beyond those that are named one by one
  std::optional<Digest> image;
};

// CountOf counts the items that have this role somewhere.
size_t CountOf(const Report& report, Role role);

}  // namespace birthmark::scan
