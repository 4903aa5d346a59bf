// SPDX-License-Identifier: Apache-2.0
// The MASA over HTTPS: POST /.well-known/brski/requestvoucher and /requestauditlog (RFC 8995
// section 5.9.4 for the paths). A registrar is known by the signature of its request; whether TLS
// knows it too does not count. Thread-safe.
#pragma once

#include <atomic>

#include "app/masa.h"
#include "enroll/http.h"

namespace birthmark::app {

inline constexpr std::string_view kBrski = "/.well-known/brski";

class MasaHandler : public enroll::Handler {
 public:
  explicit MasaHandler(Masa& masa) : masa_(masa) {}
  void Handle(enroll::HttpRequest request, enroll::Reply reply) override;

  struct Counters {
    std::atomic<uint64_t> issued{0}, refused{0}, logs{0};
  };
  const Counters& counters() const { return counters_; }

 private:
  enroll::HttpResponse Answer(const enroll::HttpRequest& request);
  Masa& masa_;
  Counters counters_;
};

}  // namespace birthmark::app
