// SPDX-License-Identifier: Apache-2.0
// What became of a certificate, asked one by one (RFC 6960): answers for the authorities whose keys
// are online, signed by responders that they certified, made ahead where nothing in the question
// forbids it. Leaves out the encoding (pki/ocsp.h) and HTTP (server). Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "app/factory.h"
#include "pki/ocsp.h"

namespace birthmark::app {

inline constexpr std::string_view kOcspPath = "/ocsp";
inline constexpr std::string_view kOcspRequestType = "application/ocsp-request";
inline constexpr std::string_view kOcspResponseType = "application/ocsp-response";

// ResponderKey is a responder's key with its certificate.
struct ResponderKey {
  crypto::Certificate certificate;
  std::unique_ptr<crypto::Signer> signer;
};

// OcspServices is what answers are made of; all of it outlives the desk.
struct OcspServices {
  fs::path log_dir;
  const Clock& clock;
  pki::Marks marks;
  ledger::EventContext context;
  // open_key and create_key are those of the online key store; append commits.
  std::function<Result<std::unique_ptr<crypto::Signer>>(const std::string& id)> open_key;
  std::function<Result<ledger::KeyCreated>(const std::string& id, crypto::Algorithm a)> create_key;
  std::function<Status(ledger::Submission)> append;
  // find looks an identity up by its serial number, as the log stands now.
  std::function<Result<std::optional<ledger::IdentityRow>>(const Bytes& serial)> find;
  // How long an answer holds; it is made anew when half of that is over.
  std::chrono::milliseconds lifetime = std::chrono::hours(8);
};

// OcspAnswered is a response with how long it may be kept.
struct OcspAnswered {
  std::shared_ptr<const Bytes> der;
  bool cacheable = false;
  Time this_update{}, next_update{};
};

class OcspDesk {
 public:
  static constexpr auto kResponderLife = std::chrono::hours(24) * 30;

  explicit OcspDesk(OcspServices services);
  ~OcspDesk();

  // Answer takes a request's octets for an authority and gives a response's, whatever the request
  // is: what is wrong with it is in the response (RFC 6960 section 4.2.1), and in `why`.
  OcspAnswered Answer(const std::string& ca, ByteView request, std::string* why);

  // Forget drops what was read of the log: another process changed it.
  void Forget();
  uint64_t made_ahead() const { return made_ahead_; }
  uint64_t on_demand() const { return on_demand_; }
  uint64_t refused() const { return refused_; }

 private:
  struct Authority;
  Result<OcspAnswered> Make(const std::string& ca, ByteView request);
  Result<std::shared_ptr<Authority>> AuthorityOf(const std::string& ca);
  Result<std::shared_ptr<Authority>> LoadAuthority(const std::string& ca);
  Result<ResponderKey> ResponderOf(const ledger::CaRow& ca, const crypto::Certificate& above);
  Result<pki::OcspAnswer> StateOf(Authority& a, const pki::OcspCertId& id);
  // Refresh moves on to the log of now, once a second at most.
  Status Refresh();

  OcspServices s_;
  std::mutex mutex_;
  std::unique_ptr<ledger::LogReader> reader_;
  std::chrono::steady_clock::time_point refreshed_{};
  uint64_t mark_ = 0;   // of the last change to what is revoked
  uint64_t epoch_ = 0;  // grows with it
  std::map<std::string, std::shared_ptr<Authority>> authorities_;
  SystemRng rng_;
  std::unique_ptr<pki::SerialSource> serials_;
  std::atomic<uint64_t> made_ahead_{0}, on_demand_{0}, refused_{0};
};

}  // namespace birthmark::app
