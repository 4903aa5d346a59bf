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

// kind_of is what the manifest of an image in that partition has to say.
static const char* kind_of(const bm_device* d, bm_partition_id id) {
  if (id == BM_STORE) return "bundle";
  return d->hal.board->partition[bm_is_application(id) ? BM_APPLICATION : id].name;
}

void bm_product_of(bm_span product, bm_stage* stage) {
  bm_span model;
  bm_span hardware;
  uint64_t oem;
  if (product.n == 0 || !bm_cbor_find_uint(product, "oem", &oem) || oem > UINT32_MAX ||
      !bm_cbor_find_string(product, "model", &model) ||
      !bm_cbor_find_string(product, "hardware", &hardware)) {
    return;
  }
  stage->oem = (uint32_t)oem;
  label(stage->model, &stage->model_size, model);
  label(stage->hardware, &stage->hardware_size, hardware);
}

// inspect reads an image meant for a partition and checks everything but the signature.
static bm_verdict inspect(const bm_device* d, bm_partition_id id, bm_span region, bm_stage* stage,
                          bm_container* container, bm_manifest* manifest) {
  memset(stage, 0, sizeof *stage);
  stage->partition = id;
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
  stage->privileges = bm_privileges(manifest->privileges);
  bm_product_of(manifest->product, stage);
  if (!bm_span_is(manifest->kind, kind_of(d, id))) return BM_REFUSED_IMAGE_KIND;
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
  stage->verdict = inspect(d, id, bm_region(d, id), stage, &container, &manifest);
  if (stage->verdict == BM_ACCEPTED) {
    stage->verdict = rom_check(fuses, &container, &manifest, stage);
  }
  stage->usable = stage->verdict == BM_ACCEPTED || stage->verdict == BM_NOT_VERIFIED;
  bm_measure_stage(d, stage);  // before it runs
  if (!stage->usable) return false;
  d->running = (int)d->stages - 1;
  *payload = payload_of(&container, &manifest);
  return true;
}

// next_verdict is what the stage before says of an image that was inspected.
static bm_verdict next_verdict(const bm_device* d, bm_partition_id id, bm_span before,
                               bm_span envelope, bm_stage* stage) {
  bm_verdict verdict = under_stage(before, kind_of(d, id), envelope, stage);
  if (verdict == BM_ACCEPTED && bm_is_application(id) && stage->version < bm_update_floor(d)) {
    return BM_REFUSED_ROLLBACK;
  }
  return verdict;
}

static bm_verdict check_next(const bm_device* d, bm_partition_id id, bm_span before,
                             bm_container* container, bm_manifest* manifest, bm_stage* stage) {
  bm_verdict verdict = inspect(d, id, bm_region(d, id), stage, container, manifest);
  return verdict == BM_ACCEPTED ? next_verdict(d, id, before, container->envelope, stage) : verdict;
}

// start_next lets the running stage start the next one; true when that one now runs.
static bool start_next(bm_device* d, bm_partition_id id, bm_span* payload) {
  bm_container container;
  bm_manifest manifest;
  bm_stage* stage = append(d);
  stage->verdict = check_next(d, id, *payload, &container, &manifest, stage);
  stage->usable = stage->verdict == BM_ACCEPTED;
  bm_measure_stage(d, stage);  // before it runs
  if (!stage->usable) return false;
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
  stage->verdict = check_next(d, BM_STORE, payload, &container, &manifest, stage);
  stage->usable = stage->verdict == BM_ACCEPTED || stage->verdict == BM_REFUSED_NO_ANCHOR;
  bm_measure_stage(d, stage);
}

// start_tam lets the running stage start the Trusted Application Manager beside the application,
// if there is one. A refused one is out of use, and the boot goes on without it.
static void start_tam(bm_device* d, bm_span payload) {
  if (bm_erased(bm_region(d, BM_TAM))) return;
  bm_container container;
  bm_manifest manifest;
  bm_stage* stage = append(d);
  stage->verdict = check_next(d, BM_TAM, payload, &container, &manifest, stage);
  stage->usable = stage->verdict == BM_ACCEPTED;
  bm_measure_stage(d, stage);
}

// start_application starts the buffer of a trial, else the confirmed one.
static bool start_application(bm_device* d, bm_span* payload) {
  bm_partition_id slot = bm_update_slot(d);
  if (start_next(d, slot, payload)) return true;
  if (d->state.update.trial != BM_TRIAL_BEGUN) return false;
  bm_update_fell_back(d);
  return start_next(d, slot == BM_APPLICATION ? BM_APPLICATION_B : BM_APPLICATION, payload);
}

void bm_boot(bm_device* d) {
  d->stages = 0;
  d->running = BM_NO_STAGE;
  d->verifies_application = BM_NO_STAGE;
  uint8_t fuses[BM_FUSE_BYTES];
  d->hal.fuse_read(d->hal.ctx, fuses);
  bm_measure_start(d, fuses);
  bm_span payload;
  if (!bm_erased(bm_region(d, BM_TEST_IMAGE)) &&
      start_rom_image(d, BM_TEST_IMAGE, fuses, &payload)) {
    return;
  }
  if (!start_rom_image(d, BM_FIRST_STAGE, fuses, &payload)) return;
  bool skip_second =
      d->hal.board->second_stage_optional && bm_erased(bm_region(d, BM_SECOND_STAGE));
  if (!skip_second && !start_next(d, BM_SECOND_STAGE, &payload)) return;
  d->verifies_application = d->running;
  start_tam(d, payload);
  if (!start_application(d, &payload)) return;
  load_store(d, payload);
}

bool bm_booted_payload(bm_device* d, const bm_stage* stage, bm_span* payload) {
  bm_stage now;
  return stage->usable &&
         bm_boot_read(d, stage->partition, bm_region(d, stage->partition), &now, payload) &&
         memcmp(now.sha256, stage->sha256, BM_DIGEST) == 0 &&
         (stage->partition != BM_TAM || bm_tam_payload(d, *payload, payload));
}

bool bm_boot_read(const bm_device* d, bm_partition_id id, bm_span image, bm_stage* stage,
                  bm_span* payload) {
  bm_container container;
  bm_manifest manifest;
  if (inspect(d, id, image, stage, &container, &manifest) != BM_ACCEPTED) return false;
  *payload = payload_of(&container, &manifest);
  return true;
}

// starts_before tells whether one partition's image can start that of another.
static bool starts_before(bm_partition_id one, bm_partition_id other) {
  if (one == BM_TAM) return false;
  return (bm_is_application(one) ? BM_APPLICATION : one) <
         (bm_is_application(other) || other == BM_TAM ? BM_APPLICATION : other);
}

bm_verdict bm_boot_judge(bm_device* d, bm_partition_id id, bm_span image, bm_stage* stage,
                         bm_span* payload) {
  bm_container container;
  bm_manifest manifest;
  bm_verdict verdict = inspect(d, id, image, stage, &container, &manifest);
  if (verdict != BM_ACCEPTED) return verdict;
  *payload = payload_of(&container, &manifest);
  if (id == BM_FIRST_STAGE) {
    uint8_t fuses[BM_FUSE_BYTES];
    d->hal.fuse_read(d->hal.ctx, fuses);
    return rom_check(fuses, &container, &manifest, stage);
  }
  // The last stage that started before this one verifies it; the store is the running image's.
  bm_span before = bm_span_none();
  for (unsigned i = 0; i < d->stages; i++) {
    if (starts_before(d->stage[i].partition, id)) bm_booted_payload(d, &d->stage[i], &before);
  }
  if (before.n == 0) return BM_REFUSED_NO_ANCHOR;
  return next_verdict(d, id, before, container.envelope, stage);
}

bm_verdict bm_verify_application(bm_device* d, bm_span envelope, bm_stage* stage) {
  bm_span payload;
  if (d->verifies_application == BM_NO_STAGE ||
      !bm_booted_payload(d, &d->stage[d->verifies_application], &payload)) {
    return BM_REFUSED_NO_ANCHOR;
  }
  return under_stage(payload, "application", envelope, stage);
}

// find_anchor looks for an id, or for a kind when there is no id, in what booted.
static bool find_anchor(bm_device* d, bm_span id, bm_span kind, bm_anchor* out, bool* changed) {
  for (unsigned i = 0; i < d->stages; i++) {
    // Flash may have been rewritten since the boot; an anchor is used only as it was booted.
    bm_span payload;
    if (!bm_booted_payload(d, &d->stage[i], &payload)) {
      *changed = *changed || d->stage[i].usable;
      continue;
    }
    bm_cbor_walk walk;
    bool malformed = false;
    if (!bm_stage_anchors(payload, &walk)) continue;
    while (bm_anchor_next(&walk, out, &malformed)) {
      if (id.n > 0 ? bm_span_equal(out->id, id) : bm_span_equal(out->kind, kind)) return true;
    }
  }
  return false;
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
  return id.n > 0 && find_anchor(d, id, bm_span_none(), out, changed);
}

bool bm_anchor_of_kind(bm_device* d, const char* kind, bm_anchor* out) {
  bool changed = false;
  return find_anchor(d, bm_span_none(), bm_text(kind), out, &changed);
}
