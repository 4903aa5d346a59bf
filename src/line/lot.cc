// SPDX-License-Identifier: Apache-2.0
#include "line/lot.h"

namespace birthmark::line {

Result<std::map<std::string, ledger::LotState>> LotsOf(ledger::LogReader& reader) {
  std::map<std::string, ledger::LotState> out;
  BM_TRY(std::vector<uint64_t> seqs, reader.registry().EventsOfType(ledger::LotState::kType));
  for (uint64_t seq : seqs) {
    BM_TRY(ledger::Event event, reader.EventAt(seq));
    BM_TRY(ledger::LotState lot, ledger::BodyOf<ledger::LotState>(event));
    std::string product = lot.product;
    out[product] = std::move(lot);
  }
  return out;
}

Result<ledger::Submission> StopLot(const ledger::EventContext& context, Time now,
                                   const std::string& product, const std::string& unit,
                                   const audit::Hit& hit) {
  ledger::Submission out;
  BM_TRY(ledger::NewEvent found,
         ledger::Prepare(ledger::MakeEvent(
             context, now, "unit:" + unit,
             ledger::KeysAudited{.hits = {{.code = hit.code, .spki = hit.spki, .unit = unit}},
                                 .keys = 1,
                                 .lists = {},
                                 .product = product})));
  out.push_back(std::move(found));
  BM_TRY(ledger::NewEvent stop,
         ledger::Prepare(
             ledger::MakeEvent(context, now, "product:" + product,
                               ledger::LotState{.state = "stopped",
                                                .reason = fmt::format("{} at {}", hit.code, unit),
                                                .product = product})));
  out.push_back(std::move(stop));
  return out;
}

audit::Hit KnownKey(const crypto::PublicKey& key) {
  return {.code = "audit.duplicate", .spki = key.spki_digest(), .detail = "of another unit"};
}

}  // namespace birthmark::line
