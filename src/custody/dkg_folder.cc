// SPDX-License-Identifier: Apache-2.0
#include "custody/dkg_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "custody/health.h"
#include "custody/share_file.h"
#include "custody/sharing.h"

namespace birthmark::custody {
namespace {

constexpr std::string_view kKeptLabel = "BIRTHMARK DKG KEPT";
constexpr size_t kMaxKept = 65536;    // 255 coefficients, sealed and armoured
constexpr size_t kMaxFiles = 65'536;  // 255 parties, all their parts in one folder
constexpr std::string_view kOwnFile = "own.round1";
constexpr std::string_view kSecretFile = "secret";
constexpr std::string_view kFirstFolder = "first";          // the messages that were dealt under
constexpr std::string_view kTranscriptFile = "transcript";  // written when `first` is whole

Argon2Cost CostOf(const DkgTerms& terms) {
  return terms.rehearsal ? Argon2Cost::Rehearsal() : Argon2Cost{};
}

bool There(const fs::path& p) {
  std::error_code ignored;
  return fs::exists(p, ignored);
}

Status CheckHeard(const JoinAsked& asked, const Digest& transcript) {
  std::string heard;
  for (char c : asked.transcript) {
    if (c != ' ') heard += c;
  }
  if (heard == ToHex(transcript)) return {};
  return Refused("dkg.heard",
                 heard.empty() ? fmt::format("nobody has said what the others read; this machine "
                                             "has {}",
                                             ToHex(transcript))
                               : fmt::format("the others read {}, this machine has {}", heard,
                                             ToHex(transcript)),
                 heard.empty() ? "let another party read its transcript aloud, and give what it "
                                 "read with --transcript"
                               : "somebody carried other first messages to one of you: find out "
                                 "who, and start again with new terms");
}

// CheckProofsOf checks the parties' proofs and gives those that have sent none.
Result<std::vector<uint16_t>> CheckProofsOf(const DkgAgreed& agreed,
                                            const std::vector<ShareProof>& proofs) {
  const Bytes statement = DoneStatement(agreed);
  std::vector<uint16_t> unproven;
  for (const HolderKey& h : agreed.set.holders) unproven.push_back(h.index);
  for (const ShareProof& p : proofs) {
    BM_CHECK(CheckProof(agreed.set, p.index, statement, p));
    if (std::erase(unproven, p.index) == 0)
      return Refused("dkg.duplicate", fmt::format("party {} sent two proofs", p.index),
                     "keep the one that its machine wrote");
  }
  return unproven;
}

// Machine is a party's folder, and what is being done in it.
struct Machine {
  const JoinAsked& asked;
  const SecretBytes& passphrase;
  Rng& rng;
  Joined done;
  std::optional<DkgParty> party;  // while its secret half is needed
  DkgRound1 own;
  DkgAgreed agreed;

  fs::path In(std::string_view name) const { return asked.dir / name; }
  template <class T>
  Status Carry(const std::string& name, const T& message) {
    done.written.push_back(asked.out / name);
    return WriteFileAtomic(done.written.back(), ToArmor(message));
  }
  Status Begin();
  Status GoOn();
  Status HaveBack();
  Result<std::vector<DkgRound1>> FirstMessages();
  Status Deal(bool carry);
  Status ProveIt();
  Status CheckDone();
};

// Begin makes the party. Nothing leaves before the last of its three files is there; a machine that
// stopped before that begins again.
Status Machine::Begin() {
  if (!asked.terms || asked.index == 0)
    return Refused("dkg.begin", asked.dir.string() + ": no run was begun in this folder",
                   "give the terms that all parties have, and which of them this machine is");
  if (asked.terms->name.empty())
    return Refused("dkg.name", "the terms do not say which key is to be made",
                   "write them with: birthmark share begin");
  BM_TRY(party, DkgParty::Start(*asked.terms, asked.index, rng));
  const SecretBytes octets = party->ToOctets();
  BM_TRY(const std::string sealed,
         SealSecret(kKeptLabel, octets.Read(SecretAccess()), passphrase, CostOf(party->terms())));
  BM_CHECK(WriteFileAtomic(In(kSecretFile), sealed, 0600));
  BM_CHECK(WriteFileAtomic(In(kTermsFile), ToArmor(party->terms()), 0600));
  BM_CHECK(WriteFileAtomic(In(kOwnFile), ToArmor(party->round1()), 0600));
  done.terms = party->terms();
  own = party->round1();
  return {};
}

Status Machine::GoOn() {
  BM_TRY(done.terms, ReadMessage<DkgTerms>(In(kTermsFile)));
  BM_CHECK(CheckTerms(done.terms));
  BM_TRY(own, ReadMessage<DkgRound1>(In(kOwnFile)));
  if ((asked.terms && cbor::ToCbor(*asked.terms) != cbor::ToCbor(done.terms)) ||
      (asked.index != 0 && asked.index != own.index))
    return Refused("dkg.begin",
                   asked.dir.string() + ": another run, or another party, was begun in this folder",
                   "use a new folder for new terms");
  return {};
}

// HaveBack opens the secret half of a party that was begun by an earlier call.
Status Machine::HaveBack() {
  if (party) return {};
  BM_TRY(const std::string text, ReadTextFile(In(kSecretFile), kMaxKept));
  BM_TRY(const SecretBytes octets, OpenSecret(kKeptLabel, text, passphrase, kMaxKept));
  BM_TRY(party, DkgParty::Restore(done.terms, own, octets.Read(SecretAccess())));
  return {};
}

// FirstMessages are those that were dealt under, if any were; nothing is dealt under two.
Result<std::vector<DkgRound1>> Machine::FirstMessages() {
  std::vector<DkgRound1> carried;
  if (!asked.in.empty()) {
    BM_TRY(carried, ReadMessages<DkgRound1>(asked.in, ".round1"));
  }
  if (!There(In(kTranscriptFile))) {
    // Its own need not be carried back to it.
    if (std::ranges::find(carried, own.index, &DkgRound1::index) == carried.end())
      carried.push_back(own);
    return carried;
  }
  BM_TRY(std::vector<DkgRound1> all, ReadMessages<DkgRound1>(In(kFirstFolder), ".round1"));
  for (const DkgRound1& m : carried) {
    const auto same = [&](const DkgRound1& k) { return cbor::ToCbor(k) == cbor::ToCbor(m); };
    if (std::ranges::none_of(all, same))
      return Refused(
          "dkg.stale",
          fmt::format("the first message of party {} is not the one dealt under", m.index),
          "a run has one first message of each party: start again with new terms");
  }
  return all;
}

Status Machine::Deal(bool carry) {
  BM_TRY(const std::vector<DkgRound1> all, FirstMessages());
  BM_CHECK(HaveBack());
  BM_TRY(const std::vector<DkgRound2> parts, party->Deal(all));
  agreed = party->agreed();
  if (!There(In(kTranscriptFile))) {
    BM_CHECK(MakeDirs(In(kFirstFolder), 0700));
    for (const DkgRound1& m : all)
      BM_CHECK(
          WriteFileAtomic(In(kFirstFolder) / fmt::format("{}.round1", m.index), ToArmor(m), 0600));
    BM_CHECK(WriteFileAtomic(In(kTranscriptFile), ToHex(agreed.transcript) + "\n", 0600));
  }
  done.stage = JoinStage::kDealt;
  if (!carry) return {};
  for (const DkgRound2& p : parts) BM_CHECK(Carry(fmt::format("{}-{}.round2", p.from, p.to), p));
  return {};
}

// ProveIt reads the share back from its file and shows the others that it is there.
Status Machine::ProveIt() {
  BM_TRY(const std::string text, ReadTextFile(done.share, kMaxShareFile));
  BM_TRY(const Share share, OpenShare(text, passphrase));
  BM_CHECK(CheckShare(share, agreed.set));
  BM_TRY(const ShareProof proof, ProveShare(share, DoneStatement(agreed), rng));
  done.key = share.key;
  done.stage = JoinStage::kHeld;
  return Carry(fmt::format("{}.proof", share.index), proof);
}

// CheckDone looks whether all have their shares. Then, and not before, the polynomial goes: until
// then a part that was lost on the way can be made again.
Status Machine::CheckDone() {
  if (asked.in.empty()) return {};
  BM_TRY(std::vector<ShareProof> proofs, ReadMessages<ShareProof>(asked.in, ".proof"));
  std::erase_if(proofs, [&](const ShareProof& p) { return p.index == own.index; });
  BM_TRY(const std::vector<uint16_t> unproven, CheckProofsOf(agreed, proofs));
  if (unproven != std::vector<uint16_t>{own.index}) return {};
  std::error_code error;
  fs::remove(In(kSecretFile), error);
  if (error) return std::unexpected(FromErrno("file.write", asked.dir.string(), error.value()));
  BM_CHECK(SyncDir(asked.dir));
  done.stage = JoinStage::kComplete;
  return {};
}

}  // namespace

Result<std::vector<fs::path>> MessageFiles(const fs::path& folder, std::string_view suffix) {
  std::vector<fs::path> out;
  std::error_code error;
  fs::directory_iterator at(folder, error), end;
  for (; !error && at != end; at.increment(error)) {
    if (!at->path().filename().string().ends_with(suffix)) continue;
    if (out.size() == kMaxFiles)
      return Refused("message.too-many",
                     fmt::format("{}: more than {} files", folder.string(), kMaxFiles),
                     "carry the messages of one run alone");
    out.push_back(at->path());
  }
  if (error) return std::unexpected(FromErrno("file.read", folder.string(), error.value()));
  std::ranges::sort(out);
  return out;
}

fs::path ShareFileOf(const fs::path& dir, const DkgTerms& terms) {
  return dir / (terms.name + ".share");
}

Result<Joined> Join(const JoinAsked& asked, const SecretBytes& passphrase, Rng& rng) {
  BM_CHECK(MakeDirs(asked.out));
  std::optional<FileLock> lock;
  if (asked.terms || There(asked.dir)) {
    BM_CHECK(MakeDirs(asked.dir, 0700));
    // Two processes would begin with two polynomials.
    BM_TRY(lock, FileLock::Take(asked.dir / "lock", "dkg.busy"));
  }
  Machine m{.asked = asked,
            .passphrase = passphrase,
            .rng = rng,
            .done = {},
            .party = std::nullopt,
            .own = {},
            .agreed = {}};
  BM_CHECK(There(m.In(kOwnFile)) ? m.GoOn() : m.Begin());
  m.done.index = m.own.index;
  m.done.share = ShareFileOf(asked.dir, m.done.terms);
  if (There(m.done.share)) {
    BM_TRY(const std::vector<DkgRound1> all, m.FirstMessages());
    BM_TRY(m.agreed, Agree(m.done.terms, all));
  } else {
    BM_CHECK(m.Carry(fmt::format("{}.round1", m.own.index), m.own));
    if (asked.in.empty() && !There(m.In(kTranscriptFile))) return std::move(m.done);
    std::vector<DkgRound2> received;
    if (!asked.in.empty()) {
      BM_TRY(received, ReadMessages<DkgRound2>(asked.in, ".round2"));
    }
    // Parts for all may lie in one folder; what another run left there is refused, not passed over.
    std::erase_if(received, [&](const DkgRound2& p) {
      return p.set == m.done.terms.set && p.to != m.own.index;
    });
    BM_CHECK(m.Deal(received.empty()));
    m.done.transcript = m.agreed.transcript;
    if (received.empty()) return std::move(m.done);
    BM_CHECK(CheckHeard(asked, m.agreed.transcript));
    BM_TRY(const Held held, m.party->Finish(received));
    BM_TRY(const std::string sealed, SealShare(held.share, passphrase, CostOf(m.done.terms)));
    BM_CHECK(WriteFileAtomic(m.done.share, sealed, 0600));
  }
  m.done.transcript = m.agreed.transcript;
  BM_CHECK(m.ProveIt());
  BM_CHECK(m.CheckDone());
  return std::move(m.done);
}

Result<MadeApart> ReadMade(const fs::path& folder) {
  MadeApart out;
  BM_TRY(out.terms, ReadMessage<DkgTerms>(folder / kTermsFile));
  BM_CHECK(CheckTerms(out.terms));
  BM_TRY(const std::vector<DkgRound1> first, ReadMessages<DkgRound1>(folder, ".round1"));
  BM_TRY(DkgAgreed agreed, Agree(out.terms, first));
  BM_TRY(const std::vector<ShareProof> proofs, ReadMessages<ShareProof>(folder, ".proof"));
  BM_TRY(const std::vector<uint16_t> unproven, CheckProofsOf(agreed, proofs));
  if (!unproven.empty())
    return Refused("dkg.unproven",
                   fmt::format("not shown to have their shares: {}", fmt::join(unproven, ", ")),
                   "carry their .proof files here; until then the key is not to be used");
  out.transcript = agreed.transcript;
  out.set = std::move(agreed.set);
  return out;
}

}  // namespace birthmark::custody
