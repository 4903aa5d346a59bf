// SPDX-License-Identifier: Apache-2.0
// A unix socket for one peer at a time, readable by its owner only.
#pragma once

#include <sys/socket.h>

// listen_unix opens the socket at `path`; -1 when it cannot.
int listen_unix(const char* path);
// accept_unix takes the next peer; -1 when there is none.
int accept_unix(int listener);
