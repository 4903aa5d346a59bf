// SPDX-License-Identifier: Apache-2.0
#include "disclose/show.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "disclose/words.h"

namespace birthmark::disclose {
namespace {

constexpr size_t kWidth = 80;

std::string Date(int64_t ms) { return FormatDate(TimeFromMillis(ms)); }

// Line wraps a text behind a label that fills `column`; further lines are indented to the text.
std::string Line(std::string_view label, std::string_view text, size_t indent, size_t column) {
  std::string out;
  std::string head = std::string(indent, ' ') + std::string(label);
  const size_t start = indent + column;
  if (Columns(head) < start) {
    head += std::string(start - Columns(head), ' ');
  } else if (!label.empty()) {
    head += ' ';
  }
  for (const std::string& line : Wrap(text, kWidth - start)) {
    // A label wider than its column stands on a line of its own.
    if (out.empty() && Columns(head) > start) {
      head.erase(head.find_last_not_of(' ') + 1);
      out = head + "\n";
      head = std::string(start, ' ');
    }
    out += head + line;
    out.erase(out.find_last_not_of(' ') + 1);
    out += "\n";
    head = std::string(start, ' ');
  }
  return out;
}

std::string Validity(const std::optional<int64_t>& from, const std::optional<int64_t>& to) {
  if (from && to) return fmt::format(", {}", Dates(*from, *to));
  if (to) return fmt::format(", until {}", Date(*to));
  return from ? fmt::format(", from {}, no end", Date(*from)) : "";
}

std::string Passport(const OpenedDisclosure& o) {
  const Disclosure& d = o.disclosure;
  std::string out = fmt::format("{}, {}\n", Plain(d.product.name), Plain(d.product.manufacturer));
  auto row = [&](std::string_view label, const std::string& text) {
    out += Line(label, text, 2, 12);
  };
  row("product", fmt::format("{}, hardware {}, firmware {}", Plain(d.product.id),
                             Plain(d.product.hardware), Plain(d.product.firmware)));
  if (d.product.firmware_digest) row("", "firmware SHA-256 " + ToHex(*d.product.firmware_digest));
  row("disclosure", fmt::format("version {} of {}, covers {}", d.version, Date(d.issued),
                                Dates(d.period_from, d.period_to)));
  std::string sites;
  for (const Site& s : d.sites) {
    sites += fmt::format("{}{} ({}, {})", sites.empty() ? "" : ", ", Plain(s.id), Plain(s.country),
                         Plain(s.continent));
  }
  row("sites", sites.empty() ? "not told" : sites);
  row("words",
      fmt::format("taxonomy revision {}, written by {}", Plain(d.revision), Plain(d.program)));
  row("signer",
      fmt::format("{}, {}", Plain(o.signer_name),
                  o.signer_named ? "under what you named" : "not checked here: use verify"));
  row("evidence",
      d.checkpoint.empty() ? "none: all of it is declared" : "a log, at the checkpoint inside");
  if (d.split_model) row("split", "model " + Plain(*d.split_model));
  return out;
}

std::string Keys(const Disclosure& d) {
  std::string out;
  for (const Identity& i : d.identities) {
    out += Line(Plain(i.slot),
                fmt::format("{}: {}, {}; {}; identity lock: {}{}{}", Plain(i.method),
                            Plain(i.birth), Plain(i.transfer), Plain(i.algorithm), Plain(i.lock),
                            i.pki.empty() ? "" : "; PKI " + Plain(i.pki),
                            i.shared ? "; shared by " + Plain(*i.shared) + " devices" : ""),
                2, 12);
    if (i.authority) {
      out += Line("certified",
                  fmt::format("in the silicon maker's factory: {}{}", Plain(*i.authority),
                              i.refers ? "; its own disclosure: SHA-256 " + ToHex(*i.refers) : ""),
                  4, 12);
    }
    for (const Place& p : i.places) {
      out += Line(Plain(p.how),
                  fmt::format("{}{}", Plain(p.where), p.outside ? " (outside the device)" : ""), 4,
                  12);
    }
  }
  return out;
}

std::string Pkis(const Disclosure& d) {
  std::string out;
  for (const Pki& p : d.pkis) {
    out += Line("", Plain(p.id), 2, 0);
    if (p.anchor_digest) out += Line("SHA-256", ToHex(*p.anchor_digest) + " (anchor)", 4, 10);
    for (const PkiLevel& l : p.levels) {
      std::string siblings = l.ee              ? ""
                             : l.siblings == 0 ? ", several"
                             : l.siblings > 1  ? fmt::format(", {} of them", l.siblings)
                                               : "";
      out += Line(fmt::format("level {}", l.level),
                  fmt::format("{}{}: {}, key in {}{}{}", Plain(l.name), siblings,
                              l.ee        ? "end entities"
                              : l.offline ? "offline"
                                          : "online",
                              l.storage.empty() ? "a store not told" : Plain(l.storage),
                              l.algorithm.empty() ? "" : ", " + Plain(l.algorithm),
                              Validity(l.not_before, l.not_after)),
                  4, 10);
    }
  }
  return out;
}

std::string BootChain(const Disclosure& d) {
  std::string out;
  for (const Stage& s : d.stages) {
    out += Line(
        Plain(s.id),
        fmt::format("in {}, {}; encrypted: {}; lock: {}", Plain(s.store),
                    s.verified_by ? "verified by " + Plain(*s.verified_by) : "verified by nothing",
                    Plain(s.encrypted), Plain(s.lock)),
        2, 16);
  }
  for (const Store& s : d.stores) {
    out += Line(Plain(s.id),
                fmt::format("store, {}, {} the CPU package{}", Plain(s.kind),
                            s.internal ? "inside" : "outside",
                            s.protected_by ? "; protected by " + Plain(*s.protected_by) : ""),
                2, 16);
  }
  return out;
}

std::string AnswerLine(const answer::Answer& a, const Disclosure& d) {
  return Line(QuestionName(a.question, d.revision), AnswerWords(a), 2, 38);
}

std::vector<const answer::Answer*> Ordered(const Disclosure& d) {
  std::vector<const answer::Answer*> out;
  for (const answer::Answer& a : d.answers) out.push_back(&a);
  std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) {
    return QuestionRank(a->question) < QuestionRank(b->question);
  });
  return out;
}

std::string Anchors(const Disclosure& d, const std::vector<const answer::Answer*>& answers) {
  std::string out;
  for (const Anchor& x : d.anchors) {
    std::string verifies;
    for (const std::string& v : x.verifies)
      verifies += (verifies.empty() ? "; verifies " : ", ") + Plain(v);
    out += "\n" + Line("", "Anchor " + Plain(x.id), 0, 0);
    out +=
        Line("",
             fmt::format("{}, {} in {}, {} {}{}{}{}", Plain(x.kind), Plain(x.form), Plain(x.store),
                         x.entries, x.entries == 1 ? "entry" : "entries", verifies,
                         x.protected_by ? "; protected by " + Plain(*x.protected_by) : "",
                         Validity(x.not_before, x.not_after)),
             2, 0);
    out += Line("SHA-256", ToHex(x.digest), 2, 9);
    for (const answer::Answer* a : answers) {
      if (a->subject == "anchor:" + x.id) out += AnswerLine(*a, d);
    }
  }
  return out;
}

// Subjects are whom the answers are about besides the device and its anchors, each once.
std::vector<std::string> Subjects(const std::vector<const answer::Answer*>& answers) {
  std::vector<std::string> out;
  for (const answer::Answer* a : answers) {
    if (a->subject == "device" || a->subject.starts_with("anchor:")) continue;
    if (std::ranges::find(out, a->subject) == out.end()) out.push_back(a->subject);
  }
  return out;
}

// SubjectName says it for people; a slot without a PKI of its own is answered for as well.
std::string SubjectName(std::string_view subject) {
  constexpr std::string_view kPki = "identity-pki:", kSlot = "slot/";
  if (!subject.starts_with(kPki)) return Plain(subject);
  subject.remove_prefix(kPki.size());
  if (!subject.starts_with(kSlot)) return "Identity PKI " + Plain(subject);
  return fmt::format("Identity {}, which has no PKI", Plain(subject.substr(kSlot.size())));
}

}  // namespace

std::string ShowText(const OpenedDisclosure& o) {
  const Disclosure& d = o.disclosure;
  const std::string marks = MarkLine(d);
  std::string out;
  if (!marks.empty()) {
    for (const std::string& line : Wrap(marks, kWidth)) out += line + "\n";
  }
  out += Passport(o);
  auto part = [&](std::string_view title, const std::string& text) {
    if (!text.empty()) out += fmt::format("\n{}\n{}", title, text);
  };
  part("The birth of each key", Keys(d));
  part("PKIs", Pkis(d));
  part("Boot chain and stores", BootChain(d));
  const std::vector<const answer::Answer*> answers = Ordered(d);
  // One PKI's answers stand among the device's; the same questions of several need their names.
  std::vector<std::string> subjects = Subjects(answers);
  if (std::ranges::count_if(
          subjects, [](const std::string& s) { return s.starts_with("identity-pki:"); }) < 2)
    subjects.clear();
  std::string device;
  for (const answer::Answer* a : answers) {
    if (a->subject.starts_with("anchor:") ||
        std::ranges::find(subjects, a->subject) != subjects.end())
      continue;
    device += AnswerLine(*a, d);
  }
  part("Answers", device);
  for (const std::string& subject : subjects) {
    std::string of;
    for (const answer::Answer* a : answers) {
      if (a->subject == subject) of += AnswerLine(*a, d);
    }
    part(SubjectName(subject), of);
  }
  out += Anchors(d, answers);
  return out;
}

}  // namespace birthmark::disclose
