// SPDX-License-Identifier: Apache-2.0
// Runner: a ceremony while it runs. Internal to the room; its methods stand in runner*.cc by what
// they are about. Not thread-safe.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ceremony/run.h"
#include "ceremony/sealed_log.h"
#include "custody/dkg_folder.h"
#include "custody/share_file.h"
#include "custody/sharing.h"
#include "pki/issue.h"

namespace birthmark::ceremony {

class Runner {
 public:
  Runner(const Script& script, const Binding& binding, RunOptions options, Dialogue& room,
         const Clock& clock, std::unique_ptr<SealedLog> log)
      : script_(script),
        binding_(binding),
        options_(std::move(options)),
        room_(room),
        clock_(clock),
        log_(std::move(log)) {}

  Result<RunResult> Go();

 private:
  using Entries = std::vector<Entry>;

  // Holder is a Key Executive in the room.
  struct Holder {
    Seat seat;
    SecretBytes passphrase;
    bool words = false;       // wants the share as words on paper, too
    bool typed_back = false;  // has typed the passphrase to read a share back
  };

  // runner.cc: the way through the steps, and what is asked of people.
  Status Step(const ScriptStep& step, size_t number);
  Result<Entries> Perform(const ScriptStep& step);
  Status Confirm(const ScriptStep& step, Entries entries);
  Result<Entries> Roles();
  Status ReadAloud(const Digest& digest, std::string_view what);
  Result<Entries> Hardware();
  const CeremonyState& ceremony() const { return *log_->state().Open(); }
  std::string WhoIs(Role role) const;
  // Tell shows a line and puts it into the transcript; `open` lines may stand in everybody's copy.
  void Tell(Entries& entries, bool open, std::string text);
  Result<std::string> AskOneOf(const std::string& prompt, const std::vector<std::string>& words);
  // AskName keeps a name in the sealed folder and gives its pseudonym.
  Result<std::string> AskName(const std::string& prompt, std::string_view prefix);
  Result<SecretBytes> AskPassphrase(const std::string& who);

  // runner_shares.cc: Key Executives.
  Result<Entries> Executives();
  Result<Entries> NewExecutives();
  Result<Entries> ChangedExecutives();
  // Seated asks each of the chosen for a passphrase; `is` says when they hold, `done` ends it.
  Result<Entries> Seated(const Chosen& chosen, std::string_view is, std::string_view done);
  Result<Numbers> AskNumbers(std::optional<uint16_t> count);
  uint16_t FreeIndex(const std::vector<Seat>& taken);
  Result<Seat> AskSeat(uint16_t index);
  Result<std::string> AskNewContinent();
  Result<Seat> StaysOrMoves(Seat seat);
  Result<Chosen> JudgeChosen(Chosen chosen, bool* again);
  Status HoldersBack();  // after an interruption: passphrases again
  Result<Entries> HandOut(const std::string& key, const custody::Dealt& dealt,
                          std::vector<custody::Share>* back);
  Result<custody::Share> ReadBack(Holder& h, const std::string& key, const custody::Share& share,
                                  const custody::ShareSet& set);
  Result<std::vector<custody::Share>> Gather(const std::string& key, Entries& entries);
  Result<custody::Share> AskShare(const std::string& path);
  fs::path ShareFolder(const std::string& who) const;

  // runner_apart.cc: a key that several machines made together and sign with apart.
  const ScriptKey* KeyApart() const;  // of the script; null when there is none
  Result<custody::MadeApart> Made(const ScriptKey& key) const;
  // MadeBySeated refuses messages of others than those who were seated.
  Result<custody::MadeApart> MadeBySeated(const ScriptKey& key) const;
  void PutInForce(const std::string& key, const custody::ShareSet& set, Entries& entries) const;
  Result<Entries> ExecutivesApart(const ScriptKey& key);
  Result<Entries> ReshareApart(const ScriptKey& key);
  Result<std::unique_ptr<crypto::Signer>> NewKeyApart(const ScriptKey& key, KeyKept& kept,
                                                      Entries& entries);
  Result<std::unique_ptr<crypto::Signer>> SignerApart(const std::string& id,
                                                      const custody::ShareSet& set);

  // runner_keys.cc: keys and what they sign.
  Result<Entries> MakeKey(const ScriptKey& key);
  Result<std::unique_ptr<crypto::Signer>> NewKey(const ScriptKey& key, KeyKept& kept,
                                                 Entries& entries);
  Status ForgetHalfMade(const ScriptKey& key);
  Result<Entries> OpenKeys();
  Result<crypto::Signer*> SignerOf(const std::string& key, Entries& entries);
  Result<Entries> SignRequests();
  // IssuerOf is a key ready to sign certificates; the signer is `*signer`.
  Result<pki::Issuer> IssuerOf(const std::string& key, crypto::Signer& signer) const;
  Result<SignedItem> Answer(const ScriptRequest& q, const std::string& text, Entries& entries);
  Status CheckListNumber(const std::string& key, uint64_t number) const;
  Result<Entries> Reshare(const ScriptKey& key);
  Result<Entries> DestroyKey(const ScriptKey& key);
  Result<keystore::KeyStore*> StoreOf(const std::string& key, Custody custody);
  // KeyNow is a key as it is kept, or as it is about to be.
  const KeyKept* KeyNow(const std::string& key) const;
  Result<std::vector<crypto::Certificate>> ChainOf(const std::string& key) const;
  pki::Marks Marks() const;

  // runner_close.cc: what may be said, and the end.
  Result<Entries> CheckProofs();
  Result<Entries> Attest();
  Result<Entries> Close();
  Result<Record> MakeRecord(const Digest& commitment) const;
  Result<RunResult> Finish();

  const Script script_;
  const Binding binding_;
  RunOptions options_;
  Dialogue& room_;
  const Clock& clock_;
  std::unique_ptr<SealedLog> log_;
  SystemRng rng_;
  bool again_ = false;  // the step was interrupted before
  std::vector<Holder> holders_;
  std::map<std::string, std::unique_ptr<keystore::KeyStore>> stores_;  // by key
  std::map<std::string, std::unique_ptr<crypto::Signer>> live_;
  std::map<std::string, KeyKept> fresh_;  // keys of the step that is not confirmed yet
};

// kPlaceApart stands in the sealed log for a key whose shares never come together.
inline constexpr std::string_view kPlaceApart = "frost:apart";

// WriteOutputs writes what a closed ceremony gives away, again whenever it is called: certificates,
// responses, record and transcripts follow from the log.
Result<RunResult> WriteOutputs(const fs::path& dir, const SealedLog& log);

// ShareName is a share's file without its suffix. Each generation has a name of its own: until the
// next one is in force, the files of the one before are untouched.
std::string ShareName(const std::string& key, uint32_t generation);

// Midnight is the beginning of a time's day, UTC: dates in records are days, since a time would
// tell how long the room took, and so how many were in it.
Time Midnight(Time t);

}  // namespace birthmark::ceremony
