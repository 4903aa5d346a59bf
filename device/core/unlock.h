// SPDX-License-Identifier: Apache-2.0
// Opening the closed programmer's port for one session of a workshop: an answer to a nonce of the
// device, for its serial number, signed under an anchor that verifies "debug-unlock". Leaves out
// every lock of the flash: an open port meets them as before. Thread rule: one loop owns the
// device.
#pragma once

#include "cbor.h"

enum { BM_UNLOCK_NONCE = 16 };

// Gone with the power, as the open port is.
typedef struct bm_unlock {
  bool asked;
  bool open;
  uint8_t nonce[BM_UNLOCK_NONCE];
} bm_unlock;

// Why an answer does not open; the words are of the station protocol.
typedef enum {
  BM_UNLOCK_ACCEPTED,
  BM_UNLOCK_NO_ANCHOR,
  BM_UNLOCK_SIGNER,
  BM_UNLOCK_MALFORMED,
  BM_UNLOCK_SERIAL,
  BM_UNLOCK_NONCE_WORD,
  BM_UNLOCK_WORDS,
} bm_unlock_word;
