// SPDX-License-Identifier: Apache-2.0
// The measured boot: what the ROM and each stage saw before they started the next, as a log, and
// one register that every entry extends. Whoever runs later can add entries and change none: the
// register has no way back but a reset.
#include "internal.h"

enum { kMaxEntry = 320 };

// extend appends an entry: register = SHA-256(register || SHA-256(entry)), as a TPM extends a PCR.
static void extend(bm_device* d, const bm_cbor_writer* entry) {
  uint8_t both[2 * BM_DIGEST];
  bm_cbor_writer log;
  memcpy(both, d->boot_register, BM_DIGEST);
  bm_sha256(bm_span_of(entry->buffer, entry->size), both + BM_DIGEST);
  bm_sha256(bm_span_of(both, sizeof both), d->boot_register);
  bm_cbor_start(&log, d->boot_log + d->boot_log_size, sizeof d->boot_log - d->boot_log_size);
  bm_cbor_put_bytes(&log, bm_span_of(entry->buffer, entry->size));
  // An entry without room is in the register alone: the log then does not replay, which is told.
  if (log.full || entry->full) return;
  d->boot_log_size += log.size;
  d->boot_log_entries++;
}

void bm_measure_start(bm_device* d, const uint8_t fuses[BM_FUSE_BYTES]) {
  memset(d->boot_register, 0, sizeof d->boot_register);
  d->boot_log_size = 0;
  d->boot_log_entries = 0;
  uint8_t buffer[kMaxEntry];
  bm_cbor_writer w;
  unsigned retired = 0;
  for (unsigned i = 0; i < BM_FUSE_RETIRE_BITS; i++) retired += bm_fuse(fuses, BM_FUSE_RETIRE + i);
  bm_cbor_start(&w, buffer, sizeof buffer);
  size_t map = bm_cbor_open(&w);
  bm_cbor_entry_text(&w, "event", "rom");
  bm_cbor_entry_text(&w, "board", d->hal.board->name);
  bm_cbor_entry_bytes(&w, "boot_anchor", bm_span_of(fuses, BM_DIGEST));
  bm_cbor_entry_text(&w, "fuse_form", d->hal.fuses_in_software ? "software" : "hardware");
  bm_cbor_entry_bool(&w, "secure_boot", bm_fuse(fuses, BM_FUSE_SECURE_BOOT));
  bm_cbor_entry_bool(&w, "port_lock", bm_fuse(fuses, BM_FUSE_PORT_LOCK));
  bm_cbor_entry_bool(&w, "seal", bm_fuse(fuses, BM_FUSE_SEAL));
  bm_cbor_entry_uint(&w, "retired", retired);
  bm_cbor_close(&w, map);
  extend(d, &w);
}

void bm_measure_stage(bm_device* d, const bm_stage* stage) {
  uint8_t buffer[kMaxEntry];
  bm_cbor_writer w;
  bm_cbor_start(&w, buffer, sizeof buffer);
  size_t map = bm_cbor_open(&w);
  bm_cbor_entry_text(&w, "event", "stage");
  bm_cbor_entry_text(&w, "partition", d->hal.board->partition[stage->partition].name);
  bm_cbor_entry_string(&w, "name", bm_span_of(stage->name, stage->name_size));
  bm_cbor_entry_uint(&w, "version", stage->version);
  bm_cbor_entry_uint(&w, "verdict", stage->verdict);
  bm_cbor_entry_bool(&w, "usable", stage->usable);
  bm_cbor_entry_string(&w, "anchor", bm_span_of(stage->anchor, stage->anchor_size));
  bm_cbor_entry_bytes(
      &w, "sha256", stage->image_size > 0 ? bm_span_of(stage->sha256, BM_DIGEST) : bm_span_none());
  bm_cbor_close(&w, map);
  extend(d, &w);
}

bool bm_measure_room(const bm_device* d) {
  return sizeof d->boot_log - d->boot_log_size > kMaxEntry;
}

void bm_measure_event(bm_device* d, const char* event, const uint8_t digest[BM_DIGEST]) {
  uint8_t buffer[kMaxEntry];
  bm_cbor_writer w;
  bm_cbor_start(&w, buffer, sizeof buffer);
  size_t map = bm_cbor_open(&w);
  bm_cbor_entry_text(&w, "event", event);
  bm_cbor_entry_bytes(&w, "sha256", bm_span_of(digest, BM_DIGEST));
  bm_cbor_close(&w, map);
  extend(d, &w);
}

void bm_write_boot_log(const bm_device* d, bm_cbor_writer* w) {
  bm_cbor_put_text(w, "log");
  bm_cbor_head(w, BM_CBOR_ARRAY, d->boot_log_entries);
  bm_cbor_put_raw(w, bm_span_of(d->boot_log, d->boot_log_size));
  bm_cbor_entry_bytes(w, "register", bm_span_of(d->boot_register, BM_DIGEST));
}

bm_status bm_cmd_boot_log(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  bm_write_boot_log(d, out);
  return BM_OK;
}
