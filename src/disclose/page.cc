#include "disclose/page.h"
namespace birthmark::disclose { __attribute__((weak)) std::string RenderPage(std::span<const OpenedDisclosure>) { return ""; } }
