// SPDX-License-Identifier: Apache-2.0
#include "enroll/scep/pending.h"

#include <fmt/format.h>

#include "base/files.h"
#include "cbor/reflect.h"
#include "crypto/digest.h"

namespace birthmark::enroll::scep {
namespace {

constexpr size_t kMaxFile = 128 * 1024;

std::optional<PendingRequest> Load(const fs::path& file, const Clock& clock) {
  auto data = ReadFile(file, kMaxFile);
  auto request = data ? cbor::FromCbor<PendingRequest>(*data) : std::unexpected(data.error());
  if (!request) return std::nullopt;
  if (clock.Now() - TimeFromMillis(request->received) > PendingStore::kKept) return std::nullopt;
  return *request;
}

}  // namespace

PendingStore::PendingStore(std::filesystem::path folder, const Clock& clock, size_t max_waiting)
    : folder_(std::move(folder)), clock_(clock), max_waiting_(max_waiting) {}

// A client chooses its transaction's name, so a file's name is a digest.
fs::path PendingStore::FileOf(const std::string& product, const std::string& transaction) const {
  const uint8_t between = 0;
  const Digest d = crypto::Sha256(AsBytes(product), ByteView(&between, 1), AsBytes(transaction));
  return folder_ / (ToHex(d) + ".pending");
}

// Deletes what expired or is broken and counts the rest.
size_t PendingStore::Sweep() {
  size_t left = 0;
  std::error_code ignored;
  for (const fs::directory_entry& e : fs::directory_iterator(folder_, ignored)) {
    if (e.path().extension() != ".pending") continue;
    if (Load(e.path(), clock_)) {
      ++left;
    } else {
      fs::remove(e.path(), ignored);
    }
  }
  return left;
}

Status PendingStore::Put(const PendingRequest& request) {
  std::lock_guard lock(mutex_);
  BM_CHECK(MakeDirs(folder_, 0700));
  const fs::path file = FileOf(request.product, request.transaction);
  const bool there = fs::exists(file);
  if (!count_ || (!there && *count_ >= max_waiting_)) count_ = Sweep();
  if (!there && *count_ >= max_waiting_) {
    return Environment("scep.pending-full", fmt::format("{} SCEP requests wait already", *count_),
                       "let the waiting ones be answered or empty the folder of pending requests");
  }
  BM_CHECK(WriteFileAtomic(file, cbor::ToCbor(request), 0600));
  if (!there) ++*count_;
  return {};
}

std::optional<PendingRequest> PendingStore::Find(const std::string& product,
                                                 const std::string& transaction) const {
  std::lock_guard lock(mutex_);
  auto found = Load(FileOf(product, transaction), clock_);
  if (found && (found->product != product || found->transaction != transaction))
    return std::nullopt;
  return found;
}

void PendingStore::Drop(const std::string& product, const std::string& transaction) {
  std::lock_guard lock(mutex_);
  std::error_code ignored;
  if (fs::remove(FileOf(product, transaction), ignored) && count_ && *count_ > 0) --*count_;
}

}  // namespace birthmark::enroll::scep
