// SPDX-License-Identifier: Apache-2.0
// birthmark-bench-manifest: what taking in a secure element's description costs, every signature
// checked and the ledger durable, as a ratio to the bare verification of an ECDSA signature in the
// same run; and the memory that many of them take. The list is made on the way and never stored.
//   birthmark-bench-manifest [--elements N] [--dir FOLDER]
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <unistd.h>

#include <charconv>

#include "app/intake.h"
#include "base/files.h"
#include "bench/measure.h"
#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"
#include "crypto/p256.h"
#include "crypto/software_signer.h"
#include "manifest/microchip.h"
#include "manifest/strict_json.h"
#include "pki/issue.h"
#include "pki/template.h"

namespace {

using namespace birthmark;
using namespace birthmark::bench;
using crypto::SoftwareSigner;

constexpr size_t kRound = 4096;

template <class T>
void Try(const Result<T>& r) {
  if (r) return;
  fmt::print(stderr, "birthmark-bench-manifest: {}\n", r.error().ToString());
  std::exit(1);
}

// Maker makes elements as a silicon maker would write them.
class Maker {
 public:
  Maker() : serials_(clock_, rng_, clock_.Now()) {
    key_ = Must(SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
    lister_ = Must(SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
    ca = SelfSigned(*key_, "Bench Silicon CA");
    signer = SelfSigned(*lister_, "Bench Manifest Signer");
    pki::Issuer issuer = Must(pki::Issuer::Make(ca, *key_));
    prepared_ = std::make_unique<pki::IssuerTemplate>(
        Must(pki::IssuerTemplate::Make(issuer, pki::IDevIdProfile(), pki::RehearsalMarks(),
                                       {.subject = Must(pki::Name::Make({{"O", "Bench Silicon"}})),
                                        .hardware_type = "1.3.6.1.4.1.32473.1.2",
                                        .masa_url = "",
                                        .mud_url = "",
                                        .crl_urls = {}})));
    head_ = manifest::ToBase64Url(AsBytes(
        fmt::format(R"({{"typ":"JWT","alg":"ES256","kid":"{}","x5t#S256":"{}"}})",
                    manifest::ToBase64Url(*signer.ski()), manifest::ToBase64Url(signer.digest()))));
  }

  std::string Element(bool certified) {
    auto key = Must(SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
    ByteView point = key->public_key().spki().last(64);
    std::string uid = fmt::format("0123{:012x}ee", next_++);
    std::string x5c;
    if (certified) {
      Bytes hardware = *FromHex(uid);
      Bytes cert = Must(prepared_->Issue(Must(serials_.Next()),
                                         {.serial_number = uid,
                                          .hardware_serial = hardware,
                                          .key = key->public_key(),
                                          .not_after = std::nullopt},
                                         *key_));
      x5c = fmt::format(R"(,"x5c":["{}","{}"])", ToBase64(cert), ToBase64(ca.der()));
    }
    std::string body = manifest::ToBase64Url(AsBytes(fmt::format(
        R"({{"version":3,"model":"ATECC608C","partNumber":"ATECC608C-TNGTLS","manufacturer":)"
        R"({{"organizationName":"Bench Silicon","organizationalUnitName":"Secure Products"}},)"
        R"("provisioner":{{"organizationName":"Bench Silicon"}},"distributor":{{"organizationName":)"
        R"("Bench Parts"}},"groupId":"BENCH-{}","provisioningTimestamp":"2026-10-01T08:00:00.000Z",)"
        R"("uniqueId":"{}","publicKeySet":{{"keys":[{{"kid":"0","kty":"EC","crv":"P-256","x":"{}",)"
        R"("y":"{}"{}}}]}}}})",
        next_ / 2000, uid, manifest::ToBase64Url(point.first(32)),
        manifest::ToBase64Url(point.last(32)), x5c)));
    Bytes raw = Must(crypto::EcdsaDerToRaw(Must(lister_->Sign(AsBytes(head_ + "." + body))), 32));
    return fmt::format(
        R"({{"payload":"{}","protected":"{}","header":{{"uniqueId":"{}"}},"signature":"{}"}})",
        body, head_, uid, manifest::ToBase64Url(raw));
  }

  crypto::Certificate ca, signer;

 private:
  crypto::Certificate SelfSigned(SoftwareSigner& key, const char* name) {
    pki::Contents contents;
    contents.subject = Must(pki::Name::Make({{"O", "Bench Silicon"}, {"CN", name}}));
    contents.key = key.public_key();
    contents.path_len = 0;
    return Must(pki::SelfSign(key, pki::RootProfile(), pki::RehearsalMarks(), Must(serials_.Next()),
                              contents));
  }
  // Parts were certified before their list is read, also those that are made while it is.
  ManualClock clock_{SystemClock().Now() - std::chrono::hours(24)};
  SystemRng rng_;
  pki::SerialSource serials_;
  std::unique_ptr<SoftwareSigner> key_, lister_;
  std::unique_ptr<pki::IssuerTemplate> prepared_;
  std::string head_;
  uint64_t next_ = 0;
};

// Bare is ECDSA_verify over P-256 with its digest at hand, nothing else.
class Bare {
 public:
  Bare() : key_(crypto::P256Generate()) {
    digest_.fill(7);
    size_ = crypto::P256SignDigest(key_.get(), digest_, signature_);
  }
  void Verify(size_t n) {
    for (size_t i = 0; i < n; ++i) {
      if (ECDSA_verify(0, digest_.data(), static_cast<int>(digest_.size()), signature_.data(),
                       static_cast<int>(size_), key_.get()) != 1)
        std::exit(1);
    }
  }

 private:
  crypto::EcKeyPtr key_;
  Digest digest_{};
  std::array<uint8_t, 72> signature_{};
  size_t size_ = 0;
};

struct Bench {
  fs::path dir;
  SystemClock clock;
  SystemRng rng;
  ledger::EventContext context;
  std::unique_ptr<ledger::LogWriter> log;
  Maker maker;
  Bare bare;

  void Init() {
    ledger::Genesis genesis;
    genesis.origin = "bench.example/log";
    genesis.workspace = "bench";
    auto key = Must(SoftwareSigner::Generate(crypto::Algorithm::kEd25519));
    genesis.log_key.assign(key->public_key().spki().begin(), key->public_key().spki().end());
    log = Must(ledger::LogWriter::Create(
        dir / "ledger", ledger::MakeEvent(context, clock.Now(), "", genesis), clock));
  }

  // Import takes `count` elements in, in rounds that alternate with bare verification.
  void Import(uint64_t count, bool certified, bool memory) {
    std::string block = "[";
    size_t at = 0;
    uint64_t made = 0;
    std::vector<double> ratio, bare_us, full_us;
    double others = 0, bare_cpu = 0;  // of this round: making elements, the yardstick
    double round_from = ProcessCpu();
    const double wall = Wall();
    double outside = 0, most = 0;
    auto next_round = [&] {
      const double now = ProcessCpu();
      if (made > 0) {
        const double cpu = now - round_from - others - bare_cpu;
        ratio.push_back(bare_cpu / cpu);
        bare_us.push_back(bare_cpu / kRound * 1e6);
        full_us.push_back(cpu / kRound * 1e6);
      }
      const double pause = Wall();
      double from = ThreadCpu();
      block.clear();
      for (size_t i = 0; i < kRound && made < count; ++i, ++made) {
        block += made == 0 ? "[" : ",";
        block += maker.Element(certified);
      }
      if (made == count) block += "]";
      others = ThreadCpu() - from;
      from = ThreadCpu();
      bare.Verify(kRound);
      bare_cpu = ThreadCpu() - from;
      round_from = now;
      outside += Wall() - pause;
      at = 0;
      most = std::max(most, MemoryNow().own);
      if (memory && made % (kRound * 32) == 0) {
        fmt::print("  {:>8} elements, {:.0f} MiB\n", made, MemoryNow().own);
        std::fflush(stdout);
      }
    };
    manifest::Source source = [&](std::span<char> out) -> Result<size_t> {
      if (at == block.size() || block == "[") {
        if (made == count) return size_t{0};
        next_round();
      }
      size_t n = std::min(out.size(), block.size() - at);
      std::copy_n(block.begin() + static_cast<ptrdiff_t>(at), n, out.begin());
      at += n;
      return n;
    };
    auto reader = Must(manifest::MicrochipReader::Make(
        source, maker.signer, manifest::ChainChecker({maker.ca}, clock.Now()), {}));
    ledger::ManifestImported head;
    head.product = "bench";
    head.kind = "microchip-tp";
    const double before = MemoryNow().own;
    app::ImportedManifest r =
        Must(app::TakeParts({*log, dir / "ledger", context, rng, clock}, {}, *reader,
                            std::move(head), [] { return Digest{}; }));
    if (r.elements != count || r.refused > 0) {
      fmt::print(stderr, "{}\n", r.findings.ToString("bench"));
      std::exit(1);
    }
    const Spread s(ratio);
    const double signatures = certified ? 2 : 1;
    fmt::print(
        "{}: {:.2f} of the bare ECDSA verify rate by elements, {:.2f} by signatures checked\n",
        certified ? "with certificates" : "with keys alone", s.median, s.median * signatures);
    fmt::print(
        "  rounds {:.2f} to {:.2f}; bare {:.1f} us, element {:.1f} us CPU; {:.0f}/s wall; own "
        "memory "
        "{:.0f} MiB before, {:.0f} at most\n",
        s.low, s.high, Median(bare_us), Median(full_us),
        static_cast<double>(count) / (Wall() - wall - outside), before, most);
    std::fflush(stdout);
  }
};

}  // namespace

int main(int argc, char** argv) {
  uint64_t elements = 1'000'000;
  Bench bench;
  fs::path base = "/var/tmp";
  if (const char* tmp = std::getenv("TMPDIR")) base = tmp;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string_view word = argv[i], value = argv[i + 1];
    if (word == "--dir") {
      base = value;
    } else if (word != "--elements" ||
               std::from_chars(value.data(), value.data() + value.size(), elements).ec !=
                   std::errc() ||
               elements < kRound) {
      fmt::print(stderr, "usage: birthmark-bench-manifest [--elements N] [--dir FOLDER]\n");
      return 2;
    }
  }
  bench.dir = base / fmt::format("birthmark-bench-manifest-{}", getpid());
  Try(MakeDirs(bench.dir, 0700));
  bench.Init();
  bench.Import(std::min<uint64_t>(elements, kRound * 16), true, false);
  bench.Import(elements, false, true);
  bench.log.reset();
  fs::remove_all(bench.dir);
  return 0;
}
