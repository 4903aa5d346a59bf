// SPDX-License-Identifier: Apache-2.0
// birthmark-bench-est: what an enrolment over EST costs the server, as a client sees it and as the
// kernel counts it. The server is `birthmark serve`'s own, in a process of its own; the clients are
// threads of this one and cost it nothing.
//   birthmark-bench-est [--requests N] [--stations N] [--connections N] [--dir FOLDER]
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "app/factory.h"
#include "app/init.h"
#include "app/serve.h"
#include "base/files.h"
#include "bench/measure.h"
#include "crypto/software_signer.h"
#include "ledger/events.h"
#include "pki/csr.h"
#include "plan/examples.h"
#include "plan/parse.h"
#include "server/tls.h"

namespace {

using namespace birthmark;
using namespace birthmark::bench;

void Try(const Status& s) {
  if (s) return;
  fmt::print(stderr, "birthmark-bench-est: {}\n", s.error().ToString());
  std::exit(1);
}

struct Options {
  size_t requests = 20'000, stations = 64, connections = 3'000;
  fs::path dir = "/var/tmp";  // a disk, where /tmp may be memory
};

// CpuOf is what a process has used. Units: seconds.
double CpuOf(pid_t pid) {
  std::ifstream in(fmt::format("/proc/{}/stat", pid));
  std::string all((std::istreambuf_iterator<char>(in)), {});
  size_t at = all.rfind(')');
  unsigned long long user = 0, system = 0;
  std::sscanf(all.c_str() + at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
              &system);
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// Credential is what a station proves itself with.
struct Credential {
  crypto::Certificate certificate;
  std::unique_ptr<crypto::SoftwareSigner> key;
};

struct Workspace {
  fs::path at;
  app::KeySource keys;
  Credential operators;
};

Workspace MakeWorkspace(const fs::path& dir) {
  std::string text(plan::FindExample("bulb")->text);
  // The bulb's plan with identities made by the device and sent over a network.
  auto replace = [&](std::string_view from, std::string_view to) {
    size_t n = text.find(from);
    if (n == std::string::npos)
      Must<bool>(Internal("bench.plan", "the example lost " + std::string(from)));
    text.replace(n, from.size(), to);
  };
  replace("transfer = \"mechanically-installed\"", "transfer = \"network-transferred\"");
  plan::Parsed parsed = plan::ParsePlan(text);
  Workspace w{.at = dir / "ws"};
  for (const char* name : {"online", "offline"})
    Try(WriteFileAtomic(dir / name, std::string(name) + " passphrase\n", 0600));
  w.keys.online.file = dir / "online";
  w.keys.offline.file = dir / "offline";
  SystemClock clock;
  Must(app::Init({.workspace = w.at, .plan_file = dir / "plan.toml"}, *parsed.plan, w.keys, clock));
  std::string pseudonym = Must(app::IssueCredential(w.at, "operator", w.keys, clock, false));
  auto factory = Must(app::Factory::Open(w.at, w.keys, false, "", pseudonym, clock));
  w.operators.key = Must(crypto::SoftwareSigner::FromPkcs8(
      Must(factory->keys.online->Export("credential-" + pseudonym))));
  auto reader = Must(factory->NewReader());
  for (const ledger::CredentialRow& row : Must(reader->registry().Credentials())) {
    if (row.pseudonym != pseudonym) continue;
    auto body = Must(ledger::BodyOf<ledger::CredentialIssued>(Must(reader->EventAt(row.seq))));
    w.operators.certificate = Must(crypto::Certificate::FromDer(body.cert));
  }
  return w;
}

// Child is a process that serves until its pipe is closed.
struct Child {
  pid_t pid = 0;
  int hold = -1;     // closing it ends the child
  std::string word;  // what it said when it was ready

  template <class Serve>
  static Child Start(Serve serve) {
    int say[2], hold[2];
    if (pipe(say) != 0 || pipe(hold) != 0) std::exit(1);
    Child c;
    c.pid = fork();
    if (c.pid == 0) {
      close(say[0]);
      close(hold[1]);
      serve(say[1], hold[0]);
      std::exit(0);
    }
    close(say[1]);
    close(hold[0]);
    c.hold = hold[1];
    char buffer[256];
    for (ssize_t n; (n = read(say[0], buffer, sizeof buffer)) > 0;) {
      c.word.append(buffer, static_cast<size_t>(n));
      if (c.word.ends_with("\n")) break;
    }
    close(say[0]);
    return c;
  }
  void Stop() {
    close(hold);
    waitpid(pid, nullptr, 0);
  }
  uint16_t Port() const { return static_cast<uint16_t>(std::stoi(word)); }
};

void Say(int fd, uint16_t port) {
  std::string word = fmt::format("{}\n", port);
  (void)!write(fd, word.data(), word.size());
}
void WaitForEnd(int hold) {
  char ignored = 0;
  while (read(hold, &ignored, 1) > 0) {
  }
}

// Client is one TLS connection of a station.
class Client {
 public:
  Client(SSL_CTX* ctx, uint16_t port) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ssl_ = SSL_new(ctx);
    SSL_set_fd(ssl_, fd_);
    ok_ = connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 && SSL_connect(ssl_) == 1;
  }
  ~Client() {
    SSL_shutdown(ssl_);
    SSL_free(ssl_);
    close(fd_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  bool ok() const { return ok_; }
  // Ask sends a request and reads its whole answer: its status, or 0.
  int Ask(std::string_view request) {
    if (SSL_write(ssl_, request.data(), static_cast<int>(request.size())) <= 0) return 0;
    std::string answer;
    char buffer[8192];
    size_t wanted = std::string::npos;
    while (answer.size() < wanted) {
      int n = SSL_read(ssl_, buffer, sizeof buffer);
      if (n <= 0) return 0;
      answer.append(buffer, static_cast<size_t>(n));
      size_t end = answer.find("\r\n\r\n");
      if (end == std::string::npos || wanted != std::string::npos) continue;
      size_t length = answer.find("Content-Length: ");
      wanted =
          end + 4 + (length < end ? std::strtoul(answer.c_str() + length + 16, nullptr, 10) : 0);
    }
    return std::atoi(answer.c_str() + 9);
  }

 private:
  int fd_ = -1;
  SSL* ssl_ = nullptr;
  bool ok_ = false;
};

SSL_CTX* ClientContext(const Credential& c) {
  SSL_CTX* ctx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_use_certificate(ctx, c.certificate.x509());
  SSL_CTX_use_PrivateKey(ctx, c.key->evp());
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  return ctx;
}

std::vector<std::string> Requests(size_t n, size_t first) {
  std::vector<std::string> out;
  for (size_t i = 0; i < n; ++i) {
    auto key = Must(crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
    auto name = Must(pki::Name::Make(
        {{"O", "Lumo Lighting"}, {"serialNumber", fmt::format("LUMO-{:06}", first + i)}}));
    std::string body = ToBase64(Must(pki::BuildCsr(name, *key))) + "\n";
    out.push_back(
        fmt::format("POST /.well-known/est/lumo-a19/simpleenroll HTTP/1.1\r\nHost: localhost\r\n"
                    "Content-Type: application/pkcs10\r\nContent-Length: {}\r\n\r\n{}",
                    body.size(), body));
  }
  return out;
}

struct Load {
  double wall = 0;
  std::vector<double> ms;  // of each request
  size_t failed = 0;
};

// Run spreads requests over stations. `each` connections carry one request a piece.
Load Run(const Credential& credential, uint16_t port, const std::vector<std::string>& requests,
         size_t stations, bool new_connections) {
  std::vector<std::vector<double>> ms(stations);
  std::atomic<size_t> next{0}, failed{0};
  SSL_CTX* ctx = ClientContext(credential);
  double from = Wall();
  std::vector<std::thread> threads;
  for (size_t s = 0; s < stations; ++s) {
    threads.emplace_back([&, s] {
      std::unique_ptr<Client> client;
      for (size_t i; (i = next++) < requests.size();) {
        double began = Wall();
        if (!client || new_connections) client = std::make_unique<Client>(ctx, port);
        if (!client->ok() || client->Ask(requests[i]) != 200) ++failed;
        ms[s].push_back((Wall() - began) * 1e3);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  Load out{.wall = Wall() - from, .ms = {}, .failed = failed};
  for (auto& part : ms) out.ms.insert(out.ms.end(), part.begin(), part.end());
  std::ranges::sort(out.ms);
  SSL_CTX_free(ctx);
  return out;
}

// CommitP99 asks the server's own metrics how long enrolments waited for their commit: the bucket
// that holds the 99th of a hundred. Units: milliseconds.
double CommitP99(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string text;
  constexpr std::string_view kAsk =
      "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 &&
      write(fd, kAsk.data(), kAsk.size()) > 0) {
    char buffer[8192];
    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  std::vector<std::pair<double, double>> buckets;  // upper bound, how many are not above it
  constexpr std::string_view kBucket = "birthmark_commit_seconds_bucket{le=\"";
  for (size_t at = 0; (at = text.find(kBucket, at)) != std::string::npos; at += kBucket.size()) {
    const char* bound = text.c_str() + at + kBucket.size();
    buckets.emplace_back(std::strtod(bound, nullptr),
                         std::strtod(std::strchr(bound, '}') + 1, nullptr));
  }
  for (const auto& [bound, count] : buckets) {
    if (count >= 0.99 * buckets.back().second) return bound * 1e3;
  }
  return 0;
}

double Percentile(const std::vector<double>& sorted, double p) {
  return sorted.empty() ? 0
                        : sorted[static_cast<size_t>(p * static_cast<double>(sorted.size() - 1))];
}

// BareHandshakes is a server that does nothing but mutual handshakes with the same library, the
// same kind of certificates and one answer of few octets.
Child BareHandshakes(const Workspace& w, const crypto::Certificate& root) {
  return Child::Start([&](int say, int hold) {
    auto ctx = Must(server::MakeTls(
        {.chain = {w.operators.certificate}, .key = w.operators.key->evp(), .anchors = {root}}));
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (bind(listener, reinterpret_cast<sockaddr*>(&at), size) != 0 || listen(listener, 256) != 0)
      std::exit(1);
    getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
    Say(say, ntohs(at.sin_port));
    std::thread([&] {
      WaitForEnd(hold);
      _exit(0);
    }).detach();
    for (;;) {
      int fd = accept(listener, nullptr, nullptr);
      int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      SSL* ssl = SSL_new(ctx.get());
      SSL_set_fd(ssl, fd);
      char buffer[4096];
      if (SSL_accept(ssl) == 1 && SSL_read(ssl, buffer, sizeof buffer) > 0) {
        constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        SSL_write(ssl, kAnswer.data(), static_cast<int>(kAnswer.size()));
        SSL_shutdown(ssl);
      }
      SSL_free(ssl);
      close(fd);
    }
  });
}

int Measure(const Options& o) {
  std::string name = (o.dir / "birthmark-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return 1;
  fs::path dir = name;
  Workspace w = MakeWorkspace(dir);
  crypto::Certificate operations;
  Child server = Child::Start([&](int say, int hold) {
    SystemClock clock;
    auto s = Must(app::Server::Start(
        {.workspace = w.at, .port = 0, .plain_port = 0, .metrics_port = 0, .coaps_port = 0}, w.keys,
        clock));
    auto port = [](const app::Endpoint& e) { return e.url.substr(e.url.find(':', 8) + 1); };
    std::string word = fmt::format("{} {}\n", std::stoi(port(s->endpoints().front())),
                                   std::stoi(port(s->endpoints().back())));
    (void)!write(say, word.data(), word.size());
    WaitForEnd(hold);
  });
  if (server.word.empty()) return 1;
  operations = Must(crypto::Certificate::FromPem(
      Must(ReadTextFile(w.at / "public/operations-root.pem", 1 << 16))));

  auto warm = Requests(500, 900'000);
  Run(w.operators, server.Port(), warm, o.stations, false);
  auto requests = Requests(o.requests, 1);
  double cpu = CpuOf(server.pid);
  Load kept = Run(w.operators, server.Port(), requests, o.stations, false);
  cpu = CpuOf(server.pid) - cpu;
  fmt::print(
      "EST simpleenroll, {} stations, connections kept: {:.0f} per server CPU-second, {:.0f}/s "
      "wall; {:.2f} ms median, {:.2f} ms p99; {} failed of {}\n",
      o.stations, static_cast<double>(requests.size()) / cpu,
      static_cast<double>(requests.size()) / kept.wall, Percentile(kept.ms, 0.5),
      Percentile(kept.ms, 0.99), kept.failed, requests.size());

  fmt::print(
      "p99 added by the commit: at most {:.1f} ms (the server's own histogram)\n",
      CommitP99(static_cast<uint16_t>(std::stoi(server.word.substr(server.word.find(' '))))));

  // One request a connection, beside bare handshakes of the same library, in pairs.
  Child bare = BareHandshakes(w, operations);
  std::vector<double> ratios;
  size_t first = o.requests + 1000;
  for (int pair = 0; pair < 3; ++pair) {
    auto some = Requests(o.connections / 3, first);
    first += some.size();
    double bare_from = CpuOf(bare.pid);
    Load a = Run(w.operators, bare.Port(), some, 8, true);
    double bare_cpu = CpuOf(bare.pid) - bare_from;
    double from = CpuOf(server.pid);
    Load b = Run(w.operators, server.Port(), some, 8, true);
    double full_cpu = CpuOf(server.pid) - from;
    fmt::print(
        "  {:.0f} bare handshakes, {:.0f} enrolments on new connections per server CPU-second; "
        "failed {} and {}\n",
        static_cast<double>(some.size()) / bare_cpu, static_cast<double>(some.size()) / full_cpu,
        a.failed, b.failed);
    ratios.push_back(bare_cpu / full_cpu);
  }
  Spread s(ratios);
  fmt::print(
      "EST, a new mutual connection each: {:.2f} of the bare handshake rate ({:.2f}-{:.2f})\n",
      s.median, s.low, s.high);
  bare.Stop();
  server.Stop();
  std::error_code ec;
  fs::remove_all(dir, ec);
  return kept.failed == 0 ? 0 : 1;
}

bool Number(std::string_view text, size_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  bool good = argc % 2 == 1;
  for (int i = 1; good && i + 1 < argc; i += 2) {
    std::string_view word = argv[i];
    if (word == "--requests") {
      good = Number(argv[i + 1], o.requests);
    } else if (word == "--stations") {
      good = Number(argv[i + 1], o.stations);
    } else if (word == "--connections") {
      good = Number(argv[i + 1], o.connections);
    } else if (word == "--dir") {
      o.dir = argv[i + 1];
    } else {
      good = false;
    }
  }
  if (!good) {
    fmt::print(stderr,
               "usage: birthmark-bench-est [--requests N] [--stations N] [--connections N] [--dir "
               "FOLDER]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  return Measure(o);
}
