// SPDX-License-Identifier: Apache-2.0
// The owner's certificates, fetched by the device itself: EST /cacerts (RFC 7030 section 4.1) over
// the TLS session whose anchors are the owner's certificates in force. Leaves out every other
// operation of EST. Thread rule: one loop owns the device.
#pragma once

#include "cbor.h"

enum { BM_EST_PATH_MAX = 128 };

typedef enum {
  BM_EST_WAITING,
  BM_EST_ACCEPTED,
  BM_EST_STATUS,
  BM_EST_MALFORMED,
  BM_EST_CUT,
  BM_EST_PIN,
  BM_EST_WORDS,
} bm_est_word;

typedef struct bm_est {
  bool wanted;
  bool sent;
  bm_est_word word;
  size_t count;  // certificates that were kept
  char path[BM_EST_PATH_MAX + 1];
} bm_est;

struct bm_device;
// bm_est_send asks once the session is open; bm_est_receive takes the answer when it is whole, and
// ends the session. Both do nothing for a session that is for something else.
void bm_est_send(struct bm_device* d);
void bm_est_receive(struct bm_device* d);
void bm_est_answer(struct bm_device* d, bm_cbor_writer* out);
