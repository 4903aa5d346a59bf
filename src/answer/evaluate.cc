// SPDX-License-Identifier: Apache-2.0
#include "answer/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "answer/evaluators.h"
#include "answer/fold.h"
#include "answer/value.h"
#include "plan/other_party.h"
#include "vocab/vocab.h"

namespace birthmark::answer {
namespace {

using vocab::Aspect;
using vocab::Question;

template <class Word>
struct Registered {
  Word word;
  Evaluator evaluate;
};

constexpr std::array<Registered<Question>, vocab::kQuestionCount> kQuestions = {{
    {Question::kInitialEnclaveLocation, InitialEnclaveLocation},
    {Question::kInitialEnclaveIntegrityKey, InitialEnclaveIntegrityKey},
    {Question::kInitialEnclavePrivacyKey, InitialEnclavePrivacyKey},
    {Question::kFirstStageExposure, FirstStageExposure},
    {Question::kFirstSecondStageGap, FirstSecondStageGap},
    {Question::kIdentityPkiLevel, IdentityPkiLevel},
    {Question::kIdentityTimeLimits, IdentityTimeLimits},
    {Question::kIdentityNumberPerSubordinate, IdentityNumberPerSubordinate},
    {Question::kIdentityAnchorStorage, IdentityAnchorStorage},
    {Question::kIdentitySplitExtra, IdentitySplitExtra},
    {Question::kIdentitySplitContinents, IdentitySplitContinents},
    {Question::kPkiLevel, PkiLevel},
    {Question::kPkiAlgorithms, PkiAlgorithms},
    {Question::kPkiLifespan, PkiLifespan},
    {Question::kPkiLevelLocked, PkiLevelLocked},
    {Question::kPkiBreadth, PkiBreadth},
    {Question::kPkiLockPolicy, PkiLockPolicy},
    {Question::kPkiAnchorStorage, PkiAnchorStorage},
}};
constexpr std::array<Registered<Aspect>, vocab::kAspectCount> kAspects = {{
    {Aspect::kReplace, Replace},
    {Aspect::kAdd, Add},
    {Aspect::kRemove, Remove},
    {Aspect::kKeep, Keep},
}};

// Each word stands once and at its own place: the tables have exactly one evaluator for each.
template <class Table>
constexpr bool ExactlyOneEach(const Table& table) {
  for (size_t i = 0; i < table.size(); ++i) {
    if (static_cast<size_t>(table[i].word) != i || table[i].evaluate == nullptr) return false;
  }
  return true;
}
static_assert(kQuestions.size() == 18 && ExactlyOneEach(kQuestions));
static_assert(kAspects.size() == 4 && ExactlyOneEach(kAspects));

std::string Withheld(const plan::Declared& d) {
  if (d.clause.empty()) return d.reason;
  return d.reason.empty() ? d.clause : fmt::format("{} ({})", d.reason, d.clause);
}

std::optional<std::string> NoteOf(const plan::Declared& d) {
  std::string note = d.note;
  if (!d.withheld_part.empty()) {
    if (!note.empty()) note += "; ";
    note += fmt::format("{} withheld: {}", d.withheld_part, Withheld(d));
  }
  return note.empty() ? std::nullopt : std::optional(note);
}

// Settle puts together what was declared and what was found. Declared and measured stand side by
// side; a measured value is dropped in one case alone, when its owner withholds the answer.
void Settle(const Fold& fold, const plan::Declared* d, Found found, Answer& a) {
  a.rounding = found.measured ? found.rounding : "exact";
  if (d != nullptr && d->state == vocab::AnswerState::kWithheld) {
    a.state = "withheld";
    a.why = Withheld(*d);
    return;
  }
  a.measured = std::move(found.measured);
  a.earlier = std::move(found.earlier);
  if (d != nullptr && d->state == vocab::AnswerState::kAnswered) {
    a.declared = Declared{d->date, d->role, FromDeclared(d->value), NoteOf(*d)};
  } else if (d != nullptr && d->state == vocab::AnswerState::kNotApplicable) {
    if (!a.measured) {
      a.state = "not-applicable";
      a.why = d->reason;
      return;
    }
    a.declared = Declared{d->date, d->role, cbor::Value("not-applicable"), d->reason};
  } else if (d == nullptr && found.implied) {
    a.declared = Declared{FormatDate(TimeFromMillis(fold.plans.back().at)), "plan",
                          std::move(*found.implied), "follows from the plan: " + found.implied_by};
  }
  if (a.declared || a.measured) {
    a.state = "answered";
    a.differs =
        a.declared && a.measured && Differ(a.question, a.declared->value, a.measured->value);
    if (found.not_applicable) a.why = *found.not_applicable;
  } else if (found.not_applicable) {
    a.state = "not-applicable";
    a.why = found.not_applicable;
  } else {
    a.state = "not-answered";
    a.why = found.why_not;
  }
  // How many people recover a key is never told by us (5.3.1), declared or not.
  if (a.question == vocab::ToText(Question::kPkiAnchorStorage) ||
      a.question == vocab::ToText(Aspect::kKeep)) {
    const std::string people = "the number of people it takes is withheld (5.3.1)";
    if (a.state == "not-answered" && a.question == vocab::ToText(Question::kPkiAnchorStorage)) {
      a.state = "withheld";
      a.why = people;
    } else if (a.state == "answered" && a.question == vocab::ToText(Question::kPkiAnchorStorage)) {
      a.why = people;
    }
  }
}

class Asking {
 public:
  Asking(const Fold& fold, Period period) : fold_(fold), period_(period) {}

  // Ask goes through all questions about subjects of these kinds.
  void Ask(std::initializer_list<vocab::Subject> kinds, const std::string& id) {
    // About another party's PKI that party answers, in its own signed disclosure.
    const plan::Pki* pki = fold_.plan.FindPki(id);
    const std::optional<std::string> others =
        pki == nullptr ? std::nullopt : plan::OthersPki(fold_.plan, *pki);
    for (const auto& [question, evaluate] : kQuestions) {
      const vocab::Subject kind = vocab::RowOf(question).subject;
      if (std::ranges::find(kinds, kind) == kinds.end()) continue;
      for (const std::string& share_set :
           kind == vocab::Subject::kShareSet ? ShareSets(id) : std::vector{id}) {
        Answer a;
        a.question = vocab::ToText(question);
        a.subject = vocab::ToText(kind);
        if (kind != vocab::Subject::kDevice) a.subject += ":" + share_set;
        Found found;
        if (others) {
          found.why_not = *others;
        } else {
          found = evaluate({fold_, period_, id});
        }
        Settle(fold_, DeclaredFor(question, a.subject), std::move(found), a);
        answers_.push_back(std::move(a));
      }
    }
  }
  // NoPki answers the questions about an identity PKI for a slot that has none: they do not apply,
  // and say so. No PKI has an id with a slash.
  void NoPki(const plan::IdentitySlot& slot) {
    for (const auto& [question, evaluate] : kQuestions) {
      const vocab::Subject kind = vocab::RowOf(question).subject;
      if (kind != vocab::Subject::kIdentityPki && kind != vocab::Subject::kShareSet) continue;
      Answer a;
      a.question = vocab::ToText(question);
      a.subject = fmt::format("{}:slot/{}", vocab::ToText(kind), vocab::ToText(slot.slot));
      a.state = "not-applicable";
      a.why = slot.slot == vocab::Identity::kGroup
                  ? "no PKI: the key that a batch shares is known by itself"
                  : fmt::format("no PKI: a secret has no certificate{}",
                                slot.derived ? "; it is derived from a master key" : "");
      answers_.push_back(std::move(a));
    }
  }
  void AskAspects(const std::string& anchor) {
    for (const auto& [aspect, evaluate] : kAspects) {
      Answer a;
      a.question = vocab::ToText(aspect);
      a.subject = "anchor:" + anchor;
      Settle(fold_, nullptr, evaluate({fold_, period_, anchor}), a);
      answers_.push_back(std::move(a));
    }
  }
  std::vector<Answer> Take() { return std::move(answers_); }

 private:
  const plan::Declared* DeclaredFor(Question q, const std::string& subject) const {
    for (const plan::Declared& d : fold_.plan.declared) {
      if (d.question == q && d.subject == subject) return &d;
    }
    return nullptr;
  }
  // ShareSets is those the plan's declared answers name, or the PKI's own name for its root's.
  std::vector<std::string> ShareSets(const std::string& pki) const {
    std::vector<std::string> out;
    for (const plan::Declared& d : fold_.plan.declared) {
      constexpr std::string_view kPrefix = "share-set:";
      if (!d.subject.starts_with(kPrefix)) continue;
      std::string id = d.subject.substr(kPrefix.size());
      if (std::ranges::find(out, id) == out.end()) out.push_back(std::move(id));
    }
    // Sets with names of their own are asked about once, with the first identity PKI.
    if (!out.empty() && fold_.plan.IdentityPki() != nullptr && fold_.plan.IdentityPki()->id != pki)
      return {};
    return out.empty() ? std::vector{pki} : out;
  }

  const Fold& fold_;
  Period period_;
  std::vector<Answer> answers_;
};

}  // namespace

Measured Begin(const Case& c, std::string method, std::vector<Ref> refs) {
  Measured m;
  m.method = std::move(method);
  m.from = c.fold.begin();
  m.to = c.fold.end();
  m.evidence = c.fold.Head(std::move(refs));
  return m;
}

Measured BeginPeriod(const Case& c, std::string method, std::vector<Ref> refs) {
  Measured m = Begin(c, std::move(method), std::move(refs));
  m.from = c.period.from;
  m.to = c.period.to;
  return m;
}

Result<Evaluation> EvaluateAll(ledger::EventSource& source, const Options& options) {
  Fold fold(options.product, {.check_all = options.check_all});
  // Stopping at a size is no failure; the source only knows failures.
  constexpr std::string_view kEnough = "answer.enough";
  Status read =
      source.ForEach([&](uint64_t seq, const ledger::Event& event, ByteView raw) -> Status {
        if (options.size && seq >= *options.size) return Refused(std::string(kEnough), "");
        return fold.Take(seq, event, raw);
      });
  if (!read && read.error().code != kEnough) return std::unexpected(std::move(read).error());
  BM_CHECK(fold.Finish(options.head ? std::optional(options.head->root) : std::nullopt,
                       options.head ? options.head->size : options.size.value_or(0)));

  Evaluation out;
  constexpr int64_t kDay = 86'400'000;
  out.period = options.period.value_or(
      Period{fold.end() - fold.plan.publication.period_days * kDay, fold.end()});
  Asking asking(fold, out.period);
  asking.Ask({vocab::Subject::kDevice}, "");
  for (const plan::Pki& pki : fold.plan.pkis) {
    if (pki.purpose != plan::Purpose::kIdentity) continue;
    asking.Ask({vocab::Subject::kIdentityPki, vocab::Subject::kShareSet}, pki.id);
  }
  for (const plan::IdentitySlot& slot : fold.plan.identities) {
    if (fold.plan.PkiOf(slot) == nullptr) asking.NoPki(slot);
  }
  for (const plan::Anchor& anchor : fold.plan.anchors) {
    asking.Ask({vocab::Subject::kAnchor}, anchor.id);
    asking.AskAspects(anchor.id);
  }
  out.answers = asking.Take();
  const Evidence head = fold.Head({});
  out.origin = head.origin;
  out.head = {head.size, head.root};
  out.complete = fold.complete;
  out.rehearsal = fold.genesis.rehearsal;
  out.plan = std::move(fold.plan);
  return out;
}

Result<std::vector<Answer>> Evaluate(ledger::EventSource& source, const Options& options) {
  BM_TRY(Evaluation evaluation, EvaluateAll(source, options));
  return std::move(evaluation.answers);
}

}  // namespace birthmark::answer
