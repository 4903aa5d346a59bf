// SPDX-License-Identifier: Apache-2.0
// For tests alone: a small factory's log as a bundle, and the disclosure built and signed from it.
#pragma once

#include <sstream>

#include "answer/test_log.h"
#include "disclose/build.h"
#include "disclose/test_disclosure.h"
#include "ledger/bundle.h"

namespace birthmark::disclose::test {

// Bundled writes the log as an evidence bundle, with ids and times as a writer would stamp them.
inline Bytes Bundled(answer::test::TestLog& log, crypto::Signer& log_key) {
  std::vector<Bytes> events;
  ledger::Frontier tree;
  EXPECT_TRUE(log.ForEach([&](uint64_t seq, const ledger::Event& e, ByteView raw) -> Status {
    Bytes copy(raw.begin(), raw.end());
    ledger::EventStamp stamp{{}, e.at};
    stamp.id[15] = static_cast<uint8_t>(seq);
    stamp.id[14] = static_cast<uint8_t>(seq >> 8);
    BM_CHECK(ledger::StampEvent(copy, stamp));
    tree.Append(ledger::LeafHash(copy));
    events.push_back(std::move(copy));
    return {};
  }));
  ledger::Checkpoint end{"acme/factory", events.size(), tree.Root(), {}};
  ledger::BundleHeader header;
  header.to = events.size();
  header.origin = end.origin;
  header.vkey = ledger::NoteKey::Of(end.origin, log_key.public_key())->ToText();
  header.checkpoint = *ledger::SignCheckpoint(end, log_key);
  std::ostringstream out;
  auto writer = ledger::BundleWriter::Start(out, header);
  EXPECT_TRUE(writer);
  for (const Bytes& e : events) EXPECT_TRUE(writer->Add(e));
  EXPECT_TRUE(writer->Finish());
  return ToBytes(out.str());
}

// Factory is a log of one bulb with everything that a disclosure draws from.
struct Factory {
  answer::test::TestLog log;
  std::unique_ptr<crypto::SoftwareSigner> log_key =
      *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519);
  Chain chain = MakeChain("Acme disclosure");

  explicit Factory(const std::string& more = "") : log(answer::test::PlanText(more)) {
    answer::test::Ca root = log.MakeRoot("root", "identity");
    answer::test::Ca sub = log.MakeSub("site-1", "identity", root);
    log.MakeRoot("boot-root", "boot-pki");
    log.At(answer::test::kHour);
    log.Device(sub, "B-0001");
    log.Add(log.Visit("B-0001", "burner", {"first-stage-write"}));
    log.At(2 * answer::test::kHour);
    log.Add(log.Visit("B-0001", "bench", {"first-stage-lock"}));
    log.Add(ledger::ImageReleased{.stage = "application", .digest = Digest{8}, .version = "1"});
  }

  Bytes Bundle() { return Bundled(log, *log_key); }
  static std::unique_ptr<ledger::Bundle> Open(const Bytes& bundle) {
    return ledger::Bundle::Open(ledger::FromMemory(bundle), std::nullopt).value();
  }
  Built Build(const Bytes& bundle) {
    auto source = Open(bundle);
    const answer::Evaluation evaluation = answer::EvaluateAll(*source, {}).value();
    BuildInput input{.evaluation = evaluation, .checkpoint = source->summary().header.checkpoint};
    input.issued = TimeFromMillis(kIssued);
    input.program = "birthmark 0.1.0";
    return disclose::Build(input, *source).value();
  }
  Bytes Signed(const Disclosure& d) {
    return SignDisclosure(d, chain.certificates, *chain.key).value();
  }
};

}  // namespace birthmark::disclose::test
