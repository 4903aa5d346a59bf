// SPDX-License-Identifier: Apache-2.0
#include "line/device_word.h"

#include "cbor/cose.h"
#include "label/label.h"

namespace birthmark::line {

Status CheckReport(StepContext& c, const link::ReportAnswer& answer,
                   const link::DeviceReport& report, const Bytes& nonce) {
  auto bad = [&](std::string_view what) {
    return Refused("step.report", fmt::format("{}: the device's report {}", c.job.unit, what),
                   "scrap the unit: its answers are not its own");
  };
  if (report.nonce != nonce) return bad("is not over this station's nonce");
  if (report.serial != c.job.serial) return bad("names another serial number");
  if (!answer.is_signed) return {};
  std::optional<method::Certified> live;
  for (const plan::IdentitySlot& slot : c.plan.identities) {
    if (slot.slot != vocab::Identity::kIdevidSlot) continue;
    BM_TRY(live, c.desk.Live(c.job.unit, std::string(vocab::ToText(slot.slot))));
  }
  if (!live) return bad("is signed, but no identity was issued to it");
  BM_TRY(cbor::CoseSign1 message, cbor::ParseCose(answer.bytes));
  BM_TRY(crypto::PublicKey key, live->certificate.public_key());
  if (!cbor::VerifyCose(message, key)) return bad("does not verify under its identity");
  return {};
}

Result<std::string> ScanLabel(StepContext& c, link::DeviceConsole& console) {
  constexpr size_t kMaxPng = 1 << 20;
  Bytes nonce(32);
  c.rng.Fill(nonce);
  BM_TRY(link::ReportAnswer answer, console.Report(nonce));
  BM_TRY(link::DeviceReport report, link::DecodeReport(answer.bytes));
  BM_CHECK(CheckReport(c, answer, report, nonce));
  fs::path png = c.labels / (c.job.serial + ".png");
  if (!fs::exists(png)) {
    BM_TRY(label::Label meant, label::Make(c.plan.product.id, c.job.serial));
    BM_TRY(std::string svg, label::ToSvg(meant));
    BM_TRY(Bytes picture, label::ToPng(meant));
    BM_CHECK(MakeDirs(c.labels));
    BM_CHECK(WriteFileAtomic(c.labels / (c.job.serial + ".svg"), svg));
    BM_CHECK(WriteFileAtomic(png, picture));
  }
  BM_TRY(Bytes printed, ReadFile(png, kMaxPng));
  BM_TRY(label::Label found, label::ReadPng(printed));
  if (found.serial != report.serial || found.product != c.plan.product.id) {
    return Refused("step.label",
                   fmt::format("the label says {} {}, the chip {}", found.product, found.serial,
                               report.serial),
                   "find the unit the label belongs to; print this one's again");
  }
  return fmt::format("; label scanned: {}{}", found.serial,
                     answer.is_signed ? ", as the chip signs" : ", as the chip says");
}

}  // namespace birthmark::line
