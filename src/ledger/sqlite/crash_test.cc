// SPDX-License-Identifier: Apache-2.0
// The world turns against the log: killed at any moment, out of disk. Nothing acknowledged is lost,
// nothing is half done, and it goes on afterwards. BIRTHMARK_KILLS says how often to kill (default
// 25).
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "ledger/sqlite/test_log.h"
#include "ledger/sqlite/verify.h"

namespace birthmark::ledger {
namespace {

// Child appends until it is killed and writes the number of each acknowledged unit to the pipe. Odd
// units come in batches, so that tiles, runs and large commits are hit too.
[[noreturn]] void Child(const fs::path& dir, int from, int out) {
  SystemClock clock;
  auto w = LogWriter::Open(dir, clock);
  if (!w) _exit(3);
  for (int i = from;; i += 64) {
    std::vector<Event> events;
    int n = i % 128 == 0 ? 1 : 64;
    for (int k = 0; k < n; ++k) events.push_back(IssueEvent(i + k));
    auto r = (*w)->Append(Submit(events));
    if (!r) _exit(4);
    for (int k = 0; k < n; ++k) {
      uint64_t ack[2] = {static_cast<uint64_t>(i + k), r->seqs[static_cast<size_t>(k)]};
      if (write(out, ack, sizeof ack) != sizeof ack) _exit(5);
    }
  }
}

TEST(Crash, KilledAtAnyMomentLosesNothingAcknowledged) {
  const char* env = getenv("BIRTHMARK_KILLS");
  int kills = env != nullptr ? atoi(env) : 25;
  TestLog log;
  log.writer.reset();
  std::mt19937 random(kills);
  std::map<uint64_t, uint64_t> acknowledged;  // unit to place
  int next = 0;
  for (int k = 0; k < kills; ++k) {
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
      close(fds[0]);
      Child(log.dir, next, fds[1]);
    }
    close(fds[1]);
    // Killed after so many acknowledgements, or earlier: in the middle of opening.
    int wanted = static_cast<int>(random() % 400);
    uint64_t ack[2];
    int got = 0;
    auto read_one = [&] {
      if (read(fds[0], ack, sizeof ack) != sizeof ack) return false;
      acknowledged[ack[0]] = ack[1];
      next = std::max(next, static_cast<int>(ack[0]) + 1);
      ++got;
      return true;
    };
    if (wanted < 40) usleep(random() % 20'000);
    while (got < wanted && wanted >= 40 && read_one()) {
    }
    usleep(random() % 3000);
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    while (read_one()) {
    }
    close(fds[0]);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
    // What was committed but not acknowledged may be there too: the child goes on behind it.
    next = (next + 128) / 128 * 128;
  }
  SystemClock clock;
  auto w = LogWriter::Open(log.dir, clock);
  ASSERT_TRUE(w) << w.error().ToString();
  w->reset();
  auto reader = log.Read();
  for (const auto& [unit, seq] : acknowledged) {
    auto e = reader->EventAt(seq);
    ASSERT_TRUE(e) << seq;
    EXPECT_EQ(BodyOf<IdentityIssued>(*e)->unit, fmt::format("bmc/{}", unit));
    EXPECT_EQ(reader->registry().IdentitiesByKey(DigestOf(fmt::format("key {}", unit)))->size(),
              1u);
  }
  auto report = VerifyLog(*reader);
  EXPECT_TRUE(report->findings.empty()) << report->findings.ToString();
  EXPECT_GT(acknowledged.size(), 0u);
}

// A limit on file size fails writes as a full disk does, without one.
TEST(Crash, AFullDiskFailsABatchWholeAndLaterOnesWorkAgain) {
  TestLog log;
  log.Fill(0, 100);
  Digest root = log.writer->Root();
  signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  for (size_t room : {size_t{0}, size_t{5'000}, size_t{40'000}, size_t{150'000}}) {
    uint64_t size = log.writer->size();
    rlimit small = old;
    small.rlim_cur = fs::file_size(log.dir / "log.sqlite-wal") + room;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    std::vector<Event> events;
    for (int i = 0; i < 1000; ++i) events.push_back(IssueEvent(10'000 + i));
    auto r = log.writer->Append(Submit(events));
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, "ledger.full") << r.error().ToString();
    EXPECT_EQ(r.error().kind, ErrorKind::kEnvironment);
    EXPECT_EQ(log.writer->size(), size);
    EXPECT_EQ(log.writer->Root(), root);
    // Nothing of the failed batch stands in the way.
    int unit = 20'000 + static_cast<int>(room);
    EXPECT_EQ(log.Refusal(IssueEvent(unit)), "");
    root = log.writer->Root();
  }
  EXPECT_EQ(log.Refusal(IssueEvent(10'001)), "");
  log.Reopen();
  log.writer.reset();
  auto report = VerifyLog(*log.Read());
  EXPECT_TRUE(report->findings.empty()) << report->findings.ToString();
  EXPECT_EQ(report->events, 106u);
}

TEST(Crash, TwoProcessesAtOnceOneWritesTheOtherIsTold) {
  TestLog log;
  pid_t pid = fork();
  if (pid == 0) {
    SystemClock clock;
    auto w = LogWriter::Open(log.dir, clock);
    _exit(!w && w.error().code == "ledger.locked" ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(log.Refusal(IssueEvent(1)), "");
}

}  // namespace
}  // namespace birthmark::ledger
