// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "seed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nvm.h"

// The file: a mark, the origin, sizes and flags, the seed, the own entropy; all of fixed size.
static const char kMark[4] = {'B', 'M', 'S', '1'};

static int digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// is_hex: 32 octets of a seed are all hexadecimal digits about once in 10^34, so what is, is text.
static bool is_hex(const uint8_t* text, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (digit(text[i]) < 0) return false;
  }
  return n > 0;
}

static const char* from_file(chip_seed* s, const char* file) {
  uint8_t text[2 * BM_SEED_MAX + 3];
  FILE* f = fopen(file, "rb");
  if (f == NULL) return "the seed file cannot be read";
  size_t n = fread(text, 1, sizeof text, f);
  fclose(f);
  size_t line = n;
  while (line > 0 && (text[line - 1] == '\n' || text[line - 1] == '\r')) line--;
  bool hex = is_hex(text, line);
  s->size = hex ? line / 2 : n;
  if ((hex && line % 2 != 0) || s->size < BM_SEED_MIN || s->size > BM_SEED_MAX) {
    return "the seed file must hold 32 to 64 octets, as they are or in hexadecimal";
  }
  for (size_t i = 0; i < s->size; i++) {
    s->seed[i] = hex ? (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1])) : text[i];
  }
  return NULL;
}

static bool known_origin(const char* origin) {
  static const char* const kOrigins[] = {"fuses", "tpm", "secure-element", "puf"};
  for (size_t i = 0; i < sizeof kOrigins / sizeof kOrigins[0]; i++) {
    if (strcmp(origin, kOrigins[i]) == 0) return true;
  }
  return false;
}

static const char* put_in(const chip_seed* s, const char* path) {
  // As a fuse: made once, and nobody writes to it later.
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
  if (fd < 0) return "the seed cannot be put in";
  uint8_t flag = s->mixes;
  uint8_t size = (uint8_t)s->size;
  bool good = write(fd, kMark, sizeof kMark) == sizeof kMark && write(fd, &flag, 1) == 1 &&
              write(fd, &size, 1) == 1 &&
              write(fd, s->origin, sizeof s->origin) == (ssize_t)sizeof s->origin &&
              write(fd, s->seed, sizeof s->seed) == (ssize_t)sizeof s->seed &&
              write(fd, s->own, sizeof s->own) == (ssize_t)sizeof s->own && fsync(fd) == 0;
  return close(fd) == 0 && good ? NULL : "the seed cannot be put in";
}

static const char* read_back(chip_seed* s, FILE* f) {
  char mark[sizeof kMark];
  uint8_t flag = 0;
  uint8_t size = 0;
  bool good = fread(mark, sizeof mark, 1, f) == 1 && memcmp(mark, kMark, sizeof mark) == 0 &&
              fread(&flag, 1, 1, f) == 1 && fread(&size, 1, 1, f) == 1 &&
              fread(s->origin, sizeof s->origin, 1, f) == 1 &&
              fread(s->seed, sizeof s->seed, 1, f) == 1 && fread(s->own, sizeof s->own, 1, f) == 1;
  s->origin[sizeof s->origin - 1] = 0;
  s->mixes = flag != 0;
  s->size = size;
  return good && size >= BM_SEED_MIN && size <= BM_SEED_MAX && known_origin(s->origin)
             ? NULL
             : "the file \"seed\" is no seed";
}

const char* chip_seed_open(chip_seed* s, const char* folder, const char* file, const char* origin,
                           bool mixes) {
  char path[512];
  memset(s, 0, sizeof *s);
  if (snprintf(path, sizeof path, "%s/seed", folder) >= (int)sizeof path) {
    return "the state folder's name is too long";
  }
  chip_seed wanted = {.mixes = mixes};
  if (file != NULL) {
    if (!known_origin(origin)) {
      return "--seed-origin must be fuses, tpm, secure-element or puf";
    }
    strcpy(wanted.origin, origin);
    const char* wrong = from_file(&wanted, file);
    if (wrong != NULL) return wrong;
  }
  FILE* f = fopen(path, "rb");
  if (f != NULL) {
    const char* wrong = read_back(s, f);
    fclose(f);
    if (wrong != NULL || file == NULL) return wrong;
    return s->size == wanted.size && memcmp(s->seed, wanted.seed, s->size) == 0 &&
                   s->mixes == mixes && strcmp(s->origin, origin) == 0
               ? NULL
               : "the chip has another seed, and takes only one";
  }
  if (errno != ENOENT) return "the file \"seed\" cannot be read";
  if (file == NULL) return NULL;
  if (mixes && !nvm_random(wanted.own, sizeof wanted.own)) return "the chip's random source fails";
  *s = wanted;
  return put_in(s, path);
}
