// SPDX-License-Identifier: Apache-2.0
#include "custody/renewal.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "cbor/reflect.h"
#include "crypto/digest.h"
#include "custody/dkg.h"

namespace birthmark::custody {
namespace {

constexpr std::string_view kRenewalDomain = "birthmark custody renewal transcript v1";

std::vector<uint16_t> HoldersOf(const ShareSet& set) {
  std::vector<uint16_t> out;
  for (const HolderKey& h : set.holders) out.push_back(h.index);
  return out;
}

std::unexpected<Error> OtherRun(uint16_t holder, std::string_view what) {
  return Refused("reshare.foreign",
                 fmt::format("the {} of holder {} is of another run", what, holder),
                 "take away what other runs left, and carry this run's message in");
}

Bytes DealingDigest(const Dealing& dealing) {
  const Digest d = crypto::Sha256(cbor::ToCbor(dealing));
  return {d.begin(), d.end()};
}

// DealingStatement is what a dealer proves its share over.
Bytes DealingStatement(const Digest& transcript, const Dealing& dealing) {
  return ToBytes(fmt::format("birthmark re-sharing\ntranscript {}\ndealing {}\n", ToHex(transcript),
                             ToHex(DealingDigest(dealing))));
}

}  // namespace

Status CheckRenewal(const RenewalTerms& terms) {
  BM_CHECK(CheckSet(terms.old));
  BM_CHECK(CheckIndices(terms.parties));
  BM_CHECK(CheckNumbers(terms.threshold, static_cast<uint16_t>(terms.parties.size())));
  if (terms.run.size() != kSetIdSize)
    return Refused("reshare.terms", "a run's id has 16 octets",
                   "write the terms with: birthmark share renew");
  if (terms.old.generation >= kMaxGeneration)
    return Refused("share.generation", "there is no generation after this one",
                   "make a new key between machines");
  return CheckTerms(DkgTerms{.set = terms.old.set,
                             .name = terms.name,
                             .parties = terms.parties,
                             .rehearsal = terms.rehearsal,
                             .threshold = terms.threshold});
}

std::vector<uint16_t> Leaving(const RenewalTerms& terms) {
  std::vector<uint16_t> out;
  std::ranges::set_difference(HoldersOf(terms.old), terms.parties, std::back_inserter(out));
  return out;
}

std::vector<uint16_t> Joining(const RenewalTerms& terms) {
  std::vector<uint16_t> out;
  std::ranges::set_difference(terms.parties, HoldersOf(terms.old), std::back_inserter(out));
  return out;
}

Result<RenewalAgreed> AgreeRenewal(const RenewalTerms& terms,
                                   std::span<const RenewalReceiver> receivers) {
  RenewalAgreed out;
  out.receivers.assign(receivers.begin(), receivers.end());
  std::ranges::sort(out.receivers, {}, &RenewalReceiver::index);
  const auto missing = [&](size_t at) {
    return Refused("reshare.missing",
                   fmt::format("holder {} sent no receiver's key", terms.parties[at]),
                   "carry its .receiver file here; nobody deals before all are there");
  };
  std::vector<Receiver> keys;
  for (size_t i = 0; i < out.receivers.size(); ++i) {
    const RenewalReceiver& r = out.receivers[i];
    if (r.run != terms.run) return OtherRun(r.index, "receiver's key");
    if (i > 0 && out.receivers[i - 1].index == r.index)
      return Refused("reshare.duplicate",
                     fmt::format("holder {} sent two receiver's keys", r.index),
                     "keep the one that its machine wrote");
    if (!std::ranges::binary_search(terms.parties, r.index))
      return Refused("reshare.terms",
                     fmt::format("holder {} receives nothing in this run", r.index),
                     "take its .receiver file away, and ask who made it");
    if (r.index != terms.parties[i]) return missing(i);
    keys.push_back({.box = r.box, .index = r.index});
  }
  if (out.receivers.size() != terms.parties.size()) return missing(out.receivers.size());
  BM_TRY(out.terms, MakeTerms(terms.old, HoldersOf(terms.old), std::move(keys), terms.threshold));
  crypto::Sha256Hasher hasher;
  hasher.Update(AsBytes(kRenewalDomain)).Update(cbor::ToCbor(terms));
  for (const RenewalReceiver& r : out.receivers) hasher.Update(cbor::ToCbor(r));
  out.transcript = hasher.Finish();
  return out;
}

Result<RenewalDealing> DealRenewal(const Share& share, const RenewalTerms& terms,
                                   const RenewalAgreed& agreed, Rng& rng) {
  BM_CHECK(CheckShare(share, terms.old));
  RenewalDealing out;
  BM_TRY(out.dealing, DealOn(share, agreed.terms, rng));
  BM_TRY(out.proof, ProveShare(share, DealingStatement(agreed.transcript, out.dealing), rng));
  return out;
}

Status CheckRenewalDealing(const RenewalTerms& terms, const RenewalAgreed& agreed,
                           const RenewalDealing& dealing) {
  const uint16_t who = dealing.dealing.index;
  if (dealing.dealing.set != terms.old.set) return OtherRun(who, "dealing");
  const Bytes statement = DealingStatement(agreed.transcript, dealing.dealing);
  if (!CheckProof(terms.old, who, statement, dealing.proof)) {
    // A proof that holds over what it says was made by the holder, under other terms.
    const bool own = CheckProof(terms.old, who, dealing.proof.statement, dealing.proof).has_value();
    const std::string head = fmt::format("transcript {}\n", ToHex(agreed.transcript));
    if (own && AsText(dealing.proof.statement).find(head) == std::string_view::npos)
      return Refused("reshare.stale",
                     fmt::format("holder {} dealt under other terms or receivers' keys", who),
                     "read the transcripts to each other, find out who saw others, begin again");
    return Refused(
        "reshare.signature",
        fmt::format("the dealing that says it is from holder {} was not made with its share", who),
        "it was changed on the way: carry it again, and ask who did");
  }
  return CheckDealing(dealing.dealing, agreed.terms, terms.old);
}

Result<ChosenDealings> ChooseDealings(const RenewalTerms& terms, const RenewalAgreed& agreed,
                                      std::span<const RenewalDealing> dealings,
                                      std::span<const uint16_t> without, uint32_t attempt) {
  ChosenDealings out;
  out.choice.run = terms.run;
  out.choice.attempt = attempt;
  std::vector<std::pair<uint16_t, Bytes>> good;
  for (size_t i = 0; i < dealings.size(); ++i) {
    const RenewalDealing& d = dealings[i];
    const uint16_t who = d.dealing.index;
    if (std::ranges::find(without, who) != without.end()) continue;
    Status right = CheckRenewalDealing(terms, agreed, d);
    if (right && std::ranges::find(good, who, &std::pair<uint16_t, Bytes>::first) != good.end())
      right = Refused("reshare.duplicate", fmt::format("holder {} dealt twice", who));
    if (!right) {
      out.refused.push_back({.position = i, .index = who, .error = right.error()});
      continue;
    }
    good.emplace_back(who, DealingDigest(d.dealing));
  }
  if (good.size() < terms.old.threshold) {
    Sorted sorted{.good = std::vector<size_t>(good.size()), .bad = std::move(out.refused)};
    Error e = TooFew(sorted);
    e.fix = "wait for the dealings of more holders, or carry the refused ones again";
    return std::unexpected(std::move(e));
  }
  std::ranges::sort(good);
  good.resize(terms.old.threshold);
  for (auto& [who, digest] : good) {
    out.choice.dealers.push_back(who);
    out.choice.dealings.push_back(std::move(digest));
  }
  return out;
}

Result<std::vector<Dealing>> DealingsOf(const RenewalTerms& terms, const RenewalAgreed& agreed,
                                        const RenewalChoice& choice,
                                        std::span<const RenewalDealing> dealings) {
  if (choice.run != terms.run || choice.attempt == 0 || choice.attempt > kMaxAttempts ||
      choice.dealers.size() != terms.old.threshold ||
      choice.dealings.size() != choice.dealers.size() || !CheckIndices(choice.dealers))
    return Refused("reshare.choice",
                   "the choice is not of this run, or chooses other than it needs",
                   "write it with: birthmark share choose");
  std::vector<Dealing> out;
  for (size_t i = 0; i < choice.dealers.size(); ++i) {
    const auto it = std::ranges::find_if(dealings, [&](const RenewalDealing& d) {
      return d.dealing.index == choice.dealers[i] && DealingDigest(d.dealing) == choice.dealings[i];
    });
    if (it == dealings.end())
      return Refused(
          "reshare.missing",
          fmt::format("the dealing of holder {} that was chosen is not here", choice.dealers[i]),
          "carry its .dealing file here, as it was when it was chosen");
    BM_CHECK(CheckRenewalDealing(terms, agreed, *it));
    out.push_back(it->dealing);
  }
  return out;
}

}  // namespace birthmark::custody
