// SPDX-License-Identifier: Apache-2.0
#include "enroll/coaps/transfer.h"

#include <algorithm>

namespace birthmark::enroll::coaps {
namespace {

constexpr int kMaxSzx = 6;

Response Refuse(Code code, std::string why) {
  Response r;
  r.code = code;
  r.payload = ToBytes(why);
  r.note = std::move(why);
  return r;
}

Response TooLarge() {
  Response r = Refuse(Code::kTooLarge, "the body is too large");
  r.size1 = kMaxBody;  // RFC 7959 section 2.9.3
  return r;
}

Whole WholeOf(const Request& request, Bytes body) {
  Whole w{request.method,  request.path,   request.queries, request.format,    request.accept,
          std::move(body), request.block1, kMaxSzx,         request.message_id};
  // The client's wish (RFC 7959 section 2.4), else the size it sends with itself.
  if (request.block1) w.szx = request.block1->szx;
  if (request.block2) w.szx = request.block2->szx;
  return w;
}

}  // namespace

Transfer::~Transfer() { DropDownload(); }

void Transfer::DropDownload() {
  if (!download_) return;
  if (download_->full.secret) Wipe(download_->full.payload.data(), download_->full.payload.size());
  download_.reset();
}

void Transfer::Expire() {
  const Clock::time_point now = now_();
  if (upload_ && now - upload_->last > kLifetime) upload_.reset();
  if (download_ && now - download_->last > kLifetime) DropDownload();
}

std::variant<Whole, Response> Transfer::Take(const Request& request) {
  Expire();
  for (const auto& block : {request.block1, request.block2}) {
    if (block && block->szx > kMaxSzx) {
      return Refuse(Code::kBadRequest, "a reserved block size");  // RFC 7959 section 2.2
    }
  }
  // A later block of the last answer; RFC 7959 section 2.7 repeats the method and the path.
  if (request.block2 && request.block2->number > 0) {
    if (!download_ || download_->method != request.method || download_->path != request.path ||
        request.block2->offset() >= download_->full.payload.size()) {
      return Refuse(Code::kIncomplete, "there is no such block: ask again from the first one");
    }
    download_->last = now_();
    return Cut(*request.block2);
  }
  // RFC 7252 section 4.5: a request that comes again, because its answer was lost, is not served
  // twice.
  if (download_ && download_->message_id == request.message_id &&
      download_->method == request.method && download_->path == request.path) {
    download_->last = now_();
    Response r = Cut({0, false, download_->szx});
    r.block1 = download_->block1;
    return r;
  }
  if (request.block1) return TakeBlock(request, *request.block1);
  if (request.payload.size() > kMaxBody) return TooLarge();
  return WholeOf(request, Bytes(request.payload.begin(), request.payload.end()));
}

std::variant<Whole, Response> Transfer::TakeBlock(const Request& request, const Block& block) {
  if (request.size1.value_or(0) > kMaxBody || block.offset() + request.payload.size() > kMaxBody) {
    upload_.reset();
    return TooLarge();
  }
  // RFC 7959 section 2.3: all blocks but the last are full.
  if (block.more ? request.payload.size() != block.size() : request.payload.size() > block.size()) {
    upload_.reset();
    return Refuse(Code::kBadRequest, "the block has not the octets that it says");
  }
  if (block.number == 0) {
    upload_ = Upload{request.path, request.format, request.request_tag, {}, now_()};
  } else if (!upload_ || upload_->path != request.path || upload_->format != request.format ||
             upload_->tag != request.request_tag) {
    return Refuse(Code::kIncomplete, "the blocks before this one are missing");
  }
  Bytes& body = upload_->body;
  upload_->last = now_();
  // The same block again: its acknowledgement was lost.
  const bool again = block.more && block.offset() + block.size() == body.size() &&
                     std::equal(request.payload.begin(), request.payload.end(),
                                body.end() - static_cast<long>(block.size()));
  if (!again && block.offset() != body.size()) {
    upload_.reset();
    return Refuse(Code::kIncomplete, "a block is missing");  // RFC 7959 section 2.9.2
  }
  if (!again) body.insert(body.end(), request.payload.begin(), request.payload.end());
  if (block.more) {
    Response r;
    r.code = Code::kContinue;
    r.block1 = block;
    return r;
  }
  Whole whole = WholeOf(request, std::move(body));
  upload_.reset();
  return whole;
}

// One block of the kept answer. RFC 7959 section 2.4.
Response Transfer::Cut(const Block& wanted) const {
  const Response& full = download_->full;
  const size_t from = wanted.offset();
  const size_t n = std::min(wanted.size(), full.payload.size() - from);
  Response r;
  r.code = full.code;
  r.format = full.format;
  r.max_age = full.max_age;
  r.secret = full.secret;
  r.copy = full.copy;
  r.payload.assign(full.payload.begin() + static_cast<long>(from),
                   full.payload.begin() + static_cast<long>(from + n));
  if (full.payload.size() > wanted.size() || wanted.number > 0) {
    r.block2 = Block{wanted.number, from + n < full.payload.size(), wanted.szx};
    r.etag = full.etag;
    if (wanted.number == 0) r.size2 = full.payload.size();
  }
  return r;
}

Response Transfer::Answer(const Whole& asked, Response full) {
  DropDownload();
  const std::string note = full.note;
  ++answers_;
  full.etag = {static_cast<uint8_t>(answers_ >> 16), static_cast<uint8_t>(answers_ >> 8),
               static_cast<uint8_t>(answers_)};
  download_.emplace();
  download_->method = asked.method;
  download_->path = asked.path;
  if (asked.method != Code::kGet) download_->message_id = asked.message_id;
  download_->block1 = asked.block1;
  download_->szx = asked.szx;
  download_->full = std::move(full);
  download_->last = now_();
  Response first = Cut({0, false, asked.szx});
  first.block1 = asked.block1;
  first.note = note;
  return first;
}

}  // namespace birthmark::enroll::coaps
