// SPDX-License-Identifier: Apache-2.0
// Signed checkpoints: what a log says about itself at one size, as text that people can keep.
// Leaves out witnesses' cosignatures beyond tolerating their lines. Values; thread-compatible.
// Source: C2SP signed-note and tlog-checkpoint; docs/formats/ledger.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/key.h"

namespace birthmark::ledger {

// NoteSignature is one signature line.
struct NoteSignature {
  std::string name;
  std::array<uint8_t, 4> key_id{};
  Bytes signature;
};

// Note is a text (ending in a newline) and the signatures under it.
struct Note {
  std::string text;
  std::vector<NoteSignature> signatures;
};

// ParseNote reads a signed note of at most 64 KiB and 100 signatures; FormatNote(ParseNote(s)) is
// s. Errors: note.malformed.
Result<Note> ParseNote(std::string_view s);
std::string FormatNote(const Note& note);

// NoteKey is an Ed25519 public key under a name. Its text form (vkey) is "name+hash+base64".
class NoteKey {
 public:
  // Of names a public key. Errors: note.key when it is not Ed25519 or the name has spaces or "+".
  static Result<NoteKey> Of(std::string name, const crypto::PublicKey& key);
  // FromText reads a vkey. Errors: note.key.
  static Result<NoteKey> FromText(std::string_view vkey);
  std::string ToText() const;

  const std::string& name() const { return name_; }
  const crypto::PublicKey& key() const { return key_; }
  const std::array<uint8_t, 4>& id() const { return id_; }

 private:
  NoteKey() = default;
  std::string name_;
  crypto::PublicKey key_;
  std::array<uint8_t, 4> id_{};
};

// VerifyNote finds the signature of `key` and checks it; lines of other keys are ignored.
// Errors: note.unsigned (no line of this key), note.signature (a line of this key does not verify).
Status VerifyNote(const Note& note, const NoteKey& key);

// Checkpoint is a log's origin, its number of events and the root over them.
struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  Digest root{};
  std::vector<std::string> extensions;  // opaque further lines; none of ours has any
  bool operator==(const Checkpoint&) const = default;
};

std::string FormatCheckpoint(const Checkpoint& c);
// ParseCheckpoint reads a note's text. Errors: checkpoint.malformed.
Result<Checkpoint> ParseCheckpoint(std::string_view text);

// SignCheckpoint gives the whole note, signed under the origin as key name. Errors: note.key, the
// signer's.
Result<std::string> SignCheckpoint(const Checkpoint& c, crypto::Signer& signer);
// OpenCheckpoint parses a note and verifies it under `key`, whose name must be the origin.
// Errors: note.malformed, checkpoint.malformed, note.unsigned, note.signature.
Result<Checkpoint> OpenCheckpoint(std::string_view note, const NoteKey& key);

}  // namespace birthmark::ledger
