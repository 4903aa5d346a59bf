// SPDX-License-Identifier: Apache-2.0
#include "app/onboarding.h"

#include <algorithm>

#include "app/seed_store.h"
#include "crypto/pem.h"
#include "ledger/events.h"

namespace birthmark::app {
namespace {

constexpr auto kSnapshot = std::chrono::seconds(1);
using EventAt = std::function<Result<ledger::Event>(uint64_t)>;

// PemOfIdentity is a certificate and those above it, without the root.
Result<std::string> PemOfIdentity(const std::vector<ledger::CaRow>& cas, const EventAt& event,
                                  const ledger::IdentityRow& row) {
  BM_TRY(ledger::Event issued, event(row.seq));
  BM_TRY(ledger::IdentityIssued body, ledger::BodyOf<ledger::IdentityIssued>(issued));
  std::string pem = crypto::WritePem("CERTIFICATE", body.cert);
  std::string at = row.ca;
  for (size_t depth = 0; depth < cas.size(); ++depth) {
    auto ca = std::ranges::find(cas, at, &ledger::CaRow::id);
    if (ca == cas.end() || ca->level == 1) break;
    BM_TRY(ledger::Event created, event(ca->seq));
    BM_TRY(ledger::CaCreated above, ledger::BodyOf<ledger::CaCreated>(created));
    pem += crypto::WritePem("CERTIFICATE", above.cert);
    at = ca->issuer;
  }
  return pem;
}

bool IsFetched(const ledger::IdentityRow& row) {
  return row.method == "carrot" && ledger::IsLive(row.state) && row.state != "held";
}

}  // namespace

std::set<std::string> OnboardedProducts(const std::map<std::string, AdoptedPlan>& plans) {
  std::set<std::string> out;
  for (const auto& [id, adopted] : plans) {
    for (const plan::IdentitySlot& s : adopted.plan.identities) {
      if (s.method == vocab::Method::kCarrot && s.transfer == vocab::Transfer::kNetworkTransferred)
        out.insert(id);
    }
  }
  return out;
}

Result<std::optional<std::string>> ChainOfUnit(ledger::Registry& registry, const EventAt& event,
                                               const std::string& unit) {
  BM_TRY(std::vector<ledger::IdentityRow> rows, registry.IdentitiesOf(unit));
  auto row = std::ranges::find_if(rows, IsFetched);
  if (row == rows.end()) return std::nullopt;
  BM_TRY(std::vector<ledger::CaRow> cas, registry.Cas());
  BM_TRY(std::string pem, PemOfIdentity(cas, event, *row));
  return pem;
}

Result<std::unique_ptr<Onboarding>> Onboarding::Make(const fs::path& workspace,
                                                     std::set<std::string> products,
                                                     const Clock& clock) {
  BM_TRY(auto reader, OpenReader(workspace));
  return std::unique_ptr<Onboarding>(new Onboarding(std::move(reader), std::move(products), clock));
}

Result<std::optional<std::string>> Onboarding::Find(const std::string& path) {
  std::string_view rest = std::string_view(path).substr(std::min(path.size(), kOnboarding.size()));
  if (!rest.starts_with('/')) return std::nullopt;
  rest.remove_prefix(1);
  size_t cut = rest.find('/');
  if (cut == rest.npos || !products_.contains(std::string(rest.substr(0, cut))) ||
      !IsSerialText(rest.substr(cut + 1))) {
    return std::nullopt;
  }
  std::lock_guard lock(mutex_);
  if (Time now = clock_.Now(); now - fresh_ >= kSnapshot) {
    BM_CHECK(reader_->Refresh());
    fresh_ = now;
  }
  return ChainOfUnit(
      reader_->registry(), [this](uint64_t seq) { return reader_->EventAt(seq); },
      std::string(rest));
}

void Onboarding::Handle(enroll::HttpRequest request, enroll::Reply reply) {
  enroll::HttpResponse out;
  auto text = [&](int status, std::string_view body) {
    out.status = status;
    out.content_type = "text/plain";
    out.body = ToBytes(body);
    out.headers.emplace_back("Cache-Control", "no-store");
  };
  if (request.method != "GET" && request.method != "HEAD") {
    text(405, "only GET\n");
    out.headers.emplace_back("Allow", "GET, HEAD");
    return reply(std::move(out));
  }
  auto pem = Find(request.path);
  if (!pem) {
    text(503, "come again\n");
    out.note = pem.error().ToString();
  } else if (!*pem) {
    // What there is not and what is not for everybody look the same.
    text(404, "no such certificate\n");
  } else {
    out.content_type = kChainType;
    out.body = ToBytes(**pem);
    // A certificate may be revoked or superseded; an hour is what a cache may lag behind.
    out.headers.emplace_back("Cache-Control", "public, max-age=3600");
    out.headers.emplace_back("X-Content-Type-Options", "nosniff");
  }
  reply(std::move(out));
}

Result<uint64_t> ExportChains(View& view, const std::string& product, const fs::path& dir) {
  fs::path folder = dir / kOnboarding.substr(1) / product;
  BM_CHECK(MakeDirs(folder));
  BM_TRY(std::vector<ledger::CaRow> cas, view.registry().Cas());
  ledger::IdentityFilter filter;
  filter.product = product;
  ledger::Page page;
  uint64_t written = 0;
  for (;;) {
    BM_TRY(std::vector<ledger::IdentityRow> rows, view.registry().Identities(filter, page));
    if (rows.empty()) return written;
    for (const ledger::IdentityRow& row : rows) {
      std::string serial = row.unit.substr(row.unit.find('/') + 1);
      if (!IsFetched(row) || !IsSerialText(serial) || serial.starts_with('.')) continue;
      BM_TRY(std::string pem,
             PemOfIdentity(cas, [&](uint64_t seq) { return view.EventAt(seq); }, row));
      BM_CHECK(WriteFileAtomic(folder / serial, pem));
      ++written;
    }
    page.after_seq = rows.back().seq;
  }
}

}  // namespace birthmark::app
