// SPDX-License-Identifier: Apache-2.0
// Reads the image container, its manifest, COSE_Sign1 envelopes and the anchors inside a stage
// (docs/formats/device-image.md). Leaves out every cryptographic check: see verify.h.
// Thread rule: no shared state; all results borrow from the input.
#pragma once

#include "cbor.h"

enum { BM_MAX_ENVELOPE = 16384, BM_MAX_CHAIN = 5 };

typedef struct {
  bm_span envelope;  // COSE_Sign1
  bm_span rest;      // what follows the envelope, up to the end of the region
} bm_container;

// bm_container_parse reads the head of a partition. False when there is no container.
bool bm_container_parse(bm_span region, bm_container* out);

typedef struct {
  bm_span protected_header;  // the encoded map, as it is signed
  int64_t algorithm;
  bm_span payload;
  bm_span signature;
  bm_span chain[BM_MAX_CHAIN];  // x5chain, end entity first
  size_t chain_size;
  bm_span spki;  // header "spki": the signer's bare key, empty if absent
} bm_cose;

// bm_cose_parse reads a COSE_Sign1 (RFC 9052 section 4.2, tag 18 optional). False when it is not
// deterministic CBOR, not that shape, has a critical header, or more than BM_MAX_CHAIN
// certificates.
bool bm_cose_parse(bm_span in, bm_cose* out);

typedef struct {
  bm_span kind;
  bm_span name;
  bm_span sha256;
  uint64_t version;
  uint64_t size;
  bool factory_commands;
  bm_span privileges;  // of a TAM: an array of names; empty if absent
  bm_span product;     // the map of what the code is for; empty if absent
} bm_manifest;

bool bm_manifest_parse(bm_span in, bm_manifest* out);

typedef enum { BM_FORM_SPKI, BM_FORM_CERTIFICATE, BM_FORM_DIGEST, BM_FORM_FILE } bm_anchor_form;

typedef struct {
  bm_span id;
  bm_span kind;
  bm_span verifies;
  bm_anchor_form form;
  bm_span data;
  bm_span policy;  // the policy map, empty if the anchor has none
} bm_anchor;

// bm_stage_anchors opens a walk over the anchors of a stage payload. False when the payload is not
// a deterministic map with such an array.
bool bm_stage_anchors(bm_span payload, bm_cbor_walk* walk);

// bm_anchor_next decodes the next anchor; a malformed one ends the walk and sets *malformed.
bool bm_anchor_next(bm_cbor_walk* walk, bm_anchor* out, bool* malformed);
