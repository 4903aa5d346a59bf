// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "console_pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
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

size_t console_read(console_pty* c, uint8_t* out, size_t capacity) {
  ssize_t n = read(c->master, out, capacity);
  if (n <= 0) return 0;
  if (c->noise > 0) {
    for (ssize_t i = 0; i < n; i++) out[i] = disturb(c, out[i]);
  }
  return (size_t)n;
}

void console_write(console_pty* c, const uint8_t* data, size_t size) {
  c->frames++;
  if (c->frames == c->drop_frame) return;
  if (c->frames == c->cut_frame) size /= 2;
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
