// SPDX-License-Identifier: Apache-2.0
// A desk in memory for the tests of every enrolment protocol: a throw-away PKI of two levels,
// tokens, credentials, and a record of what was asked. Leaves out the ledger and the plan.
// Thread-safe; the public fields are set before use and read after it.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "crypto/software_signer.h"
#include "enroll/desk.h"
#include "pki/issue.h"
#include "pki/serial.h"
#include "pki/template.h"

namespace birthmark::enroll {

class TestDesk : public Desk {
 public:
  // Credential is a certificate with its private key.
  struct Credential {
    crypto::Certificate certificate;
    crypto::EvpKeyPtr key;
    std::vector<crypto::Certificate> above;  // its issuer first, without the root
    std::string CertificatePem() const;      // with what stands above it
    std::string KeyPem() const;              // PKCS #8, not encrypted
    // Write makes NAME.pem and NAME.key.
    void Write(const std::filesystem::path& dir, const std::string& name) const;
  };

  TestDesk();
  ~TestDesk() override;

  // AddToken lets whoever knows `secret` enrol; with `serial` that unit alone.
  void AddToken(const std::string& id, const std::string& secret, const std::string& serial = "");
  // Credentials of the desk's own PKI; CallerOf knows them.
  Credential Station(const std::string& pseudonym);
  Credential Person(const std::string& pseudonym);
  // Agreeing is a station's whose key may agree on keys as well, so that keys can be sent to it.
  Credential Agreeing(const std::string& pseudonym);
  Credential Device(const std::string& serial);
  Credential Expired(const std::string& pseudonym);  // a station's, past its time
  // Foreign is a station's certificate of another PKI.
  Credential Foreign(const std::string& pseudonym);
  // TlsServer names "localhost" and `dns`.
  Credential TlsServer(const std::string& dns = "est.factory.example");

  void Enrol(Enrolment e, std::function<void(Result<Granted>)> done) override;
  void EnrolServerKey(Enrolment e, std::function<void(Result<GrantedKey>)> done) override;
  Result<GivenNonce> AttestationNonce(const NonceRequest&) override {
    return GivenNonce{.nonce = ToBytes("nonce"), .credential = {}, .seconds = 600};
  }
  void Confirm(const std::string& via, const Caller& caller, const Bytes& serial, bool accepted,
               std::function<void(Status)> done) override;
  void Revoke(Revocation r, std::function<void(Status)> done) override;
  Result<Authorities> AuthoritiesOf(const std::string& product) override;
  Result<RequestTemplate> TemplateOf(const std::string& product, const Caller& caller) override;
  Result<SecretBytes> TokenSecret(const std::string& id) override;
  Result<Caller> CallerOf(const crypto::Certificate& c,
                          const std::vector<crypto::Certificate>& others) override;
  Result<Ra> EcRa(const std::string& product) override;
  Result<Ra> RsaRa(const std::string& product) override;

  // What it is told.
  std::vector<std::string> products = {"bulb"};
  std::atomic<int> wait = 0;     // so many enrolments are answered with enroll.wait
  std::optional<Error> refusal;  // what every enrolment is answered with, when set
  // Callbacks go through this when it is set: another thread's queue, say.
  std::function<void(std::function<void()>)> later;
  bool remember = true;  // off for load: nothing below is kept

  // What it was asked.
  std::vector<Enrolment> enrolments;       // those that reached a decision or a wait
  std::vector<Bytes> confirmed, declined;  // serial numbers
  std::vector<Revocation> revocations;     // those allowed
  std::atomic<int> callers = 0;            // how often CallerOf was asked

  const crypto::Certificate& root() const { return root_; }
  const crypto::Certificate& issuer() const { return sub_; }
  // Live is the certificate that a unit's slot has now.
  std::optional<crypto::Certificate> Live(const std::string& serial,
                                          const std::string& slot = "idevid");

 private:
  struct Unit {
    Digest key{};
    Bytes serial, certificate;
  };

  Result<std::string> Product(const std::string& label) const;
  Result<std::string> Decide(const Enrolment& e, const std::string& product);
  Result<Granted> Issue(const Enrolment& e);
  Credential Make(const pki::Profile& profile, pki::Contents contents, pki::Stamp stamp);
  Credential Named(const pki::Profile& profile, const std::string& pseudonym, Caller::Kind kind);
  pki::Stamp Stamp();
  void Run(std::function<void()> f);

  std::mutex mutex_;
  SystemClock clock_;
  SystemRng rng_;
  pki::SerialSource serials_;
  pki::Marks marks_ = pki::RehearsalMarks();
  std::unique_ptr<crypto::SoftwareSigner> root_key_, sub_key_;
  crypto::Certificate root_, sub_;
  std::unique_ptr<pki::Issuer> root_issuer_, sub_issuer_;
  std::optional<pki::IssuerTemplate> template_;
  std::optional<Credential> ec_ra_, rsa_ra_;
  std::map<std::string, std::pair<Bytes, std::string>> tokens_;  // id: secret, serial
  std::map<std::string, Unit> units_;                            // "product/serial/slot"
  std::map<Bytes, Caller> known_;  // by the certificate's serial number
  std::set<Bytes> revoked_;
  std::unique_ptr<TestDesk> foreign_;
};

}  // namespace birthmark::enroll
