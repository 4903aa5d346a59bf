// SPDX-License-Identifier: Apache-2.0
#include "answer/recompute.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "answer/value.h"

namespace birthmark::answer {
namespace {

// kMaxPrefixes bounds how often a hostile disclosure can make us read the log.
constexpr size_t kMaxPrefixes = 4;

bool SameMembers(const Measured& a, const Measured& b) {
  return cbor::ToCbor(a) == cbor::ToCbor(b);
}

// WhatDiffers names the first members that are not equal, in the order a person asks about them.
std::string WhatDiffers(const std::string& question, const Measured& disclosed,
                        const Measured& ours) {
  std::string out;
  auto add = [&](std::string what) {
    if (!out.empty()) out += "; ";
    out += what;
  };
  if (!(cbor::Encode(disclosed.value) == cbor::Encode(ours.value))) {
    add(fmt::format("value: {}, disclosed {}", Describe(question, ours.value),
                    Describe(question, disclosed.value)));
  }
  if (disclosed.method != ours.method) {
    add(fmt::format("method: {}, disclosed {}", ours.method, disclosed.method));
  }
  if (disclosed.evidence.origin != ours.evidence.origin) add("evidence: of another log");
  if (disclosed.evidence.root != ours.evidence.root)
    add("evidence: another root over the same number of events");
  if (disclosed.evidence.events != ours.evidence.events) add("evidence: other events were used");
  if (disclosed.from != ours.from || disclosed.to != ours.to) add("period");
  if (disclosed.population.has_value() != ours.population.has_value() ||
      (ours.population && (ours.population->of != disclosed.population->of ||
                           ours.population->counted != disclosed.population->counted))) {
    add("population");
  }
  if (disclosed.exclusions != ours.exclusions) add("exclusions");
  if (disclosed.notes != ours.notes) add("notes");
  if (disclosed.leans_on != ours.leans_on) add("declared inputs");
  if (disclosed.verifier != ours.verifier) add("verifier");
  if (disclosed.basis != ours.basis) add("basis");
  return out;
}

const Answer* Find(const std::vector<Answer>& answers, const Answer& like) {
  auto it = std::ranges::find_if(answers, [&](const Answer& a) {
    return a.question == like.question && a.subject == like.subject;
  });
  return it == answers.end() ? nullptr : &*it;
}

Recomputed Compare(const Answer& disclosed, const Evaluation& ours) {
  Recomputed r{disclosed.question, disclosed.subject, Outcome::kSame, ""};
  const Answer* mine = Find(ours.answers, disclosed);
  if (mine == nullptr || !mine->measured) {
    r.outcome = ours.complete && mine != nullptr ? Outcome::kDiffers : Outcome::kNotInBundle;
    r.what = mine == nullptr
                 ? "the bundle's plan has no such subject"
                 : fmt::format("nothing measured: {}", mine->why.value_or("no evidence"));
    return r;
  }
  if (SameMembers(*disclosed.measured, *mine->measured) ||
      std::ranges::any_of(mine->earlier, [&](const Measured& earlier) {
        return SameMembers(*disclosed.measured, earlier);
      }))
    return r;
  r.what = WhatDiffers(disclosed.question, *disclosed.measured, *mine->measured);
  // With events missing, other evidence is the missing events' doing, and so is all that follows
  // from it.
  const bool other_events = disclosed.measured->evidence.events != mine->measured->evidence.events;
  r.outcome = !ours.complete && other_events ? Outcome::kNotInBundle : Outcome::kDiffers;
  return r;
}

}  // namespace

std::string_view ToText(Outcome o) {
  switch (o) {
    case Outcome::kSame:
      return "same";
    case Outcome::kDiffers:
      return "differs";
    case Outcome::kNotInBundle:
      return "not-in-bundle";
    case Outcome::kAttested:
      return "attested";
  }
  return "";
}

Result<std::vector<Recomputed>> Recompute(ledger::EventSource& bundle,
                                          const std::vector<Answer>& disclosed, Options options) {
  std::map<uint64_t, Evaluation> by_size;
  std::vector<Recomputed> out;
  for (const Answer& a : disclosed) {
    if (!a.measured) continue;
    if (a.measured->basis == "attested") {
      out.push_back(
          {a.question, a.subject, Outcome::kAttested, "computed inside a sealed ceremony"});
      continue;
    }
    const uint64_t size = a.measured->evidence.size;
    auto it = by_size.find(size);
    if (it == by_size.end()) {
      if (by_size.size() == kMaxPrefixes) {
        return Refused(
            "answer.too-many-prefixes",
            fmt::format("the answers speak of more than {} sizes of the log", kMaxPrefixes));
      }
      Options one = options;
      one.size = size;
      if (one.head && one.head->size != size) one.head.reset();
      BM_TRY(Evaluation evaluation, EvaluateAll(bundle, one));
      it = by_size.emplace(size, std::move(evaluation)).first;
    }
    out.push_back(Compare(a, it->second));
  }
  return out;
}

}  // namespace birthmark::answer
