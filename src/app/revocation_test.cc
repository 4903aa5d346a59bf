// SPDX-License-Identifier: Apache-2.0
// Upkeep in a real workspace: successors that take over on the line and at the desk, lists that say
// what the log says, a reserve and its end, answers and their caches, and what is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "app/crl_keeper.h"
#include "app/crls.h"
#include "app/enrol_desk.h"
#include "app/grant.h"
#include "app/ocsp_static.h"
#include "app/revocation_http.h"
#include "app/revoke.h"
#include "app/rotate.h"
#include "app/test_workspace.h"
#include "crypto/software_signer.h"
#include "line/succession.h"
#include "pki/crl_request.h"

namespace birthmark::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string UpkeepPlan() {
  std::string text = PlanText("bmc");  // ten certificates a subordinate
  Replace(text, "transfer = \"mechanically-transferred\"", "transfer = \"network-transferred\"");
  Replace(text, "max-count = 10",
          "max-count = 10\nsuccessors = 2\ncrl-lifetime = \"P7D\"\n"
          "crl-url = \"http://pki.acme.example/crl/{}.crl\"\n"
          "ocsp-url = \"http://pki.acme.example/ocsp/{}\"");
  Replace(text, "offline = true\nlifetime = \"never\"",
          "offline = true\nlifetime = \"never\"\ncrl-lifetime = \"P30D\"\ncrl-reserve = 2");
  return text;
}

struct Upkeep : testing::Test {
  Bench bench;
  ManualClock clock{SystemClock().Now() + std::chrono::hours(1)};
  fs::path ws = CopyOf(bench, UpkeepPlan());
  std::unique_ptr<Factory> factory;
  std::unique_ptr<ledger::WriterQueue> queue;
  std::unique_ptr<EnrolDesk> desk;

  ~Upkeep() override { Close(); }
  void Close() {
    desk.reset();
    queue.reset();
    factory.reset();
  }
  std::unique_ptr<ledger::LogReader> Read() { return *OpenReader(ws); }
  std::string StateOf(const std::string& ca) { return (*Read()->registry().Ca(ca))->state; }
  std::vector<RotatedRow> MustRotate(RotateOptions o) {
    o.workspace = ws;
    auto r = Rotate(o, bench.Keys(), clock);
    EXPECT_TRUE(r) << r.error().ToString();
    return r ? *r : std::vector<RotatedRow>{};
  }
  Result<std::vector<BuiltCrl>> Build(const std::string& ca, const fs::path& statics = {}) {
    return BuildCrls({.workspace = ws, .as = "", .ca = ca, .output = {}, .statics = statics},
                     bench.Keys(), clock);
  }
  void Open() {
    auto f = Factory::Open(ws, bench.Keys(), false, "", "", clock);
    ASSERT_TRUE(f) << f.error().ToString();
    factory = std::move(*f);
  }
  void Serve() {
    Open();
    queue = std::make_unique<ledger::WriterQueue>(std::move(factory->log));
    auto made = EnrolDesk::Make({.queue = *queue,
                                 .keys = *factory->keys.online,
                                 .log_dir = factory->layout.ledger(),
                                 .marks = factory->marks,
                                 .clock = clock,
                                 .context = factory->context});
    ASSERT_TRUE(made) << made.error().ToString();
    desk = std::move(*made);
  }
  Result<enroll::Granted> Enrol(int n) {
    auto key = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
    std::promise<Result<enroll::Granted>> result;
    desk->Enrol(
        {.product = "",
         .via = "est",
         .caller = {.kind = enroll::Caller::Kind::kStation, .id = "st-1", .certificate = {}},
         .serial = fmt::format("BMC-{:04}", n),
         .key = key->public_key(),
         .renewal = false},
        [&](Result<enroll::Granted> r) { result.set_value(std::move(r)); });
    return result.get_future().get();
  }
  void End(const Bytes& serial, RevokeAs as, const std::string& reason) {
    Close();
    Open();
    auto done = Revoke(*factory,
                       {.certificates = {ToHex(serial)},
                        .unit = "",
                        .filter = {},
                        .reason = reason,
                        .as = as,
                        .dry_run = false},
                       clock);
    ASSERT_TRUE(done) << done.error().ToString();
    ASSERT_EQ(done->rows.size(), 1u);
    Close();
  }
};

TEST_F(Upkeep, TheDeskGoesOnWithTheNextWhileManyEnrol) {
  EXPECT_EQ(MustRotate({}).size(), 2u);
  EXPECT_TRUE(MustRotate({}).empty());  // enough wait
  EXPECT_EQ(StateOf("identity-2.2"), "waiting");
  Serve();
  std::atomic<int> next{1}, granted{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&] {
      for (int n; (n = next++) <= 25;) granted += Enrol(n).has_value();
    });
  }
  for (std::thread& t : clients) t.join();
  EXPECT_EQ(granted, 25);
  EXPECT_EQ(StateOf("identity-2.1"), "retired");
  EXPECT_EQ(StateOf("identity-2.2"), "retired");
  EXPECT_EQ(StateOf("identity-2.3"), "active");
  for (const ledger::CaRow& ca : *Read()->registry().CasOf("identity", 2))
    EXPECT_LE(ca.issued, 10u) << ca.id;
  // Whose turn it is after all of them is told, and a successor signed then is found.
  for (int n = 26; n <= 30; ++n) (void)Enrol(n);
  EXPECT_EQ(Enrol(31).error().code, "enroll.wait");
  Close();
  EXPECT_EQ(MustRotate({.workspace = {}, .product = "", .as = "", .ca = "", .ahead = 1}).size(),
            1u);
  Serve();
  auto last = Enrol(31);
  ASSERT_TRUE(last) << last.error().ToString();
  auto c = crypto::Certificate::FromDer(last->certificate);
  EXPECT_EQ(line::UrlsOf(*LevelOf(*PlansOf(*Read()), **Read()->registry().Ca("identity-2.4")),
                         "identity-2.4")
                .crl.front(),
            "http://pki.acme.example/crl/identity-2.4.crl");
  EXPECT_NE(c->Extension(pki::oid::kCrlDistributionPoints), nullptr);
  EXPECT_NE(c->Extension(pki::oid::kAuthorityInfoAccess), nullptr);
}

TEST_F(Upkeep, AWindowThatEndsBringsTheNextAndStartsItsOwn) {
  MustRotate({});
  Serve();
  ASSERT_TRUE(Enrol(1));
  clock.Set(clock.Now() + std::chrono::hours(24) * 800);
  ASSERT_TRUE(Enrol(2));
  EXPECT_EQ(StateOf("identity-2.1"), "retired");
  auto ca = *Read()->registry().Ca("identity-2.2");
  EXPECT_EQ(ca->state, "active");
  EXPECT_GT(*ca->issues_until, Millis(clock.Now()));
}

TEST_F(Upkeep, EndsAreRecordedOnceAndNamed) {
  auto end = [&](const std::string& ca, RotateAs how) {
    auto r = Rotate({.workspace = ws, .product = "", .as = "", .ca = ca, .ahead = {}, .how = how},
                    bench.Keys(), clock);
    return r ? r->front().state : r.error().code;
  };
  EXPECT_EQ(end("", RotateAs::kRetire), "ca.which");
  EXPECT_EQ(end("nobody", RotateAs::kRetire), "ca.unknown");
  EXPECT_EQ(end("identity-1.1", RotateAs::kCompromised), "ca.which");
  EXPECT_EQ(end("identity-2.1", RotateAs::kRetire), "retired");
  EXPECT_EQ(end("identity-2.1", RotateAs::kRetire), "ca.ended");
  EXPECT_EQ(end("identity-2.1", RotateAs::kCompromised), "compromised");
  EXPECT_EQ(end("identity-1.1", RotateAs::kSuccessors), "ca.which");
}

TEST_F(Upkeep, ARequestWaitsWhereTheParentsKeyIsElsewhere) {
  const Layout layout(ws);
  fs::rename(layout.offline_keys(), bench / "elsewhere");
  auto asked = MustRotate({.workspace = {}, .product = "", .as = "", .ca = "", .ahead = 1});
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].state, "requested");
  ASSERT_TRUE(fs::exists(asked[0].file));
  // Asked again, the same request waits.
  EXPECT_EQ(MustRotate({.workspace = {}, .product = "", .as = "", .ca = "", .ahead = 1})[0].id,
            asked[0].id);
  fs::rename(bench / "elsewhere", layout.offline_keys());
  auto f = Factory::Open(ws, bench.Keys(), true, "", "", clock);
  ASSERT_TRUE(f);
  auto reader = Read();
  auto root = *reader->registry().Ca("identity-1.1");
  auto certificate = *CertificateOf(*reader, *root);
  auto signer = *(*f)->keys.offline->Open("identity-1.1");
  auto issuer = *pki::Issuer::Make(certificate, *signer);
  auto request = *pki::CheckRequest(*ReadTextFile(asked[0].file, pki::kMaxRequestBytes));
  std::vector<crypto::Certificate> above{certificate};
  auto response = pki::SignRequest(request, issuer, (*f)->marks, *(*f)->serials->Next(), above);
  ASSERT_TRUE(response);
  auto taken = AcceptSuccessors(**f, *response, clock, false);
  ASSERT_TRUE(taken) << taken.error().ToString();
  ASSERT_EQ(taken->size(), 1u);
  EXPECT_EQ((*taken)[0].id, "identity-2.2");
  EXPECT_TRUE(AcceptSuccessors(**f, *response, clock, false)->empty());
  f->reset();
  EXPECT_EQ(StateOf("identity-2.2"), "waiting");
}

TEST_F(Upkeep, AListSaysWhatTheLogSaysAndNumbersGrow) {
  Serve();
  auto one = Enrol(1), two = Enrol(2);
  ASSERT_TRUE(one && two);
  const Bytes first = crypto::Certificate::FromDer(one->certificate)->serial();
  const Bytes second = crypto::Certificate::FromDer(two->certificate)->serial();
  End(first, RevokeAs::kRevoke, "keyCompromise");
  End(second, RevokeAs::kHold, "");
  auto built = Build("identity-2.1");
  ASSERT_TRUE(built) << built.error().ToString();
  EXPECT_EQ(built->front().number, 1u);
  EXPECT_EQ(built->front().count, 2u);
  const fs::path file = CrlPath(Layout(ws), "identity-2.1");
  auto reasons = [&] {
    std::vector<std::string> out;
    auto der = *ReadFile(file, 1 << 20);
    EXPECT_TRUE(pki::ReadCrl(der, [&](const pki::CrlEntry& e) -> Status {
      out.emplace_back(pki::ToText(e.reason));
      return {};
    }));
    std::ranges::sort(out);
    return out;
  };
  EXPECT_THAT(reasons(), ElementsAre("certificateHold", "keyCompromise"));
  End(second, RevokeAs::kUnhold, "");
  clock.Set(clock.Now() + std::chrono::hours(1));
  ASSERT_TRUE(Build("identity-2.1"));
  EXPECT_THAT(reasons(), ElementsAre("keyCompromise"));
  auto reader = Read();
  EXPECT_EQ(CrlViews(*reader, clock.Now())->front().row.number, 2u);
  clock.Set(clock.Now() - std::chrono::hours(2));
  auto back = Build("identity-2.1");
  EXPECT_EQ(back.error().code, "crl.clock-back");
  auto none =
      BuildCrls({.workspace = ws, .as = "", .ca = "disclosure-1.1", .output = {}, .statics = {}},
                bench.Keys(), clock);
  EXPECT_EQ(none.error().code, "crl.none");
  EXPECT_EQ(Build("nobody").error().code, "ca.unknown");
}

TEST_F(Upkeep, AReserveComesOutAtItsTimeUnlessSomethingWasRevoked) {
  MustRotate({});
  auto built = Build("identity-1.1");
  ASSERT_TRUE(built) << built.error().ToString();
  ASSERT_EQ(built->size(), 3u);
  EXPECT_EQ((*built)[1].what, "reserve");
  const Layout layout(ws);
  auto reader = Read();
  EXPECT_TRUE(PublishDue(*reader, layout, clock.Now())->empty());
  auto out = PublishDue(*reader, layout, clock.Now() + std::chrono::hours(24) * 27);
  ASSERT_EQ(out->size(), 1u);
  EXPECT_EQ((*out)[0].number, 2u);
  Findings calm;
  ASSERT_TRUE(CrlAlarms(*reader, *PlansOf(*reader), layout,
                        clock.Now() + std::chrono::hours(24) * 28, calm));
  EXPECT_FALSE(calm.HasErrors()) << calm.ToString();
  MustRotate({.workspace = {},
              .product = "",
              .as = "",
              .ca = "identity-2.2",
              .ahead = {},
              .how = RotateAs::kCompromised});
  reader = Read();
  EXPECT_TRUE(PublishDue(*reader, layout, clock.Now() + std::chrono::hours(24) * 60)->empty());
  Findings alarms;
  ASSERT_TRUE(CrlAlarms(*reader, *PlansOf(*reader), layout, clock.Now(), alarms));
  EXPECT_THAT(alarms.ToString(), HasSubstr("crl.reserve-void"));
  Findings late;
  ASSERT_TRUE(CrlAlarms(*reader, *PlansOf(*reader), layout,
                        clock.Now() + std::chrono::hours(24) * 90, late));
  EXPECT_THAT(late.ToString(), HasSubstr("crl.late"));
  clock.Set(clock.Now() + std::chrono::hours(1));
  auto again = Build("identity-1.1");
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(again->front().number, 4u);
  EXPECT_EQ(again->front().count, 1u);
  EXPECT_FALSE(fs::exists(ReservePath(layout, "identity-1.1", 3)));
}

TEST_F(Upkeep, ListsOfOthersAreRefusedByName) {
  ASSERT_TRUE(Build("identity-2.1"));
  const Layout layout(ws);
  const fs::path file = CrlPath(layout, "identity-2.1");
  const Bytes good = *ReadFile(file, 1 << 20);
  auto reader = Read();
  auto ca = *reader->registry().Ca("identity-2.1");
  auto findings = [&](const Bytes& list) {
    EXPECT_TRUE(WriteFileAtomic(file, list));
    Findings f;
    auto r = Read();
    EXPECT_TRUE(CheckPublished(*r, *ca, file, f));
    return f.ToString();
  };
  EXPECT_EQ(findings(good), "");
  auto certificate = *CertificateOf(*reader, *ca);
  auto f = Factory::Open(ws, bench.Keys(), false, "", "", clock);
  auto signer = *(*f)->keys.online->Open("identity-2.1");
  f->reset();
  auto list = [&](uint64_t number, crypto::Signer& by, bool entry) {
    const pki::CrlTerms terms{.issuer = {.name = *pki::Name::FromDer(certificate.subject_der()),
                                         .key_id = *certificate.ski(),
                                         .algorithm = crypto::Algorithm::kEcdsaP256},
                              .number = number,
                              .this_update = clock.Now(),
                              .next_update = clock.Now() + std::chrono::hours(1),
                              .distribution_point = ""};
    const Bytes serial{1, 2, 3};
    return *pki::SignCrl(
        terms,
        [&](const auto& fn) -> Status {
          if (entry) BM_CHECK(fn(pki::CrlEntry{serial, clock.Now(), {}}));
          return {};
        },
        by);
  };
  EXPECT_THAT(findings(list(9, *signer, true)), HasSubstr("crl.unexplained"));
  EXPECT_THAT(findings(list(9, *signer, false)), HasSubstr("crl.unrecorded"));
  EXPECT_THAT(findings(list(0, *signer, false)), HasSubstr("crl.older"));
  auto other = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
  EXPECT_THAT(findings(list(9, *other, false)), HasSubstr("crl.signature"));
}

TEST_F(Upkeep, AnswersFollowTheLogAndAreKept) {
  Serve();
  auto one = Enrol(1);
  ASSERT_TRUE(one);
  const Bytes serial = crypto::Certificate::FromDer(one->certificate)->serial();
  Close();
  Open();
  auto reader = Read();
  const pki::OcspIssuer issuer(*CertificateOf(*reader, **reader->registry().Ca("identity-2.1")));
  const Bytes question = pki::MakeOcspRequest(issuer, serial);
  auto answers = std::make_unique<OcspDesk>(ServicesOf(*factory, clock));
  std::string why;
  auto good = answers->Answer("identity-2.1", question, &why);
  EXPECT_TRUE(good.cacheable) << why;
  EXPECT_EQ(answers->on_demand(), 1u);
  EXPECT_EQ(answers->Answer("identity-2.1", question, &why).der, good.der);
  EXPECT_EQ(answers->made_ahead(), 1u);
  // After a revocation another answer is made, by the same responder.
  auto done = Revoke(*factory,
                     {.certificates = {ToHex(serial)},
                      .unit = "",
                      .filter = {},
                      .reason = "superseded",
                      .as = RevokeAs::kRevoke,
                      .dry_run = false},
                     clock);
  ASSERT_TRUE(done);
  answers->Forget();
  EXPECT_NE(*answers->Answer("identity-2.1", question, &why).der, *good.der);
  EXPECT_EQ(factory->keys.online->Facts("ocsp-identity-2.1-1").has_value(), true);
  EXPECT_EQ(factory->keys.online->Facts("ocsp-identity-2.1-2").has_value(), false);
  // A month later another responder is certified.
  clock.Set(clock.Now() + std::chrono::hours(24) * 25);
  EXPECT_TRUE(answers->Answer("identity-2.1", question, &why).cacheable) << why;
  EXPECT_EQ(factory->keys.online->Facts("ocsp-identity-2.1-2").has_value(), true);
  auto code = [&](const std::string& ca, const Bytes& der) {
    return (*answers->Answer(ca, der, &why).der).back();
  };
  EXPECT_EQ(code("identity-2.1", {1, 2, 3}), 1);  // malformedRequest
  EXPECT_EQ(code("nobody", question), 6);         // unauthorized
  EXPECT_EQ(code("identity-1.1", question), 6);
  EXPECT_FALSE(answers->Answer("identity-2.1", pki::MakeOcspRequest(issuer, Bytes{9}), &why)
                   .cacheable);  // unknown
}

TEST_F(Upkeep, HttpSaysWhatCachesNeed) {
  Serve();
  auto one = Enrol(1);
  ASSERT_TRUE(one);
  const Bytes serial = crypto::Certificate::FromDer(one->certificate)->serial();
  Close();
  ASSERT_TRUE(Build("identity-2.1", bench / "cdn"));
  Open();
  auto reader = Read();
  const pki::OcspIssuer issuer(*CertificateOf(*reader, **reader->registry().Ca("identity-2.1")));
  const Bytes question = pki::MakeOcspRequest(issuer, serial);
  OcspDesk answers(ServicesOf(*factory, clock));
  OcspHandler ocsp(answers, clock);
  CrlHandler lists(Layout(ws), clock);
  auto ask = [](enroll::Handler& h, std::string method, std::string path, std::string type = "",
                Bytes body = {}) {
    enroll::HttpResponse out;
    enroll::HttpRequest r;
    r.method = std::move(method);
    r.path = std::move(path);
    r.content_type = std::move(type);
    r.body = std::move(body);
    h.Handle(std::move(r), [&](enroll::HttpResponse x) { out = std::move(x); });
    return out;
  };
  auto header = [](const enroll::HttpResponse& r, std::string_view name) {
    for (const auto& [n, v] : r.headers)
      if (n == name) return v;
    return std::string();
  };
  auto get = ask(ocsp, "GET", "/ocsp/identity-2.1/" + ToBase64(question));
  EXPECT_EQ(get.status, 200);
  EXPECT_EQ(get.content_type, kOcspResponseType);
  EXPECT_THAT(header(get, "Cache-Control"), HasSubstr("public"));
  auto post = ask(ocsp, "POST", "/ocsp/identity-2.1", std::string(kOcspRequestType), question);
  EXPECT_EQ(header(post, "Cache-Control"), "no-store");
  EXPECT_TRUE(std::ranges::equal(post.shared, get.shared));
  EXPECT_EQ(ask(ocsp, "POST", "/ocsp/identity-2.1", "text/plain", question).status, 415);
  EXPECT_EQ(ask(ocsp, "PUT", "/ocsp/identity-2.1").status, 405);
  EXPECT_EQ(ask(ocsp, "GET", "/ocsp/identity-2.1/***").status, 400);
  EXPECT_EQ(ask(ocsp, "GET", "/ocsp/").status, 404);
  auto list = ask(lists, "GET", "/crl/identity-2.1.crl");
  EXPECT_EQ(list.status, 200);
  EXPECT_TRUE(pki::ReadCrl(list.shared));
  EXPECT_FALSE(header(list, "ETag").empty());
  EXPECT_EQ(ask(lists, "GET", "/crl/../root.pem").status, 404);
  EXPECT_EQ(ask(lists, "GET", "/crl/none.crl").status, 404);
  EXPECT_EQ(ask(lists, "POST", "/crl/identity-2.1.crl").status, 405);
  // The same as files.
  EXPECT_TRUE(fs::exists(bench / "cdn" / "crl" / "identity-2.1.crl"));
  EXPECT_TRUE(fs::exists(bench / "cdn" / "ocsp" / "identity-2.1" / StaticName(question)));
}

TEST_F(Upkeep, TheKeeperSignsWhatIsDueAndShowsTheCountdown) {
  Serve();
  auto one = Enrol(1);
  ASSERT_TRUE(one);
  server::Metrics metrics;
  std::vector<std::string> said;
  const CrlMaker maker{.layout = Layout(ws),
                       .clock = clock,
                       .context = factory->context,
                       .open_key = [&](const std::string& id) { return desk->OpenKey(id); },
                       .append = [&](ledger::Submission s) -> Status {
                         BM_CHECK(queue->Append(std::move(s)));
                         return {};
                       }};
  std::mutex mutex;
  CrlKeeper keeper(
      maker, [&](const std::string& id) { return desk->HasKey(id); }, metrics,
      [&](const std::string& what) {
        std::lock_guard lock(mutex);
        said.push_back(what);
      });
  ASSERT_TRUE(keeper.Look());
  EXPECT_TRUE(fs::exists(CrlPath(Layout(ws), "identity-2.1")));
  EXPECT_THAT(metrics.Text(),
              HasSubstr("birthmark_crl_next_update_seconds{ca=\"identity-2.1\"} 6047"));
  auto reader = Read();
  EXPECT_EQ(CrlViews(*reader, clock.Now())->size(), 1u);  // the root's key is offline
}

TEST(Succession, TheOldestThatMayThenTheOldestThatWaits) {
  const Time now = TimeFromMillis(1'790'000'000'000);
  auto ca = [](std::string id, std::string state, std::optional<uint64_t> max, uint64_t issued) {
    ledger::CaRow r;
    r.id = std::move(id);
    r.state = std::move(state);
    r.max_count = max;
    r.issued = issued;
    return r;
  };
  auto mine = [](const std::string& id) -> Result<bool> { return !id.starts_with("other"); };
  std::vector<ledger::CaRow> cas{ca("other-1", "active", {}, 0), ca("a", "active", 5, 5),
                                 ca("b", "waiting", 5, 0), ca("c", "waiting", 5, 0)};
  auto turn = *line::NextTurn(cas, now, mine);
  ASSERT_TRUE(turn);
  EXPECT_EQ(turn->ca.id, "b");
  EXPECT_TRUE(turn->begins);
  ASSERT_EQ(turn->retired.size(), 1u);
  EXPECT_EQ(turn->retired[0].id, "a");
  cas.push_back(ca("d", "active", 5, 1));
  EXPECT_EQ((*line::NextTurn(cas, now, mine))->ca.id, "d");
  EXPECT_FALSE((*line::NextTurn(cas, now, mine))->begins);
  cas = {ca("a", "retired", {}, 0), ca("b", "compromised", {}, 0)};
  bool any = false;
  EXPECT_FALSE(*line::NextTurn(cas, now, mine, &any));
  EXPECT_TRUE(any);
  EXPECT_EQ(line::WhyOver(ca("x", "active", 3, 3), now), "count");
}

}  // namespace
}  // namespace birthmark::app
