// SPDX-License-Identifier: Apache-2.0
// One machine's part in a distributed key generation whose messages are carried as files: a folder
// that remembers what was done, so that a machine which stopped anywhere goes on where it was; and,
// from all messages, what everybody can check of the key that came out. Leaves out asking people
// (app, ceremony). Uses the file system; one process at a time a folder.
//
// Carried: terms, I.round1, I-J.round2, I.proof. None is secret to the parties; all of them tell k
// and n, so they go to the machines of the holders and of whoever collects, and nowhere else.
#pragma once

#include <optional>
#include <string>

#include "base/files.h"
#include "custody/dkg.h"
#include "custody/message.h"

namespace birthmark::custody {

inline constexpr std::string_view kTermsFile = "terms";

// ReadMessage reads one file. Errors: file.read; those of FromArmor, which name the file.
template <class T>
Result<T> ReadMessage(const fs::path& file) {
  BM_TRY(const std::string text, ReadTextFile(file, kMaxMessageFile));
  Result<T> message = FromArmor<T>(text);
  if (!message) return std::unexpected(std::move(message).error().Context(file.string()));
  return message;
}
// ReadMessages reads all files of a folder with this suffix, in the order of their names. Errors:
// message.too-many; those of FromArmor, which name the file.
template <class T>
Result<std::vector<T>> ReadMessages(const fs::path& folder, std::string_view suffix);
// MessageFiles are a folder's files with a suffix, by name. Errors: message.too-many, file.read.
Result<std::vector<fs::path>> MessageFiles(const fs::path& folder, std::string_view suffix);

// JoinAsked is one call of a machine: each does the next round that the files carried in allow.
struct JoinAsked {
  fs::path dir;                   // the machine's own folder
  std::optional<DkgTerms> terms;  // the first time
  uint16_t index = 0;             // the first time: which party this machine is
  fs::path in;                    // folder with the messages of the others; empty: none yet
  fs::path out;                   // folder to write what is to be carried away
  std::string transcript;         // as the others read it aloud; asked for before the share is kept
};

enum class JoinStage {
  kCommitted,  // I.round1 was written
  kDealt,      // I-J.round2 were written; the transcript is known
  kHeld,       // the share is sealed and read back; I.proof was written
  kComplete,   // every party has proven its share: the key may be used
};

struct Joined {
  JoinStage stage = JoinStage::kCommitted;
  DkgTerms terms;
  uint16_t index = 0;
  Digest transcript{};            // from kDealt on
  Bytes key;                      // from kHeld on
  fs::path share;                 // from kHeld on
  std::vector<fs::path> written;  // what is to be carried
};

// ShareFileOf is where a machine's share is kept.
fs::path ShareFileOf(const fs::path& dir, const DkgTerms& terms);

// Join does the next round. What was written before is written again the same, or as good; nothing
// is dealt under two transcripts. Errors: dkg.begin (no terms yet, or other terms or another index
// than the folder's), dkg.busy (another process is at it), dkg.heard (the transcript is missing or
// another one was read), dkg.stale (a first message is not the one dealt under), those of DkgParty,
// of OpenShare and of CheckProof.
Result<Joined> Join(const JoinAsked& asked, const SecretBytes& passphrase, Rng& rng);

// MadeApart is a key that machines made together, as anybody with the messages finds it.
struct MadeApart {
  DkgTerms terms;
  Digest transcript{};
  ShareSet set;
};
// ReadMade checks a folder with terms, all first messages and all proofs. Errors: those of Agree
// and CheckProof; dkg.unproven (names the parties that have not shown that they have their share).
Result<MadeApart> ReadMade(const fs::path& folder);

template <class T>
Result<std::vector<T>> ReadMessages(const fs::path& folder, std::string_view suffix) {
  BM_TRY(const std::vector<fs::path> files, MessageFiles(folder, suffix));
  std::vector<T> out;
  for (const fs::path& file : files) {
    BM_TRY(T message, ReadMessage<T>(file));
    out.push_back(std::move(message));
  }
  return out;
}

}  // namespace birthmark::custody
