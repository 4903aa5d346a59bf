// SPDX-License-Identifier: Apache-2.0
// The pledge: a request for a voucher, signed by the identity of the slot "idevid"; a voucher
// (COSE, draft-ietf-anima-constrained-voucher) checked under the anchor that verifies vouchers; the
// owner's certificates kept in an area of their own, where the owner may exchange them. Leaves out
// TLS and every network: what came over them is handed in by the console. Thread rule: one loop
// owns the device.
#pragma once

#include "cbor.h"

struct bm_device;

enum {
  BM_NONCE = 16,
  BM_MAX_REGISTRAR = 2048,  // octets of a registrar's certificate
  BM_MAX_OWNERS = 4,        // certificates that an owner may set
};

// What is out and not yet answered; gone with the power.
typedef struct {
  bool asked;  // a request with `nonce` is out
  uint8_t nonce[BM_NONCE];
} bm_pledge;

// Why a voucher is not believed; the words are of the station protocol.
typedef enum {
  BM_VOUCHER_ACCEPTED,
  BM_VOUCHER_MALFORMED,
  BM_VOUCHER_NO_ANCHOR,
  BM_VOUCHER_UNKNOWN_MASA,
  BM_VOUCHER_SIGNER,
  BM_VOUCHER_SIGNATURE,
  BM_VOUCHER_SERIAL,
  BM_VOUCHER_NONCE,
  BM_VOUCHER_NONCELESS,
  BM_VOUCHER_EXPIRED,
  BM_VOUCHER_PIN,
  BM_VOUCHER_WORDS,
} bm_voucher_word;

// bm_owner_load finds the owner's certificates, an array of byte strings. False: it has no owner.
bool bm_owner_load(const struct bm_device* d, bm_span* certificates, bm_span* means);

bool bm_is_certificate(bm_span der);
// bm_owner_keep writes the owner's certificates: `list` is a walk over byte strings.
bool bm_owner_keep(struct bm_device* d, const char* means, bm_cbor_walk list);

// bm_clock gives the seconds since 1970; false: the device has no clock.
bool bm_clock(const struct bm_device* d, uint64_t* now);
// bm_seconds counts from 1970 (proleptic Gregorian, UTC).
int64_t bm_seconds(int64_t year, int64_t month, int64_t day, int64_t hour, int64_t minute,
                   int64_t second);
// bm_date reads yang:date-and-time as seconds since 1970 (RFC 6991 section 3).
bool bm_date(bm_span text, int64_t* seconds);
