// SPDX-License-Identifier: Apache-2.0
// A secure element or TPM behind the processor, as the core asks for it. A port fills the struct
// with a driver; each call is synchronous and tells by false that the part refused, with a sentence
// from `why`. The private keys of its slots never come to the core.
// Thread rule: as hal.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  BM_ELEMENT_POINT = 65,  // uncompressed point of P-256
  BM_ELEMENT_NONCE_MAX = 64,
};

// bm_element_ask are the questions whose answers the core passes on as it gets them: one CBOR map.
typedef enum {
  BM_ELEMENT_INFO = 1,      // what the part is, its maker's certificates, its attestation key
  BM_ELEMENT_FACTS = 2,     // the part's own booleans about the slot's key
  BM_ELEMENT_ACTIVATE = 3,  // opens a credential: the station's map holds "credential", "secret"
} bm_element_ask;

typedef struct bm_element {
  void* ctx;
  // make makes the slot's key, or with `restart` a new one, and gives its point.
  bool (*make)(void* ctx, const char* slot, bool restart, uint8_t point[BM_ELEMENT_POINT]);
  // sign signs a SHA-256 digest with the slot's key: r || s.
  bool (*sign)(void* ctx, const char* slot, const uint8_t digest[32], uint8_t signature[64]);
  bool (*put_certificate)(void* ctx, const char* slot, const uint8_t* der, size_t size);
  bool (*get_certificate)(void* ctx, const char* slot, uint8_t* out, size_t capacity, size_t* size);
  // attest gives an AttestationBundle (DER) about the slot's key over the nonce.
  bool (*attest)(void* ctx, const char* slot, const uint8_t* nonce, size_t nonce_size, uint8_t* out,
                 size_t capacity, size_t* size);
  bool (*ask)(void* ctx, bm_element_ask what, const char* slot, const uint8_t* args,
              size_t args_size, uint8_t* out, size_t capacity, size_t* size);
  const char* (*why)(void* ctx);
} bm_element;
