// SPDX-License-Identifier: Apache-2.0
// Whatever a backup's reader hands on has a name inside the two folders and the size it announced;
// a whole backup is read the same twice. Seals and fences that are taken are written back octet for
// octet.
#include "app/backup.h"
#include "fuzz/fuzz.h"

namespace {

class Watching : public birthmark::app::BackupTarget {
 public:
  birthmark::Status Folder(const birthmark::app::BackupEntry& e) override { return Name(e); }
  birthmark::Status Begin(const birthmark::app::BackupEntry& e) override {
    left_ = e.size;
    return Name(e);
  }
  birthmark::Status Data(birthmark::ByteView part) override {
    FUZZ_CHECK(part.size() <= left_);
    left_ -= part.size();
    return {};
  }
  birthmark::Status End() override {
    FUZZ_CHECK(left_ == 0);
    return {};
  }

 private:
  static birthmark::Status Name(const birthmark::app::BackupEntry& e) {
    FUZZ_CHECK(birthmark::app::IsBackupName(e.name));
    FUZZ_CHECK(!e.name.starts_with("birthmark-backup/") && e.name.find("..") != 0);
    return {};
  }
  uint64_t left_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  auto read = [&](app::BackupTarget* target) {
    size_t at = 0;
    return app::ReadBackup(
        [&](std::span<uint8_t> out) -> Result<size_t> {
          size_t n = std::min(out.size(), size - at);
          std::copy_n(data + at, n, out.begin());
          at += n;
          return n;
        },
        std::nullopt, target);
  };
  Watching watching;
  auto once = read(&watching);
  auto twice = read(nullptr);
  FUZZ_CHECK(once.has_value() == twice.has_value());
  if (once) FUZZ_CHECK(once->seal == twice->seal);
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto seal = app::ParseSeal(text)) FUZZ_CHECK(app::FormatSeal(*seal) == text);
  if (auto mark = app::ParseFence(text)) {
    auto again = app::ParseFence(app::FormatFence(*mark));
    FUZZ_CHECK(again && again->manifest == mark->manifest && again->events == mark->events);
  }
  return 0;
}
