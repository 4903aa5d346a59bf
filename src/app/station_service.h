// SPDX-License-Identifier: Apache-2.0
// The server's side of stations: joining by a one-time code, asking for a quota, bringing a log.
// Routes: GET /station/time, POST /station/join, POST /station/renew, GET and POST /station/push.
// Work is done on a thread of its own, one thing after another, so that no connection waits for
// another's import. Leaves out TLS and listening (server). Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "app/import.h"
#include "app/layout.h"
#include "app/station_wire.h"
#include "crypto/key.h"
#include "enroll/http.h"
#include "ledger/sqlite/writer_queue.h"
#include "pki/profile.h"
#include "pki/serial.h"

namespace birthmark::app {

// StationServices is what the service works with; all of it outlives the service.
struct StationServices {
  ledger::WriterQueue& queue;
  // Opens an online key by its id; any thread may call it. keystore.missing for one that is not
  // here.
  std::function<Result<std::unique_ptr<crypto::Signer>>(const std::string& id)> open_key;
  fs::path workspace;
  pki::Marks marks;
  const Clock& clock;
  ledger::EventContext context;
};

class StationService : public enroll::Handler {
 public:
  explicit StationService(StationServices services);
  // The destructor answers what it has begun; what waits is told to come again.
  ~StationService() override;

  void Handle(enroll::HttpRequest request, enroll::Reply reply) override;

 private:
  struct Work {
    enroll::HttpRequest request;
    enroll::Reply reply;
  };
  void Loop();
  Result<Bytes> Answer(const enroll::HttpRequest& request);
  Result<Bytes> Join(const enroll::HttpRequest& request);
  Result<Bytes> Renew(const enroll::HttpRequest& request);
  Result<Bytes> Push(const enroll::HttpRequest& request);
  // StationOf says which station a connection's certificate is the credential of.
  // Errors: station.not-authorised.
  Result<std::string> StationOf(const enroll::Peer& peer, ledger::LogReader& reader,
                                bool expired_too);
  Result<crypto::Certificate> IssueCredential(ledger::LogReader& reader, const std::string& kind,
                                              const std::string& role, const std::string& pseudonym,
                                              const std::string& manufacturer,
                                              const crypto::PublicKey& key, int64_t days);

  StationServices s_;
  Layout layout_;
  SystemRng rng_;
  std::unique_ptr<pki::SerialSource> serials_;
  Importer importer_;

  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Work> waiting_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace birthmark::app
