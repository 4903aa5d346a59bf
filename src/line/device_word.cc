// SPDX-License-Identifier: Apache-2.0
#include "line/device_word.h"

#include "cbor/cose.h"
#include "label/label.h"

namespace birthmark::line {
namespace {

constexpr size_t kMaxLabelPng = 1 << 20;

}  // namespace

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
  BM_TRY(Bytes printed, ReadFile(png, kMaxLabelPng));
  BM_TRY(label::Label found, label::ReadPng(printed));
  if (found.serial != report.serial || found.product != c.plan.product.id) {
    return Refused("step.label",
                   fmt::format("the label says {} {}, the chip {}", found.product, found.serial,
                               report.serial),
                   "find the unit the label belongs to; print this one's again");
  }
  std::string opens;
  const plan::IdentitySlot* password = c.plan.FindSlot(vocab::Identity::kPassword);
  if (password != nullptr && password->on_label) {
    SecretBytes guess = SecretBytes::Take(ToBytes(found.password));
    Wipe(found.password.data(), found.password.size());
    BM_TRY(link::SecretInfo tried, console.CheckSecret("password", &guess));
    if (!tried.match) {
      return Refused("step.label",
                     fmt::format("the password on the label of {} does not open it", found.serial),
                     "find the unit the label belongs to; rework this one");
    }
    opens = ", its password opens the unit";
  }
  return fmt::format("; label scanned: {}{}{}", found.serial,
                     answer.is_signed ? ", as the chip signs" : ", as the chip says", opens);
}

Result<std::string> SignedByAttestationKey(StepContext& c, link::DeviceConsole& console) {
  Bytes nonce(32);
  c.rng.Fill(nonce);
  BM_TRY(link::ReportAnswer answer, console.Report(nonce, c.job.slot));
  BM_TRY(link::DeviceReport report, link::DecodeReport(answer.bytes));
  BM_TRY(auto live, c.desk.Live(c.job.unit, c.job.slot));
  if (!answer.is_signed || !live || report.nonce != nonce || report.serial != c.job.serial) {
    return Refused("step.report",
                   c.job.unit + ": no report over this station's nonce by its attestation key",
                   "scrap the unit: its answers are not its own");
  }
  BM_TRY(cbor::CoseSign1 message, cbor::ParseCose(answer.bytes));
  BM_TRY(crypto::PublicKey key, live->certificate.public_key());
  if (!cbor::VerifyCose(message, key)) {
    return Refused("step.report",
                   c.job.unit + ": its report does not verify under its attestation key",
                   "scrap the unit: its answers are not its own");
  }
  return "a report signed with it verifies";
}

Result<SecretBytes> LabelPrinter::Printed(const method::Job& job) {
  fs::path png = c_.labels / (job.serial + ".png");
  if (c_.labels.empty() || !fs::exists(png)) return SecretBytes();
  BM_TRY(Bytes picture, ReadFile(png, kMaxLabelPng));
  BM_TRY(label::Label found, label::ReadPng(picture));
  if (found.serial != job.serial || found.product != c_.plan.product.id) {
    return Refused(
        "step.label",
        fmt::format("the label of {} says {} {}", job.serial, found.product, found.serial),
        "find the unit the label belongs to; print this one's again");
  }
  SecretBytes out = SecretBytes::Take(ToBytes(found.password));
  Wipe(found.password.data(), found.password.size());
  return out;
}

Status LabelPrinter::Print(const method::Job& job, const SecretBytes& password) {
  if (c_.labels.empty()) {
    return Refused("step.label", "this station prints no labels",
                   "run the step where labels are printed, or take on-label out of the plan");
  }
  BM_TRY(label::Label meant, label::Make(c_.plan.product.id, job.serial));
  BM_TRY(meant, label::WithPassword(std::move(meant), AsText(password.Read(SecretAccess()))));
  auto print = [&]() -> Status {
    BM_TRY(std::string svg, label::ToSvg(meant));
    BM_TRY(Bytes picture, label::ToPng(meant));
    BM_CHECK(MakeDirs(c_.labels));
    BM_CHECK(WriteFileAtomic(c_.labels / (job.serial + ".svg"), svg, 0600));
    Wipe(svg.data(), svg.size());
    return WriteFileAtomic(c_.labels / (job.serial + ".png"), picture, 0600);
  };
  Status printed = print();
  Wipe(meant.password.data(), meant.password.size());
  return printed;
}

}  // namespace birthmark::line
