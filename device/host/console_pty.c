// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "console_pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

bool console_open(console_pty* c) {
  c->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (c->master < 0 || grantpt(c->master) != 0 || unlockpt(c->master) != 0 ||
      ptsname_r(c->master, c->path, sizeof c->path) != 0) {
    return false;
  }
  c->slave = open(c->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct termios raw;
  if (c->slave < 0 || tcgetattr(c->slave, &raw) != 0) return false;
  cfmakeraw(&raw);
  return tcsetattr(c->slave, TCSANOW, &raw) == 0;
}

// disturb changes one bit of a byte with the wanted probability (xorshift64*).
static uint8_t disturb(console_pty* c, uint8_t byte) {
  c->seed ^= c->seed >> 12;
  c->seed ^= c->seed << 25;
  c->seed ^= c->seed >> 27;
  uint64_t r = c->seed * 0x2545F4914F6CDD1DULL;
  bool hit = (double)(r >> 11) / 9007199254740992.0 < c->noise;
  return hit ? byte ^ (uint8_t)(1u << (r & 7)) : byte;
}

// overrun gives how many of `n` bytes that came just now found room in the receiver's FIFO.
static size_t overrun(console_pty* c, size_t n) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  uint64_t now = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
  uint64_t passed = now - c->read_at;
  c->level_us = c->level_us > passed ? c->level_us - passed : 0;
  c->read_at = now;
  uint64_t level = c->level_us * c->rate / 1000;
  uint64_t room = c->fifo > level ? c->fifo - level : 0;
  if (n > room) n = (size_t)room;
  c->level_us += n * 1000 / c->rate;
  return n;
}

size_t console_read(console_pty* c, uint8_t* out, size_t capacity) {
  ssize_t n = read(c->master, out, capacity);
  if (n <= 0) return 0;
  if (c->fifo > 0) n = (ssize_t)overrun(c, (size_t)n);
  if (c->noise > 0) {
    for (ssize_t i = 0; i < n; i++) out[i] = disturb(c, out[i]);
  }
  return (size_t)n;
}

static void put(console_pty* c, const uint8_t* data, size_t size) {
  uint8_t part[512];
  for (size_t at = 0; at < size;) {
    size_t n = size - at < sizeof part ? size - at : sizeof part;
    for (size_t i = 0; i < n; i++) {
      part[i] = c->noise > 0 ? disturb(c, data[at + i]) : data[at + i];
    }
    for (size_t done = 0; done < n;) {
      ssize_t written = write(c->master, part + done, n - done);
      if (written > 0) {
        done += (size_t)written;
        continue;
      }
      if (written < 0 && errno == EINTR) continue;
      // A wire has no memory: what nobody takes within a second is lost.
      struct pollfd wait = {c->master, POLLOUT, 0};
      if (errno != EAGAIN || poll(&wait, 1, 1000) <= 0) return;
    }
    at += n;
  }
}

void console_write(console_pty* c, const uint8_t* data, size_t size) {
  c->frames++;
  if (c->frames == c->drop_frame) return;
  if (c->frames == c->cut_frame) size /= 2;
  put(c, data, size);
}

void console_boot_log(console_pty* c) {
  static const char kLine[] = "[    0.004217] boot: ~~ loading }stage~, crc ok\r\n";
  for (size_t left = (size_t)c->boot_log; left > 0;) {
    size_t n = left < sizeof kLine - 1 ? left : sizeof kLine - 1;
    put(c, (const uint8_t*)kLine, n);
    left -= n;
  }
}
