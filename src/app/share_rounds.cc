// SPDX-License-Identifier: Apache-2.0
#include "app/share_rounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "crypto/digest.h"
#include "custody/share_file.h"
#include "custody/sharing.h"

namespace birthmark::app {
namespace {

Result<uint16_t> SmallNumber(std::string_view text) {
  uint16_t n = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (failed == std::errc() && end == text.data() + text.size()) return n;
  return Refused("dkg.numbers", "that is no number of people",
                 "two whole numbers up to 255: first n, how many machines, then k, how many sign");
}

Result<custody::SigningRequest> ReadSigningRequest(const fs::path& file) {
  BM_TRY(const std::string text, ReadTextFile(file, custody::kMaxMessageFile));
  return custody::FromArmor<custody::SigningRequest>(text);
}

// Retire destroys an old share's file and nonces, once it is sure that it is the old share's.
Result<Retired> Retire(const fs::path& dir, const custody::Renewed& round,
                       const SecretBytes& secret, const Clock& clock) {
  Retired out;
  if (OnCard(round.old)) {
    out.card = round.old;
  } else {
    std::error_code error;
    const bool there = fs::exists(round.old, error);
    if (!there && fs::exists(dir / "superseded", error)) return Retired{.file = true, .card = {}};
    if (there) {
      BM_TRY(const std::string sealed, ReadTextFile(round.old, custody::kMaxShareFile));
      const Result<custody::Share> share = custody::OpenShare(sealed, secret);
      if (!share || share->set != round.next.set || share->index != round.index ||
          share->generation >= round.next.generation)
        return Refused("reshare.retire",
                       round.old + ": is not the share that this re-sharing replaced",
                       "look what was put there; destroy the old share by hand, wherever it is");
    }
    // The record comes first: what is gone without one would look like a loss.
    BM_CHECK(WriteFileAtomic(
        dir / "superseded",
        fmt::format(
            "share {} of set {}, generation {}, was replaced by generation {} and destroyed "
            "here on {}\nnew set SHA-256 {}\n",
            round.index, custody::ShortId(round.next.set), round.next.generation - 1,
            round.next.generation, FormatDate(clock.Now()),
            ToHex(crypto::Sha256(cbor::ToCbor(round.next)))),
        0600));
    for (const fs::path& file : {fs::path(round.old), NoncesBeside(round.old)}) {
      fs::remove(file, error);
      if (error) return std::unexpected(FromErrno("file.write", file.string(), error.value()));
    }
    BM_CHECK(SyncDir(fs::path(round.old).parent_path()));
    out.file = true;
  }
  return out;
}

}  // namespace

Result<KeyNumbers> AskKeyNumbers(std::optional<int> fd, bool rehearsal) {
  if (fd && !rehearsal)
    return Refused("dkg.numbers", "in production a person types the numbers, at the terminal",
                   "leave --numbers-fd out");
  KeyNumbers out;
  if (fd) {
    BM_TRY(const SecretBytes both, keystore::PassphraseFromFd(*fd));
    const std::string_view text = AsText(both.Read(SecretAccess()));
    const size_t end = std::min(text.find('\n'), text.size());
    BM_TRY(out.count, SmallNumber(text.substr(0, end)));
    BM_TRY(out.threshold, SmallNumber(text.substr(std::min(end + 1, text.size()))));
  } else {
    BM_TRY(const SecretBytes n,
           keystore::PassphraseFromTerminal("n, how many machines make the key: ", true));
    BM_TRY(out.count, SmallNumber(AsText(n.Read(SecretAccess()))));
    BM_TRY(const SecretBytes k,
           keystore::PassphraseFromTerminal("k, how many of them sign together: ", true));
    BM_TRY(out.threshold, SmallNumber(AsText(k.Read(SecretAccess()))));
  }
  BM_CHECK(custody::CheckNumbers(out.threshold, out.count));
  return out;
}

Result<custody::DkgTerms> MakeKeyTerms(const std::string& name, bool rehearsal, KeyNumbers numbers,
                                       Rng& rng) {
  custody::DkgTerms terms{.set = Bytes(custody::kSetIdSize),
                          .name = name,
                          .parties = custody::RandomIndices(numbers.count, rng),
                          .rehearsal = rehearsal,
                          .threshold = numbers.threshold};
  rng.Fill(terms.set);
  if (name.empty())
    return Refused("dkg.name", "the key to be made has no name", "name it, such as identity-1.1");
  BM_CHECK(custody::CheckTerms(terms));
  return terms;
}

Result<custody::DkgTerms> ReadKeyTerms(const fs::path& file) {
  BM_TRY(const std::string text, ReadTextFile(file, custody::kMaxMessageFile));
  BM_TRY(custody::DkgTerms terms, custody::FromArmor<custody::DkgTerms>(text));
  BM_CHECK(custody::CheckTerms(terms));
  return terms;
}

Result<custody::Joined> JoinWith(const custody::JoinAsked& asked,
                                 keystore::PassphraseSource passphrase, Rng& rng) {
  passphrase.prompt =
      asked.terms ? "New passphrase of the share to come: " : "Passphrase of the share: ";
  passphrase.twice = asked.terms.has_value();
  BM_TRY(const SecretBytes secret, keystore::ReadPassphrase(passphrase));
  return custody::Join(asked, secret, rng);
}

Result<custody::SigningRequest> RequestSignature(const fs::path& message, const fs::path& made,
                                                 const fs::path& commitments) {
  BM_TRY(const Bytes octets, ReadFile(message, custody::kMaxMessage));
  BM_TRY(const custody::MadeApart key, custody::ReadSetApart(made));
  BM_TRY(std::vector<custody::SigningCommitment> all,
         custody::ReadMessages<custody::SigningCommitment>(commitments, ".commitment"));
  return custody::MakeRequest(octets, std::move(all), key.set);
}

Result<Bytes> CombineSignature(const fs::path& request, const fs::path& made,
                               const fs::path& parts) {
  BM_TRY(const custody::SigningRequest asked, ReadSigningRequest(request));
  BM_TRY(const custody::MadeApart key, custody::ReadSetApart(made));
  BM_TRY(const std::vector<custody::PartialSignature> all,
         custody::ReadMessages<custody::PartialSignature>(parts, ".part"));
  return custody::Aggregate(asked, all, key.set);
}

Result<std::vector<uint16_t>> HolderIndices(std::string_view text) {
  std::vector<uint16_t> out;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find_first_of(", ", at), text.size());
    if (end > at) {
      const Result<uint16_t> n = SmallNumber(text.substr(at, end - at));
      if (!n)
        return Refused("reshare.numbers", "who leaves is told by the indices of the shares",
                       "type them with commas between, or 0 when nobody leaves");
      if (*n != 0) out.push_back(*n);
    }
    at = end + 1;
  }
  return out;
}

Result<RenewalNumbers> AskRenewalNumbers(std::optional<int> fd, bool rehearsal) {
  if (fd && !rehearsal)
    return Refused("reshare.numbers", "in production a person types the numbers, at the terminal",
                   "leave --numbers-fd out");
  std::array<std::string, 3> lines;
  if (fd) {
    BM_TRY(const SecretBytes all, keystore::PassphraseFromFd(*fd));
    std::string_view rest = AsText(all.Read(SecretAccess()));
    for (std::string& line : lines) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      line = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  } else {
    const std::array<std::string, 3> prompts = {
        "indices of the shares whose holders leave (0: nobody does): ", "how many holders join: ",
        "k, how many of those to come sign together: "};
    for (size_t i = 0; i < lines.size(); ++i) {
      BM_TRY(const SecretBytes typed, keystore::PassphraseFromTerminal(prompts[i], true));
      lines[i] = AsText(typed.Read(SecretAccess()));
    }
  }
  RenewalNumbers out;
  BM_TRY(out.leave, HolderIndices(lines[0]));
  const Result<uint16_t> join = SmallNumber(lines[1]), threshold = SmallNumber(lines[2]);
  if (!join || !threshold)
    return Refused("reshare.numbers", "that is no number of people",
                   "three answers: who leaves (indices, or 0), how many join, then k");
  out.join = *join;
  out.threshold = *threshold;
  return out;
}

Result<custody::RenewalTerms> MakeRenewalTerms(const custody::MadeApart& made,
                                               const RenewalNumbers& numbers, Rng& rng) {
  custody::RenewalTerms terms{.old = made.set,
                              .run = Bytes(custody::kSetIdSize),
                              .name = made.terms.name,
                              .parties = made.terms.parties,
                              .rehearsal = made.terms.rehearsal,
                              .threshold = numbers.threshold};
  rng.Fill(terms.run);
  for (uint16_t index : numbers.leave) {
    if (std::erase(terms.parties, index) == 0)
      return Refused("reshare.numbers", fmt::format("nobody holds share {}", index),
                     "take the indices that `share check` shows the holders");
  }
  if (terms.parties.size() + numbers.join > custody::kMaxHolders)
    return Refused("share.threshold", "that would be more than 255 holders", "let fewer join");
  // An index that was held before is given to nobody else.
  const std::vector<uint16_t> fresh = custody::RandomIndices(numbers.join, rng, made.terms.parties);
  if (fresh.size() != numbers.join)
    return Refused("share.threshold", "there are not so many free indices", "let fewer join");
  terms.parties.insert(terms.parties.end(), fresh.begin(), fresh.end());
  std::ranges::sort(terms.parties);
  BM_CHECK(custody::CheckRenewal(terms));
  return terms;
}

Result<RenewedShare> RenewWith(custody::RenewAsked asked, keystore::PassphraseSource passphrase,
                               const ReadCard& card, Rng& rng, const Clock& clock) {
  const bool joins = asked.terms && asked.old.empty();
  passphrase.prompt = joins ? "New passphrase of the share to come: "
                            : "Passphrase of the share (the new one keeps it): ";
  passphrase.twice = joins;
  BM_TRY(const SecretBytes secret, keystore::ReadPassphrase(passphrase));
  // The folder outlives this working directory.
  if (!asked.old.empty() && !OnCard(asked.old)) asked.old = fs::absolute(asked.old).string();
  asked.open_old = [&](const std::string& where) -> Result<custody::Share> {
    BM_TRY(const std::string sealed, SealedShare(where, card));
    return custody::OpenShare(sealed, secret);
  };
  RenewedShare out;
  BM_TRY(out.round, custody::Renew(asked, secret, rng));
  if (out.round.stage != custody::RenewStage::kComplete || out.round.old.empty()) return out;
  BM_TRY(out.old, Retire(asked.dir, out.round, secret, clock));
  return out;
}

Result<custody::ChosenDealings> ChooseFrom(const fs::path& folder,
                                           const std::vector<uint16_t>& without) {
  BM_TRY(const custody::RenewedApart all, custody::ReadRenewed(folder));
  if (all.in_force != 0)
    return Refused("reshare.done",
                   folder.string() + ": every new holder has proven the new share already",
                   "nothing is left to choose: have each machine join once more, and use it with "
                   "--of");
  return custody::ChooseDealings(all.terms, all.agreed, all.dealings, without,
                                 all.last_attempt + 1);
}

}  // namespace birthmark::app
