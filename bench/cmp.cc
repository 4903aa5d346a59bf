// SPDX-License-Identifier: Apache-2.0
// birthmark-bench-cmp [TRANSACTIONS] [FOLDER]: what CMP costs the server, ir and certConf, under
// signatures and under a shared secret. The handler alone over the tests' desk: the client's work
// and sockets are outside the clock, and the desk's part is told apart. One thread.
#include "enroll/cmp/cmp.h"

#include <charconv>
#include <string_view>

#include "bench/measure.h"
#include "enroll/cmp/test_client.h"

namespace {

using namespace birthmark;
using namespace birthmark::bench;
using namespace birthmark::enroll;
using cmp::Body;

// TimedDesk adds up what the desk behind it costs.
class TimedDesk : public Desk {
 public:
  explicit TimedDesk(Desk& desk) : desk_(desk) {}
  void Enrol(Enrolment e, std::function<void(Result<Granted>)> done) override {
    std::optional<Result<Granted>> r;
    Time([&] { desk_.Enrol(std::move(e), [&](Result<Granted> g) { r = std::move(g); }); });
    done(std::move(*r));
  }
  void EnrolServerKey(Enrolment e, std::function<void(Result<GrantedKey>)> done) override {
    desk_.EnrolServerKey(std::move(e), std::move(done));
  }
  void Confirm(const std::string& via, const Caller& caller, const Bytes& serial, bool accepted,
               std::function<void(Status)> done) override {
    Status r;
    Time(
        [&] { desk_.Confirm(via, caller, serial, accepted, [&](Status s) { r = std::move(s); }); });
    done(std::move(r));
  }
  void Revoke(Revocation r, std::function<void(Status)> done) override {
    desk_.Revoke(std::move(r), std::move(done));
  }
  Result<Authorities> AuthoritiesOf(const std::string& p) override {
    return Time([&] { return desk_.AuthoritiesOf(p); });
  }
  Result<RequestTemplate> TemplateOf(const std::string& p, const Caller& c) override {
    return desk_.TemplateOf(p, c);
  }
  Result<SecretBytes> TokenSecret(const std::string& id) override {
    return Time([&] { return desk_.TokenSecret(id); });
  }
  Result<Caller> CallerOf(const crypto::Certificate& c,
                          const std::vector<crypto::Certificate>& others) override {
    return Time([&] { return desk_.CallerOf(c, others); });
  }
  Result<Ra> EcRa(const std::string& p) override {
    return Time([&] { return desk_.EcRa(p); });
  }
  Result<Ra> RsaRa(const std::string& p) override { return desk_.RsaRa(p); }

  double cpu = 0;

 private:
  template <class F>
  auto Time(F f) -> decltype(f()) {
    struct Adds {
      double& to;
      double from = ThreadCpu();
      ~Adds() { to += ThreadCpu() - from; }
    } adds{cpu};
    return f();
  }
  Desk& desk_;
};

void Measure(std::string_view mode, size_t transactions, const std::filesystem::path& folder,
             bool by_signature) {
  TestDesk inner;
  inner.AddToken("tok1", "correct horse battery");
  TimedDesk desk(inner);
  cmp::Options options;
  options.folder = folder;
  auto handler = Must(cmp::Cmp::Make(desk, options));
  auto client = by_signature ? cmp::test::TestClient(inner.Station("station-1"))
                             : cmp::test::TestClient("tok1", "correct horse battery");
  Stopwatch watch;
  const auto ask = [&](Body type, const Bytes& content) {
    const Bytes message = client.Write(type, content);
    watch.Start();
    HttpResponse r = cmp::test::Post(*handler, message);
    watch.Stop();
    return client.Read(std::move(r));
  };
  for (size_t i = 0; i < transactions; ++i) {
    auto key = Must(crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
    client.NewTransaction();
    cmp::test::Got g = ask(
        Body::kIr, cmp::test::CertReqBody({.serial = fmt::format("U-{}", i), .key = key.get()}));
    const ByteView nonce = g.message.header.sender_nonce;
    client.recipient_nonce.assign(nonce.begin(), nonce.end());
    if (ask(Body::kCertConf, cmp::test::CertConfBody(g.certificate)).type != Body::kPkiConf) {
      fmt::print(stderr, "birthmark-bench-cmp: transaction {} failed\n", i);
      std::exit(1);
    }
  }
  // What one check of a P-256 signature costs in this run, which is most of what can be had.
  auto key = Must(crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  const Bytes text(500), signature = Must(key->Sign(text));
  const double from = ThreadCpu();
  for (int i = 0; i < 2000; ++i) {
    if (!key->public_key().Verify(text, signature)) std::exit(1);
  }
  const double verify = (ThreadCpu() - from) / 2000;
  const double n = static_cast<double>(transactions), own = (watch.cpu - desk.cpu) / n;
  fmt::print(
      "{}: {:.0f} transactions per CPU-second without the desk ({:.0f} us, {:.1f} signature checks "
      "of {:.0f} us), {:.0f} with the tests' desk\n",
      mode, 1 / own, own * 1e6, own / verify, verify * 1e6, n / watch.cpu);
}

}  // namespace

int main(int argc, char** argv) {
  size_t transactions = 3000;
  const std::string_view number = argc > 1 ? argv[1] : "";
  if (!number.empty()) std::from_chars(number.data(), number.data() + number.size(), transactions);
  const std::filesystem::path folder = argc > 2 ? argv[2] : "";
  Measure("signatures (P-256)", transactions, folder, true);
  Measure("shared secret (PasswordBasedMac, SHA-256, 500 iterations)", transactions, folder, false);
  return 0;
}
