// SPDX-License-Identifier: Apache-2.0
// The two locks of the factory, each by fuse or by software, the seal, and the fuses themselves.
#include "internal.h"

void bm_locks_read(const bm_device* d, bm_locks* out) {
  d->hal.fuse_read(d->hal.ctx, out->fuses);
  out->identity_fuse = bm_fuse(out->fuses, BM_FUSE_IDENTITY_LOCK);
  out->identity_software = d->state.identity_lock != 0;
  out->first_stage_fuse = bm_fuse(out->fuses, BM_FUSE_FIRST_STAGE_LOCK);
  out->first_stage_software = d->state.first_stage_lock != 0;
  out->port = bm_fuse(out->fuses, BM_FUSE_PORT_LOCK);
  out->sealed = bm_fuse(out->fuses, BM_FUSE_SEAL);
  out->secure_boot = bm_fuse(out->fuses, BM_FUSE_SECURE_BOOT);
}

bool bm_factory_image(const bm_device* d) {
  return d->running != BM_NO_STAGE && d->stage[d->running].factory_commands;
}

bool bm_factory_mode(const bm_device* d) {
  bm_locks locks;
  bm_locks_read(d, &locks);
  // Damaged private memory may have held the software lock, so it counts as locked.
  return bm_factory_image(d) && !locks.identity_fuse && !locks.identity_software &&
         d->private_health != BM_PRIVATE_DAMAGED;
}

static bm_status blow_one(bm_device* d, unsigned bit) {
  uint8_t fuses[BM_FUSE_BYTES];
  if (!d->hal.fuse_blow(d->hal.ctx, bit)) return bm_fail(d, BM_E_HARDWARE, "the fuse did not blow");
  d->hal.fuse_read(d->hal.ctx, fuses);
  return bm_fuse(fuses, bit) ? BM_OK : bm_fail(d, BM_E_HARDWARE, "the fuse reads back unblown");
}

static bm_status blow_digest(bm_device* d, const bm_locks* locks, bm_span digest, bool* already) {
  if (digest.n != BM_DIGEST)
    return bm_fail(d, BM_E_BAD_REQUEST, "boot-anchor needs a digest of 32 bytes");
  *already = memcmp(locks->fuses, digest.p, BM_DIGEST) == 0;
  if (*already) return BM_OK;
  if (locks->secure_boot) return bm_fail(d, BM_E_LOCKED, "secure boot froze the boot anchor");
  if (!bm_factory_mode(d)) return bm_fail(d, BM_E_NOT_FACTORY, "not in factory mode");
  // All or nothing is not to be had from fuses. A digest that needs an unblown bit where one is
  // blown can never be reached, so it is refused before the first bit; one that was cut short by a
  // power loss is completed.
  for (unsigned i = 0; i < BM_DIGEST; i++) {
    if ((locks->fuses[i] & ~digest.p[i]) != 0) {
      return bm_fail(d, BM_E_MISMATCH, "another digest is in the fuses");
    }
  }
  for (unsigned bit = 0; bit < 8 * BM_DIGEST; bit++) {
    if (!bm_fuse(digest.p, bit) || bm_fuse(locks->fuses, BM_FUSE_BOOT_ANCHOR + bit)) continue;
    bm_status status = blow_one(d, BM_FUSE_BOOT_ANCHOR + bit);
    if (status != BM_OK) return status;
  }
  return BM_OK;
}

bm_status bm_blow(bm_device* d, bm_span name, bm_span digest, bool* already) {
  bm_locks locks;
  bm_locks_read(d, &locks);
  if (bm_span_is(name, "boot-anchor")) return blow_digest(d, &locks, digest, already);
  int bit = bm_fuse_find(name);
  if (bit < 0) return bm_fail(d, BM_E_NOT_FOUND, "no fuse of that name");
  *already = bm_fuse(locks.fuses, (unsigned)bit);
  if (*already) return BM_OK;
  if (d->hal.fuses_in_software &&
      (bit == BM_FUSE_IDENTITY_LOCK || bit == BM_FUSE_FIRST_STAGE_LOCK)) {
    return bm_fail(d, BM_E_UNSUPPORTED, "no lock fuses on this board: lock by software");
  }
  static const uint8_t kNone[BM_DIGEST] = {0};
  if (bit == BM_FUSE_SECURE_BOOT && memcmp(locks.fuses, kNone, BM_DIGEST) == 0) {
    return bm_fail(d, BM_E_NOT_READY, "blow the boot anchor first: nothing could boot");
  }
  return blow_one(d, (unsigned)bit);
}

// protect brings the flash's own protection register in line with the software locks.
static bool protect(bm_device* d) {
  unsigned mask = (d->state.first_stage_lock ? 1u << BM_FIRST_STAGE : 0u) |
                  (d->state.identity_lock ? 1u << BM_FACTORY_DATA : 0u);
  return d->hal.flash_protection(d->hal.ctx) == mask ||
         d->hal.flash_protect(d->hal.ctx, (uint8_t)mask);
}

bm_status bm_lock_software(bm_device* d, bool identity, bool first_stage) {
  if (d->private_health != BM_PRIVATE_READY) {
    return bm_fail(d, BM_E_NOT_READY, "a software lock needs initialised private memory");
  }
  d->state.identity_lock |= identity;
  d->state.first_stage_lock |= first_stage;
  if (!bm_private_save(d) || !protect(d))
    return bm_fail(d, BM_E_HARDWARE, "the lock was not stored");
  return BM_OK;
}

bm_status bm_unconfigure(bm_device* d) {
  bm_locks locks;
  bm_locks_read(d, &locks);
  if (!locks.identity_software && !locks.first_stage_software) {
    return bm_fail(d, locks.identity_fuse || locks.first_stage_fuse ? BM_E_LOCKED : BM_E_NOT_FOUND,
                   "no software lock to open");
  }
  d->state.identity_lock = 0;
  d->state.first_stage_lock = 0;
  bm_put_u32(d->state.unconfigure_count, bm_get_u32(d->state.unconfigure_count) + 1);
  if (!bm_private_save(d) || !protect(d)) {
    return bm_fail(d, BM_E_HARDWARE, "the lock could not be opened");
  }
  return BM_OK;
}

void bm_device_start(bm_device* device, const bm_hal* hal) {
  memset(device, 0, sizeof *device);
  device->hal = *hal;
  bm_private_load(device);
  bm_rng_start(device);
  bm_rng_fill(device, device->boot_id, sizeof device->boot_id);
  // A cut between the lock's flag and the protection register is repaired here.
  if (device->private_health == BM_PRIVATE_READY) protect(device);
  bm_boot(device);
}

void bm_device_stop(bm_device* device) {
  bm_tls_free(device);
  mbedtls_ctr_drbg_free(&device->drbg);
  bm_wipe(device, sizeof *device);
}
