// SPDX-License-Identifier: Apache-2.0
// Randomness: the hardware source, tested, feeds a CTR_DRBG; what a station contributes is mixed in
// and never replaces it.
#include <mbedtls/sha256.h>

#include "internal.h"

// Cut-offs of SP 800-90B section 4.4 for a source that claims 8 bits a byte, false alarm 2^-20.
enum { kSamples = 1024, kRepetitionCutoff = 4, kWindow = 512, kProportionCutoff = 13 };

void bm_rng_test(bm_device* d) {
  uint8_t sample[kSamples];
  memset(&d->rng, 0, sizeof d->rng);
  if (!d->hal.random(d->hal.ctx, sample, sizeof sample)) return;
  d->rng.samples = kSamples;
  uint32_t repetition = 0;
  for (size_t i = 0; i < sizeof sample; i++) {
    repetition = i > 0 && sample[i] == sample[i - 1] ? repetition + 1 : 1;
    if (repetition > d->rng.longest_repetition) d->rng.longest_repetition = repetition;
  }
  for (size_t start = 0; start < sizeof sample; start += kWindow) {
    uint32_t same = 0;
    for (size_t i = start; i < start + kWindow; i++) same += sample[i] == sample[start];
    if (same > d->rng.highest_proportion) d->rng.highest_proportion = same;
  }
  d->rng.pass = d->rng.longest_repetition < kRepetitionCutoff &&
                d->rng.highest_proportion < kProportionCutoff;
  bm_wipe(sample, sizeof sample);
}

static int hardware(void* device, unsigned char* out, size_t n) {
  bm_device* d = device;
  return d->hal.random(d->hal.ctx, out, n) ? 0 : MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
}

bool bm_rng_start(bm_device* d) {
  bm_rng_test(d);
  mbedtls_ctr_drbg_init(&d->drbg);
  // Personalised by what tells devices apart, so a source that repeats between devices still does
  // not give two of them the same stream.
  uint8_t personal[BM_UID_MAX + sizeof d->state.pool];
  memcpy(personal, d->hal.uid, BM_UID_MAX);
  memcpy(personal + BM_UID_MAX, d->state.pool, sizeof d->state.pool);
  d->drbg_ready = mbedtls_ctr_drbg_seed(&d->drbg, hardware, d, personal, sizeof personal) == 0;
  bm_wipe(personal, sizeof personal);
  return d->drbg_ready;
}

int bm_rng_fill(void* device, unsigned char* out, size_t n) {
  bm_device* d = device;
  if (!d->drbg_ready) return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
  return mbedtls_ctr_drbg_random(&d->drbg, out, n);
}

bool bm_rng_contribute(bm_device* d, bm_span seed) {
  uint8_t fresh[32];
  if (!d->drbg_ready || !d->hal.random(d->hal.ctx, fresh, sizeof fresh)) return false;
  mbedtls_sha256_context sha;
  mbedtls_sha256_init(&sha);
  bool good = mbedtls_sha256_starts_ret(&sha, 0) == 0 &&
              mbedtls_sha256_update_ret(&sha, d->state.pool, sizeof d->state.pool) == 0 &&
              mbedtls_sha256_update_ret(&sha, fresh, sizeof fresh) == 0 &&
              mbedtls_sha256_update_ret(&sha, seed.p, seed.n) == 0 &&
              mbedtls_sha256_finish_ret(&sha, d->state.pool) == 0;
  mbedtls_sha256_free(&sha);
  bm_wipe(fresh, sizeof fresh);
  // Reseeding draws from the hardware again; the pool is additional input.
  return good && mbedtls_ctr_drbg_reseed(&d->drbg, d->state.pool, sizeof d->state.pool) == 0;
}
