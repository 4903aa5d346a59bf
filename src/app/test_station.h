// SPDX-License-Identifier: Apache-2.0
// A factory's server and a station beside it without sockets: what a station's link carries goes
// straight into the service. One thread but for the service's own.
#pragma once

#include <future>

#include "app/island.h"
#include "app/shift.h"
#include "app/station.h"
#include "app/station_service.h"
#include "app/test_workspace.h"

namespace birthmark::app {

// TestServer is a workspace that is being served to stations.
class TestServer {
 public:
  TestServer(const Bench& bench, const fs::path& ws, const Clock& clock) {
    auto opened = Factory::Open(ws, bench.Keys(), false, "", "", clock);
    if (!opened) {
      ADD_FAILURE() << opened.error().ToString();
      std::abort();
    }
    factory_ = std::move(*opened);
    queue_ = std::make_unique<ledger::WriterQueue>(std::move(factory_->log));
    service_ = std::make_unique<StationService>(
        StationServices{.queue = *queue_,
                        .open_key =
                            [this](const std::string& id) {
                              std::lock_guard lock(keys_);
                              return factory_->keys.online->Open(id);
                            },
                        .workspace = ws,
                        .marks = factory_->marks,
                        .clock = clock,
                        .context = factory_->context});
  }
  enroll::HttpResponse Ask(enroll::HttpRequest request) {
    auto done = std::make_shared<std::promise<enroll::HttpResponse>>();
    auto answer = done->get_future();
    service_->Handle(std::move(request),
                     [done](enroll::HttpResponse r) { done->set_value(std::move(r)); });
    return answer.get();
  }
  ledger::WriterQueue& queue() { return *queue_; }

 private:
  std::mutex keys_;
  std::unique_ptr<Factory> factory_;
  std::unique_ptr<ledger::WriterQueue> queue_;
  std::unique_ptr<StationService> service_;
};

// Wire joins stations to a server that may be there or not.
struct Wire {
  TestServer* server = nullptr;

  Dial dial() {
    return [this](const std::string&, const Digest&,
                  std::optional<StationIdentity> identity) -> Result<std::unique_ptr<StationLink>> {
      return std::make_unique<Link>(*this, std::move(identity));
    };
  }

 private:
  class Link : public StationLink {
   public:
    Link(Wire& wire, std::optional<StationIdentity> identity)
        : wire_(wire), identity_(std::move(identity)) {}
    Result<enroll::HttpResponse> Call(const std::string& method, const std::string& path,
                                      const std::string& query, std::string_view content_type,
                                      ByteView body) override {
      if (wire_.server == nullptr) return Environment("station.link", "nobody answers");
      enroll::HttpRequest r;
      r.method = method;
      r.path = path;
      r.query = query;
      r.content_type = content_type;
      r.body.assign(body.begin(), body.end());
      if (identity_) r.peer.certificate = identity_->certificate;
      return wire_.server->Ask(std::move(r));
    }

   private:
    Wire& wire_;
    std::optional<StationIdentity> identity_;
  };
};

// Floor is a factory with its plan's stations, for tests.
struct Floor {
  explicit Floor(std::string text) : plan_text(std::move(text)), ws(CopyOf(bench, plan_text)) {}

  void Serve() {
    server.emplace(bench, ws, clock);
    wire.server = &*server;
  }
  void StopServing() {
    wire.server = nullptr;
    server.reset();
  }
  JoinCode Add(const std::string& station, uint64_t count = 500) {
    auto added = AddStation(ws,
                            {.station = station,
                             .server = "https://factory.example:8443",
                             .product = "",
                             .hours = 72,
                             .count = count,
                             .days = 30,
                             .pin = std::nullopt,
                             .as = ""},
                            bench.Keys(), clock, false);
    if (!added) {
      ADD_FAILURE() << added.error().ToString();
      std::abort();
    }
    return ParseJoinCode(added->code).value();
  }
  Result<JoinResult> Join(const JoinCode& code, const std::string& name) {
    return JoinStation(bench / name, code, bench.Keys(), wire.dial(), clock);
  }
  // Island adds a station, joins it and brings it its quota.
  fs::path Island(const std::string& station, const std::string& name, uint64_t count = 500) {
    JoinCode code = Add(station, count);
    Serve();
    auto joined = Join(code, name);
    EXPECT_TRUE(joined) << joined.error().ToString();
    StopServing();
    if (!joined->quota.granted) {
      auto done = SignIslandRequest(ws, Layout(ws).requests() / (joined->quota.ca + ".request"),
                                    bench.Keys(), "", clock, false);
      EXPECT_TRUE(done) << done.error().ToString();
    }
    Serve();
    auto quota = RenewQuota(bench / name, bench.Keys(), wire.dial(), clock);
    EXPECT_TRUE(quota) << quota.error().ToString();
    EXPECT_TRUE(quota && quota->granted);
    StopServing();
    return bench / name;
  }
  // Ready is an island of station "bench" in the folder "bench", made once in a process for each
  // quota; every test gets a copy of factory and island.
  fs::path Ready(uint64_t count = 500) {
    static std::map<uint64_t, std::unique_ptr<Floor>> made;
    std::unique_ptr<Floor>& first = made[count];
    if (!first) {
      first = std::make_unique<Floor>(plan_text);
      first->Island("bench", "bench", count);
    }
    fs::remove_all(ws);
    fs::copy(first->ws, ws, fs::copy_options::recursive);
    fs::copy(first->bench / "bench", bench / "bench", fs::copy_options::recursive);
    return bench / "bench";
  }
  Result<ShiftResult> Run(const fs::path& where, uint64_t units) {
    return RunShift({.workspace = where,
                     .product = "",
                     .as = "",
                     .units = units,
                     .tell = [](const line::UnitResult&) {},
                     .stop = {}},
                    bench.Keys(), clock);
  }
  Result<PushResult> Push(const fs::path& folder) {
    return PushLog(folder, bench.Keys(), wire.dial(), clock);
  }
  std::unique_ptr<ledger::LogReader> Read(const fs::path& where) {
    return std::move(OpenReader(where).value());
  }

  std::string plan_text;
  Bench bench;
  SystemClock clock;
  fs::path ws;
  std::optional<TestServer> server;
  Wire wire;
};

}  // namespace birthmark::app
