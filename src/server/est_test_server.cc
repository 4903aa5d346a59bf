// SPDX-License-Identifier: Apache-2.0
// EST on a desk in memory, for trying clients by hand and for measuring what server and handler
// cost:
//   est_test_server DIR [THREADS]
// writes root.pem, sub.pem, station.pem and station.key to DIR, prints "ready URL" (token "tok-1",
// secret "secret"), serves until its standard input ends, and says then how many answers one second
// of its CPU gave, and how many enrolments the desk alone can do in one.
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "enroll/est/est.h"
#include "enroll/test_desk.h"
#include "server/http_server.h"

namespace {

using namespace birthmark;

double CpuSeconds() {
  struct rusage u{};
  getrusage(RUSAGE_SELF, &u);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(u.ru_utime) + seconds(u.ru_stime);
}

double DeskAlone(enroll::TestDesk& desk) {
  constexpr int kTimes = 5000;
  auto key = crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
  const double from = CpuSeconds();
  for (int i = 0; i < kTimes; ++i) {
    enroll::Enrolment e;
    e.caller = {enroll::Caller::Kind::kToken, "tok-1", std::nullopt};
    e.serial = "BMC-0001";
    e.key = (*key)->public_key();
    desk.Enrol(std::move(e), [](Result<enroll::Granted>) {});
  }
  return kTimes / (CpuSeconds() - from);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::filesystem::path dir = argv[1];
  enroll::TestDesk desk;
  desk.AddToken("tok-1", "secret");
  std::ofstream(dir / "root.pem") << desk.root().ToPem();
  std::ofstream(dir / "sub.pem") << desk.issuer().ToPem();
  desk.Station("st-1").Write(dir, "station");
  desk.remember = false;  // every request is a new certificate
  enroll::est::Est est(desk);
  auto own = desk.TlsServer();
  server::Metrics metrics;
  server::HttpOptions options;
  options.threads = argc > 2 ? std::atoi(argv[2]) : 1;
  options.metrics = &metrics;
  options.tls = server::TlsOptions{.chain = {own.certificate, desk.issuer()},
                                   .key = own.key.get(),
                                   .anchors = {desk.root()},
                                   .intermediates = {desk.issuer()}};
  auto server = server::HttpServer::Start(options, {{std::string(enroll::est::kPrefix), &est}});
  if (!server) {
    std::cerr << server.error().ToString() << "\n";
    return 1;
  }
  std::cout << "ready " << (*server)->url() << std::endl;
  double from = CpuSeconds();
  const auto& seconds =
      metrics.GetHistogram("birthmark_http_request_seconds", "", {{"server", "http"}});
  uint64_t counted = 0;
  // Each line read is the end of one measurement.
  for (std::string line; std::getline(std::cin, line);) {
    const double cpu = CpuSeconds() - from;
    const uint64_t answers = seconds.count() - counted;
    std::cout << fmt::format("{}: {} answers, {:.2f} CPU seconds, {:.0f} a CPU second\n", line,
                             answers, cpu, static_cast<double>(answers) / cpu)
              << std::flush;
    from = CpuSeconds();
    counted = seconds.count();
  }
  (*server)->Stop();
  std::cout << fmt::format("the desk alone: {:.0f} enrolments a CPU second\n", DeskAlone(desk));
  return 0;
}
