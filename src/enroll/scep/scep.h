// SPDX-License-Identifier: Apache-2.0
// SCEP (RFC 8894) at /scep/<product>: a Handler over the desk. A first certificate takes a token in
// the request's challengePassword ("ID:SECRET"), a renewal the unit's own certificate. Leaves out
// sockets (server) and who may have what (desk). Thread-safe.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "enroll/desk.h"
#include "enroll/http.h"

namespace birthmark::enroll::scep {

struct ScepOptions {
  std::string prefix = "/scep/";  // what stands before the product
  std::filesystem::path pending;  // the folder where requests wait; made when first needed
};

class Scep : public Handler {
 public:
  // `desk` and `clock` must live until the last reply was given.
  Scep(Desk& desk, const Clock& clock, ScepOptions options);
  ~Scep() override;
  void Handle(HttpRequest request, Reply reply) override;

 private:
  class Core;
  std::shared_ptr<Core> core_;  // a callback of the desk may come after this object is gone
};

}  // namespace birthmark::enroll::scep
