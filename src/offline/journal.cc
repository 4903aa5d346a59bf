// SPDX-License-Identifier: Apache-2.0
#include "offline/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "crypto/digest.h"

namespace birthmark::offline {
namespace {

const std::string kNoLine(64, '0');

std::unexpected<Error> BadJournal(size_t line, std::string_view why) {
  return Refused("offline.journal", fmt::format("journal:{}: {}", line, why),
                 "somebody changed what this side signed: find out who, and compare with the "
                 "workspace's log");
}

// Bound is a line without its end: the digest of it and of the line before.
std::string Bound(std::string_view line, std::string_view before) {
  return ToHex(crypto::Sha256(AsBytes(before), AsBytes(line)));
}

std::string LineOf(const JournalEntry& e) {
  return fmt::format("{} {} {} {} {} {} {}", FormatTime(e.at), e.kind, e.authority,
                     ToHex(e.request), ToHex(e.response), e.number, e.until);
}

template <class N>
bool Number(std::string_view text, N& out) {
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc() && end == text.data() + text.size();
}

bool ReadDigest(std::string_view text, Digest& out) {
  auto octets = FromHex(text);
  if (!octets || octets->size() != out.size()) return false;
  std::ranges::copy(*octets, out.begin());
  return true;
}

bool ReadEntry(std::string_view line, JournalEntry& e) {
  std::vector<std::string_view> words;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find(' ', at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  if (words.size() != 7) return false;
  auto time = ParseTime(words[0]);
  if (!time || !ReadDigest(words[3], e.request) || !ReadDigest(words[4], e.response) ||
      !Number(words[5], e.number) || !Number(words[6], e.until))
    return false;
  e.at = *time;
  e.kind = words[1];
  e.authority = words[2];
  return LineOf(e) == line;  // one way to write a line
}

}  // namespace

Result<std::vector<JournalEntry>> Journal::Parse(std::string_view text, size_t* whole) {
  std::vector<JournalEntry> out;
  std::string before = kNoLine;
  *whole = 0;
  for (size_t number = 1; *whole < text.size(); ++number) {
    const size_t end = text.find('\n', *whole);
    if (end == text.npos) break;  // torn
    std::string_view line = text.substr(*whole, end - *whole);
    const size_t space = line.rfind(' ');
    JournalEntry e;
    if (space == line.npos || !ReadEntry(line.substr(0, space), e))
      return BadJournal(number, "no line of a journal");
    before = Bound(line.substr(0, space), before);
    if (line.substr(space + 1) != before)
      return BadJournal(number, "it does not follow the line before");
    out.push_back(std::move(e));
    *whole = end + 1;
  }
  return out;
}

Result<Journal> Journal::Open(const fs::path& side) {
  BM_TRY(FileLock lock, FileLock::Take(side / "journal.lock", "offline.busy"));
  Journal j(side / "journal", std::move(lock));
  auto text = ReadTextFile(j.file_, kMaxJournal);
  if (!text && text.error().code != "file.missing") return std::unexpected(std::move(text).error());
  BM_TRY(j.entries_, Parse(text ? *text : "", &j.size_));
  j.last_ = kNoLine;
  if (j.size_ > 0) {
    std::string_view lines = std::string_view(*text).substr(0, j.size_ - 1);
    j.last_ = lines.substr(lines.rfind(' ') + 1);
  }
  return j;
}

const JournalEntry* Journal::LastCrl(std::string_view authority) const {
  for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
    if (it->kind == "crl" && it->authority == authority) return &*it;
  }
  return nullptr;
}

const JournalEntry* Journal::FindRequest(const Digest& request) const {
  for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
    if (it->request == request) return &*it;
  }
  return nullptr;
}

Status Journal::Append(const JournalEntry& e) {
  const std::string line = LineOf(e);
  const std::string bound = Bound(line, last_);
  const std::string text = line + " " + bound + "\n";
  const int fd = open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return std::unexpected(FromErrno("file.write", file_.string(), errno));
  // Behind the whole lines: what a power cut left there never counted.
  int err = ftruncate(fd, static_cast<off_t>(size_)) == 0 ? 0 : errno;
  for (size_t done = 0; err == 0 && done < text.size();) {
    ssize_t n =
        pwrite(fd, text.data() + done, text.size() - done, static_cast<off_t>(size_ + done));
    if (n < 0 && errno != EINTR) err = errno;
    if (n > 0) done += static_cast<size_t>(n);
  }
  if (err == 0 && fsync(fd) != 0) err = errno;
  close(fd);
  if (err != 0) return std::unexpected(FromErrno("file.write", file_.string(), err));
  BM_CHECK(SyncDir(file_.parent_path()));
  entries_.push_back(e);
  last_ = bound;
  size_ += text.size();
  return {};
}

}  // namespace birthmark::offline
