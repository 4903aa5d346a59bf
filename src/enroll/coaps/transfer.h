// SPDX-License-Identifier: Apache-2.0
// Block-wise transfer (RFC 7959) of one peer: puts an upload together under a hard limit, and hands
// an answer out in blocks. One upload and one download at a time, which is what a device does.
// libcoap's own reassembly allocates what a peer's Size1 says and is left off for that. Not
// thread-safe: one object a session.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "enroll/coaps/message.h"

namespace birthmark::enroll::coaps {

inline constexpr size_t kMaxBody = 16 * 1024;

// Whole is a request with all of its body.
struct Whole {
  Code method = Code::kGet;
  std::vector<std::string> path, queries;
  std::optional<int> format, accept;
  Bytes body;
  // How the answer is cut and what it must repeat.
  std::optional<Block> block1;
  int szx = 6;
  uint16_t message_id = 0;
};

class Transfer {
 public:
  using Clock = std::chrono::steady_clock;
  using Now = std::function<Clock::time_point()>;
  // A half upload or a half fetched answer is forgotten after this (RFC 7252 section 4.8.2,
  // EXCHANGE_LIFETIME).
  static constexpr std::chrono::seconds kLifetime{247};

  explicit Transfer(Now now = Clock::now) : now_(std::move(now)) {}
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Take gives a whole request to be served, or what is answered at once: the next block of the
  // last answer, a wish for the next block of an upload, or a refusal.
  std::variant<Whole, Response> Take(const Request& request);
  // Answer cuts the first block off an answer and keeps all of it for the rest.
  Response Answer(const Whole& asked, Response full);

 private:
  struct Upload {
    std::vector<std::string> path;
    std::optional<int> format;
    Bytes tag, body;
    Clock::time_point last;
  };
  struct Download {
    Code method = Code::kGet;
    std::vector<std::string> path;
    std::optional<uint16_t> message_id;  // of the upload's last block
    std::optional<Block> block1;
    int szx = 6;
    Response full;
    Clock::time_point last;
  };

  std::variant<Whole, Response> TakeBlock(const Request& request, const Block& block);
  Response Cut(const Block& block) const;
  void DropDownload();
  void Expire();

  const Now now_;
  std::optional<Upload> upload_;
  std::optional<Download> download_;
  uint32_t answers_ = 0;  // the entity tag: which answer of this session
};

}  // namespace birthmark::enroll::coaps
