// SPDX-License-Identifier: Apache-2.0
// What the device says about itself: boot, locks, digests, private memory; signed by the IDevID key
// once there is one.
#include "internal.h"

static const char kReportType[] = "application/vnd.birthmark.device-report+cbor";

void bm_write_boot(const bm_device* d, bm_cbor_writer* w) {
  size_t list = bm_cbor_open_array(w);
  for (unsigned i = 0; i < d->stages; i++) {
    const bm_stage* s = &d->stage[i];
    size_t map = bm_cbor_open(w);
    bm_cbor_entry_text(w, "partition", d->hal.board->partition[s->partition].name);
    bm_cbor_entry_bool(w, "present", s->present);
    bm_cbor_entry_bool(w, "verified", s->verified);
    bm_cbor_entry_bool(w, "usable", s->usable);
    bm_cbor_entry_uint(w, "verdict", s->verdict);
    bm_cbor_entry_text(w, "text", bm_verdict_text(s->verdict));
    bm_cbor_entry_uint(w, "level", s->level);
    bm_cbor_entry_string(w, "anchor", bm_span_of(s->anchor, s->anchor_size));
    bm_cbor_entry_string(w, "name", bm_span_of(s->name, s->name_size));
    bm_cbor_entry_uint(w, "version", s->version);
    bm_cbor_entry_bool(w, "factory_commands", s->factory_commands);
    bm_cbor_entry_uint(w, "size", s->image_size);
    bm_cbor_entry_bytes(w, "sha256",
                        s->image_size > 0 ? bm_span_of(s->sha256, BM_DIGEST) : bm_span_none());
    bm_cbor_close(w, map);
  }
  bm_cbor_close_array(w, list);
}

void bm_write_rng(const bm_device* d, bm_cbor_writer* w) {
  size_t map = bm_cbor_open(w);
  bm_cbor_entry_text(w, "source", d->hal.random_is_test ? "test" : "hardware");
  bm_cbor_entry_bool(w, "pass", d->rng.pass);
  bm_cbor_entry_uint(w, "samples", d->rng.samples);
  bm_cbor_entry_uint(w, "longest_repetition", d->rng.longest_repetition);
  bm_cbor_entry_uint(w, "highest_proportion", d->rng.highest_proportion);
  bm_cbor_entry_uint(w, "contributions", bm_get_u32(d->state.contributions));
  bm_cbor_close(w, map);
}

void bm_write_slot(bm_device* d, unsigned slot, bm_cbor_writer* w) {
  bm_identity id;
  bm_identity_load(d, slot, &id);
  bm_wipe(id.key, sizeof id.key);
  bm_cbor_entry_text(w, "slot", bm_slot_names[slot]);
  bm_cbor_entry_bool(w, "occupied", id.occupied);
  bm_cbor_entry_bool(w, "certificate", id.certificate);
  bm_cbor_entry_bool(w, "mismatch", id.mismatch);
  bm_cbor_entry_uint(w, "generation", id.generation);
  bm_cbor_entry_bool(w, "in_element", id.chip || id.element != NULL);
  if (id.occupied) {
    uint8_t spki[BM_P256_SPKI];
    bm_spki_of(id.point, spki);
    bm_cbor_entry_bytes(w, "public_key", bm_span_of(spki, sizeof spki));
  }
}

static void write_locks(const bm_locks* locks, bm_cbor_writer* w) {
  size_t map = bm_cbor_open(w);
  bm_cbor_entry_bool(w, "identity_fuse", locks->identity_fuse);
  bm_cbor_entry_bool(w, "identity_software", locks->identity_software);
  bm_cbor_entry_bool(w, "first_stage_fuse", locks->first_stage_fuse);
  bm_cbor_entry_bool(w, "first_stage_software", locks->first_stage_software);
  bm_cbor_entry_bool(w, "port", locks->port);
  bm_cbor_entry_bool(w, "sealed", locks->sealed);
  bm_cbor_entry_bool(w, "secure_boot", locks->secure_boot);
  bm_cbor_close(w, map);
}

static void write_private(const bm_device* d, bm_cbor_writer* w) {
  static const char* const kHealth[] = {"empty", "ready", "damaged"};
  size_t map = bm_cbor_open(w);
  bm_cbor_entry_text(w, "location", "on-die");
  bm_cbor_entry_text(w, "state", kHealth[d->private_health]);
  bm_cbor_entry_bool(w, "encrypted", true);
  bm_cbor_entry_text(w, "integrity", "AES-256-GCM");
  bm_cbor_entry_text(w, "identity_keys",
                     d->hal.board->key_in_factory_data ? "factory-data" : "private-memory");
  bm_cbor_close(w, map);
}

static void write_body(bm_device* d, bm_span nonce, bm_cbor_writer* w) {
  bm_locks locks;
  bm_locks_read(d, &locks);
  size_t map = bm_cbor_open(w);
  bm_cbor_entry_bytes(w, "uid", bm_span_of(d->hal.uid, d->hal.uid_size));
  bm_cbor_entry_text(w, "board", d->hal.board->name);
  bm_cbor_entry_text(w, "core", BM_CORE_VERSION);
  bm_cbor_entry_text(w, "tls", BM_TLS_VERSION);
  bm_cbor_entry_string(w, "serial", bm_serial(d));
  bm_cbor_entry_bytes(w, "nonce", nonce);
  bm_cbor_entry_bytes(w, "boot_id", bm_span_of(d->boot_id, sizeof d->boot_id));
  bm_cbor_entry_bytes(w, "fuses", bm_span_of(locks.fuses, BM_FUSE_BYTES));
  bm_cbor_entry_text(w, "fuse_form", d->hal.fuses_in_software ? "software" : "hardware");
  bm_cbor_put_text(w, "locks");
  write_locks(&locks, w);
  bm_cbor_entry_bool(w, "port_unlocked", d->unlock.open);
  bm_cbor_entry_uint(w, "unconfigure_count", bm_get_u32(d->state.unconfigure_count));
  bm_cbor_put_text(w, "boot");
  bm_write_boot(d, w);
  bm_cbor_entry_text(w, "running",
                     d->running == BM_NO_STAGE
                         ? "rom"
                         : d->hal.board->partition[d->stage[d->running].partition].name);
  bm_cbor_entry_bool(w, "factory_mode", bm_factory_mode(d));
  bm_cbor_put_text(w, "digests");
  size_t digests = bm_cbor_open(w);
  for (unsigned i = 0; i < BM_PARTITIONS; i++) {
    uint8_t digest[BM_DIGEST];
    bm_sha256(bm_region(d, (bm_partition_id)i), digest);
    bm_cbor_entry_bytes(w, d->hal.board->partition[i].name, bm_span_of(digest, sizeof digest));
  }
  bm_cbor_close(w, digests);
  bm_cbor_entry_bool(w, "test_image_erased", bm_erased(bm_region(d, BM_TEST_IMAGE)));
  bm_cbor_put_text(w, "private_memory");
  write_private(d, w);
  bm_cbor_put_text(w, "rng");
  bm_write_rng(d, w);
  bm_cbor_put_text(w, "slots");
  size_t slots = bm_cbor_open_array(w);
  for (unsigned i = 0; i < BM_SLOTS; i++) {
    size_t slot = bm_cbor_open(w);
    bm_write_slot(d, i, w);
    bm_cbor_close(w, slot);
  }
  bm_cbor_close_array(w, slots);
  bm_cbor_put_text(w, "secrets");
  size_t secrets = bm_cbor_open(w);
  bm_cbor_entry_bool(w, "symmetric", d->state.symmetric.size > 0);
  bm_cbor_entry_bool(w, "password", d->state.password.set != 0);
  bm_cbor_close(w, secrets);
  // No clock in a factory: certificates' validity dates are not looked at by this verifier.
  bm_cbor_entry_bool(w, "validity_dates_checked", false);
  bm_cbor_close(w, map);
}

// write_header writes the protected header: the chain if there is one, else the key's digest.
static void write_header(const bm_identity* id, const char* type, bm_cbor_writer* w) {
  size_t map = bm_cbor_open(w);
  bm_cbor_put_uint(w, 1);
  bm_cbor_put_int(w, -7);
  if (id->certificate) {
    bm_cbor_walk walk;
    bm_span only;
    bm_cbor_put_uint(w, 33);
    // RFC 9360 section 2: one certificate is a byte string, several are an array.
    bool single = bm_cbor_array(id->chain, &walk) && walk.left == 1 && bm_cbor_next(&walk, &only);
    bm_cbor_put_raw(w, single ? only : id->chain);
  } else {
    uint8_t spki[BM_P256_SPKI];
    uint8_t digest[BM_DIGEST];
    bm_spki_of(id->point, spki);
    bm_sha256(bm_span_of(spki, sizeof spki), digest);
    bm_cbor_put_uint(w, 4);
    bm_cbor_put_bytes(w, bm_span_of(digest, sizeof digest));
  }
  // RFC 9596: the type is signed, so this signature cannot be shown as one over something else.
  bm_cbor_put_uint(w, 16);
  bm_cbor_put_text(w, type);
  bm_cbor_close(w, map);
}

static size_t head_size(size_t n) { return n < 24 ? 1 : n < 0x100 ? 2 : n < 0x10000 ? 3 : 5; }

bm_status bm_write_signed(bm_device* d, bm_identity* id, const char* type, bm_span content,
                          const char* key, bm_cbor_writer* out) {
  bm_cbor_writer header;
  uint8_t digest[32];
  uint8_t signature[64];
  bm_cbor_start(&header, d->header, sizeof d->header);
  write_header(id, type, &header);
  bm_span protected_header = bm_span_of(header.buffer, header.size);
  bool good = !header.full && bm_cose_digest(protected_header, content, digest) &&
              bm_identity_sign(d, id, digest, signature);
  bm_wipe(id->key, sizeof id->key);
  if (!good) return bm_fail(d, BM_E_HARDWARE, "the statement could not be signed");
  size_t size = 1 + 1 + head_size(header.size) + header.size + 1 + head_size(content.n) +
                content.n + head_size(sizeof signature) + sizeof signature;
  bm_cbor_put_text(out, key);
  bm_cbor_head(out, BM_CBOR_BYTES, size);
  bm_cbor_head(out, BM_CBOR_TAG, 18);
  bm_cbor_head(out, BM_CBOR_ARRAY, 4);
  bm_cbor_put_bytes(out, protected_header);
  bm_cbor_head(out, BM_CBOR_MAP, 0);
  bm_cbor_put_bytes(out, content);
  bm_cbor_put_bytes(out, bm_span_of(signature, sizeof signature));
  return BM_OK;
}

bm_status bm_write_report(bm_device* d, unsigned slot, bm_span nonce, bm_cbor_writer* out) {
  bm_cbor_writer body;
  bm_cbor_start(&body, d->scratch, sizeof d->scratch);
  write_body(d, nonce, &body);
  if (body.full) return bm_fail(d, BM_E_TOO_LARGE, "the report does not fit");
  bm_span content = bm_span_of(body.buffer, body.size);
  bm_identity id;
  bm_identity_load(d, slot, &id);
  // An element signs nothing before it is activated.
  bool sign =
      id.occupied && d->running != BM_NO_STAGE && (!id.chip || d->hal.chip_active(d->hal.ctx));
  bm_cbor_entry_bool(out, "signed", sign);
  if (sign) return bm_write_signed(d, &id, kReportType, content, "report", out);
  bm_wipe(id.key, sizeof id.key);
  bm_cbor_entry_bytes(out, "report", content);
  return BM_OK;
}
