// SPDX-License-Identifier: Apache-2.0
#include "bench/issue.h"

#include <algorithm>

#include "ledger/merkle.h"

namespace birthmark::bench {

void IssueBench::Append(std::vector<ledger::Submission>& batch) {
  for (Result<ledger::Receipt>& r : log_.AppendAll(batch)) Must(std::move(r));
}

void IssueBench::Fill(uint64_t rows) {
  const double cpu = ProcessCpu(), wall = Wall();
  std::vector<ledger::Submission> batch;
  for (uint64_t done = 0; done < rows;) {
    batch.clear();
    for (; done < rows && batch.size() < 4096; ++done) {
      batch.emplace_back();
      batch.back().push_back(factory_.Filler());
    }
    Append(batch);
  }
  const auto n = static_cast<double>(rows);
  fmt::print("stored before: {} events of {} octets; {:.1f} us CPU and {:.1f} us wall each\n", rows,
             factory_.event_bytes(), (ProcessCpu() - cpu) / n * 1e6, (Wall() - wall) / n * 1e6);
}

IssueBench::Figures IssueBench::Pair(size_t events, size_t batch_size,
                                     const std::function<void(size_t)>& prepare, const Make& make) {
  Stopwatch bare, issuing, hashing;
  const double process = ProcessCpu(), thread = ThreadCpu();
  std::vector<ledger::Submission> batch;
  ledger::Frontier frontier;
  for (size_t round = 0; round < events; round += kRound) {
    prepare(kRound);
    bare.Start();
    bare_.Sign(kRound);
    bare.Stop();
    for (size_t i = 0; i < kRound;) {
      issuing.Start();
      batch.clear();
      const size_t end = std::min(i + batch_size, kRound);
      for (; i < end; ++i) {
        batch.emplace_back();
        batch.back().push_back(make(i));
      }
      Append(batch);
      issuing.Stop();
      // The same octets again, for the hashing's share.
      hashing.Start();
      for (const ledger::Submission& s : batch)
        frontier.Append(ledger::LeafHash(s.front().encoded));
      hashing.Stop();
    }
  }
  // What the log's own threads did belongs to issuing, whenever they did it.
  const double others = (ProcessCpu() - process) - (ThreadCpu() - thread);
  return {bare.cpu, issuing.cpu + others, issuing.wall, hashing.cpu};
}

void IssueBench::Print(const std::string& name, size_t batch, size_t events,
                       const std::vector<Figures>& pairs) {
  std::vector<double> ratio, bare, full, wall, hashing;
  const auto n = static_cast<double>(events);
  for (const Figures& f : pairs) {
    ratio.push_back(f.bare / f.full);
    bare.push_back(f.bare / n * 1e6);
    full.push_back(f.full / n * 1e6);
    wall.push_back(n / f.wall);
    hashing.push_back(f.hashing / f.full * 100);
  }
  const Spread r(ratio);
  fmt::print("{}: {:.2f} R\n", name, r.median);
  fmt::print(
      "  {} a commit; pairs {:.2f} to {:.2f}; R {:.1f} us, issue {:.1f} us CPU; {:.0f}/s wall\n",
      batch, r.low, r.high, Median(bare), Median(full), Median(wall));
  if (batch == kRound) fmt::print("ledger hashing: {:.1f} %\n", Median(hashing));
  std::fflush(stdout);
}

void IssueBench::Keys(size_t batch, Plan plan) {
  std::vector<crypto::PublicKey> keys;
  std::vector<Figures> pairs;
  for (size_t i = 0; i < plan.pairs; ++i) {
    pairs.push_back(Pair(
        plan.events, batch, [&](size_t n) { keys = NewKeys(n); },
        [&](size_t k) { return factory_.Issue(keys[k]); }));
  }
  Print(batch == kRound ? "issue durable" : fmt::format("issue durable, {} a commit", batch), batch,
        plan.events, pairs);
}

void IssueBench::Requests(Plan plan) {
  std::vector<Bytes> requests;
  std::vector<Figures> pairs;
  for (size_t i = 0; i < plan.pairs; ++i) {
    pairs.push_back(Pair(
        plan.events, 256, [&](size_t n) { requests = NewRequests(n); },
        [&](size_t k) { return factory_.IssueFromRequest(requests[k]); }));
  }
  Print("issue from CSR", 256, plan.events, pairs);
}

void IssueBench::WithoutLedger(Plan plan) {
  constexpr size_t kLibrary = 256;  // slow, so few
  std::vector<double> library, prepared;
  const std::vector<crypto::PublicKey> keys = NewKeys(kRound);
  for (size_t i = 0; i < plan.pairs; ++i) {
    Stopwatch bare, slow, fast;
    bare.Start();
    bare_.Sign(kRound);
    bare.Stop();
    slow.Start();
    factory_.IssueByLibrary(kLibrary);
    slow.Stop();
    fast.Start();
    for (const crypto::PublicKey& key : keys) (void)factory_.Issue(key);
    fast.Stop();
    library.push_back(bare.cpu / kRound / (slow.cpu / kLibrary));
    prepared.push_back(bare.cpu / fast.cpu);
  }
  fmt::print("without a ledger: X509_sign {:.3f} R, prepared template and event {:.2f} R\n",
             Median(library), Median(prepared));
}

}  // namespace birthmark::bench
