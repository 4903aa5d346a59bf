// SPDX-License-Identifier: Apache-2.0
// What a device says of itself under its own identity key, and its label held against that. Inside
// the line's steps.
#pragma once

#include "line/steps.h"
#include "link/console.h"

namespace birthmark::line {

// CheckReport takes the device's word only under its own identity key, over this station's nonce.
Status CheckReport(StepContext& c, const link::ReportAnswer& answer,
                   const link::DeviceReport& report, const Bytes& nonce);

// ScanLabel prints the unit's label unless one was printed before, scans what was printed and holds
// it against what the chip signs now: a label on the wrong board is found before the unit is good.
Result<std::string> ScanLabel(StepContext& c, link::DeviceConsole& console);

// SignedByAttestationKey has the device sign a report with the key of its slot "attestation" and
// verifies it under that slot's certificate. Errors: step.report.
Result<std::string> SignedByAttestationKey(StepContext& c, link::DeviceConsole& console);

// LabelPrinter prints labels with passwords where the line's labels are; in a rehearsal the picture
// stands for the paper.
class LabelPrinter : public method::Printer {
 public:
  explicit LabelPrinter(StepContext& c) : c_(c) {}
  Result<SecretBytes> Printed(const method::Job& job) override;
  Status Print(const method::Job& job, const SecretBytes& password) override;

 private:
  StepContext& c_;
};

}  // namespace birthmark::line
