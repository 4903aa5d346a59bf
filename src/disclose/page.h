// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "disclose/opened.h"

namespace birthmark::disclose {

std::string RenderPage(std::span<const OpenedDisclosure> products);

}  // namespace birthmark::disclose
