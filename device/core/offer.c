// SPDX-License-Identifier: Apache-2.0
// Updates of a device that has left its factory: a whole image is offered, judged as the boot would
// judge it, and written over the one that is there; the application's goes into the buffer that is
// not in use (slots.c). And the anchors that are in force. Leaves out images that do not fit one
// message.
#include "internal.h"

static const bm_partition_id kUpdatable[] = {BM_FIRST_STAGE, BM_SECOND_STAGE, BM_TAM,
                                             BM_APPLICATION, BM_STORE};

// What an image may be the only holder of; NULL counts every anchor.
static const char* const kNeeded[] = {"second-stage", "application", "bundle", NULL};

static unsigned count_anchors(bm_span payload, const char* verifies) {
  bm_cbor_walk walk;
  bm_anchor anchor;
  bool malformed = false;
  unsigned n = 0;
  if (!bm_stage_anchors(payload, &walk)) return 0;
  while (bm_anchor_next(&walk, &anchor, &malformed)) {
    n += verifies == NULL || bm_span_is(anchor.verifies, verifies);
  }
  return n;
}

unsigned bm_anchor_needs(bm_span payload) {
  unsigned out = 0;
  for (size_t i = 0; i < sizeof kNeeded / sizeof kNeeded[0]; i++) {
    if (count_anchors(payload, kNeeded[i]) > 0) out |= 1u << i;
  }
  return out;
}

bool bm_other_product(const bm_device* d, const bm_stage* image) {
  for (unsigned i = 0; i < d->stages; i++) {
    const bm_stage* s = &d->stage[i];
    // The first image is nearest to the hardware; one that names no product says nothing.
    if (!s->usable || s->oem == 0) continue;
    return image->oem != 0 && (s->oem != image->oem ||
                               !bm_span_equal(bm_span_of(s->model, s->model_size),
                                              bm_span_of(image->model, image->model_size)) ||
                               !bm_span_equal(bm_span_of(s->hardware, s->hardware_size),
                                              bm_span_of(image->hardware, image->hardware_size)));
  }
  return false;
}

// replaces tells whether an accepted image may take the place of the one that is in use: it is for
// this product, not older, and what the old one could verify somebody can still verify.
static bm_verdict replaces(bm_device* d, bm_partition_id id, const bm_stage* image,
                           bm_span payload) {
  bm_stage old;
  bm_span before;
  if (bm_other_product(d, image)) return BM_REFUSED_PRODUCT;
  if (!bm_boot_read(d, id, bm_region(d, id), &old, &before)) return BM_ACCEPTED;
  if (image->version < old.version) return BM_REFUSED_OLDER;
  return (bm_anchor_needs(before) & ~bm_anchor_needs(payload)) != 0 ? BM_REFUSED_NONE_LEFT
                                                                    : BM_ACCEPTED;
}

// install writes the head last: a power cut leaves no image, never half of one.
static bm_status install(bm_device* d, bm_partition_id id, bm_span image) {
  enum { kHead = 8 };
  const bm_partition* p = &d->hal.board->partition[id];
  uint8_t fuses[BM_FUSE_BYTES];
  d->hal.fuse_read(d->hal.ctx, fuses);
  if (!bm_flash_write_allowed(d->hal.board, fuses, d->hal.flash_protection(d->hal.ctx), p->offset,
                              p->size)) {
    return bm_fail(d, BM_E_LOCKED, "the partition is write-protected");
  }
  if (!bm_flash_clear(d, p->offset, p->size) ||
      !bm_flash_put(d, p->offset + kHead, image.p + kHead, image.n - kHead) ||
      !bm_flash_put(d, p->offset, image.p, kHead)) {
    return bm_fail(d, BM_E_HARDWARE, "the flash reads back wrong");
  }
  return BM_OK;
}

bm_status bm_cmd_image_offer(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span name;
  bm_span image;
  if (!bm_cbor_find_string(args, "partition", &name) ||
      !bm_cbor_find_bytes(args, "image", &image)) {
    return bm_fail(d, BM_E_BAD_REQUEST, "image-offer needs \"partition\" and \"image\"");
  }
  bm_partition_id id = bm_partition_find(d->hal.board, name);
  bool updatable = false;
  for (size_t i = 0; i < sizeof kUpdatable / sizeof kUpdatable[0]; i++) {
    updatable = updatable || id == kUpdatable[i];
  }
  if (!updatable) return bm_fail(d, BM_E_NOT_FOUND, "no partition of that name takes updates");
  bm_partition_id target = id;
  bool in_place = true;
  if (id == BM_APPLICATION) {
    if (!bm_update_policy(args, &in_place)) {
      return bm_fail(d, BM_E_BAD_REQUEST, "\"policy\" is double-buffer or in-place");
    }
    bm_status ready = bm_update_ready(d);
    if (ready != BM_OK) return ready;
    id = bm_update_confirmed(d);
    target = bm_update_target(d, in_place);
  }
  if (image.n > d->hal.board->partition[target].size) {
    return bm_fail(d, BM_E_TOO_LARGE, "the image does not fit its partition");
  }
  bm_stage stage;
  bm_span payload;
  bm_verdict verdict = bm_boot_judge(d, id, image, &stage, &payload);
  // What follows the image would be written unsigned beside it.
  if (verdict == BM_ACCEPTED && stage.image_size != image.n) verdict = BM_REFUSED_IMAGE_SIZE;
  if (verdict == BM_ACCEPTED) verdict = replaces(d, id, &stage, payload);
  if (verdict == BM_ACCEPTED) {
    bm_status status = install(d, target, image);
    if (status != BM_OK) return status;
    if (!in_place && !bm_update_placed(d)) {
      return bm_fail(d, BM_E_HARDWARE, "private memory refused the write");
    }
  }
  bm_cbor_entry_bool(out, "accepted", verdict == BM_ACCEPTED);
  bm_cbor_entry_uint(out, "verdict", verdict);
  bm_cbor_entry_text(out, "text", bm_verdict_text(verdict));
  bm_cbor_entry_uint(out, "level", stage.level);
  bm_cbor_entry_string(out, "anchor", bm_span_of(stage.anchor, stage.anchor_size));
  bm_cbor_entry_text(out, "into", d->hal.board->partition[target].name);
  return BM_OK;
}

static void write_anchor(const bm_anchor* anchor, const char* place, bm_cbor_writer* w) {
  uint8_t digest[BM_DIGEST];
  bm_sha256(anchor->data, digest);
  size_t map = bm_cbor_open(w);
  bm_cbor_entry_string(w, "id", anchor->id);
  bm_cbor_entry_string(w, "verifies", anchor->verifies);
  bm_cbor_entry_text(w, "place", place);
  bm_cbor_entry_bytes(w, "sha256", bm_span_of(digest, sizeof digest));
  bm_cbor_close(w, map);
}

bm_status bm_cmd_anchors(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  bm_anchor anchor;
  uint8_t digest[BM_DIGEST];
  bool changed;
  bm_cbor_put_text(out, "anchors");
  size_t list = bm_cbor_open_array(out);
  bm_anchor_in_force(d, bm_text("fuse"), &anchor, digest, &changed);
  write_anchor(&anchor, "fuse", out);
  for (unsigned i = 0; i < d->stages; i++) {
    bm_span payload;
    bm_cbor_walk walk;
    bool malformed = false;
    if (!bm_booted_payload(d, &d->stage[i], &payload) || !bm_stage_anchors(payload, &walk)) {
      continue;
    }
    while (bm_anchor_next(&walk, &anchor, &malformed)) {
      write_anchor(&anchor, d->hal.board->partition[d->stage[i].partition].name, out);
    }
  }
  bm_span certificates;
  bm_span means;
  bm_span item;
  bm_cbor_walk walk;
  if (bm_owner_load(d, &certificates, &means) && bm_cbor_array(certificates, &walk)) {
    memset(&anchor, 0, sizeof anchor);
    anchor.id = bm_text("owner");
    anchor.verifies = bm_text("network");
    while (bm_cbor_next(&walk, &item)) {
      if (bm_cbor_bytes(item, &anchor.data)) write_anchor(&anchor, "owner", out);
    }
  }
  bm_cbor_close_array(out, list);
  return BM_OK;
}
