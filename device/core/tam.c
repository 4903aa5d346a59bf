// SPDX-License-Identifier: Apache-2.0
// The Trusted Application Manager (RFC 9397; draft 3.3): its image's manifest names what it may do,
// and messages signed under the anchor of kind "tam" ask for it (docs/formats/tam-message.md).
// Anchors it changed are in two cells of tam-store; private memory says which one counts and what
// its digest is, so a power cut leaves the old set or the new one, and flash alone rolls nothing
// back.
#include "internal.h"

static const char kMessageType[] = "application/vnd.birthmark.tam-message+cbor";

enum { kCell = 2 * BM_BLOCK, kCellHead = 8 };

uint64_t bm_get_u64(const uint8_t* p) {
  return (uint64_t)bm_get_u32(p) | (uint64_t)bm_get_u32(p + 4) << 32;
}

void bm_put_u64(uint8_t* p, uint64_t v) {
  bm_put_u32(p, (uint32_t)v);
  bm_put_u32(p + 4, (uint32_t)(v >> 32));
}

unsigned bm_privileges(bm_span names) {
  static const struct {
    const char* name;
    bm_privilege bit;
  } kPrivileges[] = {{"change-anchors", BM_MAY_CHANGE_ANCHORS},
                     {"read-private", BM_MAY_READ_PRIVATE},
                     {"update-application", BM_MAY_UPDATE_APPLICATION}};
  bm_cbor_walk walk;
  bm_span item;
  bm_span name;
  unsigned bits = 0;
  if (names.n == 0 || !bm_cbor_array(names, &walk)) return 0;
  while (bm_cbor_next(&walk, &item)) {
    if (!bm_cbor_string(item, &name)) continue;
    for (size_t i = 0; i < sizeof kPrivileges / sizeof kPrivileges[0]; i++) {
      if (bm_span_is(name, kPrivileges[i].name)) bits |= kPrivileges[i].bit;
    }
  }
  return bits;
}

static uint32_t cell_at(const bm_device* d, unsigned cell) {
  return d->hal.board->partition[BM_TAM_STORE].offset + (cell - 1) * kCell;
}

bool bm_tam_payload(const bm_device* d, bm_span image_payload, bm_span* payload) {
  unsigned cell = d->state.tam.cell;
  *payload = image_payload;
  if (cell == 0) return true;
  if (cell > 2) return false;
  const uint8_t* p = d->hal.flash + cell_at(d, cell);
  uint32_t size = bm_get_u32(p + 4);
  uint8_t digest[BM_DIGEST];
  if (memcmp(p, "BMTA", 4) != 0 || size > kCell - kCellHead) return false;
  *payload = bm_span_of(p + kCellHead, size);
  bm_sha256(*payload, digest);
  return memcmp(digest, d->state.tam.anchors, BM_DIGEST) == 0;
}

static const bm_stage* running_tam(const bm_device* d) {
  for (unsigned i = 0; i < d->stages; i++) {
    if (d->stage[i].partition == BM_TAM && d->stage[i].usable) return &d->stage[i];
  }
  return NULL;
}

// well_formed tells whether an anchor can be used once it is in the list.
static bool well_formed(bm_span item) {
  bm_cbor_walk one = {item, 1};
  bm_anchor anchor;
  bool malformed = false;
  return bm_anchor_next(&one, &anchor, &malformed) && anchor.id.n > 0 &&
         anchor.id.n <= BM_MAX_LABEL && !bm_span_is(anchor.id, "fuse");
}

// change_list writes the list as it will be into d->scratch. `put` is empty for a removal, `id` is
// the anchor that goes, empty for an addition.
static bm_verdict change_list(bm_device* d, bm_span now, bm_span id, bm_span put, bm_span* list) {
  bm_cbor_walk walk;
  bm_span item;
  bm_span name;
  bm_span added = bm_span_none();
  bool found = false;
  unsigned left = 0;
  bm_cbor_writer w;
  if (!bm_stage_anchors(now, &walk)) return BM_REFUSED_FORMAT;
  if (put.n > 0 && (!well_formed(put) || !bm_cbor_find_string(put, "id", &added))) {
    return BM_REFUSED_FORMAT;
  }
  bm_cbor_start(&w, d->scratch, sizeof d->scratch);
  size_t map = bm_cbor_open(&w);
  bm_cbor_put_text(&w, "anchors");
  size_t array = bm_cbor_open_array(&w);
  while (bm_cbor_next(&walk, &item)) {
    if (!bm_cbor_find_string(item, "id", &name)) return BM_REFUSED_FORMAT;
    bool goes = id.n > 0 && bm_span_equal(name, id);
    found = found || goes;
    if (goes) continue;
    if (bm_span_equal(name, added)) return BM_REFUSED_KNOWN_ANCHOR;
    bm_cbor_put_raw(&w, item);
    left++;
  }
  if (put.n > 0) {
    bm_cbor_put_raw(&w, put);
    left++;
  }
  bm_cbor_close_array(&w, array);
  bm_cbor_close(&w, map);
  if (id.n > 0 && !found) return BM_REFUSED_UNKNOWN_ANCHOR;
  if (left == 0) return BM_REFUSED_NONE_LEFT;
  if (w.full || w.size > kCell - kCellHead) return BM_REFUSED_IMAGE_SIZE;
  *list = bm_span_of(w.buffer, w.size);
  return BM_ACCEPTED;
}

// store_list writes the cell that does not count; it counts once private memory says so.
static bool store_list(bm_device* d, bm_span list) {
  unsigned cell = d->state.tam.cell == 1 ? 2 : 1;
  uint32_t at = cell_at(d, cell);
  uint8_t head[kCellHead] = {'B', 'M', 'T', 'A'};
  bm_put_u32(head + 4, (uint32_t)list.n);
  if (!bm_flash_clear(d, at, kCell) || !bm_flash_put(d, at + kCellHead, list.p, list.n) ||
      !bm_flash_put(d, at, head, sizeof head)) {
    return false;
  }
  d->state.tam.cell = (uint8_t)cell;
  bm_sha256(list, d->state.tam.anchors);
  return true;
}

static bm_status change_anchors(bm_device* d, const bm_stage* tam, bm_span what, bm_span message,
                                bm_verdict* verdict) {
  bm_span now;
  bm_span id = bm_span_none();
  bm_span put = bm_span_none();
  bm_span list;
  *verdict = BM_REFUSED_FORMAT;
  if (!bm_span_is(what, "anchor-add") && !bm_cbor_find_string(message, "id", &id)) return BM_OK;
  if (!bm_span_is(what, "anchor-remove") && !bm_cbor_find(message, "anchor", &put)) return BM_OK;
  if (!bm_booted_payload(d, tam, &now)) {
    return bm_fail(d, BM_E_MISMATCH, "flash changed since the boot: reset first");
  }
  *verdict = change_list(d, now, id, put, &list);
  if (*verdict != BM_ACCEPTED) return BM_OK;
  return store_list(d, list) ? BM_OK
                             : bm_fail(d, BM_E_HARDWARE, "the TAM's store refused the write");
}

// retire_application raises the lowest version of the application that starts.
static bm_status retire_application(bm_device* d, bm_span message, bm_verdict* verdict) {
  uint64_t version;
  *verdict = BM_REFUSED_FORMAT;
  if (!bm_cbor_find_uint(message, "version", &version)) return BM_OK;
  *verdict = version < bm_update_floor(d) ? BM_REFUSED_ROLLBACK : BM_ACCEPTED;
  const bm_stage* running = &d->stage[d->running];
  if (!bm_is_application(running->partition) || running->version < version) {
    return bm_fail(d, BM_E_RANGE, "the running application is older than that: update it first");
  }
  if (*verdict == BM_ACCEPTED) bm_put_u64(d->state.update.floor, version);
  return BM_OK;
}

static void write_counters(const bm_device* d, bm_cbor_writer* out) {
  bm_cbor_put_text(out, "counters");
  size_t map = bm_cbor_open(out);
  bm_cbor_entry_uint(out, "unconfigured", bm_get_u32(d->state.unconfigure_count));
  bm_cbor_entry_uint(out, "contributions", bm_get_u32(d->state.contributions));
  bm_cbor_entry_uint(out, "sequence", bm_get_u64(d->state.tam.sequence));
  bm_cbor_entry_uint(out, "floor", bm_update_floor(d));
  bm_cbor_close(out, map);
}

static unsigned needed_privilege(bm_span what) {
  if (bm_span_is(what, "anchor-add") || bm_span_is(what, "anchor-replace") ||
      bm_span_is(what, "anchor-remove")) {
    return BM_MAY_CHANGE_ANCHORS;
  }
  if (bm_span_is(what, "retire-application")) return BM_MAY_UPDATE_APPLICATION;
  return bm_span_is(what, "read-private") ? BM_MAY_READ_PRIVATE : 0;
}

// obey does what an authentic message asks, within the manifest's privileges. The new state is in
// RAM when it accepts, and not yet saved.
static bm_status obey(bm_device* d, const bm_stage* tam, bm_span message, bm_verdict* verdict) {
  bm_span what;
  bm_span uid;
  uint64_t sequence;
  *verdict = BM_REFUSED_FORMAT;
  if (!bm_cbor_check(message) || !bm_cbor_find_string(message, "do", &what) ||
      !bm_cbor_find_uint(message, "sequence", &sequence) || needed_privilege(what) == 0) {
    return BM_OK;
  }
  *verdict = BM_REFUSED_OTHER_DEVICE;
  if (bm_cbor_find_bytes(message, "uid", &uid) &&
      !bm_span_equal(uid, bm_span_of(d->hal.uid, d->hal.uid_size))) {
    return BM_OK;
  }
  *verdict = BM_REFUSED_ROLLBACK;
  if (sequence <= bm_get_u64(d->state.tam.sequence)) return BM_OK;
  *verdict = BM_REFUSED_PRIVILEGE;
  unsigned needed = needed_privilege(what);
  if ((tam->privileges & needed) == 0) return BM_OK;
  bm_status status = BM_OK;
  *verdict = BM_ACCEPTED;
  if (needed == BM_MAY_CHANGE_ANCHORS) status = change_anchors(d, tam, what, message, verdict);
  if (needed == BM_MAY_UPDATE_APPLICATION) status = retire_application(d, message, verdict);
  if (status == BM_OK && *verdict == BM_ACCEPTED) bm_put_u64(d->state.tam.sequence, sequence);
  return status;
}

static bool type_is(bm_span object, const char* type) {
  bm_cose cose;
  bm_span value;
  bm_span text;
  return bm_cose_parse(object, &cose) && bm_cbor_find_int(cose.protected_header, 16, &value) &&
         bm_cbor_string(value, &text) && bm_span_is(text, type);
}

// asked_to_read tells whether an accepted message wants the counters.
static bool asked_to_read(bm_span message) {
  bm_span what;
  return bm_cbor_find_string(message, "do", &what) && bm_span_is(what, "read-private");
}

bm_status bm_cmd_tam_message(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span object;
  bm_anchor anchor;
  bm_verify_result result;
  uint8_t digest[BM_DIGEST];
  const bm_stage* tam = running_tam(d);
  if (!bm_cbor_find_bytes(args, "object", &object)) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"object\" is missing");
  }
  if (tam == NULL) return bm_fail(d, BM_E_NOT_FOUND, "no Trusted Application Manager runs");
  if (d->private_health != BM_PRIVATE_READY) {
    return bm_fail(d, BM_E_NOT_READY, "private memory cannot keep the sequence number");
  }
  if (!bm_measure_room(d)) return bm_fail(d, BM_E_TOO_LARGE, "the boot log is full: reset first");
  bm_sha256(object, digest);
  bool already = memcmp(digest, d->state.tam.message, BM_DIGEST) == 0;
  bm_verdict verdict = BM_REFUSED_NO_ANCHOR;
  memset(&result, 0, sizeof result);
  if (bm_anchor_of_kind(d, "tam", &anchor)) verdict = bm_verify_object(&anchor, object, &result);
  if (verdict == BM_ACCEPTED && !type_is(object, kMessageType)) verdict = BM_REFUSED_FORMAT;
  if (verdict == BM_ACCEPTED && !already) {
    bm_status status = obey(d, tam, result.payload, &verdict);
    if (status == BM_OK && verdict == BM_ACCEPTED) {
      memcpy(d->state.tam.message, digest, BM_DIGEST);
      if (!bm_private_save(d)) {
        return bm_fail(d, BM_E_HARDWARE, "private memory refused the write");
      }
      bm_measure_event(d, "tam-message", digest);
    } else {
      bm_private_load(d);  // what was begun in RAM is undone
    }
    if (status != BM_OK) return status;
  }
  bm_cbor_entry_bool(out, "accepted", verdict == BM_ACCEPTED);
  bm_cbor_entry_uint(out, "verdict", verdict);
  bm_cbor_entry_text(out, "text", bm_verdict_text(verdict));
  bm_cbor_entry_uint(out, "sequence", bm_get_u64(d->state.tam.sequence));
  if (verdict == BM_ACCEPTED && asked_to_read(result.payload)) write_counters(d, out);
  return BM_OK;
}
