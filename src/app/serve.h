// SPDX-License-Identifier: Apache-2.0
// A workspace on the network: the desk behind EST, CMP, SCEP and EST-coaps, the stations' service
// and the metrics, each on the listener it belongs to. Whatever carries an authority goes over TLS;
// what protects itself (CMP, SCEP) may go over plain HTTP too. Leaves out the command line.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/factory.h"

namespace birthmark::app {

struct ServeOptions {
  fs::path workspace;
  std::string as;
  std::string address = "127.0.0.1";
  std::vector<std::string> names = {"localhost"};  // DNS names in the server's certificate
  uint16_t port = 8443;                            // HTTPS; 0: the kernel's choice, for all ports
  uint16_t plain_port = 8080;                      // HTTP for CMP and SCEP
  uint16_t metrics_port = 9464;
  uint16_t coaps_port = 5684;
  int threads = 1;
  // Keys made here may leave over HTTP without TLS, on a wire that leads nowhere else.
  bool allow_plain_keygen = false;
  bool masa = false;  // answer voucher requests, where a plan has an anchor for vouchers
  std::function<void(const std::string& json_line)> log;  // any thread
};

// Endpoint is one line of what `serve` says when it is ready.
struct Endpoint {
  std::string what;  // "EST"
  std::string url;
};

// Server is a workspace being served, from Start to the destructor.
class Server {
 public:
  // Start opens the workspace, listens and lends the log to commands that ask for it.
  // Errors: those of Factory::Open and of the listeners.
  static Result<std::unique_ptr<Server>> Start(const ServeOptions& options, const KeySource& keys,
                                               const Clock& clock);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  const std::vector<Endpoint>& endpoints() const;
  // failed is set when the log could not be opened again after a loan: the server should end.
  Status failed() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace birthmark::app
