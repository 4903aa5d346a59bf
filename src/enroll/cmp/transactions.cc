// SPDX-License-Identifier: Apache-2.0
#include "enroll/cmp/transactions.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "crypto/der.h"
#include "crypto/digest.h"

namespace birthmark::enroll::cmp {
namespace {

using crypto::DerReader;
using crypto::DerWriter;
namespace der = crypto::der;

constexpr size_t kMaxFile = 64 * 1024;
constexpr std::chrono::seconds kSweepEvery{10};
constexpr std::string_view kSuffix = ".cmp";

Result<std::string> Text(DerReader& r) {
  BM_TRY(ByteView b, r.Expect(der::kUtf8String));
  return std::string(AsText(b));
}

Result<Bytes> Octets(DerReader& r) {
  BM_TRY(ByteView b, r.Expect(der::kOctetString));
  return Bytes(b.begin(), b.end());
}

Result<Digest> ReadDigest(DerReader& r) {
  BM_TRY(ByteView b, r.Expect(der::kOctetString));
  Digest d;
  if (b.size() != d.size()) return Refused("cmp.transaction-file", "a hash of another length");
  std::copy(b.begin(), b.end(), d.begin());
  return d;
}

Result<Transaction> Decode(ByteView data) {
  DerReader file(data);
  BM_TRY(DerReader r, file.Enter());
  BM_CHECK(file.End());
  Transaction t;
  BM_TRY(uint64_t version, r.SmallUnsigned());
  if (version != 1) return Refused("cmp.transaction-file", "a version that is not 1");
  BM_TRY(uint64_t state, r.SmallUnsigned());
  if (state != 1 && state != 2) return Refused("cmp.transaction-file", "a state that is not one");
  t.state = static_cast<Transaction::State>(state);
  BM_TRY(t.key, ReadDigest(r));
  BM_TRY(t.who, ReadDigest(r));
  BM_TRY(uint64_t request, r.SmallUnsigned());
  if (request != 0 && request != 2 && request != 4 && request != 7)
    return Refused("cmp.transaction-file", "a request that is no enrolment");
  t.ask.type = static_cast<Body>(request);
  BM_TRY(uint64_t until, r.SmallUnsigned());
  t.until = TimeFromMillis(static_cast<int64_t>(until));
  BM_TRY(t.nonce, Octets(r));
  BM_TRY(t.product, Text(r));
  BM_TRY(t.ask.serial, Text(r));
  BM_TRY(t.ask.slot, Text(r));
  BM_TRY(t.ask.proof, Text(r));
  BM_TRY(Bytes spki, Octets(r));
  BM_TRY(t.ask.subject, Octets(r));
  BM_TRY(t.ask.renewal, r.Boolean());
  BM_TRY(t.implicit_confirm, r.Boolean());
  BM_TRY(t.ask.as_asked, r.Boolean());
  BM_TRY(t.ask.bare_key, r.Boolean());
  BM_TRY(t.certificate, Octets(r));
  t.ask.central = spki.empty();
  if (!spki.empty()) {
    BM_TRY(t.ask.key, crypto::PublicKey::FromSpki(spki));
  }
  BM_CHECK(r.End());
  return t;
}

// One write, no fsync, for a certificate that waits for its confirmation: a process that ends
// leaves the file whole, and what a power cut takes the client asks for again
// (docs/protocols/cmp.md). A half-written file fails its hash.
Status WriteFile(const std::filesystem::path& path, ByteView data) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(FromErrno("file.write", path.string(), errno));
  const ssize_t n = write(fd, data.data(), data.size());
  const int err = n < 0 ? errno : ENOSPC;
  close(fd);
  if (n == static_cast<ssize_t>(data.size())) return {};
  unlink(path.c_str());
  return std::unexpected(FromErrno("file.write", path.string(), err));
}

std::unexpected<Error> InUse() {
  return Refused("cmp.transaction-in-use", "this transactionID is in use already",
                 "begin a new transaction");
}

}  // namespace

Bytes EncodeTransaction(const Transaction& t) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Unsigned(1);
    w.Unsigned(static_cast<uint64_t>(t.state));
    w.OctetString(t.key);
    w.OctetString(t.who);
    w.Unsigned(static_cast<uint64_t>(t.ask.type));
    w.Unsigned(static_cast<uint64_t>(Millis(t.until)));
    w.OctetString(t.nonce);
    for (const std::string* s : {&t.product, &t.ask.serial, &t.ask.slot, &t.ask.proof}) w.Utf8(*s);
    w.OctetString(t.ask.central ? ByteView() : t.ask.key.spki());
    w.OctetString(t.ask.subject);
    for (bool b : {t.ask.renewal, t.implicit_confirm, t.ask.as_asked, t.ask.bare_key}) w.Boolean(b);
    w.OctetString(t.certificate);
  });
  const Digest sum = crypto::Sha256(out);
  out.insert(out.end(), sum.begin(), sum.end());
  return out;
}

Result<Transaction> DecodeTransaction(ByteView file) {
  const auto broken = [](std::string_view why) {
    return Refused("cmp.transaction-file", fmt::format("not a transaction's file: {}", why));
  };
  if (file.size() < sizeof(Digest)) return broken("it is cut short");
  const ByteView data = file.first(file.size() - sizeof(Digest));
  const Digest sum = crypto::Sha256(data);
  if (!std::equal(sum.begin(), sum.end(), file.end() - sizeof(Digest)))
    return broken("its hash does not fit");
  auto t = Decode(data);
  if (!t) return broken(t.error().message);
  return t;
}

std::filesystem::path Transactions::FileOf(const Transaction& t) const {
  return folder_ / (ToHex(t.key) + std::string(kSuffix));
}

Status Transactions::Load() {
  if (folder_.empty()) return {};
  BM_CHECK(MakeDirs(folder_, 0700));
  const Time now = clock_.Now();
  std::error_code ec;
  std::lock_guard lock(mutex_);
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ec)) {
    if (entry.path().extension() != kSuffix) continue;
    auto data = ReadFile(entry.path(), kMaxFile);
    auto t = data ? DecodeTransaction(*data)
                  : Result<Transaction>(std::unexpected(std::move(data).error()));
    const bool good = t && entry.path().filename() == FileOf(*t).filename() && t->until > now &&
                      open_.size() < limits_.open;
    if (!good) {
      std::error_code ignored;
      std::filesystem::remove(entry.path(), ignored);
      continue;
    }
    auto p = std::make_shared<Transaction>(std::move(*t));
    p->busy = false;
    ++each_[p->who];
    open_[p->key] = std::move(p);
  }
  if (ec) return std::unexpected(FromErrno("file.read", folder_.string(), ec.value()));
  return {};
}

void Transactions::Drop(const Transaction& t) {
  if (t.state != Transaction::State::kNew && !folder_.empty()) unlink(FileOf(t).c_str());
  auto each = each_.find(t.who);
  if (each != each_.end() && --each->second == 0) each_.erase(each);
}

void Transactions::Sweep(Time now) {
  if (now < swept_ + kSweepEvery) return;
  swept_ = now;
  std::erase_if(open_, [&](const auto& entry) {
    const Transaction& t = *entry.second;
    if (t.busy || t.until > now) return false;
    Drop(t);
    return true;
  });
  while (!order_.empty() && order_.begin()->first <= now) {
    ended_.erase(order_.begin()->second);
    order_.erase(order_.begin());
  }
}

Result<Transactions::Ptr> Transactions::Begin(const Digest& key, const Digest& who, Sender sender) {
  std::lock_guard lock(mutex_);
  Sweep(clock_.Now());
  if (open_.contains(key) || ended_.contains(key)) return InUse();
  auto each = each_.find(who);
  if (open_.size() >= limits_.open || (each != each_.end() && each->second >= limits_.each)) {
    return Refused("cmp.unavailable", "too many transactions are open",
                   "finish those begun, or try again later");
  }
  auto t = std::make_shared<Transaction>();
  t->key = key;
  t->who = who;
  t->sender = std::move(sender);
  ++each_[who];
  open_[key] = t;
  return t;
}

Result<Transactions::Ptr> Transactions::Take(const Digest& key, const Sender& sender) {
  std::lock_guard lock(mutex_);
  const Time now = clock_.Now();
  Sweep(now);
  auto it = open_.find(key);
  if (it == open_.end() || (!it->second->busy && it->second->until <= now)) {
    return Refused("cmp.bad-request", "no such transaction is open for this credential",
                   "begin a new transaction");
  }
  if (it->second->busy) return InUse();
  it->second->busy = true;
  if (it->second->sender.caller.kind == Caller::Kind::kNobody) it->second->sender = sender;
  return it->second;
}

Status Transactions::Keep(const Ptr& t) {
  if (!folder_.empty()) {
    const Bytes data = EncodeTransaction(*t);
    BM_CHECK(t->state == Transaction::State::kWaiting ? WriteFileAtomic(FileOf(*t), data, 0600)
                                                      : WriteFile(FileOf(*t), data));
  }
  Release(t);
  return {};
}

void Transactions::Release(const Ptr& t) {
  std::lock_guard lock(mutex_);
  t->busy = false;
}

void Transactions::End(const Ptr& t, bool remember) {
  std::lock_guard lock(mutex_);
  Drop(*t);
  open_.erase(t->key);
  if (!remember) return;
  if (ended_.size() >= limits_.ended) {
    ended_.erase(order_.begin()->second);
    order_.erase(order_.begin());
  }
  const Time until = clock_.Now() + limits_.remember;
  ended_[t->key] = {t->message, until};
  order_.emplace(until, t->key);
}

Sender Transactions::SenderOf(const Digest& key) {
  std::lock_guard lock(mutex_);
  auto it = open_.find(key);
  return it == open_.end() ? Sender() : it->second->sender;
}

std::optional<Digest> Transactions::Ended(const Digest& key) {
  std::lock_guard lock(mutex_);
  auto it = ended_.find(key);
  if (it == ended_.end()) return std::nullopt;
  return it->second.message;
}

Bytes Transactions::Answered(const Digest& key, const Digest& message) {
  std::lock_guard lock(mutex_);
  auto it = open_.find(key);
  if (it == open_.end() || it->second->busy || it->second->message != message) return {};
  return it->second->reply;
}

size_t Transactions::open() const {
  std::lock_guard lock(mutex_);
  return open_.size();
}

}  // namespace birthmark::enroll::cmp
