// SPDX-License-Identifier: Apache-2.0
// Block-wise transfer: bodies put together and cut, and what is refused on the way.
#include "enroll/coaps/transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace birthmark::enroll::coaps {
namespace {

Bytes Pattern(size_t n) {
  Bytes b(n);
  for (size_t i = 0; i < n; ++i) b[i] = static_cast<uint8_t>(i * 7 + i / 251);
  return b;
}

class TransferTest : public testing::Test {
 protected:
  using Taken = std::variant<Whole, Response>;

  static Code CodeOf(const Taken& t) {
    return std::holds_alternative<Response>(t) ? std::get<Response>(t).code : Code::kGet;
  }
  Request Post(std::optional<Block> block, ByteView payload) {
    Request r;
    r.method = Code::kPost;
    r.path = {".well-known", "est", "sen"};
    r.format = kPkcs10;
    r.block1 = block;
    r.payload = payload;
    r.message_id = ++message_id_;
    return r;
  }
  // Block `n` of a body.
  Request PostBlock(const Bytes& body, uint32_t n, int szx) {
    Block b{n, false, szx};
    const size_t end = std::min(body.size(), b.offset() + b.size());
    b.more = end < body.size();
    return Post(b, ByteView(body).subspan(b.offset(), end - b.offset()));
  }
  Taken Upload(const Bytes& body, int szx) {
    for (uint32_t n = 0;; ++n) {
      Taken t = transfer_.Take(PostBlock(body, n, szx));
      if (CodeOf(t) != Code::kContinue) return t;
      EXPECT_EQ(std::get<Response>(t).block1, (Block{n, true, szx}));
    }
  }

  std::chrono::steady_clock::time_point now_{};
  Transfer transfer_{[this] { return now_; }};
  uint16_t message_id_ = 0;
};

TEST_F(TransferTest, PutsUploadsTogether) {
  for (int szx = 0; szx <= 6; ++szx) {
    for (size_t n : {size_t{1}, size_t{1185}, Block{0, false, szx}.size() * 2, kMaxBody}) {
      const Bytes body = Pattern(n);
      Taken t = Upload(body, szx);
      ASSERT_TRUE(std::holds_alternative<Whole>(t)) << szx << " " << n;
      EXPECT_EQ(std::get<Whole>(t).body, body);
      EXPECT_EQ(std::get<Whole>(t).szx, szx);
      EXPECT_EQ(std::get<Whole>(t).block1->more, false);
    }
  }
}

TEST_F(TransferTest, TakesBodiesInOnePiece) {
  const Bytes body = Pattern(300);
  Taken t = transfer_.Take(Post(std::nullopt, body));
  EXPECT_EQ(std::get<Whole>(t).body, body);
  EXPECT_EQ(CodeOf(transfer_.Take(Post(std::nullopt, Pattern(kMaxBody + 1)))), Code::kTooLarge);
}

TEST_F(TransferTest, RefusesWhatIsTooLargeBeforeItComes) {
  const Bytes body = Pattern(64);
  Request r = PostBlock(Pattern(2000), 0, 2);
  r.size1 = 0xffffffff;
  Taken t = transfer_.Take(r);
  ASSERT_EQ(CodeOf(t), Code::kTooLarge);
  EXPECT_EQ(std::get<Response>(t).size1, kMaxBody);
  EXPECT_EQ(CodeOf(transfer_.Take(Post(Block{0xfffff, true, 2}, body))), Code::kTooLarge);
  EXPECT_EQ(CodeOf(Upload(Pattern(kMaxBody + 1), 6)), Code::kTooLarge);
}

TEST_F(TransferTest, TruncatedUploadsStayUnfinished) {
  const Bytes body = Pattern(1000);
  transfer_.Take(PostBlock(body, 0, 4));
  // One is missing, the first is missing, and a block that is not full.
  EXPECT_EQ(CodeOf(transfer_.Take(PostBlock(body, 2, 4))), Code::kIncomplete);
  EXPECT_EQ(CodeOf(transfer_.Take(PostBlock(body, 1, 4))), Code::kIncomplete);
  EXPECT_EQ(CodeOf(transfer_.Take(Post(Block{0, true, 4}, ByteView(body).first(100)))),
            Code::kBadRequest);
  EXPECT_EQ(CodeOf(transfer_.Take(Post(Block{0, false, 4}, ByteView(body).first(300)))),
            Code::kBadRequest);
  EXPECT_EQ(CodeOf(transfer_.Take(Post(Block{0, false, 7}, ByteView(body).first(16)))),
            Code::kBadRequest);
}

TEST_F(TransferTest, AnotherBodyIsNoContinuation) {
  const Bytes body = Pattern(1000);
  for (int what = 0; what < 3; ++what) {
    transfer_.Take(PostBlock(body, 0, 4));
    Request next = PostBlock(body, 1, 4);
    if (what == 0) next.path.back() = "sren";
    if (what == 1) next.format = kText;
    if (what == 2) next.request_tag = {1};
    EXPECT_EQ(CodeOf(transfer_.Take(next)), Code::kIncomplete);
  }
}

TEST_F(TransferTest, ABlockMayComeTwiceAndAnUploadBeginAgain) {
  const Bytes body = Pattern(600);
  EXPECT_EQ(CodeOf(transfer_.Take(PostBlock(body, 0, 4))), Code::kContinue);
  EXPECT_EQ(CodeOf(transfer_.Take(PostBlock(body, 1, 4))), Code::kContinue);
  EXPECT_EQ(CodeOf(transfer_.Take(PostBlock(body, 1, 4))), Code::kContinue);
  EXPECT_EQ(std::get<Whole>(transfer_.Take(PostBlock(body, 2, 4))).body, body);
  const Bytes other = Pattern(256);
  transfer_.Take(PostBlock(body, 0, 4));
  EXPECT_EQ(std::get<Whole>(Upload(other, 3)).body, other);
}

TEST_F(TransferTest, HalfUploadsExpire) {
  const Bytes body = Pattern(400);
  transfer_.Take(PostBlock(body, 0, 4));
  now_ += Transfer::kLifetime + std::chrono::seconds(1);
  EXPECT_EQ(CodeOf(transfer_.Take(PostBlock(body, 1, 4))), Code::kIncomplete);
}

TEST_F(TransferTest, CutsAnswers) {
  const Bytes answer = Pattern(1500);
  Request get;
  get.path = {".well-known", "est", "crts"};
  for (int szx : {0, 2, 6}) {
    get.block2 = Block{0, false, szx};
    Whole asked = std::get<Whole>(transfer_.Take(get));
    Response full;
    full.format = kCertsOnly;
    full.payload = answer;
    Response r = transfer_.Answer(asked, full);
    const Bytes tag = r.etag;
    EXPECT_EQ(r.size2, answer.size());
    Bytes got = r.payload;
    for (uint32_t n = 1; r.block2->more; ++n) {
      get.block2 = Block{n, false, szx};
      r = std::get<Response>(transfer_.Take(get));
      EXPECT_EQ(r.code, Code::kContent);
      EXPECT_EQ(r.format, kCertsOnly);
      EXPECT_EQ(r.etag, tag);
      EXPECT_EQ(r.block2->number, n);
      got.insert(got.end(), r.payload.begin(), r.payload.end());
    }
    EXPECT_EQ(got, answer);
    get.block2 = Block{static_cast<uint32_t>(answer.size() >> (szx + 4)) + 1, false, szx};
    EXPECT_EQ(CodeOf(transfer_.Take(get)), Code::kIncomplete);
  }
  get.path.back() = "att";
  get.block2 = Block{1, false, 2};
  EXPECT_EQ(CodeOf(transfer_.Take(get)), Code::kIncomplete);
}

TEST_F(TransferTest, SmallAnswersHaveNoBlocks) {
  Request get;
  get.path = {"x"};
  Response full;
  full.payload = Pattern(10);
  Response r = transfer_.Answer(std::get<Whole>(transfer_.Take(get)), full);
  EXPECT_FALSE(r.block2);
  EXPECT_TRUE(r.etag.empty());
  EXPECT_EQ(r.payload, Pattern(10));
}

TEST_F(TransferTest, ARepeatedRequestIsNotServedTwice) {
  const Bytes body = Pattern(300);
  transfer_.Take(PostBlock(body, 0, 4));
  const Request last = PostBlock(body, 1, 4);
  Whole asked = std::get<Whole>(transfer_.Take(last));
  Response full;
  full.code = Code::kChanged;
  full.payload = Pattern(50);
  transfer_.Answer(asked, full);
  Taken again = transfer_.Take(last);
  ASSERT_TRUE(std::holds_alternative<Response>(again));
  EXPECT_EQ(std::get<Response>(again).code, Code::kChanged);
  EXPECT_EQ(std::get<Response>(again).payload, Pattern(50));
  EXPECT_EQ(std::get<Response>(again).block1, last.block1);
  // Another message with the same body is another request.
  Request next = Post(std::nullopt, body);
  EXPECT_TRUE(std::holds_alternative<Whole>(transfer_.Take(next)));
}

}  // namespace
}  // namespace birthmark::enroll::coaps
