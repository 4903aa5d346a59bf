// SPDX-License-Identifier: Apache-2.0
// The device as firmware: the portable core on a machine without an operating system. It boots
// what is in flash, answers the console, sleeps in between. Thread rule: this loop is all there is.
#include <mbedtls/memory_buffer_alloc.h>

#include "device/core/device.h"
#include "nvm.h"
#include "port.h"

// The crypto library's working memory: a chain under an RSA-4096 anchor needs less than a third of
// it.
static uint8_t heap[48 * 1024] __attribute__((aligned(8)));
static bm_device the_device;

static const bm_board* board(void) { return the_device.hal.board; }

static bool flash_erase(void* ctx, uint32_t offset) {
  (void)ctx;
  return nvm_flash_erase(board(), offset);
}
static bool flash_program(void* ctx, uint32_t offset, const uint8_t* data, size_t size) {
  (void)ctx;
  return nvm_flash_program(board(), offset, data, size);
}
static bool flash_protect(void* ctx, uint8_t mask) {
  (void)ctx;
  return nvm_flash_protect(mask);
}
static uint8_t flash_protection(void* ctx) {
  (void)ctx;
  return nvm_flash_protection();
}
static void fuse_read(void* ctx, uint8_t out[BM_FUSE_BYTES]) {
  (void)ctx;
  nvm_fuse_read(out);
}
static bool fuse_blow(void* ctx, unsigned bit) {
  (void)ctx;
  return nvm_fuse_blow(bit);
}
static void private_read(void* ctx, uint32_t offset, uint8_t* out, size_t size) {
  (void)ctx;
  nvm_private_read(offset, out, size);
}
static bool private_write(void* ctx, uint32_t offset, const uint8_t* data, size_t size) {
  (void)ctx;
  return nvm_private_write(offset, data, size);
}
static bool random_fill(void* ctx, uint8_t* out, size_t size) {
  (void)ctx;
  return port_random(out, size);
}
static size_t console_rx(void* ctx, uint8_t* out, size_t capacity) {
  (void)ctx;
  return port_console_rx(out, capacity);
}
static void console_tx(void* ctx, const uint8_t* data, size_t size) {
  (void)ctx;
  port_console_tx(data, size);
}
static void reset(void* ctx) {
  (void)ctx;
  bm_device_stop(&the_device);
  port_reset();
}
static uint32_t millis(void* ctx) {
  (void)ctx;
  return port_millis();
}

int main(void) {
  port_start();
  mbedtls_memory_buffer_alloc_init(heap, sizeof heap);
  bm_hal hal = {.board = bm_board_find(bm_text("bmc")),
                .flash = port_nvm() + NVM_FLASH_AT,
                .fuses_in_software = true,
                .random_is_test = port_random_is_test,
                .flash_erase = flash_erase,
                .flash_program = flash_program,
                .flash_protect = flash_protect,
                .flash_protection = flash_protection,
                .fuse_read = fuse_read,
                .fuse_blow = fuse_blow,
                .private_read = private_read,
                .private_write = private_write,
                .random = random_fill,
                .console_rx = console_rx,
                .console_tx = console_tx,
                .reset = reset,
                .millis = millis};
  hal.uid_size = nvm_uid(hal.uid);
  bm_device_start(&the_device, &hal);
  for (;;) {
    port_arm();
    if (bm_device_poll(&the_device) == 0) port_wait();
  }
}
