// SPDX-License-Identifier: Apache-2.0
// What evidence costs: bare ECDSA P-256 signing against signing plus a durable, indexed append, with
// many identities already stored; then start-up, look-ups and memory. A ratio of one run, pairs
// interleaved, process CPU time (all threads). Usage: ledger_bench [ROWS] [FOLDER]
#define OPENSSL_SUPPRESS_DEPRECATED  // the bare low-level call is the yardstick
#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "base/files.h"
#include "crypto/software_signer.h"
#include "ledger/events.h"
#include "ledger/sqlite/log_reader.h"
#include "ledger/sqlite/writer_queue.h"

namespace {

using namespace birthmark;
using namespace birthmark::ledger;

template <class T>
T Must(Result<T> r) {
  if (r) return std::move(*r);
  fmt::print(stderr, "{}\n", r.error().ToString());
  std::exit(1);
}

double Seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}
double Cpu() { return Seconds(CLOCK_PROCESS_CPUTIME_ID); }
double Wall() { return Seconds(CLOCK_MONOTONIC); }

// Random is a fast source of octets that need not be secret.
class Random {
 public:
  void Fill(uint8_t* p, size_t n) {
    for (; n >= 8; p += 8, n -= 8) {
      uint64_t w = Next();
      std::memcpy(p, &w, 8);
    }
    for (; n > 0; --n) *p++ = static_cast<uint8_t>(Next());
  }
  uint64_t Next() {  // splitmix64
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_ = static_cast<uint64_t>(time(nullptr)) << 20;
};

// Maker makes identity.issued events of near 900 octets from one template, as an issuer does.
class Maker {
 public:
  Maker() {
    IdentityIssued body;
    body.ca = "site-1";
    body.cert.assign(620, 0x5a);
    body.slot = "idevid";
    body.spki.fill(0x11);
    body.unit = "bmc/0000000000";
    body.proof = "csr-signature";
    body.serial.assign(16, 0x22);
    body.method = "avocado";
    Event e = MakeEvent(EventContext{.actor = "birthmark", .plan = Digest{}}, SystemClock().Now(), "unit:bmc/0000000000", body);
    template_ = EncodeEvent(e);
    cert_ = Find(body.cert);
    spki_ = Find(Bytes(32, 0x11));
    serial_ = Find(Bytes(16, 0x22));
    unit_ = Find(ToBytes("bmc/0000000000"));
    subject_ = Find(ToBytes("unit:bmc/0000000000")) + 5;
    row_.ca = body.ca;
    row_.slot = body.slot;
    row_.method = body.method;
    row_.issued_at = row_.state_at = e.at;
  }
  size_t size() const { return template_.size(); }

  NewEvent Make(ByteView signature) {
    Bytes e = template_;
    IdentityRow row = row_;
    random_.Fill(row.spki.data(), 32);
    row.serial.resize(16);
    random_.Fill(row.serial.data(), 16);
    auto minute = static_cast<uint32_t>(time(nullptr) / 60);
    for (size_t i = 0; i < 4; ++i) row.serial[i] = static_cast<uint8_t>(minute >> (24 - 8 * i));
    row.unit = fmt::format("bmc/{:010}", next_++);
    std::copy(row.spki.begin(), row.spki.end(), e.begin() + spki_);
    std::copy(row.serial.begin(), row.serial.end(), e.begin() + serial_);
    std::copy(row.unit.begin(), row.unit.end(), e.begin() + unit_);
    std::copy(row.unit.begin(), row.unit.end(), e.begin() + subject_);
    std::copy(signature.begin(), signature.end(), e.begin() + cert_);
    return PrepareIssued(std::move(e), std::move(row));
  }
  uint64_t next_ = 0;

 private:
  ptrdiff_t Find(const Bytes& what) {
    return std::search(template_.begin(), template_.end(), what.begin(), what.end()) - template_.begin();
  }
  Bytes template_;
  ptrdiff_t cert_, spki_, serial_, unit_, subject_;
  IdentityRow row_;
  Random random_;
};

struct Signing {
  EC_KEY* key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
  Digest digest{};
  uint8_t out[80];
  Signing() {
    EC_KEY_generate_key(key);
    EC_KEY_precompute_mult(key, nullptr);
  }
  ByteView Sign() {
    unsigned n = sizeof out;
    digest[0]++;
    if (ECDSA_sign(0, digest.data(), 32, out, &n, key) != 1) std::exit(1);
    return {out, n};
  }
};

// Run appends n events, `batch` a submission, several submissions under way at once.
void Run(WriterQueue& queue, Maker& maker, Signing* signing, size_t n, size_t batch) {
  std::vector<std::future<Result<Receipt>>> under_way;
  for (size_t done = 0; done < n; done += batch) {
    Submission s;
    s.reserve(batch);
    for (size_t i = 0; i < std::min(batch, n - done); ++i) {
      s.push_back(maker.Make(signing ? signing->Sign() : ByteView()));
    }
    under_way.push_back(queue.Submit(std::move(s)));
    if (under_way.size() > 16) {
      Must(under_way.front().get());
      under_way.erase(under_way.begin());
    }
  }
  for (auto& f : under_way) Must(f.get());
}

double Median(std::vector<double> v) {
  std::ranges::sort(v);
  return v[v.size() / 2];
}

// Memory in MiB of this process: all, and the part that is its own and not a mapped file's.
std::pair<double, double> Memory() {
  std::ifstream f("/proc/self/status");
  std::string word;
  double all = 0, own = 0;
  while (f >> word) {
    if (word == "VmRSS:") f >> all;
    if (word == "RssAnon:") f >> own;
  }
  return {all / 1024, own / 1024};
}

template <class F>
void LookUps(const char* what, size_t n, F&& f) {
  std::vector<double> us;
  for (size_t i = 0; i < n; ++i) {
    double t = Wall();
    f(i);
    us.push_back((Wall() - t) * 1e6);
  }
  std::ranges::sort(us);
  fmt::print("look-up by {:6}: p50 {:.1f} us, p99 {:.1f} us, worst {:.1f} us\n", what, us[n / 2], us[n * 99 / 100], us.back());
}

}  // namespace

int main(int argc, char** argv) {
  size_t rows = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  std::string dir = argc > 2 ? argv[2] : "";
  bool own_dir = dir.empty();
  if (own_dir) {
    std::string t = (std::filesystem::temp_directory_path() / "ledger-bench-XXXXXX").string();
    if (mkdtemp(t.data()) == nullptr) return 1;
    dir = t;
  }
  std::filesystem::path log = std::filesystem::path(dir) / "ledger";
  SystemClock clock;
  Maker maker;
  Signing signing;
  std::unique_ptr<LogWriter> writer;
  if (std::filesystem::exists(log)) {
    writer = Must(LogWriter::Open(log, clock));
  } else {
    auto key = Must(crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519));
    Genesis g;
    g.origin = "example.com/bench";
    g.program = "ledger_bench";
    auto spki = key->public_key().spki();
    g.log_key.assign(spki.begin(), spki.end());
    writer = Must(LogWriter::Create(log, MakeEvent({}, clock.Now(), "", g), clock));
  }
  maker.next_ = writer->size();
  size_t had = writer->size();
  WriterQueue queue(std::move(writer));
  if (had < rows) {
    double c = Cpu(), w = Wall();
    Run(queue, maker, nullptr, rows - had, 1024);
    double n = static_cast<double>(rows - had);
    fmt::print("filled {} events of {} octets: {:.1f} us CPU and {:.1f} us wall each\n", rows - had, maker.size(),
               (Cpu() - c) / n * 1e6, (Wall() - w) / n * 1e6);
  }
  for (size_t batch : {size_t{4096}, size_t{256}, size_t{16}}) {
    constexpr size_t kN = 16'384;
    std::vector<double> ratios, bare, full, wall;
    for (int pair = 0; pair < 7; ++pair) {
      double a = Cpu();
      for (size_t i = 0; i < kN; ++i) signing.Sign();
      a = Cpu() - a;
      double w = Wall();
      double b = Cpu();
      Run(queue, maker, &signing, kN, batch);
      b = Cpu() - b;
      wall.push_back(kN / (Wall() - w));
      ratios.push_back(a / b);
      bare.push_back(a / kN * 1e6);
      full.push_back(b / kN * 1e6);
    }
    fmt::print("ledger append+sign: {:.2f} R  (submissions of {}; sign {:.1f} us, sign+append {:.1f} us CPU; {:.0f}/s wall)\n",
               Median(ratios), batch, Median(bare), Median(full), Median(wall));
    if (batch == 4096) {
      // The same octets hashed alone: leaf and one node an event.
      Bytes event(maker.size(), 0x5a);
      double t = Cpu();
      Frontier f;
      for (size_t i = 0; i < kN; ++i) f.Append(LeafHash(event));
      fmt::print("ledger hashing: {:.1f} % of issuing\n", (Cpu() - t) / kN * 1e6 / Median(full) * 100);
    }
  }
  uint64_t size = 0;
  queue.Run([&](LogWriter& w) { size = w.size(); });
  double t = Wall();
  auto reader = Must(LogReader::Open(log));
  fmt::print("start-up of a reader: {:.0f} ms\n", (Wall() - t) * 1e3);
  Random random;
  std::vector<IdentityRow> known;
  for (size_t i = 0; i < 5000; ++i) {
    if (auto r = Must(reader->registry().IdentityAt(1 + random.Next() % (size - 1)))) known.push_back(*r);
  }
  Must(reader->registry().IdentityBySerial(known[0].serial));
  size_t n = known.size();
  LookUps("serial", n, [&](size_t i) { if (!Must(reader->registry().IdentityBySerial(known[i].serial))) std::exit(1); });
  LookUps("key", n, [&](size_t i) { if (Must(reader->registry().IdentitiesByKey(known[i].spki)).empty()) std::exit(1); });
  LookUps("unit", n, [&](size_t i) { if (Must(reader->registry().IdentitiesOf(known[i].unit)).empty()) std::exit(1); });
  auto [all, own] = Memory();
  fmt::print("memory with {} identities: {:.0f} MiB, of it {:.0f} MiB not mapped files\n", size, all, own);
  if (own_dir) std::filesystem::remove_all(dir);
  return 0;
}
