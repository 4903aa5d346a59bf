// SPDX-License-Identifier: Apache-2.0
// Where programs look for their anchors: the rules that tell a store by its place. Leaves out what
// content alone tells. Immutable; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scan/report.h"
#include "vocab/vocab.h"

namespace birthmark::scan {

// Reader is how the files of a place are read.
enum class Reader {
  kAuto,           // certificates, keys, pins, DNSSEC records, OpenPGP, by content
  kOpenpgp,        // a keyring in OpenPGP, binary or armoured
  kSshKnownHosts,  // lines of known_hosts: @cert-authority and @revoked count
  kSshKeys,        // public keys, one a line: TrustedUserCAKeys
  kSshAuthorized,  // authorized_keys: lines with the option cert-authority count
  kSignify,        // "untrusted comment:" and a key, as OpenBSD, OpenWrt and minisign have them
  kBind,           // BIND's trust-anchors statement
  kPrivateKeys,    // private keys have their place here
  kNames,          // a configuration that names stores
};

struct Place {
  std::string_view rule;
  std::string_view folder =
      "";  // the end of the path, "etc/ssl/certs"; "" anywhere; '*' is one folder
  std::string_view file = "";  // a name with '*'
  std::optional<vocab::AnchorKind> kind = std::nullopt;
  Reader reader = Reader::kAuto;
  bool grouped = false;  // all files of the folder are one store
  Certainty certainty = Certainty::kKnown;
  std::string_view verifies = "";
  std::string_view reason = "";
};

const std::vector<Place>& Places();

// PlacesOfFolder are the rules that hold in a folder, by its path inside the scanned thing. The
// caller keeps them while it stays in that folder.
std::vector<const Place*> PlacesOfFolder(std::string_view folder);
// PlaceOf is the first of them that takes the file's name; null when none does.
const Place* PlaceOf(const std::vector<const Place*>& places, std::string_view file);

// GlobMatches: '*' is any run of characters but '/'.
bool GlobMatches(std::string_view pattern, std::string_view text);

}  // namespace birthmark::scan
