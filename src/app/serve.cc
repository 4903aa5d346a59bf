// SPDX-License-Identifier: Apache-2.0
#include "app/serve.h"

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "app/crl_keeper.h"
#include "app/discovery.h"
#include "app/enrol_desk.h"
#include "app/lend.h"
#include "app/masa_http.h"
#include "app/ocsp_static.h"
#include "app/onboarding.h"
#include "app/revocation_http.h"
#include "app/server_identity.h"
#include "app/station_service.h"
#include "app/watch.h"
#include "enroll/cmp/cmp.h"
#include "enroll/est/est.h"
#include "enroll/scep/scep.h"
#include "line/key_event.h"
#include "server/coaps.h"
#include "server/http_server.h"
#include "server/metrics.h"

namespace birthmark::app {
namespace {

constexpr std::string_view kStations = "/station";
constexpr std::string_view kCmp = "/.well-known/cmp";
constexpr std::string_view kScep = "/scep";

}  // namespace

// Impl's members are destroyed from the last to the first: listeners before handlers, handlers
// before the desk, the desk before the log.
struct Server::Impl {
  Impl(const ServeOptions& o, const Clock& c) : options(o), clock(c), layout(o.workspace) {}

  Status Open(const KeySource& keys) {
    BM_TRY(factory, Factory::Open(options.workspace, keys, false, "", options.as, clock));
    BM_TRY(identity, ServerIdentityFor(*factory, options.names, clock));
    queue = std::make_unique<ledger::WriterQueue>(std::move(factory->log));
    BM_TRY(desk, EnrolDesk::Make({.queue = *queue,
                                  .keys = *factory->keys.online,
                                  .log_dir = layout.ledger(),
                                  .marks = factory->marks,
                                  .clock = clock,
                                  .context = factory->context,
                                  .commits = &metrics.GetHistogram(
                                      "birthmark_commit_seconds",
                                      "From a certificate's signature to its durable event.")}));
    est = std::make_unique<enroll::est::Est>(
        *desk, enroll::est::EstOptions{.allow_plain_keygen = options.allow_plain_keygen});
    fs::path state = layout.root / "enrolments";
    BM_CHECK(MakeDirs(state, 0700));
    BM_TRY(cmp, enroll::cmp::Cmp::Make(
                    *desk, {.folder = state / "cmp",
                            .clock = &clock,
                            .log = [this](const Error& e, const std::string& from) {
                              Log({{"what", "cmp"}, {"from", from}, {"error", e.ToString()}});
                            }}));
    scep = std::make_unique<enroll::scep::Scep>(
        *desk, clock, enroll::scep::ScepOptions{.pending = state / "scep"});
    stations = std::make_unique<StationService>(
        StationServices{.queue = *queue,
                        .open_key = [this](const std::string& id) { return desk->OpenKey(id); },
                        .workspace = layout.root,
                        .marks = factory->marks,
                        .clock = clock,
                        .context = factory->context});
    OpenRevocation();
    if (options.masa) BM_CHECK(OpenMasa());
    AskMetrics();
    return Listen();
  }

  // What tells of revoked certificates: answers one by one, and lists that are kept fresh.
  void OpenRevocation() {
    auto append = [this](ledger::Submission s) -> Status {
      BM_CHECK(queue->Append(std::move(s)));
      return {};
    };
    auto open_key = [this](const std::string& id) { return desk->OpenKey(id); };
    ocsp = std::make_unique<OcspDesk>(
        OcspServices{.log_dir = layout.ledger(),
                     .clock = clock,
                     .marks = factory->marks,
                     .context = factory->context,
                     .open_key = open_key,
                     .create_key = [this](const std::string& id,
                                          crypto::Algorithm a) -> Result<ledger::KeyCreated> {
                       BM_TRY(keystore::KeyFacts facts, desk->CreateKey(id, a));
                       return line::KeyMade(id, facts, "ocsp");
                     },
                     .append = append,
                     .find =
                         [this](const Bytes& serial) {
                           Result<std::optional<ledger::IdentityRow>> row =
                               Internal("ledger.closed", "the ledger is closed");
                           queue->Run([&](ledger::LogWriter& log) {
                             row = log.registry().IdentityBySerial(serial);
                           });
                           return row;
                         }});
    ocsp_handler = std::make_unique<OcspHandler>(*ocsp, clock);
    crl_handler = std::make_unique<CrlHandler>(layout, clock);
    keeper = std::make_unique<CrlKeeper>(
        CrlMaker{.layout = layout,
                 .clock = clock,
                 .context = factory->context,
                 .open_key = open_key,
                 .append = append},
        [this](const std::string& id) { return desk->HasKey(id); }, metrics,
        [this](const std::string& what) { Log({{"what", "crl"}, {"note", what}}); });
    auto ask = [this](const char* name, const char* help, auto count) {
      metrics.Ask(name, help, {}, [this, count] { return static_cast<double>((*ocsp.*count)()); });
    };
    ask("birthmark_ocsp_made_ahead", "OCSP questions answered with what was signed before.",
        &OcspDesk::made_ahead);
    ask("birthmark_ocsp_on_demand", "OCSP answers signed when they were asked for.",
        &OcspDesk::on_demand);
    ask("birthmark_ocsp_refused", "OCSP questions that got no answer.", &OcspDesk::refused);
  }

  Status OpenMasa() {
    BM_TRY(masa,
           Masa::Make({.workspace = layout.root,
                       .clock = clock,
                       .context = factory->context,
                       .open_key = [this](const std::string& id) { return desk->OpenKey(id); },
                       .append = [this](ledger::Submission s) -> Status {
                         BM_CHECK(queue->Append(std::move(s)));
                         return {};
                       }}));
    masa_handler = std::make_unique<MasaHandler>(*masa);
    const MasaHandler::Counters& c = masa_handler->counters();
    auto ask = [this](const char* name, const char* help, const std::atomic<uint64_t>& n) {
      metrics.Ask(name, help, {}, [&n] { return static_cast<double>(n.load()); });
    };
    ask("birthmark_vouchers_issued", "Vouchers issued since the start.", c.issued);
    ask("birthmark_vouchers_refused", "Voucher requests refused.", c.refused);
    ask("birthmark_voucher_logs", "Audit logs given out.", c.logs);
    return {};
  }

  void AskMetrics() {
    auto ask = [this](const char* name, const char* help, const std::atomic<uint64_t>& n) {
      metrics.Ask(name, help, {}, [&n] { return static_cast<double>(n.load()); });
    };
    const DeskCounters& c = desk->counters();
    ask("birthmark_enrolments_granted", "Certificates issued since the start.", c.granted);
    ask("birthmark_enrolments_repeated", "Retries that got the same certificate again.", c.existed);
    ask("birthmark_enrolments_refused", "Enrolments refused.", c.refused);
    ask("birthmark_enrolments_waiting", "Enrolments told to come again.", c.waiting);
    ask("birthmark_revocations", "Certificates revoked or put on hold.", c.revoked);
    ask("birthmark_confirmations", "Certificates confirmed or rejected by their holders.",
        c.confirmed);
    // The floor is counted at most once a second, however many series are asked for.
    auto floor = [this](auto pick) {
      return [this, pick] {
        std::lock_guard lock(floor_mutex);
        if (clock.Now() - floor_view.at > std::chrono::seconds(1)) {
          if (auto view = LookAtFloor(layout.root, clock)) floor_view = std::move(*view);
        }
        return pick(floor_view);
      };
    };
    metrics.Ask(
        "birthmark_alarms", "What `birthmark status` would report.", {},
        floor([](const FloorView& v) { return static_cast<double>(v.alarms.all().size()); }));
    auto view = LookAtFloor(layout.root, clock);
    if (!view) return;
    for (const PoolState& pool : view->pools) {
      metrics.Ask("birthmark_pool_identities", "Identities made ahead and not yet handed out.",
                  {{"product", pool.product}, {"station", pool.station}},
                  floor([id = pool.product, at = pool.station](const FloorView& v) {
                    for (const PoolState& p : v.pools) {
                      if (p.product == id && p.station == at) return static_cast<double>(p.left);
                    }
                    return 0.0;
                  }));
    }
    for (const Floor& f : view->products) {
      auto of = [id = f.product](auto pick) {
        return [id, pick](const FloorView& v) {
          for (const Floor& floor : v.products) {
            if (floor.product == id) return static_cast<double>(pick(floor));
          }
          return 0.0;
        };
      };
      server::Labels labels{{"product", f.product}};
      metrics.Ask("birthmark_units_per_hour", "Good units of the last hour.", labels,
                  floor(of([](const Floor& x) { return x.stats.good_since; })));
      metrics.Ask("birthmark_units_scrapped_per_hour", "Scrapped units of the last hour.", labels,
                  floor(of([](const Floor& x) { return x.stats.scrapped_since; })));
      metrics.Ask("birthmark_units_on_the_line", "Units begun and not ended.", labels,
                  floor(of([](const Floor& x) { return x.on_the_line(); })));
    }
  }

  Status Listen() {
    auto log = [this](const server::HttpEvent& e) {
      if (!options.log) return;
      nlohmann::ordered_json line{{"what", e.server},   {"from", e.address},
                                  {"method", e.method}, {"path", e.path},
                                  {"status", e.status}, {"ms", e.took.count() / 1000.0}};
      if (!e.note.empty()) line["note"] = e.note;
      Log(std::move(line));
    };
    // The root goes along: a station knows it by the fingerprint in its join code.
    server::TlsOptions tls{.chain = {identity.certificate, identity.root},
                           .key = identity.key->evp()};
    tls.anchors = desk->Anchors();
    tls.intermediates = desk->Intermediates();
    tls.find_above = [this](ByteView key_id) {
      return desk->Above(key_id).value_or(std::vector<crypto::Certificate>{});
    };
    server::HttpOptions secure{.name = "https",
                               .address = options.address,
                               .port = options.port,
                               .threads = options.threads,
                               .tls = tls,
                               .log = log,
                               .metrics = &metrics};
    std::vector<server::Route> routes{
        {std::string(enroll::est::kPrefix), est.get()},
        {std::string(kCmp), cmp.get()},
        {std::string(kScep), scep.get()},
        // A pushed segment is as large as the log entries in it.
        {std::string(kStations), stations.get(), size_t{64} * 1024 * 1024}};
    BM_TRY(auto reader, OpenReader(layout.root));
    BM_TRY(auto plans, PlansOf(*reader));
    if (masa_handler)
      routes.push_back({std::string(kBrski), masa_handler.get(), voucher::kMaxMessage});
    // MUD URLs are https (RFC 8520 section 11), whatever their path.
    web = std::make_unique<WebFiles>(layout.public_dir() / "web");
    for (const std::string& path : web->paths()) routes.push_back({path, web.get(), 1024});
    // Some clients put the label before the well-known part.
    for (const auto& [id, plan] : plans) routes.push_back({"/" + id, est.get()});
    BM_TRY(https, server::HttpServer::Start(secure, routes));
    server::HttpOptions plain{.name = "http",
                              .address = options.address,
                              .port = options.plain_port,
                              .log = log,
                              .metrics = &metrics};
    std::vector<server::Route> open{
        {std::string(kCmp), cmp.get()},
        {std::string(kScep), scep.get()},
        {std::string(kOcspPath), ocsp_handler.get(), pki::kMaxOcspRequest + 1, true},
        {std::string(kCrlPath), crl_handler.get(), 1024}};
    if (options.allow_plain_keygen) open.push_back({std::string(enroll::est::kPrefix), est.get()});
    // What a device asks for before it has a certificate goes over no TLS, and needs none.
    std::set<std::string> onboarded = OnboardedProducts(plans);
    if (!onboarded.empty()) {
      BM_TRY(onboarding, Onboarding::Make(layout.root, onboarded, clock));
      open.push_back({std::string(kOnboarding), onboarding.get()});
    }
    BM_TRY(http, server::HttpServer::Start(plain, open));
    server::CoapsOptions datagrams{.address = options.address,
                                   .port = options.coaps_port,
                                   .tls = tls,
                                   .products = {},
                                   .log = log};
    for (const auto& [id, plan] : plans) datagrams.products.push_back(id);
    BM_TRY(coaps, server::CoapsServer::Start(*desk, datagrams));
    // What the floor does is for people on this machine.
    server::HttpOptions watch{.name = "metrics", .port = options.metrics_port, .metrics = &metrics};
    BM_TRY(watching, server::HttpServer::Start(watch, {{"/metrics", &metrics_handler}}));
    BM_TRY(lender,
           Lender::Start(layout, *queue, clock, [this](Status s) { Returned(std::move(s)); }));

    std::string host = options.names.front();
    auto add = [&](std::string what, std::string_view scheme, uint16_t port, std::string path) {
      endpoints.push_back({std::move(what), fmt::format("{}://{}:{}{}", scheme, host, port, path)});
    };
    for (const auto& [id, plan] : plans) {
      add("EST", "https", https->port(), fmt::format("{}/{}", enroll::est::kPrefix, id));
      add("EST-coaps", "coaps", coaps->port(), fmt::format("{}/{}", enroll::est::kPrefix, id));
      add("CMP", "http", http->port(), fmt::format("{}/p/{}", kCmp, id));
      add("SCEP", "http", http->port(), fmt::format("{}/{}", kScep, id));
    }
    for (const std::string& id : onboarded)
      add("onboarding", "http", http->port(), fmt::format("{}/{}", kOnboarding, id));
    add("OCSP", "http", http->port(), std::string(kOcspPath));
    add("CRL", "http", http->port(), std::string(kCrlPath));
    if (masa_handler) add("MASA", "https", https->port(), std::string(kBrski));
    add("stations", "https", https->port(), std::string(kStations));
    add("metrics", "http", watching->port(), "/metrics");
    return {};
  }

  // Returned takes in what another command changed while it had the log.
  void Returned(Status status) {
    if (status) status = desk->Reload();
    if (status) ocsp->Forget();
    if (!status) {
      Log({{"what", "ledger"}, {"error", status.error().ToString()}});
      std::lock_guard lock(failed_mutex);
      failed = std::move(status);
    }
  }

  void Log(nlohmann::ordered_json line) {
    if (!options.log) return;
    nlohmann::ordered_json out{{"at", FormatTime(clock.Now())}};
    out.update(line);
    options.log(out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  }

  ServeOptions options;
  const Clock& clock;
  Layout layout;
  std::vector<Endpoint> endpoints;
  std::mutex failed_mutex;
  Status failed;

  std::unique_ptr<Factory> factory;
  ServerIdentity identity;
  std::unique_ptr<ledger::WriterQueue> queue;
  std::unique_ptr<EnrolDesk> desk;
  server::Metrics metrics;
  server::MetricsHandler metrics_handler{metrics};
  std::mutex floor_mutex;
  FloorView floor_view;
  std::unique_ptr<enroll::est::Est> est;
  std::unique_ptr<enroll::cmp::Cmp> cmp;
  std::unique_ptr<enroll::scep::Scep> scep;
  std::unique_ptr<StationService> stations;
  std::unique_ptr<OcspDesk> ocsp;
  std::unique_ptr<OcspHandler> ocsp_handler;
  std::unique_ptr<CrlHandler> crl_handler;
  std::unique_ptr<CrlKeeper> keeper;
  std::unique_ptr<Onboarding> onboarding;
  std::unique_ptr<WebFiles> web;
  std::unique_ptr<Masa> masa;
  std::unique_ptr<MasaHandler> masa_handler;
  std::unique_ptr<Lender> lender;
  std::unique_ptr<server::HttpServer> https, http, watching;
  std::unique_ptr<server::CoapsServer> coaps;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  // No new requests, then the commits that are under way, then what they call back.
  impl_->coaps.reset();
  impl_->watching.reset();
  impl_->http.reset();
  impl_->https.reset();
  impl_->lender.reset();
  impl_->keeper.reset();
  impl_->stations.reset();
  impl_->queue.reset();
}

Result<std::unique_ptr<Server>> Server::Start(const ServeOptions& options, const KeySource& keys,
                                              const Clock& clock) {
  auto impl = std::make_unique<Impl>(options, clock);
  BM_CHECK(impl->Open(keys));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const std::vector<Endpoint>& Server::endpoints() const { return impl_->endpoints; }

Status Server::failed() const {
  std::lock_guard lock(impl_->failed_mutex);
  return impl_->failed;
}

}  // namespace birthmark::app
