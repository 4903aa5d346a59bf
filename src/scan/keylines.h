// SPDX-License-Identifier: Apache-2.0
// Keys that stand one a line in texts: SSH's known_hosts, authorized_keys and files of CA keys,
// signify keys, BIND's trust-anchors. Leaves out hosts and people the lines name. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::scan {

struct KeyLine {
  std::string algorithm;  // "rsa-2048", "ed25519", …
  uint32_t bits = 0;
  std::string label;      // hosts or comment
  Bytes blob;             // the key as the format has it
  bool rejected = false;  // @revoked
  int line = 0;
};

struct KeyLines {
  std::vector<KeyLine> keys;
  std::vector<int> broken;  // numbers of lines where a key should stand and none does
};

// ReadKnownHosts gives lines marked @cert-authority and @revoked; others name one host's key and no
// anchor. Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
KeyLines ReadKnownHosts(std::string_view text);
// ReadAuthorizedKeys gives lines with the option cert-authority; with `all`, every key.
// Source: sshd(8), "AUTHORIZED_KEYS FILE FORMAT".
KeyLines ReadAuthorizedKeys(std::string_view text, bool all);
// ReadSignify gives the one Ed25519 key of a signify or usign file as SubjectPublicKeyInfo.
// Errors: scan.signify-malformed.
Result<Bytes> ReadSignify(std::string_view text);
// BindRecords turns the statement trust-anchors of BIND into DNSKEY and DS records of the root.
std::string BindRecords(std::string_view text);

// SshAlgorithm names the key of a blob in SSH's wire form (RFC 4253 section 6.6); absent when it is
// none.
struct SshKey {
  std::string algorithm;
  uint32_t bits = 0;
};
std::optional<SshKey> ReadSshBlob(ByteView blob);

}  // namespace birthmark::scan
