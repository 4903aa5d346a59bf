// SPDX-License-Identifier: Apache-2.0
// Certificates that a device without one fetches by its serial number when it is onboarded (draft
// 4.1.1.3): GET /onboarding/<product>/<serial>, read-only, and the same paths as files for any web
// server. Nothing lists them. Leaves out listening (server).
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "app/view.h"
#include "base/clock.h"
#include "enroll/http.h"

namespace birthmark::app {

inline constexpr std::string_view kOnboarding = "/onboarding";
// kChainType is a chain in PEM, the device's certificate first, without the root (RFC 8555 section
// 9.1 for the media type).
inline constexpr std::string_view kChainType = "application/pem-certificate-chain";

// OnboardedProducts are those whose devices fetch their certificate: carrot, network-transferred.
std::set<std::string> OnboardedProducts(const std::map<std::string, AdoptedPlan>& plans);

// ChainOfUnit is the PEM chain of a unit's live carrot certificate; nothing when it has none.
Result<std::optional<std::string>> ChainOfUnit(
    ledger::Registry& registry, const std::function<Result<ledger::Event>(uint64_t)>& event,
    const std::string& unit);

// Onboarding answers from a snapshot of the log that is at most a second old.
class Onboarding : public enroll::Handler {
 public:
  static Result<std::unique_ptr<Onboarding>> Make(const fs::path& workspace,
                                                  std::set<std::string> products,
                                                  const Clock& clock);
  void Handle(enroll::HttpRequest request, enroll::Reply reply) override;

 private:
  Onboarding(std::unique_ptr<ledger::LogReader> reader, std::set<std::string> products,
             const Clock& clock)
      : reader_(std::move(reader)), products_(std::move(products)), clock_(clock) {}
  Result<std::optional<std::string>> Find(const std::string& path);

  std::mutex mutex_;  // of the reader
  std::unique_ptr<ledger::LogReader> reader_;
  Time fresh_{};
  std::set<std::string> products_;
  const Clock& clock_;
};

// ExportChains writes DIR/onboarding/<product>/<serial> for each live certificate of a product, the
// octets that the server would answer. It gives their number. Errors: file.write.
Result<uint64_t> ExportChains(View& view, const std::string& product, const fs::path& dir);

}  // namespace birthmark::app
