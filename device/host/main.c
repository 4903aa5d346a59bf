// SPDX-License-Identifier: Apache-2.0
// birthmark-device: one emulated device. It says where its console, its programmer's port and the
// pins of its TAP are in one line on standard output, then behaves like hardware until it is told
// to stop, its parent dies, or nobody has talked to it for its lifetime.
#define _GNU_SOURCE
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "bitbang.h"
#include "chip.h"
#include "console_pty.h"
#include "device/core/device.h"
#include "element.h"
#include "nvm.h"
#include "programmer.h"
#include "seed.h"

typedef struct {
  nvm parts;
  chip element;
  chip_seed seed;
  console_pty console;
  debug_port debug;
  programmer port;
  tap test_port;
  bitbang pins;
  bm_device device;
  const bm_element* behind;  // the element behind the processor, from --element
  bool reset;
  bool by_mailbox;  // the last request came through the mailbox, so that is where the answer goes
  bool button;      // somebody holds it as long as the device runs
  long lifetime_seconds;
} machine;

static machine the_machine;  // 200 KB that would not be good on a stack

static bool flash_erase(void* m, uint32_t offset) {
  return nvm_flash_erase(&((machine*)m)->parts, offset);
}
static bool flash_program(void* m, uint32_t offset, const uint8_t* data, size_t size) {
  return nvm_flash_program(&((machine*)m)->parts, offset, data, size);
}
static bool flash_protect(void* m, uint8_t mask) {
  return nvm_flash_protect(&((machine*)m)->parts, mask);
}
static uint8_t flash_protection(void* m) { return ((machine*)m)->parts.fuses[NVM_PROTECT_AT]; }
static void fuse_read(void* m, uint8_t out[BM_FUSE_BYTES]) {
  memcpy(out, ((machine*)m)->parts.fuses, BM_FUSE_BYTES);
}
static bool fuse_blow(void* m, unsigned bit) { return nvm_fuse_blow(&((machine*)m)->parts, bit); }
static void private_read(void* m, uint32_t offset, uint8_t* out, size_t size) {
  memcpy(out, ((machine*)m)->parts.private_memory + offset, size);
}
static bool private_write(void* m, uint32_t offset, const uint8_t* data, size_t size) {
  return nvm_private_write(&((machine*)m)->parts, offset, data, size);
}
static bool random_fill(void* m, uint8_t* out, size_t size) {
  (void)m;
  return nvm_random(out, size);
}
// The firmware's console has two ends: a UART, and the mailbox registers behind the TAP.
static size_t console_rx(void* ctx, uint8_t* out, size_t capacity) {
  machine* m = ctx;
  size_t n = mailbox_take(&m->test_port, out, capacity);
  if (n > 0) {
    m->by_mailbox = true;
    return n;
  }
  n = console_read(&m->console, out, capacity);
  if (n > 0) m->by_mailbox = false;
  return n;
}
static void console_tx(void* ctx, const uint8_t* data, size_t size) {
  machine* m = ctx;
  if (m->by_mailbox) {
    mailbox_put(&m->test_port, data, size);
  } else {
    console_write(&m->console, data, size);
  }
}
static bool element_activate(void* m, bm_span password) {
  return chip_activate(&((machine*)m)->element, password);
}
static bool element_active(void* m) { return ((machine*)m)->element.active; }
static bool element_sign(void* m, const uint8_t digest[32], uint8_t signature[64]) {
  return chip_sign(&((machine*)m)->element, digest, signature);
}
static size_t seed_read(void* m, uint8_t out[BM_SEED_MAX]) {
  memcpy(out, ((machine*)m)->seed.seed, BM_SEED_MAX);
  return ((machine*)m)->seed.size;
}
static bool seed_own(void* m, uint8_t out[32]) {
  memcpy(out, ((machine*)m)->seed.own, 32);
  return true;
}
// The chip looks at its fuses at a reset alone, so the TAP has to look again.
static void port_unlock(void* ctx) {
  machine* m = ctx;
  m->debug.unlocked = true;
  tap_sense(&m->test_port);
}
static bool presence(void* m) { return ((machine*)m)->button; }
static void reset(void* m) { ((machine*)m)->reset = true; }
static uint32_t millis(void* m) {
  (void)m;
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static bool unix_seconds(void* m, uint64_t* out) {
  (void)m;
  time_t now = time(NULL);
  *out = (uint64_t)now;
  return now > 0;
}

static void power_on(machine* m) {
  bm_hal hal = {.ctx = m,
                .board = m->parts.board,
                .uid_size = m->parts.fuses[NVM_UID_SIZE_AT],
                .flash = m->parts.flash,
                .flash_erase = flash_erase,
                .flash_program = flash_program,
                .flash_protect = flash_protect,
                .flash_protection = flash_protection,
                .fuse_read = fuse_read,
                .fuse_blow = fuse_blow,
                .private_read = private_read,
                .private_write = private_write,
                .random = random_fill,
                .console_rx = console_rx,
                .console_tx = console_tx,
                .chip_uid = bm_span_of(m->element.uid, m->element.uid_size),
                .chip_point = bm_span_of(m->element.point, sizeof m->element.point),
                .chip_chain = bm_span_of(m->element.chain, m->element.chain_size),
                .chip_activate = element_activate,
                .chip_active = element_active,
                .chip_sign = element_sign,
                .seed_origin = m->seed.size > 0 ? m->seed.origin : NULL,
                .seed_read = seed_read,
                .seed_own = m->seed.mixes ? seed_own : NULL,
                .element = m->behind,
                .presence = presence,
                .port_unlock = port_unlock,
                .reset = reset,
                .millis = millis,
                .unix_seconds = unix_seconds};
  memcpy(hal.uid, m->parts.fuses + NVM_UID_AT, hal.uid_size);
  m->reset = false;
  m->debug.reset = false;
  m->debug.unlocked = false;
  tap_sense(&m->test_port);
  console_boot_log(&m->console);
  bm_device_start(&m->device, &hal);
}

static void restart(machine* m) {
  bm_device_stop(&m->device);
  power_on(m);
}

static int fail(const char* what) {
  fprintf(stderr, "birthmark-device: %s\n", what);
  return 2;
}

static int serve(machine* m) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, NULL);
  int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) return fail("signals cannot be read");
  uint32_t last = millis(m);
  for (;;) {
    // A port's place is taken by its listener, or by the probe that is connected. A negative fd is
    // skipped.
    bool probe = m->port.connection >= 0;
    bool pins = m->pins.connection >= 0;
    bool held = m->debug.held || m->pins.srst;
    struct pollfd fd[5] = {{held ? -1 : m->console.master, POLLIN, 0},
                           {probe ? m->port.connection : m->port.listener, POLLIN, 0},
                           {pins ? m->pins.connection : m->pins.listener, POLLIN, 0},
                           {signals, POLLIN, 0},
                           {STDIN_FILENO, POLLIN, 0}};
    if (poll(fd, 5, 1000) > 0) {
      if (fd[3].revents != 0) return 0;
      char discard[256];
      // The end of standard input is the end of whoever started this device. (PR_SET_PDEATHSIG
      // would also fire when only the thread that started it ends.)
      if (fd[4].revents != 0 && read(STDIN_FILENO, discard, sizeof discard) <= 0) return 0;
      if (fd[1].revents != 0) {
        last = millis(m);
        probe ? programmer_serve(&m->port) : programmer_accept(&m->port);
      }
      if (fd[2].revents != 0) {
        last = millis(m);
        pins ? bitbang_serve(&m->pins) : bitbang_accept(&m->pins);
      }
      if (m->debug.reset) restart(m);
      bool written = m->test_port.to_device.size > 0;  // the mailbox's interrupt
      held = m->debug.held || m->pins.srst;
      if (!held && (fd[0].revents != 0 || written) && bm_device_poll(&m->device) > 0) {
        last = millis(m);
      }
      if (m->reset) restart(m);
    }
    if ((uint32_t)(millis(m) - last) / 1000 >= (uint32_t)m->lifetime_seconds) return 0;
  }
}

static bool hex(const char* text, uint8_t* out, size_t* size) {
  size_t n = strlen(text);
  if (n == 0 || n % 2 != 0 || n / 2 > BM_UID_MAX) return false;
  for (size_t i = 0; i < n; i += 2) {
    unsigned value;
    char two[3] = {text[i], text[i + 1], 0};
    if (strspn(two, "0123456789abcdefABCDEF") != 2 || sscanf(two, "%x", &value) != 1) return false;
    out[i / 2] = (uint8_t)value;
  }
  *size = n / 2;
  return true;
}

static bool number(const char* text, uint64_t* out) {
  char* end;
  *out = strtoull(text, &end, 10);
  return *text >= '0' && *text <= '9' && *end == 0;
}

static const char kUsage[] =
    "usage: birthmark-device --board bmc|bulb --state DIR [--uid HEX] [--console pty]\n"
    "         [--programmer unix:PATH] [--jtag unix:PATH] [--lifetime-seconds N]\n"
    "         [--seed N] [--noise P] [--cut-frame N] [--drop-frame N] [--power-cut-after N]\n"
    "         [--boot-log N] [--uart-fifo N] [--uart-rate N] [--element URI] [--button]\n"
    "         [--seed-file F [--seed-origin fuses|tpm|secure-element|puf] [--seed-mixes]]\n"
    "An element is tpm2:TCTI, pkcs11:…, swtpm:FOLDER or softhsm:FOLDER.\n"
    "Somebody holds the button from power-on to the end.\n"
    "A seed is put in once: 32 to 64 octets, as they are or in hexadecimal.\n"
    "One emulated device. It ends with its standard input.\n";

enum {
  kBoard = 1,
  kState,
  kUid,
  kConsole,
  kProgrammer,
  kJtag,
  kLifetime,
  kSeed,
  kNoise,
  kCut,
  kDrop,
  kPower,
  kBootLog,
  kUartFifo,
  kUartRate,
  kElement,
  kSeedFile,
  kSeedOrigin,
  kSeedMixes,
  kButton
};

int main(int argc, char** argv) {
  static const struct option kOptions[] = {{"board", required_argument, NULL, kBoard},
                                           {"state", required_argument, NULL, kState},
                                           {"uid", required_argument, NULL, kUid},
                                           {"console", required_argument, NULL, kConsole},
                                           {"programmer", required_argument, NULL, kProgrammer},
                                           {"jtag", required_argument, NULL, kJtag},
                                           {"lifetime-seconds", required_argument, NULL, kLifetime},
                                           {"seed", required_argument, NULL, kSeed},
                                           {"noise", required_argument, NULL, kNoise},
                                           {"cut-frame", required_argument, NULL, kCut},
                                           {"drop-frame", required_argument, NULL, kDrop},
                                           {"power-cut-after", required_argument, NULL, kPower},
                                           {"boot-log", required_argument, NULL, kBootLog},
                                           {"uart-fifo", required_argument, NULL, kUartFifo},
                                           {"uart-rate", required_argument, NULL, kUartRate},
                                           {"element", required_argument, NULL, kElement},
                                           {"seed-file", required_argument, NULL, kSeedFile},
                                           {"seed-origin", required_argument, NULL, kSeedOrigin},
                                           {"seed-mixes", no_argument, NULL, kSeedMixes},
                                           {"button", no_argument, NULL, kButton},
                                           {NULL, 0, NULL, 0}};
  machine* m = &the_machine;
  const bm_board* board = NULL;
  const char* state = NULL;
  const char* socket_path = NULL;
  const char* jtag_path = NULL;
  const char* element = NULL;
  const char* seed_file = NULL;
  const char* seed_origin = "fuses";
  bool seed_mixes = false;
  uint8_t uid[BM_UID_MAX];
  size_t uid_size = 0;
  uint64_t lifetime = 600;
  m->console.seed = 1;
  m->console.rate = 11;  // bytes a millisecond: 115200 baud
  m->port.listener = -1;
  m->port.connection = -1;
  m->pins.listener = -1;
  m->pins.connection = -1;
  m->debug.parts = &m->parts;
  m->test_port.debug = &m->debug;
  int option;
  while ((option = getopt_long(argc, argv, "", kOptions, NULL)) != -1) {
    bool good = true;
    char* end = NULL;
    switch (option) {
      case kBoard:
        good = (board = bm_board_find(bm_text(optarg))) != NULL;
        break;
      case kState:
        state = optarg;
        break;
      case kUid:
        good = hex(optarg, uid, &uid_size);
        break;
      case kConsole:
        good = strcmp(optarg, "pty") == 0;
        break;
      case kProgrammer:
        good = strncmp(optarg, "unix:", 5) == 0;
        socket_path = optarg + 5;
        break;
      case kJtag:
        good = strncmp(optarg, "unix:", 5) == 0;
        jtag_path = optarg + 5;
        break;
      case kLifetime:
        good = number(optarg, &lifetime) && lifetime > 0 && lifetime <= 86400;
        break;
      case kSeed:
        good = number(optarg, &m->console.seed) && m->console.seed != 0;
        break;
      case kNoise:
        m->console.noise = strtod(optarg, &end);
        good = *end == 0 && m->console.noise >= 0 && m->console.noise <= 1;
        break;
      case kCut:
        good = number(optarg, &m->console.cut_frame);
        break;
      case kDrop:
        good = number(optarg, &m->console.drop_frame);
        break;
      case kPower:
        good = number(optarg, &m->parts.cut_after);
        break;
      case kBootLog:
        good = number(optarg, &m->console.boot_log) && m->console.boot_log <= 2048;
        break;
      case kUartFifo:
        good = number(optarg, &m->console.fifo);
        break;
      case kUartRate:
        good = number(optarg, &m->console.rate) && m->console.rate > 0;
        break;
      case kElement:
        element = optarg;
        break;
      case kSeedFile:
        seed_file = optarg;
        break;
      case kSeedOrigin:
        seed_origin = optarg;
        break;
      case kButton:
        m->button = true;
        break;
      case kSeedMixes:
        seed_mixes = true;
        break;
      default:
        good = false;
    }
    if (!good) {
      fputs(kUsage, stderr);
      return 2;
    }
  }
  if (board == NULL || state == NULL || optind != argc) {
    fputs(kUsage, stderr);
    return 2;
  }
  m->lifetime_seconds = (long)lifetime;
  const char* wrong = nvm_open(&m->parts, board, state, bm_span_of(uid, uid_size));
  if (wrong == NULL) wrong = chip_open(&m->element, state);
  if (wrong == NULL) {
    wrong = chip_seed_open(&m->seed, state, seed_file, seed_origin, seed_mixes);
  }
  if (wrong == NULL && element != NULL) m->behind = element_open(element, &wrong);
  if (wrong != NULL) return fail(wrong);
  if (!console_open(&m->console)) return fail("no pty for the console");
  if (socket_path != NULL && !programmer_listen(&m->port, &m->debug, socket_path)) {
    return fail("the programmer's socket cannot be opened");
  }
  if (jtag_path != NULL && !bitbang_listen(&m->pins, &m->test_port, jtag_path)) {
    return fail("the socket of the TAP cannot be opened");
  }
  tap_reset(&m->test_port);
  power_on(m);
  printf("ready console=%s programmer=%s jtag=%s\n", m->console.path,
         socket_path == NULL ? "none" : socket_path, jtag_path == NULL ? "none" : jtag_path);
  fflush(stdout);
  int code = serve(m);
  if (socket_path != NULL) unlink(socket_path);
  if (jtag_path != NULL) unlink(jtag_path);
  bm_device_stop(&m->device);
  element_close();
  return code;
}
