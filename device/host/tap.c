// SPDX-License-Identifier: Apache-2.0
#include "tap.h"

// IEEE 1149.1-2013 figure 6-1: the next state for TMS 0 and 1.
static const uint8_t kNext[16][2] = {
    [TAP_RESET] = {TAP_IDLE, TAP_RESET},
    [TAP_IDLE] = {TAP_IDLE, TAP_SELECT_DR},
    [TAP_SELECT_DR] = {TAP_CAPTURE_DR, TAP_SELECT_IR},
    [TAP_CAPTURE_DR] = {TAP_SHIFT_DR, TAP_EXIT1_DR},
    [TAP_SHIFT_DR] = {TAP_SHIFT_DR, TAP_EXIT1_DR},
    [TAP_EXIT1_DR] = {TAP_PAUSE_DR, TAP_UPDATE_DR},
    [TAP_PAUSE_DR] = {TAP_PAUSE_DR, TAP_EXIT2_DR},
    [TAP_EXIT2_DR] = {TAP_SHIFT_DR, TAP_UPDATE_DR},
    [TAP_UPDATE_DR] = {TAP_IDLE, TAP_SELECT_DR},
    [TAP_SELECT_IR] = {TAP_CAPTURE_IR, TAP_RESET},
    [TAP_CAPTURE_IR] = {TAP_SHIFT_IR, TAP_EXIT1_IR},
    [TAP_SHIFT_IR] = {TAP_SHIFT_IR, TAP_EXIT1_IR},
    [TAP_EXIT1_IR] = {TAP_PAUSE_IR, TAP_UPDATE_IR},
    [TAP_PAUSE_IR] = {TAP_PAUSE_IR, TAP_EXIT2_IR},
    [TAP_EXIT2_IR] = {TAP_SHIFT_IR, TAP_UPDATE_IR},
    [TAP_UPDATE_IR] = {TAP_IDLE, TAP_SELECT_DR},
};

// ---- the mailbox

static size_t room(const mailbox_queue* q) { return MAILBOX_CAPACITY - q->size; }

static size_t queue_put(mailbox_queue* q, const uint8_t* data, size_t size) {
  size_t n = size < room(q) ? size : room(q);
  for (size_t i = 0; i < n; i++) q->bytes[(q->at + q->size + i) % MAILBOX_CAPACITY] = data[i];
  q->size += n;
  return n;
}

static void queue_peek(const mailbox_queue* q, uint8_t* out, size_t size) {
  for (size_t i = 0; i < size; i++) out[i] = q->bytes[(q->at + i) % MAILBOX_CAPACITY];
}

static void queue_drop(mailbox_queue* q, size_t size) {
  q->at = (q->at + size) % MAILBOX_CAPACITY;
  q->size -= size;
}

size_t mailbox_take(tap* t, uint8_t* out, size_t capacity) {
  size_t n = capacity < t->to_device.size ? capacity : t->to_device.size;
  queue_peek(&t->to_device, out, n);
  queue_drop(&t->to_device, n);
  return n;
}

size_t mailbox_put(tap* t, const uint8_t* data, size_t size) {
  return queue_put(&t->to_station, data, size);
}

static void capture_mailbox(tap* t) {
  size_t waiting = t->to_station.size < BM_MAILBOX_DATA ? t->to_station.size : BM_MAILBOX_DATA;
  size_t free = room(&t->to_device);
  t->captured = (unsigned)waiting;
  t->dr[0] = BM_MAILBOX_HERE;
  t->dr[1] = (uint8_t)waiting;
  t->dr[2] = (uint8_t)(free < 255 ? free : 255);
  queue_peek(&t->to_station, t->dr + BM_MAILBOX_HEAD, waiting);
}

// A scan that was cut short never comes to its update, so nothing is lost with it.
static void update_mailbox(tap* t) {
  if (t->dr[0] == BM_MAILBOX_WRITE) {
    if ((t->dr[2] & BM_MAILBOX_TAKEN) != 0) queue_drop(&t->to_station, t->captured);
    // More than fits is no station of ours; what has no room is lost as on a wire.
    if (t->dr[1] <= BM_MAILBOX_DATA) queue_put(&t->to_device, t->dr + BM_MAILBOX_HEAD, t->dr[1]);
  }
  t->captured = 0;
}

// ---- the debug port

static void update_control(tap* t) {
  uint8_t op = t->dr[0];
  if (op == 0) return;
  uint32_t address = bm_get_u32(t->dr + 1);
  uint32_t length = bm_get_u32(t->dr + 5);
  t->reading = bm_span_none();
  t->program_left = 0;
  if (op == BM_DEBUG_PROGRAM) {
    t->status = debug_check(t->debug, op, address, length);
    if (t->status != BM_DEBUG_DONE) return;
    t->debug->held = true;
    t->program_at = address;
    t->program_left = length;
    return;
  }
  t->status = debug_run(t->debug, op, address, length, NULL, &t->reading);
}

static void capture_data(tap* t) {
  size_t n = t->reading.n < BM_DATA_BYTES ? t->reading.n : BM_DATA_BYTES;
  if (n > 0) memcpy(t->dr, t->reading.p, n);
}

static void update_data(tap* t) {
  size_t n = t->reading.n < BM_DATA_BYTES ? t->reading.n : BM_DATA_BYTES;
  t->reading = bm_span_of(t->reading.p + n, t->reading.n - n);
  if (t->program_left == 0 || t->status != BM_DEBUG_DONE) return;
  uint32_t size = t->program_left < BM_DATA_BYTES ? t->program_left : BM_DATA_BYTES;
  bm_span none;
  t->status = debug_run(t->debug, BM_DEBUG_PROGRAM, t->program_at, size, t->dr, &none);
  t->program_at += size;
  t->program_left -= size;
}

// ---- registers

// A closed port decodes IDCODE; everything else is BYPASS.
static uint8_t selected(const tap* t) {
  switch (t->ir) {
    case BM_TAP_IDCODE:
      return BM_TAP_IDCODE;
    case BM_TAP_MAILBOX:
    case BM_TAP_CONTROL:
    case BM_TAP_DATA:
      return t->closed ? BM_TAP_BYPASS : t->ir;
    default:
      return BM_TAP_BYPASS;
  }
}

static void capture_dr(tap* t) {
  memset(t->dr, 0, sizeof t->dr);
  t->dr_at = 0;
  switch (selected(t)) {
    case BM_TAP_IDCODE:
      bm_put_u32(t->dr, BM_TAP_IDCODE_VALUE);
      t->dr_bits = 32;
      break;
    case BM_TAP_MAILBOX:
      capture_mailbox(t);
      t->dr_bits = 8 * BM_MAILBOX_BYTES;
      break;
    case BM_TAP_CONTROL:
      t->dr[0] = t->status;
      bm_put_u32(t->dr + 1, (uint32_t)t->reading.n);
      t->dr_bits = 8 * BM_CONTROL_BYTES;
      break;
    case BM_TAP_DATA:
      capture_data(t);
      t->dr_bits = 8 * BM_DATA_BYTES;
      break;
    default:
      t->dr_bits = 1;
  }
}

static bool dr_bit(const tap* t, unsigned i) { return (t->dr[i / 8] >> i % 8 & 1) != 0; }

static void shift_dr(tap* t, bool tdi) {
  uint8_t mask = (uint8_t)(1u << t->dr_at % 8);
  uint8_t* byte = &t->dr[t->dr_at / 8];
  *byte = (uint8_t)(tdi ? *byte | mask : *byte & ~mask);
  t->dr_at = (t->dr_at + 1) % t->dr_bits;
}

// align turns the ring so that the register's lowest bit is the first again, which is needed after
// a scan that was not exactly as long as the register.
static void align(tap* t) {
  if (t->dr_at == 0) return;
  uint8_t turned[BM_DATA_BYTES] = {0};
  for (unsigned i = 0; i < t->dr_bits; i++) {
    if (dr_bit(t, (t->dr_at + i) % t->dr_bits)) turned[i / 8] |= (uint8_t)(1u << i % 8);
  }
  memcpy(t->dr, turned, sizeof turned);
  t->dr_at = 0;
}

static void update_dr(tap* t) {
  align(t);
  switch (selected(t)) {
    case BM_TAP_MAILBOX:
      update_mailbox(t);
      break;
    case BM_TAP_CONTROL:
      update_control(t);
      break;
    case BM_TAP_DATA:
      update_data(t);
      break;
  }
}

void tap_reset(tap* t) {
  t->state = TAP_RESET;
  t->ir = BM_TAP_IDCODE;
}

void tap_sense(tap* t) {
  t->closed = !debug_open(t->debug);
  t->reading = bm_span_none();
  t->program_left = 0;
}

static void clock_in(tap* t, bool tms, bool tdi) {
  // What a state does to the registers happens with the clock that leaves it.
  if (t->state == TAP_SHIFT_DR) shift_dr(t, tdi);
  if (t->state == TAP_SHIFT_IR) {
    t->ir_shift = (uint8_t)(t->ir_shift >> 1 | (tdi ? 1u << (BM_TAP_IR_BITS - 1) : 0));
  }
  t->state = (tap_state)kNext[t->state][tms];
  switch (t->state) {
    case TAP_RESET:
      t->ir = BM_TAP_IDCODE;
      break;
    case TAP_CAPTURE_IR:
      t->ir_shift = BM_TAP_IR_CAPTURE;
      break;
    case TAP_UPDATE_IR:
      t->ir = t->ir_shift;
      break;
    case TAP_CAPTURE_DR:
      capture_dr(t);
      break;
    case TAP_UPDATE_DR:
      update_dr(t);
      break;
    default:
      break;
  }
}

void tap_pins(tap* t, bool tck, bool tms, bool tdi) {
  if (tck && !t->tck) clock_in(t, tms, tdi);
  if (!tck && t->tck) {
    if (t->state == TAP_SHIFT_DR) t->tdo = dr_bit(t, t->dr_at);
    if (t->state == TAP_SHIFT_IR) t->tdo = (t->ir_shift & 1) != 0;
  }
  t->tck = tck;
}
