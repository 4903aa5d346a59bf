// SPDX-License-Identifier: Apache-2.0
#include "device/tests/sim.h"

#include <algorithm>
#include <random>

namespace birthmark::device {

const cbor::Value& Answer::operator[](const char* key) const {
  static const cbor::Value kNone;
  const cbor::Value* v = value.Find(key);
  return v ? *v : kNone;
}
Bytes Answer::Octets(const char* key) const {
  auto* v = (*this)[key].AsBytes();
  return v ? *v : Bytes();
}
std::string Answer::Text(const char* key) const {
  auto* v = (*this)[key].AsText();
  return v ? *v : "";
}
uint64_t Answer::Number(const char* key) const {
  auto* v = (*this)[key].AsUint();
  return v ? *v : UINT64_MAX;
}
bool Answer::True(const char* key) const {
  auto* v = (*this)[key].AsBool();
  return v && *v;
}

// SimHal is the C side of Sim. After the power has gone nothing is written and nothing is sent, so
// the code that still runs is as dead as it would be.
struct SimHal {
  static Sim& Of(void* ctx) { return *static_cast<Sim*>(ctx); }
  static bool Erase(void* ctx, uint32_t offset) {
    Sim& s = Of(ctx);
    if (!bm_flash_write_allowed(s.board_, s.fuses_.data(), s.protect_, offset, BM_BLOCK)) {
      return false;
    }
    if (!s.powered_) return true;
    size_t n = s.Write(Op::kErase) ? BM_BLOCK : BM_BLOCK / 2;
    std::fill_n(s.flash_.begin() + offset, n, 0xFF);
    return true;
  }
  static bool Program(void* ctx, uint32_t offset, const uint8_t* data, size_t size) {
    Sim& s = Of(ctx);
    if (!bm_flash_write_allowed(s.board_, s.fuses_.data(), s.protect_, offset,
                                static_cast<uint32_t>(size))) {
      return false;
    }
    if (!s.powered_) return true;
    size_t n = s.Write(Op::kProgram) ? size : size / 2;
    for (size_t i = 0; i < n; i++) s.flash_[offset + i] &= data[i];
    return true;
  }
  static bool Protect(void* ctx, uint8_t mask) {
    Sim& s = Of(ctx);
    if (s.powered_ && s.Write(Op::kProtect)) s.protect_ = mask;
    return true;
  }
  static uint8_t Protection(void* ctx) { return Of(ctx).protect_; }
  static void FuseRead(void* ctx, uint8_t out[BM_FUSE_BYTES]) {
    std::ranges::copy(Of(ctx).fuses_, out);
  }
  static bool FuseBlow(void* ctx, unsigned bit) {
    Sim& s = Of(ctx);
    if (!bm_fuse_blow_allowed(s.fuses_.data(), bit)) return false;
    if (s.powered_ && s.Write(Op::kFuse)) s.Blow(bit);
    return true;
  }
  static void PrivateRead(void* ctx, uint32_t offset, uint8_t* out, size_t size) {
    std::copy_n(Of(ctx).private_.begin() + offset, size, out);
  }
  static bool PrivateWrite(void* ctx, uint32_t offset, const uint8_t* data, size_t size) {
    Sim& s = Of(ctx);
    if (!s.powered_) return true;
    std::copy_n(data, s.Write(Op::kPrivate) ? size : size / 2, s.private_.begin() + offset);
    return true;
  }
  static bool Random(void* ctx, uint8_t* out, size_t size) {
    Of(ctx).random(out, size);
    return true;
  }
  static size_t Receive(void* ctx, uint8_t* out, size_t capacity) {
    Sim& s = Of(ctx);
    size_t n = std::min(capacity, s.to_device_.size());
    std::copy_n(s.to_device_.begin(), n, out);
    s.to_device_.erase(s.to_device_.begin(), s.to_device_.begin() + static_cast<ptrdiff_t>(n));
    return n;
  }
  static void Transmit(void* ctx, const uint8_t* data, size_t size) {
    Sim& s = Of(ctx);
    if (s.powered_) s.from_device_.insert(s.from_device_.end(), data, data + size);
  }
  static size_t SeedRead(void* ctx, uint8_t out[BM_SEED_MAX]) {
    const Bytes& seed = Of(ctx).seed;
    std::copy_n(seed.begin(), std::min<size_t>(seed.size(), BM_SEED_MAX), out);
    return seed.size();
  }
  static bool SeedOwn(void* ctx, uint8_t out[32]) {
    std::copy_n(Of(ctx).own_entropy.begin(), 32, out);
    return true;
  }
  static void PortUnlock(void* ctx) { Of(ctx).port_unlocked = true; }
  static void Reset(void* ctx) { Of(ctx).reset_ = true; }
  static uint32_t Millis(void*) { return 0; }
  static bool Presence(void* ctx) { return static_cast<Sim*>(ctx)->button; }
  static bool UnixSeconds(void* ctx, uint64_t* out) {
    *out = Of(ctx).clock.value_or(0);
    return true;
  }
};

Sim::Sim(const std::string& board, ByteView test_image)
    : board_(bm_board_find(bm_span_of(board.data(), board.size()))),
      flash_(board_->flash_size, 0xFF) {
  auto source = std::make_shared<std::mt19937_64>(std::random_device()());
  random = [source](uint8_t* out, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = static_cast<uint8_t>((*source)());
  };
  if (!test_image.empty()) Install("test-image", test_image);
}

Sim::~Sim() { PowerOff(); }

bool Sim::Write(Op op) {
  writes_.push_back(op);
  if (cut_in_ == 0 || --cut_in_ > 0) return true;
  powered_ = false;
  return false;
}

void Sim::CutAt(uint64_t n) { cut_in_ = n; }

void Sim::PowerOn() {
  PowerOff();
  powered_ = true;
  bm_hal hal{};
  hal.ctx = this;
  hal.board = board_;
  hal.uid_size = 8;
  std::copy_n("\x01\x02\x03\x04\x05\x06\x07\x08", 8, hal.uid);
  hal.flash = flash_.data();
  hal.flash_erase = SimHal::Erase;
  hal.flash_program = SimHal::Program;
  hal.flash_protect = SimHal::Protect;
  hal.flash_protection = SimHal::Protection;
  hal.fuse_read = SimHal::FuseRead;
  hal.fuse_blow = SimHal::FuseBlow;
  hal.private_read = SimHal::PrivateRead;
  hal.private_write = SimHal::PrivateWrite;
  hal.random = SimHal::Random;
  hal.console_rx = SimHal::Receive;
  hal.console_tx = SimHal::Transmit;
  if (!seed.empty()) hal.seed_origin = "fuses";
  hal.seed_read = SimHal::SeedRead;
  if (!own_entropy.empty()) hal.seed_own = SimHal::SeedOwn;
  hal.presence = SimHal::Presence;
  port_unlocked = false;
  hal.port_unlock = SimHal::PortUnlock;
  hal.reset = SimHal::Reset;
  hal.millis = SimHal::Millis;
  if (clock) hal.unix_seconds = SimHal::UnixSeconds;
  bm_device_start(device_.get(), &hal);
}

void Sim::PowerOff() {
  bm_device_stop(device_.get());
  powered_ = false;
  to_device_.clear();
  from_device_.clear();
}

std::vector<link::Frame> Sim::Raw(ByteView wire) {
  to_device_.assign(wire.begin(), wire.end());
  if (powered_) bm_device_poll(device_.get());
  std::vector<link::Frame> frames;
  link::FrameReader reader;
  link::Frame frame;
  for (uint8_t byte : from_device_) {
    if (reader.Push(byte, &frame) == link::FrameReader::Event::kFrame) frames.push_back(frame);
  }
  from_device_.clear();
  if (reset_) {
    reset_ = false;
    PowerOn();
  }
  return frames;
}

Answer Sim::Call(uint8_t type, cbor::Map args) {
  Bytes request = cbor::Encode(cbor::Value(std::move(args)));
  Answer answer;
  Bytes all;
  link::Frame last;
  size_t at = 0;
  do {
    size_t n = std::min(link::kMaxPayload, request.size() - at);
    link::Frame frame{.type = type, .sequence = next_sequence++};
    frame.payload.assign(request.begin() + static_cast<ptrdiff_t>(at),
                         request.begin() + static_cast<ptrdiff_t>(at + n));
    frame.flags = at == 0 ? link::kFlagFirst : 0;
    at += n;
    if (at < request.size()) frame.flags |= link::kFlagMore;
    auto frames = Raw(link::EncodeFrame(frame));
    if (frames.empty()) return answer;
    last = frames.back();
  } while (at < request.size() && (last.flags & link::kFlagError) == 0);
  all = last.payload;
  while ((last.flags & link::kFlagMore) != 0) {
    auto frames = Raw(link::EncodeFrame(
        {.flags = link::kFlagFirst, .type = BM_CMD_CONTINUE, .sequence = next_sequence++}));
    if (frames.empty()) return answer;
    last = frames.back();
    all.insert(all.end(), last.payload.begin(), last.payload.end());
  }
  auto value = cbor::Decode(all);
  if (!value) {
    answer.text = "answer is not deterministic CBOR: " + value.error().message;
    return answer;
  }
  answer.answered = true;
  answer.value = *value;
  if ((last.flags & link::kFlagError) != 0) {
    answer.refusal = answer.Number("code");
    answer.text = answer.Text("text");
  }
  return answer;
}

std::span<uint8_t> Sim::Region(const std::string& partition) {
  auto id = bm_partition_find(board_, bm_span_of(partition.data(), partition.size()));
  const bm_partition& p = board_->partition[id];
  return std::span(flash_).subspan(p.offset, p.size);
}

void Sim::Install(const std::string& partition, ByteView content) {
  auto region = Region(partition);
  std::ranges::fill(region, uint8_t{0xFF});
  std::ranges::copy(content, region.begin());
}

void Sim::Blow(unsigned bit) { fuses_[bit / 8] |= static_cast<uint8_t>(0x80u >> (bit % 8)); }

}  // namespace birthmark::device
