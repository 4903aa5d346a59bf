// SPDX-License-Identifier: Apache-2.0
// What the ledger's tests share: a log in a folder of its own, and events to put into it.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "crypto/digest.h"
#include "crypto/software_signer.h"
#include "ledger/events.h"
#include "ledger/sqlite/log_writer.h"
#include "tests/support/temp_dir.h"

namespace birthmark::ledger {

inline Digest DigestOf(std::string_view s) { return crypto::Sha256(AsBytes(s)); }

inline crypto::SoftwareSigner& LogSigner() {
  static auto signer = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519);
  return *signer;
}

inline Event GenesisEvent() {
  Genesis g;
  g.origin = "acme/factory-test";
  g.program = "birthmark test";
  ByteView spki = LogSigner().public_key().spki();
  g.log_key.assign(spki.begin(), spki.end());
  g.workspace = "0198c2a4-0000-7000-8000-000000000000";
  g.manufacturer = "Acme";
  return MakeEvent({}, TimeFromMillis(1'790'000'000'000), "", g);
}

inline IdentityIssued Issue(const std::string& unit, const std::string& key,
                            const std::string& serial, const std::string& slot = "idevid") {
  IdentityIssued b;
  b.ca = "site-1";
  b.cert.assign(600, 0x30);
  b.slot = slot;
  b.spki = DigestOf(key);
  b.unit = unit;
  b.proof = "csr-signature";
  Digest s = DigestOf("serial " + serial);
  b.serial.assign(s.begin(), s.begin() + 16);
  b.method = "avocado";
  return b;
}

template <class B>
Event Now(const B& body, const std::string& subject = "") {
  return MakeEvent({}, TimeFromMillis(1'790'000'001'000), subject, body);
}
inline Event IssueEvent(int i) {
  std::string n = std::to_string(i);
  return Now(Issue("bmc/" + n, "key " + n, n), "unit:bmc/" + n);
}
inline Event StateEvent(const IdentityIssued& of, const std::string& state) {
  return Now(IdentityState{of.slot, of.unit, state, "test", of.serial});
}
inline Submission Submit(const std::vector<Event>& events) {
  Submission s;
  for (const Event& e : events) s.push_back(*Prepare(e));
  return s;
}

// TestLog is a new log and a clock that stands still until it is moved.
struct TestLog {
  test::TempDir tmp;
  ManualClock clock{TimeFromMillis(1'790'000'002'000)};
  fs::path dir = tmp / "ledger";
  std::unique_ptr<LogWriter> writer;

  TestLog() {
    auto w = LogWriter::Create(dir, GenesisEvent(), clock);
    if (!w) {
      ADD_FAILURE() << w.error().ToString();
      std::abort();
    }
    writer = std::move(*w);
  }
  void Reopen() {
    writer.reset();
    auto w = LogWriter::Open(dir, clock);
    if (!w) {
      ADD_FAILURE() << w.error().ToString();
      std::abort();
    }
    writer = std::move(*w);
  }
  uint64_t Add(const Event& e) {
    auto r = writer->Append(e);
    if (!r) ADD_FAILURE() << r.error().ToString();
    return r ? r->seqs.at(0) : UINT64_MAX;
  }
  std::string Refusal(const Event& e) {
    auto r = writer->Append(e);
    return r ? "" : r.error().code;
  }
  // Fill appends identities of the units [from, to) in batches.
  void Fill(int from, int to) {
    for (int i = from; i < to;) {
      std::vector<Event> batch;
      for (; i < to && batch.size() < 512; ++i) batch.push_back(IssueEvent(i));
      auto r = writer->Append(Submit(batch));
      if (!r) ADD_FAILURE() << r.error().ToString();
    }
  }
  std::unique_ptr<LogReader> Read() { return std::move(LogReader::Open(dir).value()); }
};

}  // namespace birthmark::ledger
