// SPDX-License-Identifier: Apache-2.0
#include "ledger/sqlite/key_index.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "base/files.h"

namespace birthmark::ledger {
namespace {

constexpr std::string_view kManifest = "manifest";
constexpr std::string_view kTitle = "birthmark-keys 1";
// This many runs of a like size become one.
constexpr size_t kFanout = 4;

Error Bad(const fs::path& dir, std::string_view what) {
  return {ErrorKind::kEnvironment, "ledger.key-index",
          fmt::format("{}: {}", (dir / kManifest).string(), what),
          "run `birthmark ledger rebuild`"};
}

bool ReadNumber(std::string_view s, uint64_t& n) {
  auto [p, ec] = std::from_chars(s.data(), s.data() + s.size(), n);
  return ec == std::errc() && p == s.data() + s.size();
}

std::string FormatManifest(const KeyRuns& r) {
  std::string out =
      fmt::format("{}\ncovers {}\ntip {}\nnext {}\n", kTitle, r.covers, ToHex(r.tip), r.next_id);
  for (const auto& n : r.runs) out += fmt::format("run {}\n", n.name);
  return out;
}

}  // namespace

Result<std::shared_ptr<const KeyRuns>> KeyRuns::Load(const fs::path& dir) {
  auto out = std::make_shared<KeyRuns>();
  auto text = ReadTextFile(dir / kManifest, 1 << 16);
  if (!text && text.error().code == "file.missing") return out;
  if (!text) return std::unexpected(std::move(text).error());
  std::istringstream in(*text);
  std::string line;
  std::getline(in, line);
  if (line != kTitle) return std::unexpected(Bad(dir, "has another title"));
  while (std::getline(in, line)) {
    size_t space = line.find(' ');
    std::string_view word = std::string_view(line).substr(0, space);
    std::string_view value = space == line.npos ? "" : std::string_view(line).substr(space + 1);
    if (word == "covers" && ReadNumber(value, out->covers)) continue;
    if (word == "next" && ReadNumber(value, out->next_id)) continue;
    if (word == "tip") {
      auto b = FromHex(value);
      if (b && b->size() == 32) {
        std::copy(b->begin(), b->end(), out->tip.begin());
        continue;
      }
    }
    if (word == "run" && value.find('/') == value.npos) {
      BM_TRY(auto run, KeyRun::Open(dir / value));
      out->runs.push_back({std::string(value), std::move(run)});
      continue;
    }
    return std::unexpected(Bad(dir, "has a line that is not understood"));
  }
  return out;
}

size_t KeyTable::Home(const Key16& k) const {
  uint64_t w;
  std::memcpy(&w, k.data() + 4, 8);
  return static_cast<size_t>(w) & (slots_.size() - 1);
}

void KeyTable::Insert(const Key16& key, uint64_t seq) {
  if ((size_ + 1) * 2 > slots_.size()) {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    size_ = 0;
    for (const Slot& s : old) {
      if (s.seq != kFree) Insert(s.key, s.seq);
    }
  }
  size_t i = Home(key);
  while (slots_[i].seq != kFree) i = (i + 1) & (slots_.size() - 1);
  slots_[i].key = key;
  slots_[i].seq = seq;
  ++size_;
}

void KeyTable::Find(const Key16& key, std::vector<uint64_t>& out) const {
  for (size_t i = Home(key); slots_[i].seq != kFree; i = (i + 1) & (slots_.size() - 1)) {
    if (SameKey(slots_[i].key, key)) out.push_back(slots_[i].seq);
  }
}

void KeyTable::Clear() {
  if (size_ == 0) return;
  slots_.assign(kLeast, Slot());
  size_ = 0;
}

std::vector<KeyEntry> KeyTable::Sorted() const {
  std::vector<KeyEntry> out;
  out.reserve(size_);
  for (const Slot& s : slots_) {
    if (s.seq != kFree) out.push_back(s);
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::unique_ptr<KeyIndex>> KeyIndex::Open(fs::path dir, uint64_t size, LeafFn leaf,
                                                 TailFn tail, size_t limit) {
  BM_CHECK(MakeDirs(dir));
  std::unique_ptr<KeyIndex> index(new KeyIndex(dir, std::move(leaf), std::move(tail), limit));
  auto runs = KeyRuns::Load(dir);
  bool fits = runs.has_value() && (*runs)->covers <= size;
  if (fits && (*runs)->covers > 0) {
    // A log that was put back to an older copy, or another log altogether, has another event there.
    BM_TRY(Digest tip, index->leaf_((*runs)->covers - 1));
    fits = tip == (*runs)->tip;
  }
  if (fits) {
    index->runs_ = index->published_ = *runs;
  } else {
    BM_CHECK(index->Drop());
  }
  std::set<std::string> named{std::string(kManifest)};
  for (const auto& r : index->runs_->runs) named.insert(r.name);
  std::error_code ec;
  for (const auto& f : fs::directory_iterator(dir, ec)) {
    if (!named.contains(f.path().filename())) unlink(f.path().c_str());
  }
  index->thread_ = std::thread([p = index.get()] { p->Work(); });
  BM_CHECK(index->Reload());
  return index;
}

KeyIndex::~KeyIndex() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void KeyIndex::Find(const Key16& key, std::vector<uint64_t>& out) const {
  recent_->Find(key, out);
  if (frozen_) frozen_->Find(key, out);
  runs_->Find(key, out);
}

// CollectLocked takes what the thread has published: its runs, and the frozen table's end.
void KeyIndex::CollectLocked() {
  runs_ = published_;
  if (written_) frozen_.reset();
  written_ = false;
}

// StartLocked hands all keys in memory to the thread, which is idle.
void KeyIndex::StartLocked(uint64_t covers, const Digest& tip) {
  if (frozen_) {
    // The last attempt failed, for instance on a full disk; its keys are still here. Try with all.
    for (const KeyEntry& e : frozen_->Sorted()) recent_->Insert(e.key, e.seq);
  }
  frozen_ = std::move(recent_);
  recent_ = NewTable();
  job_ = Job{frozen_, covers, tip};
  wake_.notify_all();
}

void KeyIndex::Committed(uint64_t size, const Digest& tip) {
  if (recent_->size() < limit_ && !frozen_) return;
  std::unique_lock lock(mutex_);
  CollectLocked();
  if (recent_->size() >= limit_ && !busy_ && !job_) StartLocked(size, tip);
}

Status KeyIndex::Reload() {
  {
    std::unique_lock lock(mutex_);
    WaitLocked(lock);
    CollectLocked();
    frozen_.reset();
    recent_ = NewTable();
  }
  return tail_(runs_->covers, [&](const Key16& key, uint64_t seq) -> Status {
    if (recent_->size() >= limit_ * 2 && seq > last_seq_) {
      BM_TRY(Digest tip, leaf_(seq - 1));
      BM_CHECK(Flush(seq, tip));
    }
    Insert(key, seq);
    return {};
  });
}

Status KeyIndex::Drop() {
  std::unique_lock lock(mutex_);
  WaitLocked(lock);
  frozen_.reset();
  written_ = false;
  recent_ = NewTable();
  auto next = std::make_shared<KeyRuns>();
  next->next_id = published_->next_id;
  published_ = runs_ = next;
  std::error_code ec;
  fs::remove(dir_ / kManifest, ec);
  if (ec) return std::unexpected(Bad(dir_, ec.message()));
  return SyncDir(dir_);
}

Status KeyIndex::Flush(uint64_t size, const Digest& tip) {
  std::unique_lock lock(mutex_);
  WaitLocked(lock);
  CollectLocked();
  if (recent_->size() == 0 && !frozen_) return {};
  StartLocked(size, tip);
  WaitLocked(lock);
  CollectLocked();
  return last_;
}

void KeyIndex::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || job_; });
    if (!job_) return;
    Job job = *job_;
    job_.reset();
    busy_ = true;
    lock.unlock();
    Status s = WriteJob(job);
    if (s) {
      {
        std::lock_guard relock(mutex_);
        written_ = true;
      }
      s = MergeTiers();
    }
    lock.lock();
    last_ = s;
    busy_ = false;
    idle_.notify_all();
  }
}

Status KeyIndex::WriteJob(const Job& job) {
  KeyRuns next = *published_;
  std::string name = fmt::format("{:08}.run", next.next_id++);
  std::vector<KeyEntry> sorted = job.table->Sorted();
  BM_CHECK(WriteRun(dir_ / name, {sorted}));
  BM_TRY(auto run, KeyRun::Open(dir_ / name));
  next.runs.push_back({name, std::move(run)});
  next.covers = job.covers;
  next.tip = job.tip;
  return Publish(std::move(next));
}

// MergeTiers keeps the number of runs logarithmic: whenever the last kFanout runs are of a like
// size, they become one.
Status KeyIndex::MergeTiers() {
  for (;;) {
    KeyRuns next = *published_;
    if (next.runs.size() < kFanout) return {};
    size_t first = next.runs.size() - kFanout;
    size_t newest = next.runs.back().run->entries().size();
    if (next.runs[first].run->entries().size() > newest * kFanout) return {};
    std::vector<std::span<const KeyEntry>> parts;
    for (size_t i = first; i < next.runs.size(); ++i) parts.push_back(next.runs[i].run->entries());
    std::string name = fmt::format("{:08}.run", next.next_id++);
    BM_CHECK(WriteRun(dir_ / name, std::move(parts)));
    BM_TRY(auto run, KeyRun::Open(dir_ / name));
    std::vector<std::string> old;
    for (size_t i = first; i < next.runs.size(); ++i) old.push_back(next.runs[i].name);
    next.runs.resize(first);
    next.runs.push_back({name, std::move(run)});
    BM_CHECK(Publish(std::move(next)));
    // Whoever still has the old runs mapped keeps them; the manifest no longer names them.
    for (const std::string& n : old) unlink((dir_ / n).c_str());
  }
}

// Publish makes a manifest durable, then shows it to the writer's thread. WriteFileAtomic also
// syncs the folder, and with it the run's rename that came before.
Status KeyIndex::Publish(KeyRuns next) {
  BM_CHECK(WriteFileAtomic(dir_ / kManifest, FormatManifest(next)));
  std::lock_guard lock(mutex_);
  published_ = std::make_shared<KeyRuns>(std::move(next));
  return {};
}

}  // namespace birthmark::ledger
