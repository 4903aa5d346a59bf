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

}  // namespace birthmark::line
