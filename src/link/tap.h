// SPDX-License-Identifier: Apache-2.0
// What a station does through a device's TAP: the console's bytes through the mailbox that running
// code reads, and the debug port with the CPU held. Both over one OpenOCD session; one at a time.
// The registers are in docs/formats/station-protocol.md section 9. Thread rule: one thread.
#pragma once

#include <memory>

#include "link/openocd.h"
#include "link/programmer.h"
#include "link/stream.h"

namespace birthmark::link {

// OpenMailbox is a stream of bytes for DeviceConsole::Over.
// Errors: port.closed (the TAP is in BYPASS), those of OpenOcd::Scan.
Result<std::unique_ptr<ByteStream>> OpenMailbox(std::shared_ptr<OpenOcd> probe);

// AttachProbe resets the chip, since a port that was closed is sensed as closed at reset, and gives
// the debug port. Errors: port.closed, those of OpenOcd.
Result<Programmer> AttachProbe(std::shared_ptr<OpenOcd> probe);

// CheckTapOpen shifts a random pattern through the control register. What comes back one bit late
// has gone through BYPASS: the port is closed, and that is the proof. Errors: port.closed.
Status CheckTapOpen(OpenOcd& probe);

}  // namespace birthmark::link
