// SPDX-License-Identifier: Apache-2.0
#include "app/rotate.h"

#include <algorithm>

#include "app/authorities.h"
#include "app/grant.h"
#include "app/roles.h"
#include "ledger/events_revocation.h"
#include "pki/request.h"

namespace birthmark::app {
namespace {

constexpr uint32_t kMostAhead = 100;
constexpr int kMostNumbers = 100'000;

// RotationPlace is a level of a PKI of the plan, with the authorities above it, the root first.
struct RotationPlace {
  const plan::Pki* pki = nullptr;
  const plan::Level* level = nullptr;
  std::vector<Authority> above;
};

Result<Authority> ToAuthority(ledger::LogReader& reader, const ledger::CaRow& ca) {
  BM_TRY(crypto::Certificate c, CertificateOf(reader, ca));
  return Authority{.id = ca.id,
                   .pki = ca.pki,
                   .level = static_cast<int>(ca.level),
                   .offline = ca.offline,
                   .name = ca.name,
                   .certificate = std::move(c)};
}

class Rotator {
 public:
  Rotator(Factory& f, const Clock& clock)
      : f_(f),
        clock_(clock),
        plan_(f.adopted.plan),
        maker_(f.layout, plan_, Stores{f.keys.online.get(), f.keys.offline.get()}, f.marks,
               f.genesis.workspace, *f.serials, clock, f.context) {}

  Result<RotationPlace> PlaceOf(ledger::LogReader& reader, const plan::Pki& pki, int level) {
    RotationPlace p{.pki = &pki, .level = &pki.levels[static_cast<size_t>(level - 1)], .above = {}};
    if (level < 2) {
      return Refused("ca.which", "a root has no successor that its PKI could sign",
                     "name an authority below it, or make another root in a ceremony");
    }
    for (int l = 1; l < level; ++l) {
      BM_TRY(std::vector<ledger::CaRow> cas,
             reader.registry().CasOf(pki.id, static_cast<uint32_t>(l)));
      // The newest that is not ended; below it stands who it signed.
      std::erase_if(cas, [](const ledger::CaRow& c) { return c.state != "active"; });
      if (cas.empty())
        return Refused("station.no-parent", "the authority above is not there yet",
                       "bring back its response first: birthmark request import WS FILE");
      BM_TRY(Authority a, ToAuthority(reader, cas.back()));
      p.above.push_back(std::move(a));
    }
    return p;
  }

  // ParentAtHand says whether the key of the level above is on this machine.
  bool ParentAtHand(const RotationPlace& p) const {
    const Authority& parent = p.above.back();
    if (!parent.offline) return true;
    return f_.keys.offline != nullptr && f_.keys.offline->Facts(parent.id).has_value();
  }

  Status Commit() {
    ledger::Submission all;
    for (const ledger::Event& e : maker_.TakeEvents()) {
      BM_TRY(ledger::NewEvent n, ledger::Prepare(e));
      all.push_back(std::move(n));
    }
    if (all.empty()) return {};
    BM_CHECK(f_.log->Append(std::move(all)));
    return {};
  }

  Result<RotatedRow> MakeOne(ledger::LogReader& reader, const RotationPlace& p, int number) {
    const std::string id = AuthorityId(*p.pki, p.level->level, number);
    RotatedRow row{.id = id,
                   .name = "",
                   .state = "requested",
                   .file = f_.layout.requests() / (id + ".request")};
    BM_TRY(bool pending, Pending(reader, id, row.file));
    if (!pending) {
      BM_TRY(row.file, maker_.AskSuccessor(*p.pki, *p.level, number));
      // The key and its request are known before anybody signs.
      BM_CHECK(Commit());
    }
    if (!ParentAtHand(p)) return row;
    BM_TRY(std::string response, maker_.SignSuccessor(row.file, p.above));
    BM_TRY(Authority made, maker_.AcceptSuccessor(*p.pki, *p.level, p.above, response, number));
    BM_CHECK(Commit());
    row.name = made.name;
    row.state = "waiting";
    return row;
  }

  Result<std::vector<RotatedRow>> Accept(ledger::LogReader& reader, std::string_view response,
                                         bool dry_run) {
    std::vector<RotatedRow> out;
    for (const plan::Pki& pki : plan_.pkis) {
      for (const plan::Level& level : pki.levels) {
        if (level.level < 2) continue;
        // Without a first authority it is `init` that waits, and goes on below it.
        BM_TRY(std::vector<ledger::CaRow> there,
               reader.registry().CasOf(pki.id, static_cast<uint32_t>(level.level)));
        if (there.empty()) continue;
        for (int n = 1; n <= kMostNumbers; ++n) {
          const std::string id = AuthorityId(pki, level.level, n);
          BM_TRY(auto known, reader.registry().Ca(id));
          if (known) continue;
          const fs::path file = f_.layout.requests() / (id + ".request");
          if (!fs::exists(file)) break;
          BM_TRY(std::string text, ReadTextFile(file, pki::kMaxRequestBytes));
          BM_TRY(pki::Request request, pki::CheckRequest(text));
          BM_TRY(RotationPlace place, PlaceOf(reader, pki, level.level));
          const std::vector<crypto::Certificate> anchors{place.above.front().certificate};
          auto fits = pki::CheckResponse(response, request, anchors, clock_.Now());
          if (!fits && (fits.error().code == "response.other-request" ||
                        fits.error().code == "response.other-key"))
            continue;
          if (!fits) return std::unexpected(fits.error());
          RotatedRow row{.id = id, .name = request.terms.name, .state = "waiting", .file = file};
          if (!dry_run) {
            BM_CHECK(maker_.AcceptSuccessor(pki, level, place.above, response, n));
            BM_CHECK(Commit());
          }
          out.push_back(std::move(row));
          return out;
        }
      }
    }
    return out;
  }

 private:
  // Pending says whether a request for this authority waits already. A key that no event knows is
  // left from an interrupted run: it goes, and another is made.
  Result<bool> Pending(ledger::LogReader& reader, const std::string& id, const fs::path& file) {
    keystore::KeyStore& store = *f_.keys.online;
    if (!store.Facts(id)) return false;
    BM_TRY(std::vector<ledger::KeyRow> keys, reader.registry().Keys());
    const bool known = std::ranges::find(keys, id, &ledger::KeyRow::id) != keys.end();
    if (known && fs::exists(file)) return true;
    BM_CHECK(store.Destroy(id));
    return false;
  }

  Factory& f_;
  const Clock& clock_;
  const plan::Plan& plan_;
  AuthorityMaker maker_;
};

Result<std::vector<RotatedRow>> End(Factory& f, const ledger::CaRow& ca, const RotateOptions& o,
                                    const Clock& clock) {
  if (ca.state == "compromised" || (ca.state == "retired" && o.how == RotateAs::kRetire))
    return Refused("ca.ended", fmt::format("{} is {} already", ca.id, ca.state));
  const bool compromised = o.how == RotateAs::kCompromised;
  if (compromised && ca.level == 1) {
    return Refused("ca.which", "nobody signs a root's revocation",
                   "those who trust it must take it out; see birthmark drill disclose WS");
  }
  RotatedRow row{
      .id = ca.id, .name = ca.name, .state = compromised ? "compromised" : "retired", .file = {}};
  if (!o.dry_run) {
    BM_CHECK(f.log->Append(ledger::MakeEvent(
        f.context, clock.Now(), "ca:" + ca.id,
        ledger::CaState{.id = ca.id,
                        .state = row.state,
                        .until = std::nullopt,
                        .reason = compromised ? "cACompromise" : "ended early"})));
  }
  return std::vector<RotatedRow>{std::move(row)};
}

// The n-th authority that there is not: numbers are never used twice.
Result<int> NextNumber(ledger::LogReader& reader, const plan::Pki& pki, int level) {
  BM_TRY(std::vector<ledger::CaRow> cas,
         reader.registry().CasOf(pki.id, static_cast<uint32_t>(level)));
  for (int n = static_cast<int>(std::min<size_t>(cas.size(), kMostNumbers)); n > 0; --n) {
    BM_TRY(auto known, reader.registry().Ca(AuthorityId(pki, level, n)));
    if (known) return n + 1;
  }
  return 1;
}

}  // namespace

Result<std::vector<RotatedRow>> Rotate(const RotateOptions& o, const KeySource& source,
                                       const Clock& clock) {
  // Where the offline keys are elsewhere, their passphrase is nobody's business here.
  const bool offline_too =
      o.how == RotateAs::kSuccessors && fs::exists(Layout(o.workspace).offline_keys());
  BM_TRY(auto f, Factory::Open(o.workspace, source, offline_too, o.product, o.as, clock));
  BM_CHECK(RequireRole(*f, {"maintainer", "administrator"}, "rotating authorities"));
  BM_TRY(auto reader, f->NewReader());
  const plan::Plan& plan = f->adopted.plan;
  const plan::Pki* pki = plan.IdentityPki();
  int level = static_cast<int>(pki->levels.size());
  if (!o.ca.empty()) {
    BM_TRY(std::optional<ledger::CaRow> ca, reader->registry().Ca(o.ca));
    if (!ca)
      return Refused("ca.unknown", "no such authority: " + o.ca,
                     "`birthmark ca list WS` lists them");
    if (o.how != RotateAs::kSuccessors) return End(*f, *ca, o, clock);
    pki = plan.FindPki(ca->pki);
    level = static_cast<int>(ca->level);
    if (pki == nullptr || level > static_cast<int>(pki->levels.size()))
      return Refused("ca.which", o.ca + " is in no PKI of this product's plan",
                     "name the product that it issues for: --product");
  } else if (o.how != RotateAs::kSuccessors) {
    return Usage("ca.which", "nothing says which authority ends", "name it: --ca ID");
  }
  Rotator rotator(*f, clock);
  BM_TRY(RotationPlace place, rotator.PlaceOf(*reader, *pki, level));
  BM_TRY(std::vector<ledger::CaRow> cas,
         reader->registry().CasOf(pki->id, static_cast<uint32_t>(level)));
  const auto waiting =
      static_cast<uint32_t>(std::ranges::count(cas, "waiting", &ledger::CaRow::state));
  const uint32_t wanted =
      std::min(kMostAhead, o.ahead.value_or(std::max(1u, place.level->successors)));
  std::vector<RotatedRow> out;
  BM_TRY(int number, NextNumber(*reader, *pki, level));
  for (uint32_t have = waiting; have < wanted; ++have, ++number) {
    if (o.dry_run) {
      out.push_back(
          {.id = AuthorityId(*pki, level, number), .name = "", .state = "waiting", .file = {}});
      continue;
    }
    BM_TRY(RotatedRow row, rotator.MakeOne(*reader, place, number));
    out.push_back(std::move(row));
  }
  return out;
}

Result<std::vector<RotatedRow>> AcceptSuccessors(Factory& f, std::string_view response,
                                                 const Clock& clock, bool dry_run) {
  BM_TRY(auto reader, f.NewReader());
  return Rotator(f, clock).Accept(*reader, response, dry_run);
}

}  // namespace birthmark::app
