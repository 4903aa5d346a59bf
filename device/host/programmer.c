// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "programmer.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { kInfo = 1, kRead, kErase, kProgram, kBlow, kReadFuses, kReset };
enum { kDone, kClosed, kRange, kProtected, kFailed, kUnknown };

bool programmer_listen(programmer* p, nvm* parts, const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  p->parts = parts;
  p->connection = -1;
  if (strlen(path) >= sizeof address.sun_path) return false;
  memcpy(address.sun_path, path, strlen(path));
  p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (p->listener < 0) return false;
  unlink(path);
  mode_t before = umask(077);
  bool good = bind(p->listener, (struct sockaddr*)&address, sizeof address) == 0 &&
              listen(p->listener, 1) == 0;
  umask(before);
  return good;
}

void programmer_accept(programmer* p) {
  int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  if (p->connection >= 0) {
    close(fd);  // one probe at a time
    return;
  }
  p->connection = fd;
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

static uint8_t erase(nvm* parts, uint32_t address, uint32_t length) {
  if (address % BM_BLOCK != 0 || length % BM_BLOCK != 0) return kRange;
  for (uint32_t at = address; at < address + length; at += BM_BLOCK) {
    if (!nvm_flash_erase(parts, at)) return kProtected;
  }
  return kDone;
}

static void info(programmer* p) {
  uint8_t out[1 + BM_UID_MAX + 4 + 32];
  const nvm* parts = p->parts;
  size_t name = strlen(parts->board->name);
  size_t n = 0;
  memcpy(out, parts->fuses + NVM_UID_SIZE_AT, 1u + parts->fuses[NVM_UID_SIZE_AT]);
  n += 1u + parts->fuses[NVM_UID_SIZE_AT];
  bm_put_u32(out + n, parts->board->flash_size);
  n += 4;
  memcpy(out + n, parts->board->name, name);
  reply(p, kDone, bm_span_of(out, n + name));
}

static void run(programmer* p, uint8_t op, uint32_t address, uint32_t length, const uint8_t* data) {
  nvm* parts = p->parts;
  uint32_t flash_size = parts->board->flash_size;
  bool on_flash = op == kRead || op == kErase || op == kProgram;
  if (on_flash && (address > flash_size || length > flash_size - address)) {
    reply(p, kRange, bm_span_none());
    return;
  }
  uint8_t status = kUnknown;
  switch (op) {
    case kInfo:
      info(p);
      return;
    case kRead:
      reply(p, kDone, bm_span_of(parts->flash + address, length));
      return;
    case kReadFuses:
      reply(p, kDone, bm_span_of(parts->fuses, BM_FUSE_BYTES));
      return;
    case kErase:
      status = erase(parts, address, length);
      break;
    case kProgram:
      status = nvm_flash_program(parts, address, data, length) ? kDone : kProtected;
      if (status == kDone && memcmp(parts->flash + address, data, length) != 0) status = kFailed;
      break;
    case kBlow:
      status = nvm_fuse_blow(parts, address) ? kDone : kProtected;
      break;
    case kReset:
      status = kDone;
      break;
  }
  reply(p, status, bm_span_none());
}

// take runs the operation at the front of the buffer; false when it is not whole yet. *reset is set
// when it was a reset.
static bool take(programmer* p, bool* reset, bool* broken) {
  if (p->size < 9) return false;
  uint8_t op = p->buffer[0];
  uint32_t address = bm_get_u32(p->buffer + 1);
  uint32_t length = bm_get_u32(p->buffer + 5);
  size_t data = op == kProgram ? length : 0;
  if ((op == kProgram || op == kRead) && length > PROGRAMMER_MAX_DATA) {
    *broken = true;
    return false;
  }
  if (p->size < 9 + data) return false;
  if (!bm_port_open(p->parts->fuses)) {
    reply(p, kClosed, bm_span_none());
  } else {
    p->held = true;
    run(p, op, address, length, p->buffer + 9);
    *reset = op == kReset;
  }
  memmove(p->buffer, p->buffer + 9 + data, p->size - 9 - data);
  p->size -= 9 + data;
  return true;
}

bool programmer_serve(programmer* p) {
  bool reset = false;
  bool broken = false;
  ssize_t n = recv(p->connection, p->buffer + p->size, sizeof p->buffer - p->size, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (n > 0) {
    p->size += (size_t)n;
    while (take(p, &reset, &broken)) {
    }
  }
  if (n <= 0 || broken) {
    close(p->connection);
    p->connection = -1;
    reset = p->held;  // a probe that is pulled off lets the CPU go
  }
  if (reset) p->held = false;
  return reset;
}
