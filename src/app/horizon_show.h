// SPDX-License-Identifier: Apache-2.0
// A horizon as text of 80 columns, as JSON and as a drawing that needs no other file. Pure
// functions.
#pragma once

#include <string>

#include "app/horizon.h"

namespace birthmark::app {

std::string HorizonText(const Horizon& h);
std::string HorizonJson(const Horizon& h);
// HorizonSvg draws lives as bars and dates as ticks, in light and in dark; each mark says itself in
// words.
std::string HorizonSvg(const Horizon& h);

// CountText is a number as it may be told: itself, or the next power of ten.
std::string CountText(const Horizon& h, uint64_t n);

}  // namespace birthmark::app
