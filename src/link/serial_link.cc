// SPDX-License-Identifier: Apache-2.0
#include "link/serial_link.h"

#include <algorithm>
#include <thread>

#include "base/ids.h"
#include "cbor/codec.h"
#include "device/core/protocol.h"

namespace birthmark::link {
namespace {

using Clock = std::chrono::steady_clock;

// A line on which nothing came for so long is quiet: what was unreadable has ended.
constexpr auto kQuiet = std::chrono::milliseconds(2);
constexpr auto kReopenPause = std::chrono::milliseconds(50);
constexpr size_t kLongestWire = 2 * (kMaxPayload + 11) + 2;

// The device's refusals by number; the number's meaning never changes.
constexpr const char* kRefusals[] = {nullptr,     "bad-request", "unknown-command", "not-factory",
                                     "locked",    "sealed",      "occupied",        "not-found",
                                     "mismatch",  "range",       "hardware",        "unsupported",
                                     "too-large", "private",     "no-firmware",     "not-ready"};

std::unexpected<Error> RefusedByDevice(const std::string& path, ByteView payload) {
  auto value = cbor::Decode(payload);
  const uint64_t* code = nullptr;
  const std::string* text = nullptr;
  if (value) {
    if (auto* c = value->Find("code")) code = c->AsUint();
    if (auto* t = value->Find("text")) text = t->AsText();
  }
  if (!code || !text) {
    return Environment("link.answer", "the device behind " + path + " refused unintelligibly",
                       "check that it runs firmware of this protocol version");
  }
  std::string name = *code > 0 && *code < std::size(kRefusals) ? kRefusals[*code] : "other";
  return Refused("device." + name, "the device refused: " + *text);
}

}  // namespace

bool IsRefusal(const Error& error) { return error.code.starts_with("device."); }

Result<SerialLink> SerialLink::Open(const std::string& path, const SerialOptions& options) {
  BM_TRY(auto stream, OpenStream({.scheme = Uri::Scheme::kSerial, .target = path}));
  return Over(std::move(stream), options);
}

SerialLink SerialLink::Over(std::unique_ptr<ByteStream> stream, const SerialOptions& options) {
  SerialLink link;
  link.stream_ = std::move(stream);
  link.options_ = options;
  // A device keeps its last answer; a random start keeps this session's numbers away from it.
  SystemRng rng;
  uint8_t start[4];
  rng.Fill(start);
  std::memcpy(&link.sequence_, start, sizeof start);
  return link;
}

// Reconnect waits for a port that vanished (a USB adapter that was pulled and put back). The same
// frame goes out again: a device that kept its power answers from what it keeps, one that lost it
// finds the command safe to repeat.
Status SerialLink::Reconnect(Error why) {
  if (why.code != "link.unplugged") return std::unexpected(std::move(why));
  auto until = Clock::now() + options_.reconnect;
  while (Clock::now() < until) {
    if (stream_->Reopen()) {
      stats_.reconnects++;
      return {};
    }
    std::this_thread::sleep_for(kReopenPause);
  }
  return std::unexpected(std::move(why));
}

Result<std::optional<Frame>> SerialLink::Await(const Frame& request, size_t wire_bytes) {
  auto start = Clock::now();
  auto deadline = start + options_.timeout + stream_->WireTime(wire_bytes);
  auto latest = deadline + stream_->WireTime(kLongestWire);
  bool repair = false;
  for (;;) {
    if (inbox_at_ == inbox_.size()) {
      // After something unreadable the line has to be quiet before the frame goes out again: boot
      // messages with the frames' delimiters in them then cost one repetition, not one each.
      auto quiet = kQuiet + stream_->WireTime(4);
      auto until = repair ? std::min(latest, Clock::now() + quiet) : deadline;
      inbox_.resize(4096);
      inbox_at_ = 0;
      Result<size_t> n = stream_->Read(inbox_, until);
      inbox_.resize(n.value_or(0));
      if (!n) return std::unexpected(std::move(n).error());
      if (*n == 0) {
        if (repair) {
          repairs_++;
          return std::nullopt;
        }
        stats_.timeouts++;
        timeouts_++;
        reader_.Clear();
        return std::nullopt;
      }
      // A long answer on a slow line is no silence, but a line that never ends is no answer.
      auto now = Clock::now();
      deadline = std::min(latest, std::max(deadline, now + options_.timeout));
      if (now >= latest) {
        repairs_++;
        return std::nullopt;
      }
    }
    Frame answer;
    auto event = reader_.Push(inbox_[inbox_at_++], &answer);
    if (event == FrameReader::Event::kNone) continue;
    if (event == FrameReader::Event::kBad) {
      stats_.bad_frames++;
      repair = true;
    } else if (answer.type == BM_CMD_BAD_FRAME) {
      stats_.bad_frames_far++;
      repair = true;
    } else if ((answer.flags & kFlagResponse) != 0 && answer.sequence == request.sequence &&
               answer.type == request.type) {
      return answer;
    } else {
      stats_.stale_frames++;
    }
  }
}

Result<Frame> SerialLink::Exchange(Frame frame) {
  frame.sequence = sequence_++;
  Bytes wire = EncodeFrame(frame);
  timeouts_ = 0;
  repairs_ = 0;
  bool again = false;
  while (timeouts_ < options_.attempts && repairs_ <= options_.repairs) {
    if (again) stats_.resends++;
    again = true;
    Status sent = stream_->Write(wire, Clock::now() + options_.timeout);
    Result<std::optional<Frame>> answer =
        sent ? Await(frame, wire.size())
             : Result<std::optional<Frame>>(std::unexpected(std::move(sent).error()));
    if (!answer) {
      BM_CHECK(Reconnect(std::move(answer).error()));
      timeouts_++;
      inbox_.clear();
      inbox_at_ = 0;
      reader_.Clear();
    } else if (*answer) {
      return std::move(**answer);
    }
  }
  if (repairs_ > 0) {
    return Environment("link.noise",
                       "nothing readable comes from the device behind " + stream_->name(),
                       "check cable, ground and speed, then retry the unit");
  }
  return Environment("link.timeout", "the device behind " + stream_->name() + " does not answer",
                     "check that it has power, then retry the unit");
}

Result<Bytes> SerialLink::Call(uint8_t type, ByteView request) {
  stats_.requests++;
  Frame answer;
  size_t at = 0;
  do {
    size_t n = std::min(kMaxPayload, request.size() - at);
    auto part = request.subspan(at, n);
    Frame frame{.type = type, .payload = Bytes(part.begin(), part.end())};
    if (at == 0) frame.flags |= kFlagFirst;
    at += n;
    if (at < request.size()) frame.flags |= kFlagMore;
    BM_TRY(answer, Exchange(std::move(frame)));
    if ((answer.flags & kFlagError) != 0) return RefusedByDevice(stream_->name(), answer.payload);
  } while (at < request.size());
  Bytes all = std::move(answer.payload);
  while ((answer.flags & kFlagMore) != 0) {
    // A device's answer is bounded by its buffer; a far side that never ends is not one.
    if (all.size() > 16 * kMaxPayload) {
      return Environment("link.answer",
                         "the device behind " + stream_->name() + " answers without end",
                         "check that it runs firmware of this protocol version");
    }
    BM_TRY(answer, Exchange({.flags = kFlagFirst, .type = BM_CMD_CONTINUE}));
    if ((answer.flags & kFlagError) != 0) return RefusedByDevice(stream_->name(), answer.payload);
    all.insert(all.end(), answer.payload.begin(), answer.payload.end());
  }
  return all;
}

}  // namespace birthmark::link
