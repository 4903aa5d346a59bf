// SPDX-License-Identifier: Apache-2.0
#include "disclose/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "answer/value.h"
#include "disclose/leak_guard.h"
#include "disclose/words.h"
#include "ledger/checkpoint.h"
#include "vocab/rules.h"

namespace birthmark::disclose {
namespace {

constexpr std::string_view kAsk = "ask the manufacturer for a corrected disclosure";

class Checker {
 public:
  explicit Checker(const Disclosure& d) : d_(d) {}

  Findings Run() {
    Head();
    Drawings();
    Identities();
    Checkpoint();
    std::set<std::pair<std::string, std::string>> seen;
    for (const answer::Answer& a : d_.answers) {
      if (!seen.emplace(a.question, a.subject).second) {
        Bad("answer-twice", fmt::format("{} is answered twice", Name(a)));
      }
      Answer(a);
    }
    out_.Append(ImpossibleClaims(d_));
    return std::move(out_);
  }

 private:
  void Bad(std::string_view code, std::string message) {
    out_.Error(fmt::format("disclosure.{}", code), std::move(message), std::string(kAsk));
  }
  static std::string Name(const answer::Answer& a) {
    return fmt::format("{} of {}", Plain(a.question),
                       a.subject.empty() ? "nothing" : Plain(a.subject));
  }
  bool KnownRevision() const {
    vocab::Revision r{};
    return vocab::FromText(d_.revision, r);
  }

  void Head() {
    if (d_.product.id.empty()) Bad("product", "the product has no id");
    if (d_.period_from > d_.period_to || d_.period_to > d_.issued) {
      Bad("period", "the period it covers does not end before it was issued");
    }
    const bool marked = std::find(d_.marks.begin(), d_.marks.end(), kMarkKeys) != d_.marks.end();
    if (d_.rehearsal && !marked) {
      Bad("rehearsal-unmarked",
          fmt::format("it is a rehearsal and does not say \"{}\"", kMarkKeys));
    }
    if (!d_.rehearsal && !d_.marks.empty()) {
      Bad("mark", "it bears the marks of a rehearsal and says that it is none");
    }
    SplitModel model{};
    if (d_.split_model && !FromText(*d_.split_model, model)) {
      Bad("split-model", fmt::format("split model \"{}\" is unknown", Plain(*d_.split_model)));
    }
    static const std::set<std::string_view> kContinentCodes = {"AF", "AN", "AS", "EU",
                                                               "NA", "OC", "SA"};
    std::set<std::string> ids;
    for (const Site& s : d_.sites) {
      Unique(ids, "site", s.id);
      if (!kContinentCodes.contains(s.continent)) {
        Bad("continent",
            fmt::format("site {}: continent \"{}\" is unknown", Plain(s.id), Plain(s.continent)));
      }
    }
  }

  void Unique(std::set<std::string>& ids, std::string_view what, const std::string& id) {
    if (!ids.insert(id).second) Bad("id-twice", fmt::format("{} {} stands twice", what, Plain(id)));
  }
  void Refers(const std::set<std::string>& ids, std::string_view who, const std::string& from,
              std::string_view what, const std::string& to) {
    if (ids.contains(to)) return;
    Bad("reference", fmt::format("{} {} names {} \"{}\", which is not there", who, Plain(from),
                                 what, Plain(to)));
  }

  void Drawings() {
    std::set<std::string> stores, stages, anchors;
    for (const Store& s : d_.stores) Unique(stores, "store", s.id);
    for (const Stage& s : d_.stages) Unique(stages, "stage", s.id);
    for (const Anchor& a : d_.anchors) Unique(anchors, "anchor", a.id);
    std::set<std::string> artifacts = stores;  // what can vouch for what is in a store
    artifacts.insert(stages.begin(), stages.end());
    artifacts.insert(anchors.begin(), anchors.end());
    for (const Store& s : d_.stores) {
      if (s.protected_by) Refers(artifacts, "store", s.id, "artifact", *s.protected_by);
      if (vocab::StoreKind kind{};
          vocab::FromText(s.kind, kind) && vocab::IsInternal(kind) != s.internal) {
        Bad("store-internal", fmt::format("store {}: {} is {} the CPU package", Plain(s.id),
                                          Plain(s.kind), s.internal ? "not inside" : "inside"));
      }
    }
    for (const Stage& s : d_.stages) {
      Refers(stores, "stage", s.id, "store", s.store);
      if (s.verified_by) Refers(anchors, "stage", s.id, "anchor", *s.verified_by);
    }
    for (const Anchor& a : d_.anchors) {
      Refers(stores, "anchor", a.id, "store", a.store);
      if (a.protected_by) Refers(artifacts, "anchor", a.id, "artifact", *a.protected_by);
    }
    std::set<std::string> pkis;
    for (const Pki& p : d_.pkis) {
      Unique(pkis, "PKI", p.id);
      for (size_t i = 0; i < p.levels.size(); ++i) {
        if (p.levels[i].level != i + 1) {
          Bad("pki-levels", fmt::format("PKI {}: levels do not run 1, 2, 3…", Plain(p.id)));
          break;
        }
      }
    }
  }

  void Identities() {
    std::set<std::string> slots;
    for (const Identity& i : d_.identities) {
      Unique(slots, "identity slot", i.slot);
      const bool there =
          std::any_of(d_.pkis.begin(), d_.pkis.end(), [&](const Pki& p) { return p.id == i.pki; });
      if (!i.pki.empty() && !there) {
        Bad("reference", fmt::format("identity {} names PKI \"{}\", which is not there",
                                     Plain(i.slot), Plain(i.pki)));
      }
      vocab::Method method{};
      vocab::Transfer transfer{};
      if (!vocab::FromText(i.method, method)) {
        if (KnownRevision()) {
          Bad("method",
              fmt::format("identity {}: method \"{}\" is unknown", Plain(i.slot), Plain(i.method)));
        }
        continue;
      }
      if (vocab::FromText(i.transfer, transfer) && !vocab::MethodAllows(method, transfer)) {
        Bad("method",
            fmt::format("identity {}: {} cannot be {}", Plain(i.slot), i.method, i.transfer));
      }
      if (i.birth != vocab::ToText(vocab::BirthOf(method))) {
        Bad("method", fmt::format("identity {}: a key of {} is not {}", Plain(i.slot), i.method,
                                  Plain(i.birth)));
      }
    }
  }

  void Checkpoint() {
    if (d_.checkpoint.empty()) return;
    auto note = ledger::ParseNote(d_.checkpoint);
    if (note) {
      if (auto c = ledger::ParseCheckpoint(note->text)) {
        checkpoint_ = *c;
        return;
      }
    }
    Bad("checkpoint", "the checkpoint it ends at cannot be read");
    bad_checkpoint_ = true;
  }

  void Answer(const answer::Answer& a) {
    vocab::Question question{};
    vocab::Aspect aspect{};
    if (KnownRevision() && !vocab::FromText(a.question, question) &&
        !vocab::FromText(a.question, aspect)) {
      Bad("question",
          fmt::format("\"{}\" is no question of revision {}", Plain(a.question), d_.revision));
    }
    vocab::AnswerState state{};
    if (!vocab::FromText(a.state, state)) {
      Bad("state", fmt::format("{}: state \"{}\" is unknown", Name(a), Plain(a.state)));
    }
    Subject(a);
    const bool declared = a.declared && !a.declared->value.IsNull();
    const bool measured = a.measured && !a.measured->value.IsNull();
    if (a.state == "answered" && !declared && !measured) {
      Bad("value-missing", fmt::format("{} is answered without a value", Name(a)));
    }
    if (a.state != "answered" && (declared || measured)) {
      Bad("value-unasked", fmt::format("{} is {} and has a value", Name(a), Plain(a.state)));
    }
    if ((a.state == "withheld" || a.state == "not-applicable") && (!a.why || a.why->empty())) {
      Bad("why-missing", fmt::format("{} is {} without a reason", Name(a), a.state));
    }
    // A later revision may have another rule for a question; the rule here is for those we know.
    const bool differs =
        declared && measured && answer::Differ(a.question, a.declared->value, a.measured->value);
    if (a.differs != differs && KnownRevision()) {
      Bad("differs", fmt::format("{} is said {}to differ and does{}", Name(a),
                                 a.differs ? "" : "not ", a.differs ? " not" : ""));
    }
    if (a.measured) Measured(a, *a.measured);
    if (a.state == "answered") Against(a);
  }

  void Subject(const answer::Answer& a) {
    constexpr std::string_view kPrefix = "anchor:";
    if (!a.subject.starts_with(kPrefix)) return;
    const std::string id = a.subject.substr(kPrefix.size());
    if (std::none_of(d_.anchors.begin(), d_.anchors.end(),
                     [&](const Anchor& x) { return x.id == id; })) {
      Bad("reference", fmt::format("{}: there is no such anchor", Name(a)));
    }
  }

  void Measured(const answer::Answer& a, const answer::Measured& m) {
    if (m.basis != "measured" && m.basis != "attested") {
      Bad("basis", fmt::format("{}: basis \"{}\" is unknown", Name(a), Plain(m.basis)));
    }
    if (m.method.empty())
      Bad("method-missing", fmt::format("{} is measured by no named method", Name(a)));
    if (m.from && m.to && *m.from > *m.to)
      Bad("period", fmt::format("{}: its period ends before it begins", Name(a)));
    if (m.evidence.origin.empty() || m.evidence.size == 0) {
      Bad("evidence-missing", fmt::format("{} is measured without evidence", Name(a)));
      return;
    }
    // An attested answer's evidence is a sealed log of its own.
    if (m.basis != "measured" || bad_checkpoint_) return;
    if (!checkpoint_) {
      Bad("evidence-missing", fmt::format("{} is measured and no checkpoint is given", Name(a)));
    } else if (m.evidence.origin != checkpoint_->origin || m.evidence.size != checkpoint_->size ||
               m.evidence.root != checkpoint_->root) {
      Bad("evidence", fmt::format("{}: its evidence is not the log at the checkpoint", Name(a)));
    }
  }

  // Against compares an answer with the drawing of the same thing: what is declared with what is
  // drawn from the plan, what is measured with what is drawn from the ledger.
  void Against(const answer::Answer& a) {
    auto text = [](const cbor::Value& v) { return v.AsText() ? *v.AsText() : std::string(); };
    if (a.question == "identity-pki-level" && a.measured) {
      constexpr std::string_view kPrefix = "identity-pki:";
      const std::string id =
          a.subject.starts_with(kPrefix) ? a.subject.substr(kPrefix.size()) : a.subject;
      for (const Pki& p : d_.pkis) {
        if (p.id != id || p.levels.empty() || !p.levels.back().ee) continue;
        if (!(a.measured->value == cbor::Value(static_cast<uint64_t>(p.levels.back().level)))) {
          Bad("drawing", fmt::format("{}: measured other than the PKI is drawn", Name(a)));
        }
      }
    }
    if (a.question == "initial-enclave-location" && a.declared) {
      const std::string place = text(a.declared->value);
      for (const Anchor& x : d_.anchors) {
        if (x.kind != "first-boot") continue;
        for (const Store& s : d_.stores) {
          if (s.id != x.store ||
              !(place.starts_with("internal(") || place.starts_with("external(")))
            continue;
          if (place.starts_with("internal(") != s.internal) {
            Bad("drawing",
                fmt::format("{}: declared {}, drawn in {}", Name(a), Plain(place), Plain(s.kind)));
          }
        }
        break;  // the first of them is the initial one; later ones sit in what it verifies
      }
    }
    if (a.question == "initial-enclave-privacy-key" && a.declared) {
      static const std::map<std::string_view, std::string_view> kWords = {
          {"no", "no"}, {"yes-shared-key", "shared-key"}, {"yes-per-device-key", "per-device-key"}};
      auto said = kWords.find(text(a.declared->value));
      for (const Stage& s : d_.stages) {
        if (s.kind != "first-stage" || said == kWords.end() || s.encrypted == said->second)
          continue;
        Bad("drawing",
            fmt::format("{}: declared {}, drawn {}", Name(a), said->first, Plain(s.encrypted)));
      }
    }
  }

  const Disclosure& d_;
  Findings out_;
  std::optional<ledger::Checkpoint> checkpoint_;
  bool bad_checkpoint_ = false;
};

}  // namespace

Findings Check(const Disclosure& d) { return Checker(d).Run(); }

}  // namespace birthmark::disclose
