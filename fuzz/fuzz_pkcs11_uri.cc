// SPDX-License-Identifier: Apache-2.0
// pkcs11: URIs: what is taken has a module and texts that are texts, and no error repeats a PIN.
#include "fuzz/fuzz.h"
#include "hardware/pkcs11/uri.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const std::string_view text = AsText(ByteView(data, size));
  auto uri = hardware::ParsePkcs11Uri(text);
  if (!uri) {
    const size_t pin = text.find("pin-value=");
    if (pin != text.npos && text.size() - pin > 20)
      FUZZ_CHECK(uri.error().ToString().find(text.substr(pin + 10)) == std::string::npos);
    return 0;
  }
  FUZZ_CHECK(!uri->module_path.empty() && uri->module_path.find('\0') == std::string::npos);
  for (const auto& word : {uri->token, uri->manufacturer, uri->serial, uri->model, uri->object})
    FUZZ_CHECK(!word || IsUtf8(*word));
  if (uri->pin_source) {
    auto path = hardware::PinPath(*uri->pin_source);
    FUZZ_CHECK(!path || path->front() == '/');
  }
  return 0;
}
