// SPDX-License-Identifier: Apache-2.0
// A batch of seeds at rest that somebody else wrote: every entry is where the file has it, a box
// opens to a seed or not at all, and erasing leaves the others' places as they were.
#include <algorithm>
#include <fstream>

#include "app/seed_store.h"
#include "fuzz/fuzz.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace birthmark;

constexpr std::string_view kId = "01900000-0000-7000-8000-000000000001";

SecretBytes Key() { return SecretBytes::Take(Bytes(32, 0x5a)); }

// All gives the entries of the file, as far as it reads.
std::vector<app::KeptSeed> All(app::SeedFile& file, ByteView data) {
  std::vector<app::KeptSeed> out;
  for (;;) {
    auto kept = file.Next();
    if (!kept) FUZZ_CHECK(kept.error().code == "seed.store");
    if (!kept || !*kept) return out;
    app::KeptSeed& k = **kept;
    FUZZ_CHECK(k.pos == out.size());
    FUZZ_CHECK(!k.chip.empty() && k.chip.size() <= app::kMaxChipName);
    FUZZ_CHECK(k.serial.size() <= app::kMaxSerial);
    FUZZ_CHECK(k.at + k.box.size() <= data.size());
    FUZZ_CHECK(std::equal(k.box.begin(), k.box.end(), data.begin() + static_cast<long>(k.at)) ||
               k.Erased());
    out.push_back(std::move(k));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const test::TempDir folder;
  const fs::path path = folder / "batch";
  const ByteView in(data, size);
  {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  }
  auto file = app::SeedFile::Open(path, Key(), kId);
  if (!file) {
    FUZZ_CHECK(file.error().code == "seed.store");
    return 0;
  }
  const std::vector<app::KeptSeed> seeds = All(*file, in);
  for (const app::KeptSeed& k : seeds) {
    auto seed = file->Unseal(k);
    if (!seed) FUZZ_CHECK(seed.error().code == "seed.store");
    if (seed) FUZZ_CHECK(!k.Erased() && seed->size() >= 32 && seed->size() <= 64);
  }
  FUZZ_CHECK(file->Erase(seeds));
  auto again = app::SeedFile::Open(path, Key(), kId);
  FUZZ_CHECK(again);
  const std::vector<app::KeptSeed> left = All(*again, in);
  FUZZ_CHECK(left.size() == seeds.size());
  FUZZ_CHECK(std::ranges::all_of(left, [](const app::KeptSeed& k) { return k.Erased(); }));
  return 0;
}
