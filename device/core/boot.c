// SPDX-License-Identifier: Apache-2.0
// The boot ROM and the stages after it. The ROM trusts the key whose digest is in the fuses; every
// later stage is verified with an anchor inside the stage before it. A refusal ends the chain
// there.
#include "internal.h"

bm_span bm_region(const bm_device* d, bm_partition_id id) {
  const bm_partition* p = &d->hal.board->partition[id];
  return bm_span_of(d->hal.flash + p->offset, p->size);
}

bool bm_erased(bm_span region) {
  for (size_t i = 0; i < region.n; i++) {
    if (region.p[i] != 0xFF) return false;
  }
  return true;
}

// The ROM accepts the boot anchor's own signature, or a chain of up to three levels under it:
// {"levels": [1, 2, 3]}. It is mask ROM, so this policy is const.
static const uint8_t kRomPolicy[] = {0xA1, 0x66, 'l', 'e', 'v', 'e', 'l', 's', 0x83, 1, 2, 3};

static bm_anchor rom_anchor(uint8_t digest[32], const uint8_t fuses[BM_FUSE_BYTES]) {
  memcpy(digest, fuses, BM_DIGEST);
  bm_anchor anchor;
  memset(&anchor, 0, sizeof anchor);
  anchor.id = bm_text("fuse");
  anchor.kind = bm_text("boot-anchor");
  anchor.verifies = bm_text("first-stage");
  anchor.form = BM_FORM_DIGEST;
  anchor.data = bm_span_of(digest, BM_DIGEST);
  anchor.policy = bm_span_of(kRomPolicy, sizeof kRomPolicy);
  return anchor;
}

static void label(uint8_t out[BM_MAX_LABEL], size_t* size, bm_span text) {
  *size = text.n < BM_MAX_LABEL ? text.n : BM_MAX_LABEL;
  // Never cut inside a UTF-8 sequence: the label is written out as text again.
  while (*size < text.n && *size > 0 && (text.p[*size] & 0xC0) == 0x80) (*size)--;
  if (*size > 0) memcpy(out, text.p, *size);
}

// payload_of finds the stage payload behind a container whose manifest was read.
static bm_span payload_of(const bm_container* c, const bm_manifest* m) {
  return bm_span_of(c->rest.p, (size_t)m->size);
}

// inspect reads the image of a partition and checks everything but the signature.
static bm_verdict inspect(const bm_device* d, bm_partition_id id, bm_stage* stage,
                          bm_container* container, bm_manifest* manifest) {
  memset(stage, 0, sizeof *stage);
  stage->partition = id;
  bm_span region = bm_region(d, id);
  bm_cose cose;
  stage->present = !bm_erased(region);
  if (!stage->present) return BM_REFUSED_EMPTY;
  if (!bm_container_parse(region, container) || !bm_cose_parse(container->envelope, &cose) ||
      !bm_manifest_parse(cose.payload, manifest)) {
    return BM_REFUSED_FORMAT;
  }
  label(stage->name, &stage->name_size, manifest->name);
  stage->version = manifest->version;
  stage->factory_commands = manifest->factory_commands;
  const char* kind = id == BM_STORE ? "bundle" : d->hal.board->partition[id].name;
  if (!bm_span_is(manifest->kind, kind)) return BM_REFUSED_IMAGE_KIND;
  if (manifest->size > container->rest.n) return BM_REFUSED_IMAGE_SIZE;
  stage->image_size = (uint32_t)(8 + container->envelope.n + manifest->size);
  bm_sha256(bm_span_of(region.p, stage->image_size), stage->sha256);
  uint8_t digest[BM_DIGEST];
  bm_sha256(payload_of(container, manifest), digest);
  if (memcmp(digest, manifest->sha256.p, sizeof digest) != 0) return BM_REFUSED_IMAGE_DIGEST;
  return BM_ACCEPTED;
}

static bm_verdict under_anchor(const bm_anchor* anchor, bm_span envelope, bm_stage* stage) {
  bm_verify_result result;
  bm_verdict verdict = bm_verify_object(anchor, envelope, &result);
  stage->level = result.level;
  stage->verified = verdict == BM_ACCEPTED;
  label(stage->anchor, &stage->anchor_size, anchor->id);
  return verdict;
}

// under_stage verifies with the anchors of the stage before: the first that accepts decides; when
// none does, the verdict of the first that was meant for this kind is told.
static bm_verdict under_stage(bm_span payload, const char* kind, bm_span envelope,
                              bm_stage* stage) {
  bm_cbor_walk walk;
  bm_anchor anchor;
  bool malformed = false;
  bm_verdict verdict = BM_REFUSED_NO_ANCHOR;
  if (!bm_stage_anchors(payload, &walk)) return BM_REFUSED_NO_ANCHOR;
  while (bm_anchor_next(&walk, &anchor, &malformed)) {
    if (!bm_span_is(anchor.verifies, kind)) continue;
    bm_stage attempt = *stage;
    bm_verdict one = under_anchor(&anchor, envelope, &attempt);
    if (one == BM_ACCEPTED || verdict == BM_REFUSED_NO_ANCHOR) {
      verdict = one;
      *stage = attempt;
    }
    if (one == BM_ACCEPTED) break;
  }
  return verdict;
}

static unsigned retired(const uint8_t fuses[BM_FUSE_BYTES]) {
  unsigned n = 0;
  for (unsigned i = 0; i < BM_FUSE_RETIRE_BITS; i++) n += bm_fuse(fuses, BM_FUSE_RETIRE + i);
  return n;
}

// rom_check is the boot ROM's own verification of an image it would start.
static bm_verdict rom_check(const uint8_t fuses[BM_FUSE_BYTES], const bm_container* c,
                            const bm_manifest* m, bm_stage* stage) {
  if (stage->partition == BM_FIRST_STAGE && m->version < retired(fuses)) return BM_REFUSED_VERSION;
  if (!bm_fuse(fuses, BM_FUSE_SECURE_BOOT)) return BM_NOT_VERIFIED;
  uint8_t digest[BM_DIGEST];
  bm_anchor anchor = rom_anchor(digest, fuses);
  return under_anchor(&anchor, c->envelope, stage);
}

static bm_stage* append(bm_device* d) { return &d->stage[d->stages++]; }

// start_rom_image lets the ROM try one partition; true when it now runs.
static bool start_rom_image(bm_device* d, bm_partition_id id, const uint8_t fuses[BM_FUSE_BYTES],
                            bm_span* payload) {
  bm_container container;
  bm_manifest manifest;
  bm_stage* stage = append(d);
  stage->verdict = inspect(d, id, stage, &container, &manifest);
  if (stage->verdict != BM_ACCEPTED) return false;
  stage->verdict = rom_check(fuses, &container, &manifest, stage);
  if (stage->verdict != BM_ACCEPTED && stage->verdict != BM_NOT_VERIFIED) return false;
  stage->usable = true;
  d->running = (int)d->stages - 1;
  *payload = payload_of(&container, &manifest);
  return true;
}

// start_next lets the running stage start the next one; true when that one now runs.
static bool start_next(bm_device* d, bm_partition_id id, bm_span* payload) {
  bm_container container;
  bm_manifest manifest;
  bm_stage* stage = append(d);
  stage->verdict = inspect(d, id, stage, &container, &manifest);
  if (stage->verdict != BM_ACCEPTED) return false;
  stage->verdict =
      under_stage(*payload, d->hal.board->partition[id].name, container.envelope, stage);
  if (stage->verdict != BM_ACCEPTED) return false;
  stage->usable = true;
  d->running = (int)d->stages - 1;
  *payload = payload_of(&container, &manifest);
  return true;
}

// load_store looks at the writable anchor store. Without an anchor for bundles the store is used
// unverified, and the report says so; with one, a refusal keeps it out of use.
static void load_store(bm_device* d, bm_span payload) {
  if (bm_erased(bm_region(d, BM_STORE))) return;
  bm_container container;
  bm_manifest manifest;
  bm_stage* stage = append(d);
  stage->verdict = inspect(d, BM_STORE, stage, &container, &manifest);
  if (stage->verdict != BM_ACCEPTED) return;
  stage->verdict = under_stage(payload, "bundle", container.envelope, stage);
  stage->usable = stage->verdict == BM_ACCEPTED || stage->verdict == BM_REFUSED_NO_ANCHOR;
}

void bm_boot(bm_device* d) {
  d->stages = 0;
  d->running = BM_NO_STAGE;
  uint8_t fuses[BM_FUSE_BYTES];
  d->hal.fuse_read(d->hal.ctx, fuses);
  bm_span payload;
  if (!bm_erased(bm_region(d, BM_TEST_IMAGE)) &&
      start_rom_image(d, BM_TEST_IMAGE, fuses, &payload)) {
    return;
  }
  if (!start_rom_image(d, BM_FIRST_STAGE, fuses, &payload)) return;
  bool skip_second =
      d->hal.board->second_stage_optional && bm_erased(bm_region(d, BM_SECOND_STAGE));
  if (!skip_second && !start_next(d, BM_SECOND_STAGE, &payload)) return;
  if (!start_next(d, BM_APPLICATION, &payload)) return;
  load_store(d, payload);
}

bool bm_anchor_in_force(bm_device* d, bm_span id, bm_anchor* out, uint8_t digest[32],
                        bool* changed) {
  *changed = false;
  uint8_t fuses[BM_FUSE_BYTES];
  d->hal.fuse_read(d->hal.ctx, fuses);
  if (bm_span_is(id, "fuse")) {
    *out = rom_anchor(digest, fuses);
    return true;
  }
  for (unsigned i = 0; i < d->stages; i++) {
    const bm_stage* stage = &d->stage[i];
    if (!stage->usable) continue;
    bm_stage now;
    bm_container container;
    bm_manifest manifest;
    // Flash may have been rewritten since the boot; an anchor is used only as it was booted.
    if (inspect(d, stage->partition, &now, &container, &manifest) != BM_ACCEPTED ||
        memcmp(now.sha256, stage->sha256, BM_DIGEST) != 0) {
      *changed = true;
      continue;
    }
    bm_cbor_walk walk;
    bool malformed = false;
    if (!bm_stage_anchors(payload_of(&container, &manifest), &walk)) continue;
    while (bm_anchor_next(&walk, out, &malformed)) {
      if (bm_span_equal(out->id, id)) return true;
    }
  }
  return false;
}
