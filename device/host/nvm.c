// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "nvm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

bool nvm_random(uint8_t* out, size_t size) {
  while (size > 0) {
    ssize_t n = getrandom(out, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    out += n;
    size -= (size_t)n;
  }
  return true;
}

// make_file writes a blank part beside its name and renames it, so a half-made one is never opened.
static bool make_file(const char* path, size_t size, uint8_t fill, bm_span tail) {
  char temporary[4200];
  uint8_t block[BM_BLOCK];
  snprintf(temporary, sizeof temporary, "%s.new", path);
  int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  memset(block, fill, sizeof block);
  bool good = true;
  for (size_t at = 0; at < size && good;) {
    size_t n = size - at < sizeof block ? size - at : sizeof block;
    good = write(fd, block, n) == (ssize_t)n;
    at += n;
  }
  if (good && tail.n > 0) good = pwrite(fd, tail.p, tail.n, NVM_UID_SIZE_AT) == (ssize_t)tail.n;
  good = close(fd) == 0 && good;
  return good && rename(temporary, path) == 0;
}

static uint8_t* map_file(const char* folder, const char* name, size_t size, uint8_t fill,
                         bm_span tail) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return NULL;
  struct stat st;
  if (stat(path, &st) != 0 && (errno != ENOENT || !make_file(path, size, fill, tail))) return NULL;
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return NULL;
  void* p = MAP_FAILED;
  if (fstat(fd, &st) == 0 && st.st_size == (off_t)size) {
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  close(fd);
  return p == MAP_FAILED ? NULL : p;
}

const char* nvm_open(nvm* n, const bm_board* board, const char* folder, bm_span uid) {
  uint8_t tail[1 + BM_UID_MAX] = {8};
  n->board = board;
  if (mkdir(folder, 0700) != 0 && errno != EEXIST) return "the state folder cannot be made";
  if (uid.n > BM_UID_MAX) return "--uid has more than 16 bytes";
  if (uid.n > 0) {
    tail[0] = (uint8_t)uid.n;
    memcpy(tail + 1, uid.p, uid.n);
  } else if (!nvm_random(tail + 1, tail[0])) {
    return "no randomness for a chip id";
  }
  n->fuses = map_file(folder, "fuses.bin", NVM_FUSE_FILE, 0, bm_span_of(tail, 1u + tail[0]));
  n->flash = map_file(folder, "flash.bin", board->flash_size, 0xFF, bm_span_none());
  n->private_memory = map_file(folder, "private.bin", BM_PRIVATE_BYTES, 0, bm_span_none());
  if (n->fuses == NULL || n->flash == NULL || n->private_memory == NULL) {
    return "the state folder's files cannot be used, or belong to another board";
  }
  if (n->fuses[NVM_UID_SIZE_AT] > BM_UID_MAX) return "fuses.bin is damaged";
  bm_span stored = bm_span_of(n->fuses + NVM_UID_AT, n->fuses[NVM_UID_SIZE_AT]);
  if (uid.n > 0 && !bm_span_equal(uid, stored)) return "--uid is not the uid of this device";
  return NULL;
}

// power_goes counts a write and tells whether the power goes in the middle of this one.
static bool power_goes(nvm* n) { return ++n->writes == n->cut_after; }

static void power_off(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static bool writable(const nvm* n, uint32_t offset, size_t size) {
  return size <= n->board->flash_size &&
         bm_flash_write_allowed(n->board, n->fuses, n->fuses[NVM_PROTECT_AT], offset,
                                (uint32_t)size);
}

bool nvm_flash_erase(nvm* n, uint32_t offset) {
  if (offset % BM_BLOCK != 0 || !writable(n, offset, BM_BLOCK)) return false;
  bool cut = power_goes(n);
  memset(n->flash + offset, 0xFF, cut ? BM_BLOCK / 2 : BM_BLOCK);
  if (cut) power_off();
  return true;
}

bool nvm_flash_program(nvm* n, uint32_t offset, const uint8_t* data, size_t size) {
  if (!writable(n, offset, size)) return false;
  bool cut = power_goes(n);
  size_t whole = cut ? size / 2 : size;
  for (size_t i = 0; i < whole; i++) n->flash[offset + i] &= data[i];
  if (cut) {
    // The cell being programmed has lost some of its bits only.
    if (whole < size) n->flash[offset + whole] &= (uint8_t)(data[whole] | 0x0F);
    power_off();
  }
  return true;
}

bool nvm_flash_protect(nvm* n, uint8_t mask) {
  if (power_goes(n)) power_off();  // one byte: it is written or it is not
  n->fuses[NVM_PROTECT_AT] = mask;
  return true;
}

bool nvm_fuse_blow(nvm* n, unsigned bit) {
  if (bit >= BM_FUSE_BITS || !bm_fuse_blow_allowed(n->fuses, bit)) return false;
  if (power_goes(n)) power_off();  // too short a pulse: the fuse is whole
  n->fuses[bit / 8] |= (uint8_t)(0x80u >> (bit % 8));
  return true;
}

bool nvm_private_write(nvm* n, uint32_t offset, const uint8_t* data, size_t size) {
  if (offset > BM_PRIVATE_BYTES || size > BM_PRIVATE_BYTES - offset) return false;
  bool cut = power_goes(n);
  memcpy(n->private_memory + offset, data, cut ? size / 2 : size);
  if (cut) power_off();
  return true;
}
