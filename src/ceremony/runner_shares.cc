// SPDX-License-Identifier: Apache-2.0
// Key Executives: who they are, what they are given, what they bring.
#include <fmt/format.h>

#include <algorithm>

#include "ceremony/runner.h"
#include "custody/sheet.h"
#include "custody/words.h"

namespace birthmark::ceremony {
namespace {

constexpr int kMaxShareTries = 64;
constexpr int kQuestionTries = 20;

std::unexpected<Error> Unanswered() {
  return Refused("ceremony.no-answer", "the question was not answered; what was confirmed stands",
                 "go on with: birthmark ceremony resume DIR");
}

custody::Argon2Cost CostFor(bool rehearsal) {
  return rehearsal ? custody::Argon2Cost::Rehearsal() : custody::Argon2Cost{};
}

// ReadNumber reads a small whole number typed without echo; 0 when it is none.
uint16_t ReadNumber(const SecretBytes& typed) {
  uint32_t n = 0;
  for (uint8_t c : typed.Read(SecretAccess{})) {
    if (c < '0' || c > '9' || n > 255) return 0;
    n = n * 10 + (c - '0');
  }
  return n > custody::kMaxHolders ? 0 : static_cast<uint16_t>(n);
}

// LineOf is one line of a holder's words.
std::string_view LineOf(const SecretBytes& words, size_t line) {
  std::string_view all = AsText(words.Read(SecretAccess{}));
  for (size_t i = 0; i < line && !all.empty(); ++i) {
    size_t end = all.find('\n');
    all = end == all.npos ? std::string_view() : all.substr(end + 1);
  }
  return all.substr(0, all.find('\n'));
}

bool SameShare(const custody::Share& a, const custody::Share& b) {
  return a.set == b.set && a.generation == b.generation && a.index == b.index &&
         a.value == b.value && a.key == b.key;
}

}  // namespace

std::string ShareName(const std::string& key, uint32_t generation) {
  return generation == 1 ? key : fmt::format("{}.g{}", key, generation);
}

fs::path Runner::ShareFolder(const std::string& who) const {
  return (binding_.shares.empty() ? options_.dir / "shares" : fs::path(binding_.shares)) / who;
}

Result<Runner::Entries> Runner::Executives() {
  holders_.clear();
  if (const ScriptKey* apart = KeyApart()) return ExecutivesApart(*apart);
  return script_.kind == Kind::kReshare ? ChangedExecutives() : NewExecutives();
}

Result<Numbers> Runner::AskNumbers(std::optional<uint16_t> count) {
  for (int i = 0; i < kQuestionTries; ++i) {
    Numbers x{.threshold = 0, .count = count.value_or(0)};
    if (!count) {
      BM_TRY(SecretBytes typed,
             room_.AskSecret("n, how many Key Executives there are (empty: a drawn proposal): "));
      if (typed.empty()) {
        Numbers drawn = DrawNumbers(rng_);
        room_.Say(fmt::format("drawn: n = {}, k = {}; nobody outside this room may learn them",
                              drawn.count, drawn.threshold));
        BM_TRY(std::string answer, AskOneOf("take them? yes or no: ", {"yes", "no"}));
        if (answer == "yes") return drawn;
        continue;
      }
      x.count = ReadNumber(typed);
    }
    BM_TRY(SecretBytes k, room_.AskSecret("k, how many of them have to come together: "));
    BM_TRY(SecretBytes again, room_.AskSecret("k again: "));
    x.threshold = ReadNumber(k);
    if (!(k == again)) {
      room_.Say("the two differ; from the beginning");
      continue;
    }
    if (Status s = custody::CheckNumbers(x.threshold, x.count); !s) {
      room_.Say(s.error().message);
      continue;
    }
    if (FollowsRule(x))
      room_.Say(
          "these numbers follow a rule that readers know (a simple majority, or the same number "
          "for "
          "each continent): with n-k published, k could be guessed from it");
    return x;
  }
  return Unanswered();
}

// FreeIndex draws the place of a new share. Not 1 to n: the highest of those would tell n.
uint16_t Runner::FreeIndex(const std::vector<Seat>& taken) {
  for (;;) {
    std::array<uint8_t, 1> r{};
    rng_.Fill(r);
    if (r[0] != 0 && std::ranges::find(taken, uint16_t{r[0]}, &Seat::index) == taken.end())
      return r[0];
  }
}

Result<Seat> Runner::AskSeat(uint16_t index) {
  Seat seat{.who = "", .index = index, .continent = ""};
  BM_TRY(seat.who, AskName("name of the next Key Executive (kept sealed): ", "ke"));
  BM_TRY(seat.continent, AskOneOf("continent where the share will be kept (AF AN AS EU NA OC SA): ",
                                  {"AF", "AN", "AS", "EU", "NA", "OC", "SA"}));
  return seat;
}

Result<std::string> Runner::AskNewContinent() {
  return AskOneOf("new continent (AF AN AS EU NA OC SA): ",
                  {"AF", "AN", "AS", "EU", "NA", "OC", "SA"});
}

Result<Seat> Runner::StaysOrMoves(Seat seat) {
  BM_TRY(const std::string answer, AskOneOf(fmt::format("{} {} in {}: stays or moves? ", seat.who,
                                                        log_->NameOf(seat.who), seat.continent),
                                            {"stays", "moves"}));
  if (answer == "moves") {
    BM_TRY(seat.continent, AskNewContinent());
  }
  return seat;
}

Result<Chosen> Runner::JudgeChosen(Chosen chosen, bool* again) {
  *again = false;
  if (!options_.judge) return chosen;
  std::set<uint16_t> all;
  for (const Seat& s : chosen.seats) all.insert(s.index);
  for (const ScriptKey& k : script_.keys) {
    if (!IsShared(k.custody)) continue;
    SplitQuestion q{.set = k.id, .statements = {}};
    q.statements.push_back({.set = k.id,
                            .use = "recover",
                            .extra = static_cast<uint32_t>(chosen.seats.size() - chosen.threshold),
                            .continents = ContinentsAlone(chosen.seats, all, chosen.threshold)});
    for (const ledger::SplitStatement& s : log_->state().published) {
      if (s.set == k.id) q.statements.push_back(s);
    }
    Findings f = options_.judge(q);
    if (f.empty()) continue;
    room_.Say(fmt::format("what could be published of {}, looked at from outside:\n{}", k.id,
                          f.ToString()));
    if (!f.HasErrors()) continue;
    BM_TRY(std::string answer,
           AskOneOf("again (other numbers), withhold (publish nothing) or publish: ",
                    {"again", "withhold", "publish"}));
    *again = answer == "again";
    chosen.withhold = answer == "withhold";
    return chosen;
  }
  return chosen;
}

Result<Runner::Entries> Runner::NewExecutives() {
  Chosen chosen;
  for (bool again = true; again;) {
    BM_TRY(Numbers x, AskNumbers(std::nullopt));
    chosen = {.seats = {}, .withhold = false, .threshold = x.threshold};
    for (uint16_t i = 0; i < x.count; ++i) {
      BM_TRY(Seat seat, AskSeat(FreeIndex(chosen.seats)));
      chosen.seats.push_back(std::move(seat));
    }
    BM_TRY(chosen, JudgeChosen(std::move(chosen), &again));
  }
  return Seated(chosen, "is", "the Key Executives were seated");
}

Result<Runner::Entries> Runner::Seated(const Chosen& chosen, std::string_view is,
                                       std::string_view done) {
  Entries out;
  for (const Seat& s : chosen.seats) {
    BM_TRY(SecretBytes passphrase, AskPassphrase(s.who));
    BM_TRY(std::string words,
           AskOneOf(fmt::format("{}: the share as words on paper, too? yes or no: ", s.who),
                    {"yes", "no"}));
    holders_.push_back({.seat = s, .passphrase = std::move(passphrase), .words = words == "yes"});
    Tell(out, false, fmt::format("{} {} a Key Executive in {}", s.who, is, s.continent));
  }
  out.push_back(MakeEntry(chosen));
  out.push_back(MakeEntry(Line{.open = true, .text = std::string(done)}));
  return out;
}

Result<Runner::Entries> Runner::ChangedExecutives() {
  // All sets of one re-sharing have the same holders: other combinations take a ceremony each.
  const SetState* first = nullptr;
  for (const ScriptKey& k : script_.keys) {
    auto it = log_->state().sets.find(k.id);
    if (!IsShared(k.custody) || it == log_->state().sets.end()) continue;
    if (first == nullptr) {
      first = &it->second;
    } else if (first->dealt.seats != it->second.dealt.seats) {
      return Refused("ceremony.holders-differ",
                     "the keys of this script have different holders or shares",
                     "re-share each of them in a ceremony of its own");
    }
  }
  if (first == nullptr) return Internal("ceremony.step", "none of the keys has shares");
  Chosen chosen;
  for (bool again = true; again;) {
    chosen = {};
    for (const Seat& s : first->dealt.seats) {
      BM_TRY(std::string answer, AskOneOf(fmt::format("{} {} in {}: stays, moves or leaves? ",
                                                      s.who, log_->NameOf(s.who), s.continent),
                                          {"stays", "moves", "leaves"}));
      if (answer == "leaves") continue;
      Seat seat = s;
      if (answer == "moves") {
        BM_TRY(seat.continent, AskNewContinent());
      }
      chosen.seats.push_back(std::move(seat));
    }
    for (;;) {
      BM_TRY(std::string more, AskOneOf("another Key Executive joins? yes or no: ", {"yes", "no"}));
      if (more == "no") break;
      BM_TRY(Seat seat, AskSeat(FreeIndex(chosen.seats)));
      chosen.seats.push_back(std::move(seat));
    }
    BM_TRY(Numbers x, AskNumbers(static_cast<uint16_t>(chosen.seats.size())));
    chosen.threshold = x.threshold;
    BM_TRY(chosen, JudgeChosen(std::move(chosen), &again));
  }
  return Seated(chosen, "will be", "the Key Executives to come were seated");
}

Status Runner::HoldersBack() {
  if (!holders_.empty()) return {};
  const auto& chosen = ceremony().chosen;
  if (!chosen) return Internal("ceremony.step", "no Key Executives were asked for");
  room_.Say("after the interruption each Key Executive gives a passphrase for the shares to come");
  for (const Seat& s : chosen->seats) {
    BM_TRY(SecretBytes passphrase, AskPassphrase(s.who));
    BM_TRY(std::string words,
           AskOneOf(fmt::format("{}: the share as words on paper, too? yes or no: ", s.who),
                    {"yes", "no"}));
    holders_.push_back({.seat = s, .passphrase = std::move(passphrase), .words = words == "yes"});
  }
  return {};
}

Result<Runner::Entries> Runner::HandOut(const std::string& key, const custody::Dealt& dealt,
                                        std::vector<custody::Share>* back) {
  Entries out;
  for (const custody::Share& share : dealt.shares) {
    auto h = std::ranges::find_if(holders_,
                                  [&](const Holder& x) { return x.seat.index == share.index; });
    if (h == holders_.end()) return Internal("ceremony.step", "a share has no holder");
    BM_TRY(std::string sealed,
           custody::SealShare(share, h->passphrase, CostFor(script_.rehearsal)));
    SecretBytes words;
    if (h->words) {
      BM_TRY(words, custody::ToWords(share));
    }
    BM_TRY(SecretBytes page,
           custody::MakeSheet({.sealed = sealed, .words = AsText(words.Read(SecretAccess{}))}));
    const fs::path folder = ShareFolder(h->seat.who);
    BM_CHECK(MakeDirs(folder, 0700));
    const std::string name = ShareName(key, share.generation);
    BM_CHECK(WriteFileAtomic(folder / (name + ".share"), sealed, 0600));
    BM_CHECK(WriteFileAtomic(folder / (name + ".html"), page.Read(SecretAccess{}), 0600));
    BM_TRY(custody::Share read, ReadBack(*h, key, share, dealt.set));
    if (back != nullptr) back->push_back(std::move(read));
  }
  Tell(out, true, fmt::format("the shares of {} were handed out; each was read back", key));
  return out;
}

Result<custody::Share> Runner::ReadBack(Holder& h, const std::string& key,
                                        const custody::Share& share, const custody::ShareSet& set) {
  const fs::path folder = ShareFolder(h.seat.who);
  BM_TRY(std::string file, ReadTextFile(folder / (ShareName(key, share.generation) + ".share"),
                                        custody::kMaxShareFile));
  custody::Share read;
  for (int i = 0;; ++i) {
    if (i == kQuestionTries) return Unanswered();
    SecretBytes typed;
    // The holder proves once that the passphrase is known; further files open with the same.
    if (!h.typed_back) {
      BM_TRY(typed, room_.AskSecret(
                        fmt::format("{}: your passphrase, to read your share back: ", h.seat.who)));
    }
    auto back = custody::OpenShare(file, h.typed_back ? h.passphrase : typed);
    if (back && SameShare(*back, share) && custody::CheckShare(*back, set)) {
      read = std::move(*back);
      break;
    }
    if (h.typed_back)
      return Refused("ceremony.read-back",
                     fmt::format("the share of {} for {} does not read back", key, h.seat.who),
                     "look at the medium it is written to, then resume");
    room_.Say("that does not open it");
  }
  h.typed_back = true;
  if (!h.words) return read;
  BM_TRY(SecretBytes words, custody::ToWords(share));
  std::array<uint8_t, 1> r{};
  rng_.Fill(r);
  const size_t line = r[0] % custody::kWordLines;
  for (int i = 0; i < kQuestionTries; ++i) {
    BM_TRY(SecretBytes typed,
           room_.AskSecret(fmt::format("{}: line {} of the words on your page for {}: ", h.seat.who,
                                       line + 1, key)));
    if (EqualSecret(typed.Read(SecretAccess{}), AsBytes(LineOf(words, line)))) return read;
    room_.Say("that is not what stands there");
  }
  return Unanswered();
}

Result<custody::Share> Runner::AskShare(const std::string& path) {
  if (path == "words") {
    Bytes text;
    for (size_t i = 0; i < custody::kWordLines; ++i) {
      BM_TRY(SecretBytes line, room_.AskSecret(fmt::format("line {} of the words: ", i + 1)));
      ByteView read = line.Read(SecretAccess{});
      text.insert(text.end(), read.begin(), read.end());
      text.push_back('\n');
    }
    SecretBytes words = SecretBytes::Take(std::move(text));
    return custody::FromWords(words.Read(SecretAccess{}));
  }
  BM_TRY(std::string file, ReadTextFile(path, custody::kMaxShareFile));
  BM_TRY(SecretBytes passphrase, room_.AskSecret("passphrase of this share: "));
  return custody::OpenShare(file, passphrase);
}

Result<std::vector<custody::Share>> Runner::Gather(const std::string& key, Entries& entries) {
  const SetState& state = log_->state().sets.at(key);
  const custody::ShareSet& set = state.dealt.set;
  std::vector<custody::Share> good;
  room_.Say(fmt::format("shares of {} are needed; Key Executives come one after another", key));
  for (int tries = 0; good.size() < set.threshold; ++tries) {
    if (tries == kMaxShareTries)
      return Refused("share.too-few", fmt::format("the shares of {} did not come together", key),
                     "resume when enough Key Executives are there");
    BM_TRY(std::string path,
           room_.Ask("share file, or \"words\" to type one from paper, or \"stop\": "));
    if (path == "stop")
      return Refused("ceremony.stopped", "the ceremony was stopped; what was confirmed stands",
                     "go on with: birthmark ceremony resume DIR");
    auto share = AskShare(path);
    Status right = share ? custody::CheckShare(*share, set) : std::unexpected(share.error());
    const uint16_t index = share ? share->index : 0;
    if (right && std::ranges::find(good, index, &custody::Share::index) != good.end())
      right = Refused("share.duplicate", fmt::format("share {} is here already", index));
    if (!right) {
      // Named inside, and set aside: the others go on.
      const Seat* seat = state.FindSeat(index);
      Tell(entries, false,
           fmt::format("set aside [{}]: {}{}", right.error().code, right.error().message,
                       seat == nullptr ? "" : " (" + seat->who + ")"));
      entries.push_back(
          MakeEntry(ShareRefused{.key = key, .code = right.error().code, .index = index}));
      continue;
    }
    const Seat* seat = state.FindSeat(index);
    Tell(entries, false, fmt::format("the share of {} is right", seat == nullptr ? "" : seat->who));
    entries.push_back(MakeEntry(
        Proven{.how = "brought", .key = key, .index = index, .generation = set.generation}));
    good.push_back(std::move(*share));
  }
  Tell(entries, true, fmt::format("enough Key Executives brought their shares of {}", key));
  return good;
}

}  // namespace birthmark::ceremony
