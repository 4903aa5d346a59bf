// SPDX-License-Identifier: Apache-2.0
// Any bytes are a report: containers, programs, trees and stores, within small limits; and the
// report can be written in every form.
#include "fuzz/fuzz.h"
#include "scan/scan.h"
#include "scan/show.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  scan::Options options{.at = TimeFromMillis(1'800'000'000'000)};
  options.limits.unpacked = 8 << 20;
  options.limits.ratio_from = 1 << 20;
  options.limits.entries = 1000;
  options.limits.items = 200;
  options.depth = 3;
  const scan::Report report =
      scan::ScanOctets("fuzz", scan::FromMemory(Bytes(data, data + size)), options);
  FUZZ_CHECK(report.items.size() <= options.limits.items + 5000);
  for (const scan::Store& s : report.stores) {
    for (const scan::Member& m : s.members) FUZZ_CHECK(m.item < report.items.size());
  }
  const auto same = scan::CompareWith(report, scan::ReportJson(report));
  FUZZ_CHECK(same && same->empty());
  FUZZ_CHECK(!scan::ReportText(report, true).empty() && !scan::ReportCycloneDx(report).empty());
  return 0;
}
