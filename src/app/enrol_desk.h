// SPDX-License-Identifier: Apache-2.0
// The desk of a running server: decides who may have which certificate, issues from prepared
// templates on the callers' threads and commits through one writer for all of them. Leaves out the
// protocols (enroll) and listening (server). Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "app/factory.h"
#include "app/tokens.h"
#include "attest/challenges.h"
#include "audit/audit.h"
#include "enroll/desk.h"
#include "ledger/sqlite/writer_queue.h"
#include "pki/template.h"
#include "server/metrics.h"

namespace birthmark::app {

// DeskCounters are what metrics and `line watch` show of the desk; they start at 0 with the server.
struct DeskCounters {
  std::atomic<uint64_t> granted{0}, existed{0}, refused{0}, waiting{0}, revoked{0}, confirmed{0};
};

class EnrolDesk : public enroll::Desk {
 public:
  struct Services {
    ledger::WriterQueue& queue;
    keystore::SoftwareKeyStore& keys;  // used under the desk's lock
    fs::path log_dir;
    pki::Marks marks;
    const Clock& clock;
    ledger::EventContext context;
    server::Histogram* commits = nullptr;  // how long callers waited for theirs; may be null
  };
  // Make reads plans, authorities, tokens and credentials, and makes the registration authorities'
  // keys where there are none. Errors: those of the ledger and the key store.
  static Result<std::unique_ptr<EnrolDesk>> Make(Services services);
  ~EnrolDesk() override;

  // Reload reads again what another process may have changed while it had the log.
  Status Reload();

  void Enrol(enroll::Enrolment e, std::function<void(Result<enroll::Granted>)> done) override;
  void EnrolServerKey(enroll::Enrolment e,
                      std::function<void(Result<enroll::GrantedKey>)> done) override;
  void Confirm(const std::string& via, const enroll::Caller& caller, const Bytes& serial,
               bool accepted, std::function<void(Status)> done) override;
  void Revoke(enroll::Revocation r, std::function<void(Status)> done) override;
  Result<enroll::Authorities> AuthoritiesOf(const std::string& product) override;
  Result<enroll::RequestTemplate> TemplateOf(const std::string& product,
                                             const enroll::Caller& caller) override;
  Result<SecretBytes> TokenSecret(const std::string& id) override;
  Result<enroll::Caller> CallerOf(const crypto::Certificate& c,
                                  const std::vector<crypto::Certificate>& others) override;
  Result<enroll::GivenNonce> AttestationNonce(const enroll::NonceRequest& request) override;
  Result<enroll::Ra> EcRa(const std::string& product) override;
  Result<enroll::Ra> RsaRa(const std::string& product) override;

  const DeskCounters& counters() const { return counters_; }
  // Anchors are the roots that client certificates may lead to.
  std::vector<crypto::Certificate> Anchors() const;
  // Intermediates are the authorities that issue now; clients choose their certificate by names.
  std::vector<crypto::Certificate> Intermediates() const;
  // Above gives our authorities above what is signed by the one with this key identifier, it first,
  // the root left out; none where it is not ours. Errors: those of the ledger.
  Result<std::vector<crypto::Certificate>> Above(ByteView key_id);
  // OpenKey opens an online key for another part of the server. Errors: those of the key store.
  Result<std::unique_ptr<crypto::Signer>> OpenKey(const std::string& id);
  // HasKey tells whether it is there, CreateKey makes one in place of what an interrupted run left.
  bool HasKey(const std::string& id);
  Result<keystore::KeyFacts> CreateKey(const std::string& id, crypto::Algorithm a);

 private:
  struct Product;
  struct State;
  // Permit is what was decided about an enrolment, with what it holds until the commit.
  struct Permit;
  explicit EnrolDesk(Services services);

  std::shared_ptr<const State> Now() const;
  // Spent is how many identities an authority has signed, where the registry lags behind.
  using Spent = std::map<std::string, uint64_t>;
  // LoadProduct reads who issues for a product now, and records a turn that begins.
  Result<std::shared_ptr<Product>> LoadProduct(ledger::LogReader& reader, plan::Plan plan,
                                               bool stopped, const Spent& spent);
  // Succeed gives the product with its next issuer when the one in `over` may issue no more; its
  // `ca` is empty when there is none.
  Result<std::shared_ptr<Product>> Succeed(const std::shared_ptr<Product>& over);
  Result<std::shared_ptr<Product>> ProductOf(const std::string& label) const;
  // CheckMaker holds a silicon maker to the parts it certifies in its own factory; CheckReel
  // refuses a part of a reel in quarantine.
  Status CheckMaker(const enroll::Enrolment& e, const plan::IdentitySlot& slot) const;
  Status CheckReel(const enroll::Enrolment& e);
  Result<Permit> Decide(const enroll::Enrolment& e, Product& product);
  // CheckAttestation checks the evidence of a request that may be served, by the slot's plan.
  Status CheckAttestation(const enroll::Enrolment& e, const Product& product, Permit& permit);
  Status ReserveToken(const std::string& id);
  void ReleaseToken(const std::string& id);
  void StopLot(Product& product, const enroll::Enrolment& e, const audit::Hit& hit,
               std::function<void()> then);
  Result<pki::Stamp> NextStamp();
  Result<std::optional<ledger::IdentityRow>> LiveIdentity(const std::string& unit,
                                                          const std::string& slot);
  Result<std::optional<ledger::IdentityRow>> IdentityBySerial(const Bytes& serial);
  Result<Bytes> StoredCertificate(uint64_t seq);
  void Issue(const enroll::Enrolment& e, std::shared_ptr<Product> product, Permit permit,
             std::optional<ledger::KeyOutside> outside,
             std::function<void(Result<enroll::Granted>)> done);
  // CopyOf records, when the last holder of the key's copies lets go of it, that they are gone.
  std::shared_ptr<const void> CopyOf(ledger::KeyOutside life, std::string via);
  Result<bool> IssuedBefore(const std::string& unit, const enroll::Enrolment& e);
  static Status PrepareAttested(const pki::Issuer& issuer, const pki::IssuerTemplate::Fixed& fixed,
                                const pki::Marks& marks, const Layout& layout, Product& product);
  Result<enroll::Ra> RaOf(const std::string& label, bool rsa);

  Services s_;
  DeskCounters counters_;
  mutable std::mutex mutex_;  // state_ pointer, tokens, serials
  std::shared_ptr<const State> state_;
  std::map<std::string, Token> tokens_;
  attest::Challenges challenges_{s_.clock};
  SystemRng rng_;
  std::unique_ptr<pki::SerialSource> serials_;
  std::mutex keys_mutex_;
  std::mutex succession_mutex_;
  std::mutex above_mutex_;
  std::map<Bytes, std::vector<crypto::Certificate>> above_;  // by key identifier
};

}  // namespace birthmark::app
