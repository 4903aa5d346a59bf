// SPDX-License-Identifier: Apache-2.0
// What a plan needs once before units can be made: its images released, its anchors tried on a
// sacrificial device. Whoever comes first does it; the log says that it was done. Not thread-safe.
#pragma once

#include "app/factory.h"
#include "app/trials.h"
#include "line/firmware.h"

namespace birthmark::app {

inline constexpr size_t kMaxImage = 16 * 1024 * 1024;

// ReleaseImages gives the firmware of the plan in force, made and released now if nobody did so
// before. Errors: shift.image (a file is not the image that was released), those of the firmware
// and the ledger.
Result<line::Firmware> ReleaseImages(Factory& factory, const Clock& clock);

// TryAnchorsOnce runs the trials of this plan, unless somebody did.
Status TryAnchorsOnce(Factory& factory, const line::Firmware& firmware, const Clock& clock);
// TryAnchors runs them now, for all anchors or those named, and writes down what they gave. Only a
// rehearsal tries changes.
Result<Tried> TryAnchors(Factory& factory, const line::Firmware& firmware,
                         const std::vector<std::string>& anchors, const Clock& clock);

// ImageFolder is where the images of the plan in force are.
fs::path ImageFolder(const Layout& layout, const plan::Plan& plan);

}  // namespace birthmark::app
