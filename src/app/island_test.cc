// SPDX-License-Identifier: Apache-2.0
// A station joins, works while nobody answers, and brings its log: the whole way, without sockets.
#include "app/island.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "answer/evaluate.h"
#include "app/test_station.h"
#include "app/view.h"
#include "ledger/sqlite/export.h"
#include "ledger/sqlite/verify.h"

namespace birthmark::app {
namespace {

using testing::HasSubstr;

std::string Problems(const fs::path& ws) {
  auto reader = OpenReader(ws);
  return ledger::VerifyLog(**reader).value().findings.ToString();
}

uint64_t Count(ledger::EventSource& events, std::string_view type) {
  uint64_t n = 0;
  EXPECT_TRUE(events.ForEach([&](uint64_t, const ledger::Event& e, ByteView) -> Status {
    n += e.type == type;
    return {};
  }));
  return n;
}

struct IslandTest : testing::Test {
  Floor floor{PlanText("bmc")};
};

TEST_F(IslandTest, ALineWithoutItsServerGoesOnAndIsToldOfLater) {
  fs::path bench = floor.Island("bench", "bench");
  EXPECT_EQ(Problems(bench), "");
  // The server is away: the line does not notice.
  auto run = floor.Run(bench, 2);
  ASSERT_TRUE(run) << run.error().ToString();
  EXPECT_EQ(run->good, 2u);
  auto away = floor.Push(bench);
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, "station.link");

  floor.Serve();
  auto push = floor.Push(bench);
  ASSERT_TRUE(push) << push.error().ToString();
  EXPECT_EQ(push->set_aside, 0u) << push->named.front();
  EXPECT_EQ(push->taken, push->entries);
  auto again = floor.Push(bench);
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(again->taken, 0u);
  EXPECT_EQ(again->before, push->entries);
  floor.StopServing();

  auto reader = floor.Read(floor.ws);
  EXPECT_EQ(Problems(floor.ws), "");
  EXPECT_EQ(reader->registry().Unit("ridgeback-s1/BMC-1001")->value().state, "packed");
  EXPECT_EQ(reader->registry().CountIdentities({.state = "confirmed-locked"}).value() +
                reader->registry().CountIdentities({.state = "installed"}).value(),
            2u);
  EXPECT_EQ(Count(*reader, ledger::UnitVisit::kType),
            Count(*floor.Read(bench), ledger::UnitVisit::kType));
  // The identity's row leads to the event inside.
  auto row = reader->registry().IdentitiesOf("ridgeback-s1/BMC-1001")->front();
  auto event = reader->EventAt(row.seq);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->type, ledger::IdentityIssued::kType);
  ASSERT_TRUE(event->log);
  EXPECT_THAT(*event->log, HasSubstr("/island-bench-"));
  auto stations = Stations(*reader);
  ASSERT_TRUE(stations);
  EXPECT_EQ(stations->front().issued, 2u);
  EXPECT_EQ(stations->front().entries, push->entries);
}

TEST_F(IslandTest, AnswersCountWhatStationsDidAndABundleRecomputesThem) {
  fs::path bench = floor.Island("bench", "bench"), lock = floor.Island("lock", "lock");
  ASSERT_TRUE(floor.Run(bench, 1));
  ASSERT_TRUE(floor.Run(lock, 1));
  ASSERT_TRUE(floor.Run(floor.ws, 1));
  floor.Serve();
  ASSERT_TRUE(floor.Push(bench));
  ASSERT_TRUE(floor.Push(lock));
  floor.StopServing();
  EXPECT_EQ(Problems(floor.ws), "");
  auto reader = floor.Read(floor.ws);
  auto answers = answer::EvaluateAll(*reader, {});
  ASSERT_TRUE(answers) << answers.error().ToString();
  auto find = [](const answer::Evaluation& e, std::string_view question) -> const answer::Answer& {
    auto it = std::ranges::find(e.answers, question, &answer::Answer::question);
    EXPECT_NE(it, e.answers.end());
    return *it;
  };
  // Three runs by three people; the authorities of islands stand beside the factory's, not below.
  auto value = [&](std::string_view question) {
    const answer::Answer& a = find(*answers, question);
    EXPECT_TRUE(a.measured) << question << ": " << a.why.value_or("");
    return a.measured ? cbor::Encode(a.measured->value) : Bytes();
  };
  EXPECT_EQ(value("first-stage-exposure"), cbor::Encode(cbor::Value(uint64_t{3})));
  EXPECT_EQ(value("identity-pki-level"), cbor::Encode(cbor::Value(uint64_t{3})));
  EXPECT_TRUE(find(*answers, "first-second-stage-gap").measured);

  // The same from a bundle.
  auto f = Factory::Open(floor.ws, floor.bench.Keys(), false, "", "", floor.clock);
  ASSERT_TRUE(f);
  auto signer = (*f)->keys.online->Open("log");
  std::string checkpoint = (*f)->log->MakeCheckpoint(**signer).value();
  ASSERT_TRUE(reader->Refresh());
  std::ostringstream out;
  ASSERT_TRUE(ledger::ExportBundle(*reader, checkpoint, {}, out));
  std::string text = out.str();
  auto bundle = ledger::Bundle::Open(ledger::FromMemory(ToBytes(text)), std::nullopt);
  ASSERT_TRUE(bundle) << bundle.error().ToString();
  auto from_bundle = answer::EvaluateAll(**bundle, {});
  ASSERT_TRUE(from_bundle) << from_bundle.error().ToString();
  for (const answer::Answer& a : answers->answers) {
    if (!a.measured) continue;
    const answer::Answer& b = find(*from_bundle, a.question);
    ASSERT_TRUE(b.measured) << a.question;
  }
  EXPECT_EQ(cbor::ToCbor(*find(*answers, "first-stage-exposure").measured),
            cbor::ToCbor(*find(*from_bundle, "first-stage-exposure").measured));
}

TEST_F(IslandTest, RebuildingTheRegistryGivesTheSame) {
  fs::path bench = floor.Ready();
  ASSERT_TRUE(floor.Run(bench, 1));
  floor.Serve();
  ASSERT_TRUE(floor.Push(bench));
  floor.StopServing();
  {
    auto log = ledger::LogWriter::Open(Layout(floor.ws).ledger(), floor.clock);
    ASSERT_TRUE(log);
    Status s = (*log)->Rebuild();
    ASSERT_TRUE(s) << s.error().ToString();
  }
  EXPECT_EQ(Problems(floor.ws), "");
  // And an import goes on from there.
  ASSERT_TRUE(floor.Run(bench, 1));
  floor.Serve();
  auto push = floor.Push(bench);
  ASSERT_TRUE(push) << push.error().ToString();
  EXPECT_GT(push->taken, 0u);
  EXPECT_EQ(push->taken + push->before, push->entries);
}

TEST_F(IslandTest, TheQuotaIsHard) {
  fs::path bench = floor.Ready(2);
  auto run = floor.Run(bench, 3);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, "desk.retired");
  // Told of, the next quota can be had; before, it cannot.
  floor.Serve();
  auto early = RenewQuota(bench, floor.bench.Keys(), floor.wire.dial(), floor.clock);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, "station.quota-left") << early.error().ToString();
  ASSERT_TRUE(floor.Push(bench));
  auto next = RenewQuota(bench, floor.bench.Keys(), floor.wire.dial(), floor.clock);
  ASSERT_TRUE(next) << next.error().ToString();
  EXPECT_FALSE(next->granted);
  floor.StopServing();
  ASSERT_TRUE(SignIslandRequest(floor.ws, Layout(floor.ws).requests() / (next->ca + ".request"),
                                floor.bench.Keys(), "", floor.clock, false));
  floor.Serve();
  next = RenewQuota(bench, floor.bench.Keys(), floor.wire.dial(), floor.clock);
  ASSERT_TRUE(next && next->granted);
  floor.StopServing();
  run = floor.Run(bench, 1);
  ASSERT_TRUE(run) << run.error().ToString();
  EXPECT_EQ(run->good, 1u);
}

TEST_F(IslandTest, NumbersNeverMeet) {
  fs::path a = floor.Island("bench", "a"), b = floor.Island("lock", "b");
  ASSERT_TRUE(floor.Run(a, 1));
  ASSERT_TRUE(floor.Run(b, 1));
  ASSERT_TRUE(floor.Run(floor.ws, 1));
  EXPECT_TRUE(floor.Read(a)->registry().Unit("ridgeback-s1/BMC-1001")->has_value());
  EXPECT_TRUE(floor.Read(b)->registry().Unit("ridgeback-s1/BMC-2001")->has_value());
  EXPECT_TRUE(floor.Read(floor.ws)->registry().Unit("ridgeback-s1/BMC-0001")->has_value());
}

TEST_F(IslandTest, AJoinCodeWorksOnceAndOnlyForWhoKnowsIt) {
  JoinCode code = floor.Add("bench");
  floor.Serve();
  JoinCode wrong = code;
  wrong.secret[0] ^= 1;
  auto refused = floor.Join(wrong, "wrong");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "station.not-authorised");
  EXPECT_FALSE(fs::exists(floor.bench / "wrong"));
  ASSERT_TRUE(floor.Join(code, "right"));
  auto twice = floor.Join(code, "twice");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, "station.not-authorised");
  auto there = floor.Join(code, "right");
  ASSERT_FALSE(there);
  EXPECT_EQ(there.error().code, "station.exists");
}

TEST_F(IslandTest, ADisabledStationIsTakenNothingFrom) {
  fs::path bench = floor.Ready();
  ASSERT_TRUE(
      DisableStation(floor.ws, "bench", "stolen", "", floor.bench.Keys(), floor.clock, false));
  floor.Serve();
  auto push = floor.Push(bench);
  ASSERT_FALSE(push);
  EXPECT_EQ(push.error().code, "station.not-authorised");
  auto rows = floor.Read(floor.ws)->registry().Credentials().value();
  auto row = std::ranges::find(rows, "bench", &ledger::CredentialRow::pseudonym);
  ASSERT_NE(row, rows.end());
  EXPECT_TRUE(row->revoked_at);
}

TEST_F(IslandTest, WhoHasNoStationsCertificateGetsNothing) {
  floor.Ready();
  floor.Serve();
  for (const char* path : {"/station/push", "/station/renew"}) {
    enroll::HttpRequest r;
    r.method = "POST";
    r.path = path;
    EXPECT_EQ(floor.server->Ask(std::move(r)).status, 403) << path;
  }
  enroll::HttpRequest other;
  other.method = "GET";
  other.path = "/station/elsewhere";
  EXPECT_EQ(floor.server->Ask(std::move(other)).status, 404);
  enroll::HttpRequest bad;
  bad.method = "POST";
  bad.path = "/station/join";
  bad.body = ToBytes("no CBOR");
  EXPECT_EQ(floor.server->Ask(std::move(bad)).status, 400);
}

TEST_F(IslandTest, AStationTestsItself) {
  fs::path bench = floor.Ready();
  auto away = CheckStation(bench, floor.wire.dial(), floor.clock);
  ASSERT_TRUE(away) << away.error().ToString();
  EXPECT_FALSE(away->Good());
  EXPECT_EQ(away->link, "nobody answers");
  floor.Serve();
  auto check = CheckStation(bench, floor.wire.dial(), floor.clock);
  ASSERT_TRUE(check);
  EXPECT_EQ(check->link, "ok");
  EXPECT_EQ(check->clock, "ok");
  EXPECT_EQ(check->probe, "ok");
  EXPECT_LT(std::abs(check->clock_ms), 5000);
  EXPECT_GT(check->disk_free, 0u);
  EXPECT_EQ(floor.Read(bench)->registry().EventsOfType("station.checked")->size(), 2u);
  // A port that is not there is told.
  StationFile file = ReadStationFile(bench).value();
  file.link = "serial:/dev/null";
  ASSERT_TRUE(WriteFileAtomic(StationFileOf(bench), FormatStationFile(file)));
  EXPECT_EQ(CheckStation(bench, floor.wire.dial(), floor.clock)->probe,
            "/dev/null is no serial port");
}

TEST_F(IslandTest, ARevokedCredentialShowsAndANewOneOfTheNameIsValid) {
  auto who = IssueCredential(floor.ws, "operator", floor.bench.Keys(), floor.clock, false);
  ASSERT_TRUE(who);
  ASSERT_TRUE(RevokeCredential(floor.ws, *who, "left", "", floor.bench.Keys(), floor.clock, false));
  auto again = RevokeCredential(floor.ws, *who, "left", "", floor.bench.Keys(), floor.clock, false);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "credential.revoked");
  // A station that joins anew has its old credential ended and a new one.
  floor.Island("bench", "first");
  floor.Island("bench", "second");
  auto rows = floor.Read(floor.ws)->registry().Credentials().value();
  std::erase_if(rows, [](const auto& r) { return r.pseudonym != "bench"; });
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_TRUE(rows[0].revoked_at);
  EXPECT_FALSE(rows[1].revoked_at);
}

TEST(JoinCode, IsReadAsItWasWrittenAndNotOtherwise) {
  JoinCode code{.id = "0198c2a4-0000-7000-8000-000000000000",
                .pin = {},
                .url = "https://factory.example:8443",
                .secret = Bytes(32, 7)};
  std::string text = FormatJoinCode(code);
  auto read = ParseJoinCode("\n" + text + "\r\n");
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_EQ(read->url, code.url);
  EXPECT_EQ(read->secret, code.secret);
  for (const std::string& bad :
       {std::string(), std::string("BMJ1."), text + "A", text.substr(0, text.size() - 1),
        "BMJ2." + text.substr(5), text.substr(0, 20) + "!" + text.substr(21),
        std::string(4000, 'A')}) {
    EXPECT_FALSE(ParseJoinCode(bad)) << bad;
  }
  code.url = "http://factory.example";
  EXPECT_FALSE(ParseJoinCode(FormatJoinCode(code)));
}

TEST(StationFile, IsReadAsItWasWrittenAndFaultsAreNamed) {
  StationFile file{.station = "bench", .server = "https://h:1", .pin = {}, .link = "serial:/dev/x"};
  file.pin[0] = 0xab;
  auto read = ParseStationFile(FormatStationFile(file));
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_EQ(read->link, "serial:/dev/x");
  EXPECT_EQ(read->pin, file.pin);
  std::string text = FormatStationFile(file);
  EXPECT_THAT(ParseStationFile("x = 1\n" + text).error().message, HasSubstr("nobody knows \"x\""));
  Replace(text, "https://", "http://");
  EXPECT_THAT(ParseStationFile(text).error().message, HasSubstr("https://"));
}

TEST(CarriedName, StaysInItsFolder) {
  for (const char* good : {"images/8f3a/first-stage", "anchors/boot", "public/root.pem"})
    EXPECT_TRUE(CheckCarriedName(good)) << good;
  for (const char* bad : {"", "keys/log", "images/", "images/../keys/log", "/images/a", "images//a",
                          "images/.a", "public/a b", "public/a\n", "credential"})
    EXPECT_FALSE(CheckCarriedName(bad)) << bad;
}

}  // namespace
}  // namespace birthmark::app
