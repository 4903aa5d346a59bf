// SPDX-License-Identifier: Apache-2.0
// The issuing desk of one product: picks the subordinate that may issue now, certifies from a
// prepared template, and commits the event before it lets the certificate go. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "base/clock.h"
#include "crypto/cert.h"
#include "keystore/keystore.h"
#include "ledger/issued_encoder.h"
#include "ledger/sqlite/log_writer.h"
#include "line/lot.h"
#include "method/method.h"
#include "pki/serial.h"
#include "pki/template.h"
#include "plan/plan.h"

namespace birthmark::line {

// DeskServices is what a desk works with; all of it outlives the desk.
struct DeskServices {
  ledger::LogWriter& log;
  fs::path log_dir;
  keystore::KeyStore& keys;
  const plan::Plan& plan;
  const pki::Marks& marks;
  pki::SerialSource& serials;
  const Clock& clock;
  ledger::EventContext context;
};

class IssuingDesk : public method::Desk {
 public:
  explicit IssuingDesk(DeskServices services) : s_(std::move(services)) {}

  // CheckLot refuses while the product's lot is stopped. Errors: desk.lot-stopped.
  Status CheckLot();
  // Certify gives the event of a certificate for a new key and commits nothing: it is for many
  // identities that enter the log in one commit. Errors: desk.lot-stopped,
  // desk.no-authority, desk.retired, those of the signer.
  Result<ledger::IdentityIssued> Certify(const method::Order& order);
  // CertifyEvent is Certify by the fast road: the event comes ready for the writer.
  Result<ledger::NewEvent> CertifyEvent(const method::Order& order);
  // CertifyGroup gives the chain, without the root, of a certificate for a key that a batch shares;
  // its serialNumber is the batch's id. Nothing is committed. Errors: as Certify.
  Result<std::vector<Bytes>> CertifyGroup(const std::string& id, const std::string& slot,
                                          const crypto::PublicKey& key);
  // Issue: see method::Desk. A key that fails its audit, or that another unit has, stops the lot.
  // Errors also: desk.retired (every subordinate's window or count is over), desk.lot-stopped,
  // audit.* (why the lot stops now).
  Result<method::Certified> Issue(const method::Order& order) override;
  Result<std::optional<method::Certified>> Live(const std::string& unit,
                                                const std::string& slot) override;
  Status SetState(const method::Job& job, const crypto::Certificate& certificate,
                  const std::string& state, const std::string& reason) override;
  Status Record(const std::string& subject, const ledger::KeyOutside& body) override;
  Time Now() const override { return s_.clock.Now(); }
  ledger::EventContext& context() { return s_.context; }

 private:
  // Subordinate is an authority that has been opened for issuing.
  struct Subordinate {
    std::string id;
    crypto::Certificate certificate;
    std::vector<Bytes> above;  // DER, from itself upwards, without the root
    std::unique_ptr<crypto::Signer> signer;
    std::unique_ptr<pki::IssuerTemplate> prepared;
    // What attested keys' certificates say more, by their policies: made when the first is due.
    std::map<std::vector<std::string>, pki::IssuerTemplate> attested;
    std::function<Result<pki::IssuerTemplate>(const std::vector<std::string>&)> prepare;
    std::optional<int64_t> issues_until;
    std::optional<uint64_t> max_count;
    uint64_t issued = 0;
    // Of the slot, proof and method it was made for.
    std::unique_ptr<ledger::IssuedEncoder> encoder;
    std::string encodes;
  };
  // Signed is a certificate that no event tells of yet.
  struct Signed {
    Subordinate* by = nullptr;
    pki::Stamp stamp;
    Bytes der;
  };
  Result<Signed> SignFor(const method::Order& order);
  Result<Subordinate*> Current(const std::string& slot);
  // PkiOf is the PKI of a slot; of the IDevID's where the plan has no such slot.
  const plan::Pki& PkiOf(const std::string& slot) const;
  Result<method::Certified> FromRow(const ledger::IdentityRow& row);
  Result<std::vector<Bytes>> ChainOf(const std::string& ca);
  Status Stop(const method::Order& order, const audit::Hit& hit);

  DeskServices s_;
  std::optional<bool> stopped_;
  std::map<std::string, std::optional<Subordinate>> open_for_;  // by slot
  // What this desk has signed of each authority's count; the registry knows what is committed.
  std::map<std::string, uint64_t> signed_;
};

}  // namespace birthmark::line
