// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "bitbang.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "listen.h"

bool bitbang_listen(bitbang* b, tap* t, const char* path) {
  b->port = t;
  b->connection = -1;
  b->listener = listen_unix(path);
  return b->listener >= 0;
}

void bitbang_accept(bitbang* b) { b->connection = accept_unix(b->listener); }

// set_reset works the two reset lines: 'r' neither, 's' SRST, 't' TRST, 'u' both.
static void set_reset(bitbang* b, char c) {
  bool trst = c == 't' || c == 'u';
  bool srst = c == 's' || c == 'u';
  if (trst) tap_reset(b->port);
  if (b->srst && !srst) {
    // The chip leaves reset. The TAP senses its fuses now, before the next bit comes; the loop
    // boots the rest.
    tap_sense(b->port);
    b->port->debug->held = false;
    b->port->debug->reset = true;
  }
  b->srst = srst;
}

bool bitbang_feed(bitbang* b, const uint8_t* in, size_t size, uint8_t* out, size_t* answers) {
  *answers = 0;
  for (size_t i = 0; i < size; i++) {
    char c = (char)in[i];
    if (c >= '0' && c <= '7') {
      tap_pins(b->port, (c & 4) != 0, (c & 2) != 0, (c & 1) != 0);
    } else if (c == 'R') {
      out[(*answers)++] = b->port->tdo ? '1' : '0';
    } else if (c >= 'r' && c <= 'u') {
      set_reset(b, c);
    } else if (c != 'B' && c != 'b') {  // the probe's lamp
      return false;
    }
  }
  return true;
}

static bool send_all(int fd, const uint8_t* data, size_t size) {
  while (size > 0) {
    ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      struct pollfd wait = {fd, POLLOUT, 0};
      if (poll(&wait, 1, 1000) > 0) continue;
    }
    if (n <= 0) return false;
    data += n;
    size -= (size_t)n;
  }
  return true;
}

void bitbang_serve(bitbang* b) {
  uint8_t in[16384];
  uint8_t out[sizeof in];
  size_t answers;
  ssize_t n = recv(b->connection, in, sizeof in, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  bool good = n > 0 && bitbang_feed(b, in, (size_t)n, out, &answers) &&
              send_all(b->connection, out, answers);
  if (good) return;
  close(b->connection);
  b->connection = -1;
  set_reset(b, 'r');  // nobody holds the lines any more
  debug_detach(b->port->debug);
}
