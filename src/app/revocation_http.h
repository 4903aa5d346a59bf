// SPDX-License-Identifier: Apache-2.0
// Revocation over plain HTTP: /ocsp/CA by POST and GET (RFC 6960 appendix A, RFC 5019 section 5),
// /crl/CA.crl as files, with what caches need to know. Both protect themselves. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "app/layout.h"
#include "app/ocsp.h"
#include "base/mapped_file.h"
#include "enroll/http.h"

namespace birthmark::app {

inline constexpr std::string_view kCrlPath = "/crl";

class OcspHandler : public enroll::Handler {
 public:
  OcspHandler(OcspDesk& desk, const Clock& clock) : desk_(desk), clock_(clock) {}
  void Handle(enroll::HttpRequest request, enroll::Reply reply) override;

 private:
  OcspDesk& desk_;
  const Clock& clock_;
};

// CrlHandler gives published lists out; never an older one than it gave before.
class CrlHandler : public enroll::Handler {
 public:
  CrlHandler(Layout layout, const Clock& clock) : layout_(std::move(layout)), clock_(clock) {}
  void Handle(enroll::HttpRequest request, enroll::Reply reply) override;

 private:
  struct Shown {
    std::shared_ptr<const MappedFile> file;
    fs::file_time_type written;
    uint64_t number = 0;
    Time this_update{}, next_update{};
    std::string tag;
  };
  Result<Shown> ListOf(const std::string& name);

  Layout layout_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Shown> shown_;  // by file name
};

}  // namespace birthmark::app
