// SPDX-License-Identifier: Apache-2.0
#include "custody/renewal_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "crypto/digest.h"
#include "custody/share_file.h"

namespace birthmark::custody {
namespace {

constexpr std::string_view kBoxLabel = "BIRTHMARK RENEWAL KEPT";
constexpr std::string_view kPartyFile = "party";
constexpr std::string_view kBoxFile = "secret";
constexpr std::string_view kAgreedFolder = "first";
constexpr std::string_view kAgreedFile = "transcript";  // written when `first` is whole
constexpr std::string_view kDealingFile = "own.dealing";
constexpr std::string_view kCompleteFile = "complete";

// RenewalParty is what a folder remembers of whose it is.
struct RenewalParty {
  static constexpr std::string_view kLabel = "BIRTHMARK RENEWAL PARTY";
  Bytes box;        // empty: leaves
  std::string old;  // empty: joins
  uint16_t index = 0;
  template <class V>
  void Fields(V& v) {
    v("box", box);
    v("old", old);
    v("index", index);
  }
};

// RenewalHeld is an attempt that this machine proves or has proven.
struct RenewalHeld {
  static constexpr std::string_view kLabel = "BIRTHMARK RENEWAL HELD";
  ShareSet next;
  Bytes choice;  // SHA-256
  uint32_t attempt = 0;
  template <class V>
  void Fields(V& v) {
    v("next", next);
    v("choice", choice);
    v("attempt", attempt);
  }
};

bool IsThere(const fs::path& p) {
  std::error_code ignored;
  return fs::exists(p, ignored);
}

Status RemoveFile(const fs::path& p) {
  std::error_code error;
  fs::remove(p, error);
  if (error) return std::unexpected(FromErrno("file.write", p.string(), error.value()));
  return {};
}

Status CheckReadAloud(const std::string& given, const Digest& transcript) {
  std::string heard;
  for (char c : given) {
    if (c != ' ') heard += c;
  }
  if (heard == ToHex(transcript)) return {};
  return Refused("reshare.heard",
                 fmt::format("the others read {}, this machine has {}", heard, ToHex(transcript)),
                 "deal nothing: somebody carried other terms or keys to one of you; find out who, "
                 "and begin again with new terms");
}

Bytes ChoiceDigest(const RenewalChoice& choice) {
  const Digest d = crypto::Sha256(cbor::ToCbor(choice));
  return {d.begin(), d.end()};
}

// NotProven are the holders of a set without a proof that they have its shares.
std::vector<uint16_t> NotProven(const ShareSet& next, const std::vector<ShareProof>& proofs) {
  const Bytes statement = SwitchStatement(next);
  std::vector<uint16_t> out;
  for (const HolderKey& h : next.holders) {
    const bool proven = std::ranges::any_of(proofs, [&](const ShareProof& p) {
      return p.index == h.index && CheckProof(next, h.index, statement, p).has_value();
    });
    if (!proven) out.push_back(h.index);
  }
  return out;
}

// Renewer is a holder's folder, and what is being done in it.
struct Renewer {
  const RenewAsked& asked;
  const SecretBytes& passphrase;
  Rng& rng;
  Renewed done;
  RenewalParty party;
  RenewalAgreed agreed;

  fs::path In(std::string_view name) const { return asked.dir / name; }
  fs::path ShareFile(uint32_t attempt) const {  // 0: the one in force
    return asked.dir / fmt::format("{}.g{}{}.share", done.terms.name, done.terms.old.generation + 1,
                                   attempt == 0 ? "" : fmt::format(".{}", attempt));
  }
  fs::path HeldFile(uint32_t attempt) const { return asked.dir / fmt::format("{}.held", attempt); }
  Argon2Cost Cost() const { return done.terms.rehearsal ? Argon2Cost::Rehearsal() : Argon2Cost{}; }
  template <class T>
  Status Carry(const std::string& name, const T& message) {
    done.written.push_back(asked.out / name);
    return WriteFileAtomic(done.written.back(), ToArmor(message));
  }

  Status Begin();
  Status GoOn();
  Result<Share> Old();
  Result<bool> Agree();
  Status KeepAgreed();
  Status Deal();
  Result<std::optional<RenewalHeld>> LastHeld();
  Status Take();
  Status ProveIt(const RenewalHeld& held, const fs::path& file);
  Result<bool> Complete(const RenewalHeld& held, bool ours);
  Status CleanUp();
};

Result<Share> Renewer::Old() {
  BM_TRY(Share share, asked.open_old(party.old));
  BM_CHECK(CheckShare(share, done.terms.old));
  if (share.index != party.index)
    return Refused("reshare.begin",
                   fmt::format("{} is share {}, not {}", party.old, share.index, party.index),
                   "say with --party which holder this machine is");
  return share;
}

// Begin: nothing leaves before the last file, `party`, is there; a machine that stopped before that
// begins again.
Status Renewer::Begin() {
  if (!asked.terms || asked.index == 0)
    return Refused("reshare.begin", asked.dir.string() + ": no re-sharing was begun in this folder",
                   "give the terms that all holders have (--terms), and which of them this machine "
                   "is (--party)");
  done.terms = *asked.terms;
  party = {.box = {}, .old = asked.old, .index = asked.index};
  done.receives = std::ranges::binary_search(done.terms.parties, asked.index);
  done.deals = done.terms.old.Find(asked.index) != nullptr;
  if (!done.receives && !done.deals)
    return Refused("custody.index", fmt::format("holder {} is none of the terms'", asked.index),
                   "take an index of the terms");
  if (done.deals != !asked.old.empty())
    return Refused(
        "reshare.begin",
        done.deals ? fmt::format("holder {} has a share of the generation in force", asked.index)
                   : fmt::format("holder {} joins and has no share yet", asked.index),
        done.deals ? "name its file with --share" : "leave --share out");
  if (done.deals) BM_CHECK(Old());
  if (done.receives) {
    BM_TRY(const ReshareReceiver receiver, ReshareReceiver::Start(asked.index, rng));
    BM_TRY(const std::string sealed,
           SealSecret(kBoxLabel, receiver.box_secret().Read(SecretAccess()), passphrase, Cost()));
    BM_CHECK(WriteFileAtomic(In(kBoxFile), sealed, 0600));
    party.box = receiver.receiver().box;
  }
  BM_CHECK(WriteFileAtomic(In(kTermsFile), ToArmor(done.terms), 0600));
  return WriteFileAtomic(In(kPartyFile), ToArmor(party), 0600);
}

Status Renewer::GoOn() {
  BM_TRY(done.terms, ReadRenewalTerms(In(kTermsFile)));
  BM_TRY(party, ReadMessage<RenewalParty>(In(kPartyFile)));
  if ((asked.terms && cbor::ToCbor(*asked.terms) != cbor::ToCbor(done.terms)) ||
      (asked.index != 0 && asked.index != party.index))
    return Refused(
        "reshare.begin",
        asked.dir.string() + ": another re-sharing, or another holder, was begun in this folder",
        "use a new folder for new terms");
  done.receives = !party.box.empty();
  done.deals = !party.old.empty();
  return {};
}

// Agree finds the receivers' keys; nothing is done under two agreements. False: none came yet.
Result<bool> Renewer::Agree() {
  std::vector<RenewalReceiver> carried;
  if (!asked.in.empty()) {
    BM_TRY(carried, ReadMessages<RenewalReceiver>(asked.in, ".receiver"));
  }
  if (IsThere(In(kAgreedFile))) {
    BM_TRY(const std::vector<RenewalReceiver> kept,
           ReadMessages<RenewalReceiver>(In(kAgreedFolder), ".receiver"));
    for (const RenewalReceiver& r : carried) {
      const auto same = [&](const RenewalReceiver& k) {
        return cbor::ToCbor(k) == cbor::ToCbor(r);
      };
      if (std::ranges::none_of(kept, same))
        return Refused(
            "reshare.stale",
            fmt::format("the receiver's key of holder {} is not the one agreed on", r.index),
            "a run has one key of each holder: begin again with new terms");
    }
    BM_TRY(agreed, AgreeRenewal(done.terms, kept));
    return true;
  }
  if (asked.in.empty()) return false;
  const auto own = std::ranges::find(carried, party.index, &RenewalReceiver::index);
  if (own != carried.end() && own->run == done.terms.run && own->box != party.box)
    return Refused("reshare.stale",
                   fmt::format("holder {} is this one, and its key was exchanged", party.index),
                   "carry nothing further: find out who changed it, begin again with new terms");
  if (own == carried.end() && done.receives)
    carried.push_back({.box = party.box, .run = done.terms.run, .index = party.index});
  BM_TRY(agreed, AgreeRenewal(done.terms, carried));
  return true;
}

Status Renewer::KeepAgreed() {
  if (IsThere(In(kAgreedFile))) return {};
  BM_CHECK(MakeDirs(In(kAgreedFolder), 0700));
  for (const RenewalReceiver& r : agreed.receivers)
    BM_CHECK(
        WriteFileAtomic(In(kAgreedFolder) / fmt::format("{}.receiver", r.index), ToArmor(r), 0600));
  return WriteFileAtomic(In(kAgreedFile), ToHex(agreed.transcript) + "\n", 0600);
}

// Deal deals once: what was dealt is kept and carried again as it was.
Status Renewer::Deal() {
  if (!IsThere(In(kDealingFile))) {
    if (asked.transcript.empty()) return {};
    BM_CHECK(CheckReadAloud(asked.transcript, agreed.transcript));
    BM_CHECK(KeepAgreed());
    BM_TRY(const Share share, Old());
    BM_TRY(const RenewalDealing dealing, DealRenewal(share, done.terms, agreed, rng));
    BM_CHECK(WriteFileAtomic(In(kDealingFile), ToArmor(dealing), 0600));
  }
  BM_TRY(const RenewalDealing dealing, ReadMessage<RenewalDealing>(In(kDealingFile)));
  done.stage = RenewStage::kDealt;
  return Carry(fmt::format("{}.dealing", party.index), dealing);
}

Result<std::optional<RenewalHeld>> Renewer::LastHeld() {
  BM_TRY(const std::vector<RenewalHeld> all, ReadMessages<RenewalHeld>(asked.dir, ".held"));
  std::optional<RenewalHeld> last;
  for (const RenewalHeld& h : all) {
    if (IsThere(ShareFile(h.attempt)) && (!last || h.attempt > last->attempt)) last = h;
  }
  return last;
}

// Take makes the share of the last choice that is here, unless a later one was proven.
Status Renewer::Take() {
  BM_TRY(std::vector<RenewalChoice> choices, ReadMessages<RenewalChoice>(asked.in, ".choice"));
  if (choices.empty()) return {};
  const RenewalChoice choice = *std::ranges::max_element(choices, {}, &RenewalChoice::attempt);
  BM_TRY(const std::optional<RenewalHeld> last, LastHeld());
  if (last && last->attempt >= choice.attempt) {
    const auto same = std::ranges::find(choices, last->attempt, &RenewalChoice::attempt);
    if (same == choices.end() || ChoiceDigest(*same) == last->choice) return {};
    return Refused("reshare.choice", fmt::format("two choices have the number {}", choice.attempt),
                   "take the one away that came later; a new choice has the next number");
  }
  BM_TRY(const std::vector<RenewalDealing> dealings,
         ReadMessages<RenewalDealing>(asked.in, ".dealing"));
  BM_TRY(const std::vector<Dealing> chosen, DealingsOf(done.terms, agreed, choice, dealings));
  BM_TRY(const std::string text, ReadTextFile(In(kBoxFile), kMaxShareFile));
  BM_TRY(const SecretBytes box, OpenSecret(kBoxLabel, text, passphrase));
  BM_TRY(const ReshareReceiver receiver,
         ReshareReceiver::Restore(party.index, box.Read(SecretAccess())));
  BM_CHECK(KeepAgreed());
  BM_TRY(const Held held, receiver.Finish(chosen, agreed.terms, done.terms.old));
  BM_TRY(const std::string sealed, SealShare(held.share, passphrase, Cost()));
  BM_CHECK(WriteFileAtomic(
      HeldFile(choice.attempt),
      ToArmor(
          RenewalHeld{.next = held.set, .choice = ChoiceDigest(choice), .attempt = choice.attempt}),
      0600));
  return WriteFileAtomic(ShareFile(choice.attempt), sealed, 0600);
}

// ProveIt reads the new share back from its file and shows the others that it is there.
Status Renewer::ProveIt(const RenewalHeld& held, const fs::path& file) {
  done.share = file;
  done.attempt = held.attempt;
  BM_TRY(const std::string text, ReadTextFile(done.share, kMaxShareFile));
  BM_TRY(const Share share, OpenShare(text, passphrase));
  BM_CHECK(CheckShare(share, held.next));
  BM_TRY(const ShareProof proof, ProveShare(share, SwitchStatement(held.next), rng));
  done.stage = RenewStage::kHeld;
  return Carry(fmt::format("{}-{}.proof", party.index, held.attempt), proof);
}

// Complete notes the end of the old generation when all proofs are there.
Result<bool> Renewer::Complete(const RenewalHeld& held, bool ours) {
  if (asked.in.empty()) return false;
  BM_TRY(const std::vector<ShareProof> proofs, ReadMessages<ShareProof>(asked.in, ".proof"));
  std::vector<uint16_t> missing = NotProven(held.next, proofs);
  if (ours) std::erase(missing, party.index);  // it was just made
  if (!missing.empty()) return false;
  BM_CHECK(WriteFileAtomic(In(kCompleteFile), ToArmor(held), 0600));
  return true;
}

// CleanUp may be interrupted and called again: one share stays, that of the attempt in force.
Status Renewer::CleanUp() {
  BM_TRY(const RenewalHeld held, ReadMessage<RenewalHeld>(In(kCompleteFile)));
  done.stage = RenewStage::kComplete;
  done.attempt = held.attempt;
  done.next = held.next;
  if (!done.receives) return {};
  done.share = ShareFile(0);
  if (IsThere(ShareFile(held.attempt))) {
    std::error_code error;
    fs::rename(ShareFile(held.attempt), done.share, error);
    if (error) return std::unexpected(FromErrno("file.write", done.share.string(), error.value()));
  }
  BM_TRY(const std::vector<RenewalHeld> all, ReadMessages<RenewalHeld>(asked.dir, ".held"));
  for (const RenewalHeld& h : all) BM_CHECK(RemoveFile(ShareFile(h.attempt)));
  BM_CHECK(RemoveFile(In(kBoxFile)));
  BM_CHECK(SyncDir(asked.dir));
  // Its proof may not have been carried before it stopped.
  BM_CHECK(ProveIt(held, ShareFile(0)));
  done.stage = RenewStage::kComplete;
  return {};
}

}  // namespace

Result<bool> HoldsRenewal(const fs::path& terms) {
  std::error_code ignored;
  const fs::path file = fs::is_directory(terms, ignored) ? terms / kTermsFile : terms;
  BM_TRY(const std::string text, ReadTextFile(file, kMaxMessageFile));
  return text.find(RenewalTerms::kLabel) != std::string::npos;
}

Result<RenewalTerms> ReadRenewalTerms(const fs::path& file) {
  BM_TRY(RenewalTerms terms, ReadMessage<RenewalTerms>(file));
  BM_CHECK(CheckRenewal(terms));
  return terms;
}

Result<Renewed> Renew(const RenewAsked& asked, const SecretBytes& passphrase, Rng& rng) {
  BM_CHECK(MakeDirs(asked.out));
  BM_CHECK(MakeDirs(asked.dir, 0700));
  BM_TRY(const FileLock lock, FileLock::Take(asked.dir / "lock", "reshare.busy"));
  Renewer m{
      .asked = asked, .passphrase = passphrase, .rng = rng, .done = {}, .party = {}, .agreed = {}};
  BM_CHECK(IsThere(m.In(kPartyFile)) ? m.GoOn() : m.Begin());
  m.done.index = m.party.index;
  m.done.old = m.party.old;
  if (!IsThere(m.In(kCompleteFile))) {
    if (m.done.receives)
      BM_CHECK(m.Carry(
          fmt::format("{}.receiver", m.party.index),
          RenewalReceiver{.box = m.party.box, .run = m.done.terms.run, .index = m.party.index}));
    BM_TRY(const bool agreed, m.Agree());
    if (!agreed) return std::move(m.done);
    m.done.stage = RenewStage::kAgreed;
    m.done.transcript = m.agreed.transcript;
    if (m.done.deals) BM_CHECK(m.Deal());
    if (!m.done.receives) {
      if (asked.in.empty()) return std::move(m.done);
      BM_TRY(const RenewedApart all, ReadRenewed(asked.in));
      if (all.in_force == 0 || all.agreed.transcript != m.agreed.transcript)
        return std::move(m.done);
      BM_TRY(const bool over,
             m.Complete({.next = all.next, .choice = {}, .attempt = all.in_force}, false));
      if (!over) return std::move(m.done);
    } else {
      // What is in force is looked at before a later choice is taken.
      BM_TRY(std::optional<RenewalHeld> last, m.LastHeld());
      bool over = false;
      for (bool taken = false; !over; taken = true) {
        if (last) {
          BM_CHECK(m.ProveIt(*last, m.ShareFile(last->attempt)));
          BM_TRY(over, m.Complete(*last, true));
        }
        if (over || taken) break;
        if (!asked.in.empty()) BM_CHECK(m.Take());
        BM_TRY(last, m.LastHeld());
      }
      if (!over) return std::move(m.done);
    }
  }
  BM_CHECK(m.CleanUp());
  return std::move(m.done);
}

Result<RenewedApart> ReadRenewed(const fs::path& folder) {
  RenewedApart out;
  BM_TRY(out.terms, ReadRenewalTerms(folder / kTermsFile));
  BM_TRY(const std::vector<RenewalReceiver> receivers,
         ReadMessages<RenewalReceiver>(folder, ".receiver"));
  BM_TRY(out.agreed, AgreeRenewal(out.terms, receivers));
  BM_TRY(out.dealings, ReadMessages<RenewalDealing>(folder, ".dealing"));
  BM_TRY(std::vector<RenewalChoice> choices, ReadMessages<RenewalChoice>(folder, ".choice"));
  BM_TRY(const std::vector<ShareProof> proofs, ReadMessages<ShareProof>(folder, ".proof"));
  std::ranges::sort(choices, {}, &RenewalChoice::attempt);
  for (const RenewalChoice& c : choices) {
    BM_TRY(const std::vector<Dealing> chosen, DealingsOf(out.terms, out.agreed, c, out.dealings));
    BM_TRY(ShareSet next, NextSet(chosen, out.agreed.terms, out.terms.old));
    out.last_attempt = c.attempt;
    out.unproven = NotProven(next, proofs);
    if (!out.unproven.empty()) continue;
    out.in_force = c.attempt;
    out.next = std::move(next);
  }
  return out;
}

Result<MadeApart> ReadSetApart(const fs::path& folder) {
  BM_TRY(const bool renewal, HoldsRenewal(folder));
  if (!renewal) return ReadMade(folder);
  BM_TRY(RenewedApart all, ReadRenewed(folder));
  if (all.in_force == 0)
    return Refused(
        "reshare.unproven",
        all.last_attempt == 0
            ? folder.string() + ": no dealings were chosen yet"
            : fmt::format("not shown to have their new shares: {}", fmt::join(all.unproven, ", ")),
        all.last_attempt == 0
            ? "choose them with: birthmark share choose; until then the old shares are in force"
            : "carry their .proof files here; until then the old shares are in force");
  return MadeApart{.terms = {.set = all.next.set,
                             .name = all.terms.name,
                             .parties = all.terms.parties,
                             .rehearsal = all.terms.rehearsal,
                             .threshold = all.terms.threshold},
                   .transcript = all.agreed.transcript,
                   .set = std::move(all.next)};
}

}  // namespace birthmark::custody
