// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "programmer.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "listen.h"

bool programmer_listen(programmer* p, debug_port* debug, const char* path) {
  p->debug = debug;
  p->connection = -1;
  p->listener = listen_unix(path);
  return p->listener >= 0;
}

void programmer_accept(programmer* p) {
  p->connection = accept_unix(p->listener);
  p->size = 0;
}

static void reply(programmer* p, uint8_t status, bm_span data) {
  uint8_t head[5] = {status};
  bm_put_u32(head + 1, (uint32_t)data.n);
  bm_span part[2] = {bm_span_of(head, sizeof head), data};
  for (unsigned i = 0; i < 2; i++) {
    while (part[i].n > 0) {
      ssize_t n = send(p->connection, part[i].p, part[i].n, MSG_NOSIGNAL);
      if (n < 0 && errno == EAGAIN) {
        struct pollfd wait = {p->connection, POLLOUT, 0};
        if (poll(&wait, 1, 1000) > 0) continue;
      }
      if (n <= 0) return;  // the probe is gone; serve finds out
      part[i].p += n;
      part[i].n -= (size_t)n;
    }
  }
}

// take runs the operation at the front of the buffer; false when it is not whole yet.
static bool take(programmer* p, bool* broken) {
  if (p->size < 9) return false;
  uint8_t op = p->buffer[0];
  uint32_t address = bm_get_u32(p->buffer + 1);
  uint32_t length = bm_get_u32(p->buffer + 5);
  size_t data = op == BM_DEBUG_PROGRAM ? length : 0;
  if ((op == BM_DEBUG_PROGRAM || op == BM_DEBUG_READ) && length > PROGRAMMER_MAX_DATA) {
    *broken = true;
    return false;
  }
  if (p->size < 9 + data) return false;
  bm_span out;
  uint8_t status = debug_run(p->debug, op, address, length, p->buffer + 9, &out);
  reply(p, status, out);
  memmove(p->buffer, p->buffer + 9 + data, p->size - 9 - data);
  p->size -= 9 + data;
  return true;
}

void programmer_serve(programmer* p) {
  bool broken = false;
  ssize_t n = recv(p->connection, p->buffer + p->size, sizeof p->buffer - p->size, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) {
    p->size += (size_t)n;
    while (take(p, &broken)) {
    }
  }
  if (n <= 0 || broken) {
    close(p->connection);
    p->connection = -1;
    debug_detach(p->debug);
  }
}
