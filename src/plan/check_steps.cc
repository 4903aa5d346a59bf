// SPDX-License-Identifier: Apache-2.0
// The order of steps, held against the draft's reference process (2.1) and what follows from locks
// and seals. The draft allows many variations; a rule is here only where the other order cannot
// work, or would make the step pointless.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "plan/check.h"

namespace birthmark::plan {
namespace {

using vocab::StepKind;

std::string Name(StepKind k) { return std::string(ToText(k)); }

class Order {
 public:
  Order(const Plan& plan, Findings& out) : plan_(plan), out_(out) {}

  // At is the place of the first step of a kind, -1 if it is not in the plan.
  int At(StepKind k) const {
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      if (plan_.steps[i].kind == k) return static_cast<int>(i);
    }
    return -1;
  }
  int AtEither(StepKind a, StepKind b) const { return At(a) >= 0 ? At(a) : At(b); }
  bool Has(StepKind k) const { return At(k) >= 0; }

  // Before reports every `later` step that stands before the first `earlier` one.
  void Before(int earlier, StepKind later, const char* code, const char* why, const char* fix) {
    for (size_t i = 0; i < plan_.steps.size(); ++i) {
      if (plan_.steps[i].kind == later && earlier > static_cast<int>(i)) {
        Say(i, code, why, fix);
      }
    }
  }
  // NeverAfter reports every step of these kinds after the first `barrier`.
  void NeverAfter(StepKind barrier, std::initializer_list<StepKind> kinds, const char* code,
                  const char* why, const char* fix) {
    int at = At(barrier);
    if (at < 0) return;
    for (size_t i = static_cast<size_t>(at) + 1; i < plan_.steps.size(); ++i) {
      for (StepKind k : kinds) {
        if (plan_.steps[i].kind == k) Say(i, code, why, fix);
      }
    }
  }
  void Say(size_t i, const char* code, std::string_view why, std::string_view fix) {
    const Step& s = plan_.steps[i];
    out_.Error(code, fmt::format("step {} ({}): {}", i + 1, Name(s.kind), why), std::string(fix),
               s.line);
  }

 private:
  const Plan& plan_;
  Findings& out_;
};

void CheckStages(const Plan& plan, Order& o) {
  int first = o.AtEither(StepKind::kFirstStageWrite, StepKind::kSingleImageWrite);
  o.Before(first, StepKind::kSecondStageWrite, "plan.order-second-stage",
           "the second stage is written before the first, which has to verify it",
           "put first-stage-write before it");
  o.Before(first, StepKind::kTamInstall, "plan.order-tam",
           "there is no first stage yet to start the TAM", "put it after first-stage-write");
  o.Before(first, StepKind::kFirstStageLock, "plan.order-first-stage-lock",
           "locks a first stage that is not there yet", "put it after the first stage is written");
  o.Before(first, StepKind::kBootTrial, "plan.order-boot-trial", "there is nothing to boot yet",
           "put it after the first stage is written");
  if (plan.FindStageKind(vocab::StageKind::kSecondStage) != nullptr) {
    o.Before(o.AtEither(StepKind::kSecondStageWrite, StepKind::kSingleImageWrite),
             StepKind::kProductionImageWrite, "plan.order-production-image",
             "the production image comes before the second stage that verifies it",
             "put second-stage-write before it");
  } else if (int at = o.At(StepKind::kSecondStageWrite); at >= 0) {
    o.Say(static_cast<size_t>(at), "plan.order-no-stage",
          "the plan has no stage of kind second-stage", "declare the stage, or drop the step");
  }
  o.NeverAfter(
      StepKind::kFirstStageLock,
      {StepKind::kFirstStageWrite, StepKind::kSingleImageWrite, StepKind::kBootAnchorWrite},
      "plan.order-after-first-stage-lock", "the first stage and its anchor are locked by then",
      "put it before first-stage-lock");
}

void CheckTestImage(const Plan& plan, Order& o) {
  int write = o.At(StepKind::kTestImageWrite), erase = o.At(StepKind::kTestImageErase);
  if (erase >= 0 && (write < 0 || erase < write)) {
    o.Say(static_cast<size_t>(erase), "plan.order-test-image-erase",
          write < 0 ? "no step writes a test image" : "the test image is written only later",
          "put test-image-write before it");
  }
  if (write >= 0 && erase < 0) {
    o.Say(static_cast<size_t>(write), "plan.order-test-image-kept",
          "no step erases the test image again", "add test-image-erase before tamper-proofing");
  }
  o.Before(write, StepKind::kSystemTest, "plan.order-system-test",
           "the test image is not there yet", "put test-image-write before it");
  if (erase >= 0) {
    o.NeverAfter(StepKind::kTestImageErase, {StepKind::kSystemTest}, "plan.order-system-test",
                 "the test image is erased by then", "put it before test-image-erase");
  }
  if (write >= 0 && plan.FindStageKind(vocab::StageKind::kTestImage) == nullptr) {
    o.Say(static_cast<size_t>(write), "plan.order-no-stage",
          "the plan has no stage of kind test-image", "declare the stage, or drop the step");
  }
}

void CheckIdentity(const Plan& plan, Order& o, Findings& out) {
  int provision = o.AtEither(StepKind::kIdentityProvision, StepKind::kSingleImageWrite);
  if (provision < 0 && !plan.identities.empty() && !plan.steps.empty()) {
    out.Error("plan.order-no-identity", "no step gives the device its identity",
              "add identity-provision, or single-image-write", plan.steps.front().line);
  }
  o.Before(provision, StepKind::kIdentityLock, "plan.order-identity-lock",
           "locks an identity that is not there yet", "put it after the identity is provisioned");
  o.NeverAfter(StepKind::kIdentityLock, {StepKind::kIdentityProvision, StepKind::kSingleImageWrite},
               "plan.order-after-identity-lock",
               "the device takes no identity after the identity lock",
               "put it before identity-lock");
  // The code that starts private memory is the test image's or the first stage's (2.1).
  int code = o.At(StepKind::kTestImageWrite);
  int first = o.AtEither(StepKind::kFirstStageWrite, StepKind::kSingleImageWrite);
  if (code < 0 || (first >= 0 && first < code)) code = first;
  o.Before(code, StepKind::kPrivateMemoryInit, "plan.order-private-memory",
           "no code is on the device yet that could start private memory",
           "put test-image-write or first-stage-write before it");
  for (const IdentitySlot& s : plan.identities) {
    const Store* store = plan.FindStore(s.store);
    bool is_private = store != nullptr && store->kind == vocab::StoreKind::kPrivateMemory;
    if (is_private && o.Has(StepKind::kPrivateMemoryInit)) {
      o.Before(o.At(StepKind::kPrivateMemoryInit), StepKind::kIdentityProvision,
               "plan.order-private-memory",
               "its key goes to private memory, which has no key of its own yet",
               "put private-memory-init before it");
    }
    if (s.transfer != vocab::Transfer::kMechanicallyInstalled) {
      o.Before(code, StepKind::kIdentityProvision, "plan.order-no-code",
               "no code is on the device yet that could answer", "write an image before it");
    }
    if (s.identity_lock != Lock::kNone && !o.Has(StepKind::kIdentityLock) && !plan.steps.empty()) {
      out.Error("plan.order-lock-missing",
                fmt::format("identity {} is locked by {}, but no step does it", ToText(s.slot),
                            ToText(s.identity_lock)),
                "add identity-lock, or say identity-lock = \"none\"", s.line);
    }
  }
}

void CheckBarriers(const Plan& plan, Order& o, Findings& out) {
  o.NeverAfter(
      StepKind::kTamperProof,
      {StepKind::kBedOfNailsTest, StepKind::kJtagTest, StepKind::kRework, StepKind::kTestImageWrite,
       StepKind::kTestImageErase, StepKind::kFirstStageWrite, StepKind::kSingleImageWrite,
       StepKind::kBootAnchorWrite, StepKind::kPrivateMemoryInit, StepKind::kPortLock},
      "plan.order-after-tamper-proof",
      "cannot be done to a sealed device without breaking the seal", "put it before tamper-proof");
  o.NeverAfter(StepKind::kPortLock,
               {StepKind::kJtagTest, StepKind::kTestImageWrite, StepKind::kFirstStageWrite,
                StepKind::kSingleImageWrite},
               "plan.order-after-port-lock", "needs the port that is locked by then",
               "put it before port-lock");
  bool locks = o.Has(StepKind::kFirstStageLock);
  // Of several processors one is the line's own to lock.
  const bool one_locked = std::ranges::any_of(plan.stages, [](const Stage& s) {
    return s.kind == vocab::StageKind::kFirstStage && s.lock != Lock::kNone;
  });
  for (const Stage& s : plan.stages) {
    if (s.kind != vocab::StageKind::kFirstStage) continue;
    if (s.lock != Lock::kNone && !locks) {
      out.Error(
          "plan.order-lock-missing",
          fmt::format("stage \"{}\" is locked by {}, but no step does it", s.id, ToText(s.lock)),
          "add first-stage-lock, or say lock = \"none\"", s.line);
    }
    if (s.lock == Lock::kNone && locks && !one_locked) {
      out.Error(
          "plan.order-lock-undeclared",
          fmt::format("a step locks the first stage, but stage \"{}\" says lock = \"none\"", s.id),
          "say lock = \"fuse\" or \"software\"", s.line);
    }
  }
}

// CheckRepeats: what can be done once. Tests, quality control, read-backs, trials, shipping and
// rework may come again.
void CheckRepeats(const Plan& plan, Order& o) {
  static const std::set<StepKind> kOften = {StepKind::kBedOfNailsTest,
                                            StepKind::kJtagTest,
                                            StepKind::kSystemTest,
                                            StepKind::kReadBack,
                                            StepKind::kBootTrial,
                                            StepKind::kRework,
                                            StepKind::kShip,
                                            StepKind::kQualityControl,
                                            StepKind::kAnchorsWrite,
                                            StepKind::kIdentityProvision,
                                            StepKind::kSecondStageWrite};
  std::set<StepKind> seen;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    StepKind k = plan.steps[i].kind;
    if (!seen.insert(k).second && !kOften.contains(k)) {
      o.Say(i, "plan.order-repeated", "happens twice",
            "drop one; a repetition after a fault is the line's affair");
    }
  }
}

// CheckTravel: a board that changes sites is shipped, and arrives where the next step is.
void CheckTravel(const Plan& plan, Order& o) {
  std::string at;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& s = plan.steps[i];
    const Station* station = plan.FindStation(s.station);
    if (station == nullptr) continue;
    if (!at.empty() && station->site != at) {
      o.Say(i, "plan.order-ship-missing",
            fmt::format("is at site \"{}\", but the board is at \"{}\"", station->site, at),
            "add a ship step, or choose a station of that site");
    }
    at = station->site;
    if (s.kind == StepKind::kShip) {
      if (!s.to) {
        o.Say(i, "plan.order-ship-where", "does not say where to", "add to = \"SITE\"");
      } else {
        if (*s.to == at)
          o.Say(i, "plan.order-ship-where", "ships to the site it leaves", "name another site");
        at = *s.to;
      }
    } else if (s.to) {
      o.Say(i, "plan.order-ship-where", "\"to\" belongs to ship alone", "drop it");
    }
  }
}

// CheckMailbox: behind a closed port there is no JTAG mailbox.
void CheckMailbox(const Plan& plan, const Order& o, Findings& out) {
  const int closed = o.At(StepKind::kPortLock);
  if (closed < 0) return;
  for (size_t i = static_cast<size_t>(closed) + 1; i < plan.steps.size(); ++i) {
    const Step& s = plan.steps[i];
    const Station* station = plan.FindStation(s.station);
    if (station == nullptr || station->link != "openocd" || s.kind == StepKind::kShip) continue;
    out.Warn("plan.link-closed",
             fmt::format("step {} ({}): station \"{}\" speaks through the JTAG mailbox, which goes "
                         "with the port's lock",
                         i + 1, Name(s.kind), s.station),
             "give the stations after port-lock a serial link, or lock the port later", s.line);
  }
}

}  // namespace

void CheckSteps(const Plan& plan, Findings& out) {
  Order o(plan, out);
  if (o.AtEither(StepKind::kFirstStageWrite, StepKind::kSingleImageWrite) < 0 &&
      !plan.steps.empty()) {
    out.Error("plan.order-no-first-stage", "no step writes the first stage",
              "add first-stage-write, or single-image-write", plan.steps.front().line);
  }
  CheckStages(plan, o);
  CheckTestImage(plan, o);
  CheckIdentity(plan, o, out);
  CheckBarriers(plan, o, out);
  CheckRepeats(plan, o);
  CheckTravel(plan, o);
  CheckMailbox(plan, o, out);
}

}  // namespace birthmark::plan
