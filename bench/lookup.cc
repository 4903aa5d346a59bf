// SPDX-License-Identifier: Apache-2.0
#include "bench/lookup.h"

#include <algorithm>
#include <random>

#include "bench/measure.h"
#include "ledger/sqlite/log_reader.h"

namespace birthmark::bench {
namespace {

using ledger::IdentityRow;

template <class F>
void Time(const char* by, const std::vector<IdentityRow>& rows, F&& look_up) {
  std::vector<double> us;
  us.reserve(rows.size());
  for (const IdentityRow& row : rows) {
    const double from = Wall();
    if (!look_up(row)) std::exit(1);
    us.push_back((Wall() - from) * 1e6);
  }
  std::ranges::sort(us);
  fmt::print("look-up by {}: p50 {:.1f} us, p99 {:.1f} us, worst {:.0f} us\n", by,
             us[us.size() / 2], us[us.size() * 99 / 100], us.back());
}

}  // namespace

void LookUps(const std::filesystem::path& ledger) {
  const double from = Wall();
  auto reader = Must(ledger::LogReader::Open(ledger));
  const double opened = Wall();
  // A key that nobody has: the whole index is asked.
  if (!Must(reader->registry().IdentitiesByKey(Digest{})).empty()) std::exit(1);
  const double asked = Wall();
  fmt::print("start-up: open {:.1f} ms, first look-up {:.1f} ms\n", (opened - from) * 1e3,
             (asked - opened) * 1e3);
  const Memory before = MemoryNow();
  if (reader->size() < 2) return;  // the first event is no identity

  std::mt19937_64 random(1);
  std::uniform_int_distribution<uint64_t> pick(1, reader->size() - 1);
  std::vector<IdentityRow> rows;
  for (int i = 0; i < 20'000; ++i) {
    if (auto row = Must(reader->registry().IdentityAt(pick(random))))
      rows.push_back(std::move(*row));
  }
  if (rows.empty()) return;
  auto& registry = reader->registry();
  Time("serial", rows,
       [&](const IdentityRow& r) { return Must(registry.IdentityBySerial(r.serial)).has_value(); });
  Time("key", rows,
       [&](const IdentityRow& r) { return !Must(registry.IdentitiesByKey(r.spki)).empty(); });
  Time("unit", rows,
       [&](const IdentityRow& r) { return !Must(registry.IdentitiesOf(r.unit)).empty(); });
  const Memory after = MemoryNow();
  fmt::print(
      "memory of the reader at {} events: {:.0f} MiB own, {:.0f} MiB mapped "
      "(before the look-ups {:.0f} and {:.0f})\n",
      reader->size(), after.own, after.mapped, before.own, before.mapped);
}

}  // namespace birthmark::bench
