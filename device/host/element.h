// SPDX-License-Identifier: Apache-2.0
// The emulated device's element: a driver over a TPM or a PKCS#11 token, in the shape that the core
// asks for. C, for main.c. One element a process.
#pragma once

#include "device/core/element.h"

#ifdef __cplusplus
extern "C" {
#endif

// element_open opens a part by URI (element::OpenPart) and returns its driver; NULL with a sentence
// in *wrong, which stays valid.
const bm_element* element_open(const char* uri, const char** wrong);
// element_close ends the part and whatever runs for it.
void element_close(void);

#ifdef __cplusplus
}
#endif
