// SPDX-License-Identifier: Apache-2.0
// Keeps a served workspace's revocation lists fresh: signs those of online authorities when
// something was revoked or half of their life is over, brings reserves out, and shows the countdown
// to nextUpdate. A thread of its own.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "app/crls.h"
#include "server/metrics.h"

namespace birthmark::app {

class CrlKeeper {
 public:
  static constexpr auto kEvery = std::chrono::seconds(5);
  // `has_key` says whether an authority's key is online here; `said` gets what was done, and why
  // something could not be.
  CrlKeeper(CrlMaker maker, std::function<bool(const std::string& ca)> has_key,
            server::Metrics& metrics, std::function<void(const std::string& what)> said);
  ~CrlKeeper();
  CrlKeeper(const CrlKeeper&) = delete;
  CrlKeeper& operator=(const CrlKeeper&) = delete;

  // Look does one round now.
  Status Look();

 private:
  void Work();
  CrlMaker maker_;
  std::function<bool(const std::string&)> has_key_;
  server::Metrics& metrics_;
  std::function<void(const std::string&)> said_;
  std::optional<uint64_t> mark_;  // of the round before
  // A long list is not signed again at once: the log and the clock come first.
  std::map<std::string, std::chrono::steady_clock::time_point> not_before_;
  std::mutex mutex_, looking_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace birthmark::app
