// SPDX-License-Identifier: Apache-2.0
// A desk for tests: real certificates from a throw-away root, the memory of it in vectors. Leaves
// out the ledger and the plan. One thread.
#pragma once

#include <algorithm>

#include "crypto/software_signer.h"
#include "ledger/fold.h"
#include "method/method.h"
#include "pki/issue.h"

namespace birthmark::method {

class TestDesk : public Desk {
 public:
  struct Row {
    Job job;
    crypto::PublicKey key;
    Certified certified;
  };

  Result<Certified> Issue(const Order& order) override {
    if (refusal) return std::unexpected(*refusal);
    for (const Row& r : issued) {
      if (r.job.unit == order.job.unit && r.job.slot == order.job.slot &&
          ledger::IsLive(r.certified.state) && r.key.spki_digest() == order.key.spki_digest()) {
        Certified again = r.certified;
        again.existed = true;
        return again;
      }
    }
    orders.push_back(order);
    Certified c;
    BM_TRY(c.certificate, Sign(order.job, certify_instead ? *certify_instead : order.key));
    c.chain = {Bytes(c.certificate.der().begin(), c.certificate.der().end())};
    c.state = "issued";
    issued.push_back({order.job, order.key, c});
    return c;
  }
  Result<std::optional<Certified>> Live(const std::string& unit, const std::string& slot) override {
    for (const Row& r : issued) {
      if (r.job.unit == unit && r.job.slot == slot && ledger::IsLive(r.certified.state))
        return r.certified;
    }
    return std::nullopt;
  }
  Status SetState(const Job& job, const crypto::Certificate& certificate, const std::string& state,
                  const std::string& reason) override {
    auto row = std::ranges::find_if(issued, [&](const Row& r) {
      return r.certified.certificate.digest() == certificate.digest();
    });
    if (row == issued.end())
      return Refused("ledger.identity-unknown", job.unit + ": no such identity");
    row->certified.state = state;
    states.push_back(state);
    reasons.push_back(reason);
    return {};
  }
  Status Record(const std::string&, const ledger::KeyOutside& body) override {
    lives.push_back(body);
    return {};
  }
  Time Now() const override { return clock.Now(); }

  // root is there once something was issued.
  const std::optional<crypto::Certificate>& root() const { return root_; }

  size_t LiveCount() const {
    return static_cast<size_t>(std::ranges::count_if(
        issued, [](const Row& r) { return ledger::IsLive(r.certified.state); }));
  }

  ManualClock clock{TimeFromMillis(1'800'000'000'000)};
  std::optional<Error> refusal;                      // what Issue answers, when set
  std::optional<crypto::PublicKey> certify_instead;  // a desk that mixes keys up
  std::vector<Order> orders;
  std::vector<Row> issued;
  std::vector<std::string> states, reasons;
  std::vector<ledger::KeyOutside> lives;

 private:
  Result<crypto::Certificate> Sign(const Job& job, const crypto::PublicKey& key) {
    if (!root_) {
      BM_TRY(root_key_, crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
      BM_TRY(pki::Stamp stamp, serials_.Next());
      BM_TRY(pki::Name name, pki::Name::Make({{"CN", "Test Root"}}));
      BM_TRY(root_, pki::SelfSign(*root_key_, pki::RootProfile(), pki::RehearsalMarks(), stamp,
                                  {.subject = name,
                                   .key = root_key_->public_key(),
                                   .not_after = std::nullopt,
                                   .path_len = 0,
                                   .hardware = std::nullopt,
                                   .masa_url = "",
                                   .mud_url = "",
                                   .dns_names = {},
                                   .crl_urls = {}}));
    }
    BM_TRY(pki::Issuer issuer, pki::Issuer::Make(*root_, *root_key_));
    BM_TRY(pki::Stamp stamp, serials_.Next());
    BM_TRY(pki::Name name, pki::Name::Make({{"O", "Acme"}, {"serialNumber", job.serial}}));
    return pki::Issue(
        issuer, pki::IDevIdProfile(), pki::RehearsalMarks(), stamp,
        {.subject = name,
         .key = key,
         .not_after = std::nullopt,
         .path_len = std::nullopt,
         .hardware = pki::HardwareModule{"1.3.6.1.4.1.32473.1.1", ToBytes(job.serial)},
         .masa_url = "",
         .mud_url = "",
         .dns_names = {},
         .crl_urls = {}});
  }

  SystemRng rng_;
  pki::SerialSource serials_{clock, rng_, clock.Now()};
  std::unique_ptr<crypto::SoftwareSigner> root_key_;
  std::optional<crypto::Certificate> root_;
};

}  // namespace birthmark::method
