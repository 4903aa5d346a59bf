// SPDX-License-Identifier: Apache-2.0
// The offline side's own memory: a line for each thing that one of its authorities signed, each
// line bound to the ones before. It is on the medium before a response leaves. Not thread-safe; one
// process at a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"

namespace birthmark::offline {

inline constexpr size_t kMaxJournal = size_t{64} << 20;

struct JournalEntry {
  Time at{};
  std::string kind;       // "authority", "disclosure", …, "crl"
  std::string authority;  // who signed
  Digest request{}, response{};
  uint64_t number = 0;  // of the last list, for "crl"
  int64_t until = 0;    // its thisUpdate, ms since 1970
};

class Journal {
 public:
  // Open reads a side's journal; a line that a power cut tore is not there: its response never
  // left. Errors: offline.journal (changed, or a line missing), offline.busy (another process
  // signs).
  static Result<Journal> Open(const fs::path& side);
  // Parse reads one from text; *whole is how much of it are whole lines.
  static Result<std::vector<JournalEntry>> Parse(std::string_view text, size_t* whole);

  const std::vector<JournalEntry>& entries() const { return entries_; }
  // LastCrl is the newest list that an authority signed.
  const JournalEntry* LastCrl(std::string_view authority) const;
  // FindRequest is the newest entry of a request.
  const JournalEntry* FindRequest(const Digest& request) const;
  // Append adds a line, durable. Errors: file.write.
  Status Append(const JournalEntry& entry);

 private:
  Journal(fs::path file, FileLock lock) : file_(std::move(file)), lock_(std::move(lock)) {}
  fs::path file_;
  FileLock lock_;
  std::vector<JournalEntry> entries_;
  std::string last_;  // digest of the last line, in hexadecimal
  size_t size_ = 0;   // octets of whole lines
};

}  // namespace birthmark::offline
