// SPDX-License-Identifier: Apache-2.0
#include "cli/stop.h"

#include <atomic>
#include <csignal>

namespace birthmark::cli {
namespace {

std::atomic<bool> g_stop = false;
extern "C" void OnStop(int) { g_stop = true; }

}  // namespace

void CatchStop(bool second_ends) {
  struct sigaction action{};
  action.sa_handler = OnStop;
  if (second_ends) action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool Stopped() { return g_stop; }

}  // namespace birthmark::cli
