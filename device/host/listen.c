// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "listen.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int listen_unix(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -1;
  memcpy(address.sun_path, path, strlen(path));
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  unlink(path);
  mode_t before = umask(077);
  int good = bind(fd, (struct sockaddr*)&address, sizeof address) == 0 && listen(fd, 1) == 0;
  umask(before);
  if (good) return fd;
  close(fd);
  return -1;
}

int accept_unix(int listener) {
  return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}
