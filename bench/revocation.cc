// SPDX-License-Identifier: Apache-2.0
// birthmark-bench-revocation: a list of a million entries, answers made ahead and on demand beside
// a bare answer of the same server, a start with ten thousand issuers, and what `horizon` and
// `status` take with a million identities of theirs.
//   birthmark-bench-revocation [--entries N] [--requests N] [--issuers N] [--identities N]
//                              [--dir FOLDER]
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>

#include "app/crls.h"
#include "app/factory.h"
#include "app/horizon.h"
#include "app/init.h"
#include "app/ocsp_static.h"
#include "app/revocation_http.h"
#include "app/serve.h"
#include "app/status.h"
#include "bench/measure.h"
#include "crypto/der.h"
#include "crypto/software_signer.h"
#include "ledger/events.h"
#include "ledger/events_revocation.h"
#include "ledger/sqlite/registry_revocations.h"
#include "plan/examples.h"
#include "plan/parse.h"
#include "server/http_server.h"

namespace {

using namespace birthmark;
using namespace birthmark::bench;

void Try(const Status& s) {
  if (s) return;
  fmt::print(stderr, "birthmark-bench-revocation: {}\n", s.error().ToString());
  std::exit(1);
}

struct Options {
  size_t entries = 1'000'000, requests = 100'000, issuers = 10'000, identities = 1'000'000;
  fs::path dir = "/var/tmp";
};

// ListOfMany signs one list of so many entries, read from the registry's table.
void ListOfMany(size_t entries, const fs::path& dir) {
  ledger::Db db =
      Must(ledger::Db::Open((dir / "registry.sqlite").string(), ledger::Db::Mode::kCreate));
  Try(db.Exec("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF"));
  Try(ledger::Registry::CreateTables(db));
  Try(db.Exec("BEGIN"));
  {
    ledger::Stmt put = Must(db.Prepare("INSERT INTO revocation VALUES('ca',?1,?2,?3,?4)"));
    SystemRng rng;
    Bytes serial(16);
    for (uint64_t i = 0; i < entries; ++i) {
      rng.Fill(serial);
      for (size_t b = 0; b < 4; ++b)
        serial[b] = static_cast<uint8_t>((0x1a2b0000 + i) >> (24 - 8 * b));
      Try(put.Bind(1, ByteView(serial))
              .Bind(2, uint64_t{1 + i % 5})
              .Bind(3, uint64_t{1'790'000'000'000 + i})
              .Bind(4, i)
              .Run());
    }
  }
  Try(db.Exec("COMMIT"));
  auto key = Must(crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  const Time now = TimeFromMillis(1'795'000'000'000);
  const pki::CrlTerms terms{
      .issuer = {.name = Must(pki::Name::Make({{"O", "Acme"}, {"CN", "Site CA 1"}})),
                 .key_id = Bytes(20, 7),
                 .algorithm = crypto::Algorithm::kEcdsaP256},
      .number = 1,
      .this_update = now,
      .next_update = now + std::chrono::hours(24)};
  const Memory before = MemoryNow();
  Stopwatch watch;
  watch.Start();
  auto written = Must(pki::SignCrlFile(
      terms,
      [&](const std::function<Status(const pki::CrlEntry&)>& fn) {
        return ledger::ForEachRevocation(db, "ca", [&](const ledger::RevocationRow& row) {
          return fn({.serial = row.serial,
                     .at = TimeFromMillis(row.at),
                     .reason = *pki::CrlReasonOf(row.reason)});
        });
      },
      *key, dir / "list.crl"));
  watch.Stop();
  fmt::print(
      "list of {} entries, {:.1f} MB: {:.2f} s ({:.2f} s CPU), {:.1f} MiB more memory of its own\n",
      written.count, static_cast<double>(written.octets) / 1e6, watch.wall, watch.cpu,
      MemoryNow().own - before.own);
}

double CpuOf(pid_t pid) {
  std::ifstream in(fmt::format("/proc/{}/stat", pid));
  std::string all((std::istreambuf_iterator<char>(in)), {});
  unsigned long long user = 0, system = 0;
  std::sscanf(all.c_str() + all.rfind(')') + 2,
              "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system);
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// Bare gives the same octets to everybody: what the server itself costs.
class Bare : public enroll::Handler {
 public:
  explicit Bare(size_t size) : body_(std::make_shared<const Bytes>(size, uint8_t{0x30})) {}
  void Handle(enroll::HttpRequest, enroll::Reply reply) override {
    enroll::HttpResponse r;
    r.content_type = app::kOcspResponseType;
    r.shared = *body_;
    r.keep = body_;
    reply(std::move(r));
  }

 private:
  std::shared_ptr<const Bytes> body_;
};

class Connection {
 public:
  explicit Connection(uint16_t port) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) std::exit(1);
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  // Ask gives the size of the answer's body; a refusal ends the program.
  size_t Ask(const std::string& request) {
    if (write(fd_, request.data(), request.size()) <= 0) std::exit(1);
    std::string answer;
    char buffer[8192];
    size_t wanted = std::string::npos, length = 0;
    while (answer.size() < wanted) {
      ssize_t n = read(fd_, buffer, sizeof buffer);
      if (n <= 0) std::exit(1);
      answer.append(buffer, static_cast<size_t>(n));
      size_t end = answer.find("\r\n\r\n");
      if (end == std::string::npos || wanted != std::string::npos) continue;
      size_t at = answer.find("Content-Length: ");
      length = std::strtoul(answer.c_str() + at + 16, nullptr, 10);
      wanted = end + 4 + length;
    }
    if (!answer.starts_with("HTTP/1.1 200")) {
      fmt::print(stderr, "birthmark-bench-revocation: {}\n", answer.substr(0, 60));
      std::exit(1);
    }
    return length;
  }

 private:
  int fd_ = -1;
};

// Question is a POST of an OCSP request; with a nonce it is answered on demand.
std::string Question(std::string_view path, const Bytes& der) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\n"
      "Content-Length: {}\r\n\r\n{}",
      path, app::kOcspRequestType, der.size(), AsText(der));
}

Bytes WithNonce(const Bytes& plain, uint32_t n) {
  crypto::DerReader outer(plain);
  crypto::DerReader request = Must(outer.Enter());
  crypto::DerReader tbs = Must(request.Enter());
  Bytes nonce(16);
  for (size_t i = 0; i < 4; ++i) nonce[i] = static_cast<uint8_t>(n >> (8 * i));
  Bytes value, out;
  crypto::DerWriter(value).OctetString(nonce);
  crypto::DerWriter(out).Sequence([&](crypto::DerWriter& r) {
    r.Sequence([&](crypto::DerWriter& t) {
      t.Raw(tbs.rest());
      t.Nest(crypto::der::Context(2, true), [&](crypto::DerWriter& e) {
        e.Sequence([&](crypto::DerWriter& list) {
          list.Sequence([&](crypto::DerWriter& one) {
            one.Oid(pki::oid::kOcspNonce);
            one.OctetString(value);
          });
        });
      });
    });
  });
  return out;
}

struct Workspace {
  fs::path at;
  app::KeySource keys;
};

Workspace MakeWorkspace(const fs::path& dir) {
  plan::Parsed parsed = plan::ParsePlan(std::string(plan::FindExample("bulb")->text));
  Workspace w{.at = dir / "ws", .keys = {}};
  for (const char* name : {"online", "offline"})
    Try(WriteFileAtomic(dir / name, std::string(name) + " passphrase\n", 0600));
  w.keys.online.file = dir / "online";
  w.keys.offline.file = dir / "offline";
  Must(app::Init({.workspace = w.at, .plan_file = dir / "plan.toml"}, *parsed.plan, w.keys,
                 SystemClock()));
  return w;
}

// Answers measures the server beside itself.
void Answers(const Workspace& w, size_t requests) {
  constexpr size_t kCertificates = 500;
  SystemClock clock;
  std::vector<Bytes> plain;
  std::string ca;
  {
    auto f = Must(app::Factory::Open(w.at, w.keys, false, "", "", clock));
    auto reader = Must(f->NewReader());
    const plan::Pki& pki = *f->adopted.plan.IdentityPki();
    auto rows = Must(reader->registry().CasOf(pki.id, static_cast<uint32_t>(pki.levels.size())));
    ca = rows.front().id;
    auto created = Must(ledger::BodyOf<ledger::CaCreated>(Must(reader->EventAt(rows.front().seq))));
    const pki::OcspIssuer issuer(Must(crypto::Certificate::FromDer(created.cert)));
    ledger::Submission all;
    for (size_t i = 0; i < kCertificates; ++i) {
      pki::Stamp stamp = Must(f->serials->Next());
      ledger::IdentityIssued body{
          .ca = ca,
          .cert = Bytes(600, 0x30),
          .slot = "idevid",
          .unit = fmt::format("lumo-a19/LUMO-{:06}", i),
          .proof = "csr-signature",
          .serial = Bytes(stamp.serial.bytes.begin(), stamp.serial.bytes.end()),
          .method = "avocado"};
      f->rng.Fill(body.spki);
      all.push_back(Must(ledger::Prepare(ledger::MakeEvent(f->context, clock.Now(), "", body))));
      plain.push_back(pki::MakeOcspRequest(issuer, body.serial));
    }
    Must(f->log->Append(std::move(all)));
  }
  int say[2], hold[2];
  if (pipe(say) != 0 || pipe(hold) != 0) std::exit(1);
  const pid_t pid = fork();
  if (pid == 0) {
    close(say[0]);
    close(hold[1]);
    auto f = Must(app::Factory::Open(w.at, w.keys, false, "", "", clock));
    app::OcspDesk desk(app::ServicesOf(*f, clock));
    app::OcspHandler handler(desk, clock);
    Bare bare(desk.Answer(ca, plain.front(), nullptr).der->size());
    auto server = Must(server::HttpServer::Start(
        {}, {{"/bare", &bare}, {std::string(app::kOcspPath), &handler, 16384, true}}));
    const std::string word = fmt::format("{}\n", server->port());
    (void)!write(say[1], word.data(), word.size());
    char ignored = 0;
    while (read(hold[0], &ignored, 1) > 0) {
    }
    _exit(0);
  }
  close(say[1]);
  close(hold[0]);
  char word[16] = "";
  (void)!read(say[0], word, sizeof word - 1);
  const auto port = static_cast<uint16_t>(std::atoi(word));
  const std::string path = "/ocsp/" + ca;
  std::vector<std::string> bare, ahead, demand;
  for (size_t i = 0; i < requests; ++i) {
    const Bytes& one = plain[i % plain.size()];
    bare.push_back(Question("/bare", one));
    ahead.push_back(Question(path, one));
    demand.push_back(Question(path, WithNonce(one, static_cast<uint32_t>(i))));
  }
  {
    Connection c(port);
    for (const Bytes& one : plain) (void)c.Ask(Question(path, one));
  }
  auto rate = [&](const std::vector<std::string>& all, size_t from, size_t to) {
    Connection c(port);
    const double before = CpuOf(pid);
    for (size_t i = from; i < to; ++i) (void)c.Ask(all[i]);
    return static_cast<double>(to - from) / std::max(0.01, CpuOf(pid) - before);
  };
  Yardstick yardstick;
  constexpr size_t kRounds = 5;
  std::vector<double> ahead_ratio, demand_ratio, bare_rate, ahead_rate, demand_rate;
  for (size_t r = 0; r < kRounds; ++r) {
    const size_t from = requests * r / kRounds, to = requests * (r + 1) / kRounds;
    const double b = rate(bare, from, to), a = rate(ahead, from, to), d = rate(demand, from, to);
    const double began = ThreadCpu();
    yardstick.Sign(5000);
    const double sign = 5000 / (ThreadCpu() - began);
    ahead_ratio.push_back(a / b);
    demand_ratio.push_back(d * (1 / sign + 1 / b));
    bare_rate.push_back(b);
    ahead_rate.push_back(a);
    demand_rate.push_back(d);
  }
  close(hold[1]);
  waitpid(pid, nullptr, 0);
  fmt::print("a bare answer            {:>8.0f} per server CPU-second\n", Median(bare_rate));
  const Spread a(ahead_ratio), d(demand_ratio);
  fmt::print(
      "OCSP, made ahead         {:>8.0f}  {:.2f} of a bare answer ({:.2f} to {:.2f}; target 0.8)\n",
      Median(ahead_rate), a.median, a.low, a.high);
  fmt::print(
      "OCSP, on demand, nonce   {:>8.0f}  {:.2f} of 1/(1/sign + 1/answer) ({:.2f} to {:.2f}; "
      "target 0.8)\n",
      Median(demand_rate), d.median, d.low, d.high);
}

// Issuers starts a server whose log has so many authorities that retired.
void Issuers(const Workspace& w, size_t issuers) {
  SystemClock clock;
  {
    auto f = Must(app::Factory::Open(w.at, w.keys, true, "", "", clock));
    auto reader = Must(f->NewReader());
    const plan::Pki& pki = *f->adopted.plan.IdentityPki();
    auto root = Must(reader->registry().CasOf(pki.id, 1)).front();
    auto created = Must(ledger::BodyOf<ledger::CaCreated>(Must(reader->EventAt(root.seq))));
    auto signer = Must(f->keys.offline->Open(root.id));
    auto issuer =
        Must(pki::Issuer::Make(Must(crypto::Certificate::FromDer(created.cert)), *signer));
    auto key = Must(crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
    for (size_t done = 0; done < issuers;) {
      ledger::Submission all;
      for (size_t i = 0; i < 500 && done < issuers; ++i, ++done) {
        const std::string id = fmt::format("{}-{}.old-{}", pki.id, pki.levels.size(), done);
        auto c =
            Must(pki::Issue(issuer, pki::SubordinateProfile(), f->marks, Must(f->serials->Next()),
                            {.subject = Must(pki::Name::Make({{"O", "Lumo"}, {"CN", id}})),
                             .key = key->public_key(),
                             .path_len = 0}));
        ledger::CaCreated ca{.id = id,
                             .pki = pki.id,
                             .cert = Bytes(c.der().begin(), c.der().end()),
                             .name = id,
                             .level = static_cast<uint32_t>(pki.levels.size()),
                             .issuer = root.id};
        auto add = [&](const auto& body) {
          all.push_back(
              Must(ledger::Prepare(ledger::MakeEvent(f->context, clock.Now(), "ca:" + id, body))));
        };
        add(ca);
        add(ledger::CaState{.id = id, .state = "retired", .until = std::nullopt, .reason = "time"});
      }
      Must(f->log->Append(std::move(all)));
    }
  }
  Stopwatch open;
  open.Start();
  {
    auto reader = Must(app::OpenReader(w.at));
    (void)Must(reader->registry().Cas());
  }
  open.Stop();
  Stopwatch start;
  start.Start();
  auto server = Must(app::Server::Start(
      {.workspace = w.at, .port = 0, .plain_port = 0, .metrics_port = 0, .coaps_port = 0}, w.keys,
      clock));
  start.Stop();
  server.reset();
  fmt::print(
      "{} issuers: opened and listed in {:.0f} ms; a server starts in {:.2f} s, of which a "
      "good part is the passphrase's scrypt (target < 1 s)\n",
      issuers, open.wall * 1e3, start.wall);
}

// Decades adds identities of the issuers, in their order, and looks ahead and around.
void Decades(const Workspace& w, size_t issuers, size_t identities) {
  SystemClock clock;
  if (issuers == 0) return;
  {
    auto f = Must(app::Factory::Open(w.at, w.keys, false, "", "", clock));
    const plan::Pki& pki = *f->adopted.plan.IdentityPki();
    auto reader = Must(f->NewReader());
    auto row = Must(reader->registry().CasOf(pki.id, 1)).front();
    auto root = Must(ledger::BodyOf<ledger::CaCreated>(Must(reader->EventAt(row.seq))));
    for (size_t done = 0; done < identities;) {
      ledger::Submission all;
      for (size_t i = 0; i < 2000 && done < identities; ++i, ++done) {
        ledger::IdentityIssued one;
        one.ca =
            fmt::format("{}-{}.old-{}", pki.id, pki.levels.size(), done * issuers / identities);
        one.cert = root.cert;  // only its dates are read
        one.slot = "idevid";
        one.unit = fmt::format("{}/B{:08}", f->adopted.plan.product.id, done);
        one.proof = "csr-signature";
        one.method = "avocado";
        one.serial.resize(16);
        for (size_t b = 0; b < 8; ++b)
          one.serial[8 + b] = one.spki[b] = static_cast<uint8_t>(done >> (56 - 8 * b));
        one.serial[0] = 0x2b;
        one.spki[31] = 0x2b;
        all.push_back(Must(
            ledger::Prepare(ledger::MakeEvent(f->context, clock.Now(), "unit:" + one.unit, one))));
      }
      Must(f->log->Append(std::move(all)));
    }
  }
  auto timed = [](auto&& work) {
    Stopwatch watch;
    watch.Start();
    work();
    watch.Stop();
    return watch.wall;
  };
  const double horizon = timed([&] { (void)Must(app::Foresee(w.at, clock.Now(), 30)); });
  const double first = timed([&] { (void)Must(app::LookAt(w.at, clock)); });
  const double again = timed([&] { (void)Must(app::LookAt(w.at, clock)); });
  fmt::print(
      "{} issuers, {} identities: horizon {:.2f} s, the first status {:.2f} s, the next {:.2f} s\n",
      issuers, identities, horizon, first, again);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  if (const char* tmp = std::getenv("TMPDIR")) o.dir = tmp;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view word = argv[i], value = argv[i + 1];
    auto number = [&](size_t& n) { std::from_chars(value.data(), value.data() + value.size(), n); };
    if (word == "--entries") number(o.entries);
    if (word == "--requests") number(o.requests);
    if (word == "--issuers") number(o.issuers);
    if (word == "--identities") number(o.identities);
    if (word == "--dir") o.dir = value;
  }
  std::string name = (o.dir / "birthmark-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return 1;
  const fs::path dir = name;
  ListOfMany(o.entries, dir);
  const Workspace w = MakeWorkspace(dir);
  Answers(w, o.requests);
  // Another workspace: the certificates that were answered for are no certificates.
  fs::create_directory(dir / "decades");
  const Workspace many = MakeWorkspace(dir / "decades");
  Issuers(many, o.issuers);
  Decades(many, o.issuers, o.identities);
  std::error_code ec;
  fs::remove_all(dir, ec);
  return 0;
}
