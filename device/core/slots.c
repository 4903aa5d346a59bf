// SPDX-License-Identifier: Apache-2.0
// The application's update, streamed: into the other buffer, which is then started once on trial
// and kept when the new application confirms itself; or in place, with the stage before it as the
// one that runs until the image is whole. The signature is judged before anything is erased, and
// the container's magic is programmed last, so no half image ever looks like one.
#include "internal.h"

enum { kMagic = 4, kHead = 8 };

uint64_t bm_update_floor(const bm_device* d) { return bm_get_u64(d->state.update.floor); }

bm_partition_id bm_update_confirmed(const bm_device* d) {
  return d->state.update.slot_b ? BM_APPLICATION_B : BM_APPLICATION;
}

static bm_partition_id other_slot(const bm_device* d) {
  return d->state.update.slot_b ? BM_APPLICATION : BM_APPLICATION_B;
}

bm_partition_id bm_update_target(const bm_device* d, bool in_place) {
  return in_place ? bm_update_confirmed(d) : other_slot(d);
}

bool bm_update_placed(bm_device* d) {
  d->state.update.trial = BM_TRIAL_WANTED;
  d->state.update.fell_back = 0;
  return bm_private_save(d);
}

bool bm_update_policy(bm_span args, bool* in_place) {
  bm_span policy = bm_text("double-buffer");
  bm_cbor_find_string(args, "policy", &policy);
  *in_place = bm_span_is(policy, "in-place");
  return *in_place || bm_span_is(policy, "double-buffer");
}

bm_status bm_update_ready(bm_device* d) {
  if (d->verifies_application == BM_NO_STAGE) {
    return bm_fail(d, BM_E_NOT_READY, "no stage that verifies an application runs");
  }
  if (d->state.update.trial != BM_NO_TRIAL) {
    return bm_fail(d, BM_E_NOT_READY, "the last update is on trial: confirm it, or reset");
  }
  // Where a board made no use of private memory before, the state of its updates is the first.
  if (d->private_health == BM_PRIVATE_EMPTY) bm_private_initialise(d);
  return d->private_health == BM_PRIVATE_READY
             ? BM_OK
             : bm_fail(d, BM_E_HARDWARE, "private memory cannot keep the state of an update");
}

void bm_update_fell_back(bm_device* d) {
  d->state.update.trial = BM_NO_TRIAL;
  d->state.update.fell_back = 1;
  bm_private_save(d);
}

bm_partition_id bm_update_slot(bm_device* d) {
  if (d->private_health != BM_PRIVATE_READY) return BM_APPLICATION;
  if (d->state.update.trial == BM_TRIAL_BEGUN) bm_update_fell_back(d);
  if (d->state.update.trial != BM_TRIAL_WANTED) return bm_update_confirmed(d);
  d->state.update.trial = BM_TRIAL_BEGUN;
  return bm_private_save(d) ? other_slot(d) : bm_update_confirmed(d);
}

// lowest is the version below which an update is refused: what was confirmed, and what runs.
static uint64_t lowest(const bm_device* d) {
  uint64_t floor = bm_update_floor(d);
  const bm_stage* running = &d->stage[d->running];
  bool newer = bm_is_application(running->partition) && running->version > floor;
  return newer ? running->version : floor;
}

static bm_span target_region(const bm_device* d) { return bm_region(d, d->update.target); }

static bm_status answer(bm_verdict verdict, bm_cbor_writer* out) {
  bm_cbor_entry_bool(out, "accepted", verdict == BM_ACCEPTED);
  bm_cbor_entry_uint(out, "verdict", verdict);
  bm_cbor_entry_text(out, "text", bm_verdict_text(verdict));
  return BM_OK;
}

// judge checks an envelope under the stage that starts the application.
static bm_verdict judge(bm_device* d, bm_span envelope, bm_manifest* manifest) {
  bm_cose cose;
  bm_stage stage;
  memset(&stage, 0, sizeof stage);
  if (envelope.n == 0 || envelope.n > BM_MAX_ENVELOPE || !bm_cose_parse(envelope, &cose) ||
      !bm_manifest_parse(cose.payload, manifest)) {
    return BM_REFUSED_FORMAT;
  }
  if (!bm_span_is(manifest->kind, "application")) return BM_REFUSED_IMAGE_KIND;
  bm_verdict verdict = bm_verify_application(d, envelope, &stage);
  if (verdict != BM_ACCEPTED) return verdict;
  bm_product_of(manifest->product, &stage);
  if (bm_other_product(d, &stage)) return BM_REFUSED_PRODUCT;
  return manifest->version < lowest(d) ? BM_REFUSED_ROLLBACK : BM_ACCEPTED;
}

// open_target clears the buffer and writes everything of the head but the magic.
static bool open_target(bm_device* d, bm_span envelope) {
  const bm_partition* p = &d->hal.board->partition[d->update.target];
  uint8_t size[kHead - kMagic];
  bm_put_u32(size, (uint32_t)envelope.n);
  return bm_flash_clear(d, p->offset, p->size) &&
         bm_flash_put(d, p->offset + kMagic, size, sizeof size) &&
         bm_flash_put(d, p->offset + kHead, envelope.p, envelope.n);
}

bm_status bm_cmd_update_begin(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span envelope;
  bm_manifest manifest;
  bool in_place;
  if (!bm_cbor_find_bytes(args, "envelope", &envelope) || !bm_update_policy(args, &in_place)) {
    return bm_fail(d, BM_E_BAD_REQUEST,
                   "update-begin needs \"envelope\" and policy: double-buffer|in-place");
  }
  bm_status ready = bm_update_ready(d);
  if (ready != BM_OK) return ready;
  bm_verdict verdict = judge(d, envelope, &manifest);
  if (verdict != BM_ACCEPTED) return answer(verdict, out);
  d->update.open = false;
  d->update.in_place = in_place;
  d->update.target = bm_update_target(d, in_place);
  if (manifest.size > target_region(d).n - kHead - envelope.n) {
    return bm_fail(d, BM_E_TOO_LARGE,
                   in_place ? "the image does not fit its partition"
                            : "the image does not fit the other buffer");
  }
  bm_stage old;
  bm_span before;
  bm_partition_id used = bm_update_confirmed(d);
  bool readable = bm_boot_read(d, used, bm_region(d, used), &old, &before);
  d->update.needs = readable ? bm_anchor_needs(before) : 0;
  d->update.envelope_size = (uint32_t)envelope.n;
  d->update.size = (uint32_t)manifest.size;
  if (!open_target(d, envelope)) return bm_fail(d, BM_E_HARDWARE, "the flash reads back wrong");
  d->update.open = true;
  bm_cbor_entry_text(out, "partition", d->hal.board->partition[d->update.target].name);
  bm_cbor_entry_uint(out, "size", manifest.size);
  return answer(BM_ACCEPTED, out);
}

bm_status bm_cmd_update_write(bm_device* d, bm_span args, bm_cbor_writer* out) {
  uint64_t offset;
  bm_span data;
  if (!d->update.open) return bm_fail(d, BM_E_NOT_READY, "begin an update first");
  if (!bm_cbor_find_uint(args, "offset", &offset) || !bm_cbor_find_bytes(args, "data", &data) ||
      data.n == 0 || offset > d->update.size || data.n > d->update.size - offset) {
    return bm_fail(d, BM_E_RANGE, "the data leave the image that was announced");
  }
  uint32_t at = d->hal.board->partition[d->update.target].offset + kHead + d->update.envelope_size +
                (uint32_t)offset;
  // Writing the same bytes again changes nothing, so a lost answer costs nothing.
  if (memcmp(d->hal.flash + at, data.p, data.n) != 0 && !bm_flash_put(d, at, data.p, data.n)) {
    return bm_fail(d, BM_E_HARDWARE, "the flash reads back wrong: begin the update again");
  }
  bm_cbor_entry_uint(out, "written", data.n);
  return BM_OK;
}

bm_status bm_cmd_update_finish(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  if (!d->update.open) return bm_fail(d, BM_E_NOT_READY, "begin an update first");
  d->update.open = false;
  bm_span region = target_region(d);
  bm_span envelope = bm_span_of(region.p + kHead, d->update.envelope_size);
  bm_manifest manifest;
  uint8_t digest[BM_DIGEST];
  // What is judged is what lies in flash now.
  bm_verdict verdict = judge(d, envelope, &manifest);
  bm_span payload = bm_span_of(envelope.p + envelope.n, d->update.size);
  bm_sha256(payload, digest);
  if (verdict == BM_ACCEPTED && memcmp(digest, manifest.sha256.p, BM_DIGEST) != 0) {
    verdict = BM_REFUSED_IMAGE_DIGEST;
  }
  if (verdict == BM_ACCEPTED && (d->update.needs & ~bm_anchor_needs(payload)) != 0) {
    verdict = BM_REFUSED_NONE_LEFT;
  }
  const bm_partition* p = &d->hal.board->partition[d->update.target];
  if (verdict != BM_ACCEPTED) {
    bm_flash_clear(d, p->offset, p->size);
    return answer(verdict, out);
  }
  if (!bm_flash_put(d, p->offset, (const uint8_t*)"BMI1", kMagic)) {
    return bm_fail(d, BM_E_HARDWARE, "the flash reads back wrong: begin the update again");
  }
  if (!d->update.in_place && !bm_update_placed(d)) {
    return bm_fail(d, BM_E_HARDWARE, "private memory refused the write");
  }
  return answer(BM_ACCEPTED, out);
}

bm_status bm_cmd_update_confirm(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  const bm_stage* running = &d->stage[d->running];
  if (!bm_is_application(running->partition)) {
    return bm_fail(d, BM_E_NOT_READY, "no application runs that could be confirmed");
  }
  if (d->private_health != BM_PRIVATE_READY) {
    return bm_fail(d, BM_E_NOT_READY, "private memory holds no state of an update");
  }
  if (d->state.update.trial == BM_TRIAL_WANTED) {
    return bm_fail(d, BM_E_NOT_READY, "the update was not started yet: reset first");
  }
  d->state.update.trial = BM_NO_TRIAL;
  d->state.update.slot_b = running->partition == BM_APPLICATION_B;
  if (running->version > bm_update_floor(d)) {
    bm_put_u64(d->state.update.floor, running->version);
  }
  if (!bm_private_save(d)) return bm_fail(d, BM_E_HARDWARE, "private memory refused the write");
  return bm_cmd_update_state(d, args, out);
}

bm_status bm_cmd_update_state(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  static const char* const kTrials[] = {"none", "wanted", "begun"};
  bm_cbor_entry_text(out, "confirmed", d->hal.board->partition[bm_update_confirmed(d)].name);
  bm_cbor_entry_text(out, "trial", kTrials[d->state.update.trial % 3]);
  bm_cbor_entry_bool(out, "fell_back", d->state.update.fell_back != 0);
  bm_cbor_entry_uint(out, "floor", bm_update_floor(d));
  return BM_OK;
}
