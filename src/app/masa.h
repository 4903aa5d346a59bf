// SPDX-License-Identifier: Apache-2.0
// The manufacturer's side of onboarding (RFC 8995 section 5.4 to 5.8): a registrar's voucher
// request judged against the ledger, a voucher signed under the plan's voucher anchor and recorded
// before it leaves, the audit log of a unit. Leaves out HTTP (masa_http.h). Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/factory.h"
#include "ledger/events_voucher.h"
#include "voucher/message.h"

namespace birthmark::app {

// MasaServices is what a MASA works with; what the functions use must be thread-safe.
struct MasaServices {
  fs::path workspace;
  const Clock& clock;
  ledger::EventContext context;
  std::function<Result<std::unique_ptr<crypto::Signer>>(const std::string& id)> open_key;
  std::function<Status(ledger::Submission)> append;
};

// MasaOrder is what the person at the MASA permits beyond what anybody may ask over the network.
struct MasaOrder {
  // A voucher without a nonce, which ends, also where the device itself asked for nothing.
  bool nonceless = false;
  bool claim = false;     // the unit is this domain's alone from now on: it is known who bought it
  bool transfer = false;  // also when another domain has claimed it
  bool dry_run = false;   // everything is checked and nothing signed
};

// MasaGrant is a voucher that may leave.
struct MasaGrant {
  Bytes voucher;  // empty on a dry run
  voucher::Form form = voucher::Form::kCms;
  ledger::VoucherIssued event;
};

// OwnershipEntry is one voucher as the ledger tells of it.
struct OwnershipEntry {
  int64_t at = 0;
  ledger::VoucherIssued body;
};

class Masa {
 public:
  // Make reads the plans and what was issued before. Errors: voucher.no-anchor (no plan has an
  // anchor that verifies vouchers), those of the ledger.
  static Result<std::unique_ptr<Masa>> Make(MasaServices services);

  // Issue answers a registrar's request in its own form, or in the one that was asked for.
  // Errors, each a refusal by name: those of voucher::Open; voucher.kind (no request),
  // voucher.registrar (its signature, its certificate's date), voucher.registrar-eku (no
  // id-kp-cmcRA), voucher.no-pledge (the device's own request is missing), voucher.signature (of
  // the device's request), voucher.unknown-serial, voucher.other-maker, voucher.serial (the
  // requests are for different devices), voucher.idevid-issuer, voucher.revoked,
  // voucher.unit-state, voucher.nonce (the two differ), voucher.nonceless, voucher.replayed,
  // voucher.proximity (the device saw another registrar), voucher.owned. Also: voucher.no-key,
  // those of the ledger.
  Result<MasaGrant> Issue(ByteView request, const MasaOrder& order = {},
                          std::optional<voucher::Form> form = std::nullopt);

  // AuditLog is the JSON of RFC 8995 section 5.8.1 for the unit that a request names. Only a domain
  // that had a voucher for it may read it. Errors: those of Issue about the registrar,
  // voucher.unknown-serial, voucher.not-owner.
  Result<std::string> AuditLog(ByteView request);

 private:
  struct Registrar;
  struct Pledge;
  explicit Masa(MasaServices services) : s_(std::move(services)) {}

  Status Refresh();
  Result<Registrar> CheckRegistrar(const voucher::Message& m) const;
  // UnitsWith are the units of all products that have this serial number and asked-for anchors.
  Result<std::vector<std::string>> UnitsWith(const std::string& serial);
  Result<Pledge> CheckPledge(const voucher::Message& prior);
  Result<Pledge> PledgeByName(const std::string& serial);
  Status CheckIdentity(const Pledge& pledge, const voucher::Statement& request);
  Result<MasaGrant> Decide(const voucher::Message& request, const Registrar& registrar,
                           const std::optional<voucher::Message>& prior, const Pledge& pledge,
                           const MasaOrder& order);
  Result<Bytes> SignVoucher(const MasaGrant& grant, const voucher::Statement& s,
                            const std::string& product);

  MasaServices s_;
  std::mutex mutex_;
  std::unique_ptr<ledger::LogReader> reader_;
  std::map<std::string, AdoptedPlan> plans_;
  size_t plan_rows_ = 0;  // plans adopted so far, those that were replaced too
  std::map<std::string, std::vector<OwnershipEntry>> issued_;  // by unit, the oldest first
  uint64_t read_upto_ = 0;
};

// OwnershipOf gives all vouchers in the ledger, by unit, the oldest first, from event `from` on.
Status ReadOwnership(ledger::LogReader& reader, uint64_t from,
                     std::map<std::string, std::vector<OwnershipEntry>>& out);

struct VoucherIssueOptions {
  fs::path workspace, request;
  std::string as;
  std::optional<voucher::Form> form;
  MasaOrder order;
};
// IssueVoucher does at a desk what the server does over the network, and takes orders.
Result<MasaGrant> IssueVoucher(const VoucherIssueOptions& options, const KeySource& keys,
                               const Clock& clock);

}  // namespace birthmark::app
