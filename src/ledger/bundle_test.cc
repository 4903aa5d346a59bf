// SPDX-License-Identifier: Apache-2.0
#include "ledger/bundle.h"

#include <gtest/gtest.h>

#include <sstream>

#include "ledger/sqlite/export.h"
#include "ledger/sqlite/test_log.h"

namespace birthmark::ledger {
namespace {

// Made is a log of 31 events with a checkpoint over all of them.
struct Made {
  TestLog log;
  std::string note;
  NoteKey key;
  Made() : key(*NoteKey::Of("acme/factory-test", LogSigner().public_key())) {
    log.Fill(0, 30);
    note = *log.writer->MakeCheckpoint(LogSigner());
  }
  BundleHeader Header(uint64_t from) {
    auto r = log.Read();
    BundleHeader h;
    h.from = from;
    h.to = r->size();
    h.left = r->FrontierOf(from)->hashes();
    h.vkey = key.ToText();
    h.origin = r->genesis().origin;
    h.checkpoint = note;
    return h;
  }
  // Bundle redacts every third leaf when it is told to.
  Bytes Bundle(uint64_t from, bool redact) {
    ExportOptions options{.from = from};
    uint64_t seq = from;
    if (redact) options.redact = [seq](const Event&) mutable { return seq++ % 3 == 1; };
    std::ostringstream out;
    Status s = ExportBundle(*log.Read(), note, options, out);
    EXPECT_TRUE(s) << s.error().ToString();
    return ToBytes(out.str());
  }
};

TEST(Bundle, VerifiesUnderTheLogsKey) {
  Made m;
  for (uint64_t from : {uint64_t{0}, uint64_t{1}, uint64_t{13}, uint64_t{31}}) {
    auto s = VerifyBundle(FromMemory(m.Bundle(from, false)), m.key);
    ASSERT_TRUE(s) << s.error().ToString();
    EXPECT_EQ(s->events, 31 - from);
    EXPECT_EQ(s->redacted, 0u);
    EXPECT_EQ(s->checkpoint.size, 31u);
  }
}

TEST(Bundle, EndsAtItsCheckpointThoughTheLogWentOn) {
  Made m;
  m.log.Fill(500, 600);
  EXPECT_EQ(VerifyBundle(FromMemory(m.Bundle(3, false)), m.key)->header.to, 31u);
  std::ostringstream out;
  EXPECT_EQ(ExportBundle(*m.log.Read(), m.note, {.from = 32}, out).error().code, "merkle.range");
  EXPECT_EQ(ExportBundle(*m.log.Read(), "no note", {}, out).error().code, "note.malformed");
}

TEST(Bundle, GivesTheEventsOfTheLog) {
  Made m;
  auto b = Bundle::Open(FromMemory(m.Bundle(5, false)), m.key);
  ASSERT_TRUE(b);
  auto r = m.log.Read();
  uint64_t next = 5;
  ASSERT_TRUE((*b)->ForEach([&](uint64_t seq, const Event& e, ByteView raw) -> Status {
    EXPECT_EQ(seq, next++);
    EXPECT_TRUE(std::ranges::equal(raw, *r->RawAt(seq)));
    EXPECT_EQ(e.type, r->EventAt(seq)->type);
    return {};
  }));
  EXPECT_EQ(next, 31u);
}

TEST(Bundle, RedactionsShowAndCountsStayComplete) {
  Made m;
  auto b = Bundle::Open(FromMemory(m.Bundle(0, true)), m.key);
  ASSERT_TRUE(b) << b.error().ToString();
  EXPECT_EQ((*b)->summary().events + (*b)->summary().redacted, 31u);
  EXPECT_EQ((*b)->summary().redacted, 10u);
  uint64_t shown = 0;
  ASSERT_TRUE((*b)->ForEachRedacted([&](uint64_t seq, const RedactedLeaf& leaf) -> Status {
    EXPECT_EQ(seq % 3, 1u);
    EXPECT_EQ(leaf.type, "identity.issued");
    ++shown;
    return {};
  }));
  EXPECT_EQ(shown, 10u);
}

TEST(Bundle, UnderAnotherKeyIsRefused) {
  Made m;
  auto other = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEd25519);
  auto key = NoteKey::Of("acme/factory-test", other->public_key());
  EXPECT_EQ(VerifyBundle(FromMemory(m.Bundle(0, false)), *key).error().code, "note.unsigned");
  // Without a key it is intact under its own, which says nothing about whose it is.
  EXPECT_TRUE(VerifyBundle(FromMemory(m.Bundle(0, false)), std::nullopt));
}

TEST(Bundle, AnyChangedByteIsRefused) {
  Made m;
  Bytes good = m.Bundle(25, true);
  for (size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= static_cast<uint8_t>(1 << (i % 8));
    auto s = VerifyBundle(FromMemory(bad), m.key);
    if (!s) continue;
    // Two things are claims of the bundle's maker and not of the log: the vkey beside a key that
    // the reader named, and the types of redacted leaves. They must show.
    bool differs = s->header.vkey != m.key.ToText();
    BundleReader r = std::move(BundleReader::Start(std::move(*FromMemory(bad)())).value());
    while (auto leaf = *r.Next()) {
      differs |= leaf->redacted && leaf->redacted->type != "identity.issued";
    }
    EXPECT_TRUE(differs) << "byte " << i << " changed unnoticed";
  }
}

TEST(Bundle, CutShortIsRefusedAtEveryByte) {
  Made m;
  Bytes good = m.Bundle(28, true);
  for (size_t n = 0; n < good.size(); ++n) {
    EXPECT_FALSE(VerifyBundle(
        FromMemory(Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(n))), m.key))
        << n;
  }
  Bytes longer = good;
  longer.push_back(0xf6);
  EXPECT_EQ(VerifyBundle(FromMemory(longer), m.key).error().code, "bundle.trailing");
}

TEST(Bundle, DroppedReorderedAndDoubledLeavesAreRefused) {
  Made m;
  auto r = m.log.Read();
  auto with = [&](std::vector<uint64_t> seqs) {
    Bytes out = cbor::ToCbor(m.Header(28));
    cbor::Writer w(out);
    for (uint64_t s : seqs) w.ByteString(*r->RawAt(s));
    auto v = VerifyBundle(FromMemory(out), m.key);
    return v ? "" : v.error().code;
  };
  EXPECT_EQ(with({28, 29, 30}), "");
  EXPECT_EQ(with({28, 30}), "bundle.truncated");
  EXPECT_EQ(with({29, 28, 30}), "bundle.order");
  EXPECT_EQ(with({28, 29, 30, 30}), "bundle.trailing");
  EXPECT_EQ(with({28, 29, 27}), "bundle.order");
}

// ZeroStream is as many zeros as one likes, made as they are read.
class ZeroBuffer : public std::streambuf {
 public:
  explicit ZeroBuffer(size_t n) : left_(n) {}
  size_t read_ = 0;

 protected:
  int_type underflow() override {
    size_t n = std::min(left_, sizeof zeros_);
    if (n == 0) return traits_type::eof();
    left_ -= n;
    read_ += n;
    setg(zeros_, zeros_, zeros_ + n);
    return 0;
  }

 private:
  size_t left_;
  char zeros_[65536] = {};
};

TEST(Bundle, AGigabyteOfZerosIsRefusedAtOnce) {
  ZeroBuffer zeros(size_t{1} << 30);
  auto r = BundleReader::Start(std::make_unique<std::istream>(&zeros));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, "bundle.malformed");
  EXPECT_LE(zeros.read_, size_t{4} << 20);
}

TEST(Bundle, HugeItemsAndOtherFormsAreRefused) {
  Made m;
  auto code = [&](const Bytes& b) {
    auto v = VerifyBundle(FromMemory(b), m.key);
    return v ? "" : v.error().code;
  };
  EXPECT_EQ(code({}), "bundle.malformed");
  EXPECT_EQ(code({0x5b, 0, 0, 0, 1, 0, 0, 0, 0}), "bundle.truncated");      // a string of 4 GiB
  EXPECT_EQ(code({0xbf, 0xff}), "bundle.malformed");                        // indefinite length
  EXPECT_EQ(code({0xa2, 0x61, 'a', 0, 0x61, 'a', 0}), "bundle.malformed");  // a key twice
  BundleHeader h = m.Header(28);
  h.format = 2;
  EXPECT_EQ(code(cbor::ToCbor(h)), "bundle.format");
  h = m.Header(28);
  h.left.pop_back();
  EXPECT_EQ(code(cbor::ToCbor(h)), "merkle.frontier");
  h = m.Header(28);
  h.to = 30;
  EXPECT_EQ(code(cbor::ToCbor(h)), "bundle.malformed");
  h = m.Header(28);
  h.from = 99;
  EXPECT_EQ(code(cbor::ToCbor(h)), "bundle.malformed");
  h = m.Header(28);
  Bytes large = cbor::ToCbor(h);
  cbor::Writer(large).ByteString(Bytes(3 << 20));
  EXPECT_EQ(code(large), "bundle.malformed");
  Bytes extra = cbor::ToCbor(h);
  cbor::Writer(extra).Item(cbor::Map{{"hash", Digest{}}, {"note", "hidden"}});
  EXPECT_EQ(code(extra), "bundle.malformed");
}

TEST(Bundle, ItsWriterRefusesLeavesThatDoNotMakeTheTree) {
  Made m;
  std::ostringstream out;
  auto r = m.log.Read();
  BundleWriter few = std::move(BundleWriter::Start(out, m.Header(29)).value());
  ASSERT_TRUE(few.Add(*r->RawAt(29)));
  EXPECT_EQ(few.Finish().error().code, "bundle.count");
  BundleWriter wrong = std::move(BundleWriter::Start(out, m.Header(30)).value());
  ASSERT_TRUE(wrong.Add(*r->RawAt(29)));
  EXPECT_EQ(wrong.Finish().error().code, "bundle.root");
}

}  // namespace
}  // namespace birthmark::ledger
