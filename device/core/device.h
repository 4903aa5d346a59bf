// SPDX-License-Identifier: Apache-2.0
// One device: its state in RAM and the entry points a port calls. Everything that must outlive a
// power cut is in fuses, flash or private memory, reached through the HAL; this struct may vanish
// at any instruction.
// Thread rule: one loop owns the struct.
#pragma once

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/version.h>

#include "cbor.h"
#include "est.h"
#include "frame.h"
#include "hal.h"
#include "tls.h"
#include "unlock.h"
#include "verify.h"
#include "voucher.h"

// The verifier is the library's: what a trial shows holds for this build of both.
#define BM_CORE_VERSION "birthmark-core 0.1.0 with " MBEDTLS_VERSION_STRING_FULL

enum {
  BM_SLOTS = 4,
  BM_MAX_STAGES = 8,
  BM_MAX_BOOT_LOG = 4096,
  BM_MAX_MESSAGE = 16384,
  BM_MAX_SERIAL = 64,
  BM_MAX_LABEL = 48,
  BM_MAX_CHAIN_BYTES = 8192 - 64,
  BM_P256_KEY = 32,
  BM_P256_POINT = 65,
  BM_P256_SPKI = 91,
  BM_SYMMETRIC_MAX = 32,
  BM_SALT = 16,
  BM_NO_STAGE = -1,
};

// The refusals a device can answer with; the numbers are part of the station protocol.
typedef enum {
  BM_OK = 0,
  BM_E_BAD_REQUEST = 1,
  BM_E_UNKNOWN_COMMAND = 2,
  BM_E_NOT_FACTORY = 3,
  BM_E_LOCKED = 4,
  BM_E_SEALED = 5,
  BM_E_OCCUPIED = 6,
  BM_E_NOT_FOUND = 7,
  BM_E_MISMATCH = 8,
  BM_E_RANGE = 9,
  BM_E_HARDWARE = 10,
  BM_E_UNSUPPORTED = 11,
  BM_E_TOO_LARGE = 12,
  BM_E_PRIVATE = 13,
  BM_E_NO_FIRMWARE = 14,
  BM_E_NOT_READY = 15,
} bm_status;

// What the boot found in one partition.
typedef struct {
  bm_partition_id partition;
  bool present;
  bool verified;  // a signature was checked and accepted
  bool usable;    // it ran, or (store) its anchors are in use
  bm_verdict verdict;
  unsigned level;
  bool factory_commands;
  uint64_t version;
  uint32_t image_size;        // head, envelope and payload
  uint8_t sha256[BM_DIGEST];  // of those image_size bytes
  uint8_t anchor[BM_MAX_LABEL];
  size_t anchor_size;
  uint8_t name[BM_MAX_LABEL];
  size_t name_size;
  unsigned privileges;  // of a TAM: bits of bm_privilege
  // What the manifest says the code is for; oem 0: it names no product.
  uint32_t oem;
  uint8_t model[BM_MAX_LABEL];
  size_t model_size;
  uint8_t hardware[BM_MAX_LABEL];
  size_t hardware_size;
} bm_stage;

// What the manifest of a TAM may allow it (RFC 9397, draft 3.3).
typedef enum {
  BM_MAY_CHANGE_ANCHORS = 1,
  BM_MAY_READ_PRIVATE = 2,
  BM_MAY_UPDATE_APPLICATION = 4,
} bm_privilege;

typedef enum { BM_NO_TRIAL, BM_TRIAL_WANTED, BM_TRIAL_BEGUN } bm_trial_state;

// What private memory keeps, as it is sealed into a bank: bytes only, so it has one layout.
typedef struct {
  uint8_t format;
  uint8_t identity_lock;     // the software form of the identity lock
  uint8_t first_stage_lock;  // the software form of the first-stage lock
  uint8_t serial_size;
  uint8_t serial[BM_MAX_SERIAL];
  uint8_t unconfigure_count[4];
  uint8_t contributions[4];  // how often a station added entropy
  uint8_t pool[32];
  struct {
    uint8_t occupied;
    uint8_t generation[4];
    uint8_t key[BM_P256_KEY];
    uint8_t point[BM_P256_POINT];
  } slot[BM_SLOTS];
  struct {
    uint8_t size;  // 0: there is none
    uint8_t value[BM_SYMMETRIC_MAX];
  } symmetric;
  struct {
    uint8_t set;
    uint8_t iterations[4];
    uint8_t salt[BM_SALT];
    uint8_t hash[BM_DIGEST];  // PBKDF2; the password itself is never kept
  } password;
  struct {
    uint8_t slot_b;     // the confirmed application is in the other buffer
    uint8_t trial;      // bm_trial_state: the other buffer is started once
    uint8_t fell_back;  // the last trial was not confirmed
    uint8_t floor[8];   // the lowest version of the application that starts
  } update;
  struct {
    uint8_t sequence[8];         // of the last message taken
    uint8_t message[BM_DIGEST];  // that message, so that repeating it does no harm
    uint8_t cell;                // of the TAM's store, from 1; 0: the image's own anchors
    uint8_t anchors[BM_DIGEST];  // what that cell must hold
  } tam;
} bm_private_state;

typedef enum { BM_PRIVATE_EMPTY, BM_PRIVATE_READY, BM_PRIVATE_DAMAGED } bm_private_health;

typedef struct {
  bool pass;
  uint32_t samples;
  uint32_t longest_repetition;
  uint32_t highest_proportion;
} bm_rng_health;

typedef struct bm_device {
  bm_hal hal;
  uint8_t boot_id[8];
  bm_stage stage[BM_MAX_STAGES];
  unsigned stages;
  int running;               // index into stage, BM_NO_STAGE while only the boot ROM runs
  int verifies_application;  // index of the stage that does, BM_NO_STAGE if none was reached

  // The measured boot: entries as they were made, each a byte string, and what they extended.
  uint8_t boot_register[BM_DIGEST];
  uint8_t boot_log[BM_MAX_BOOT_LOG];
  size_t boot_log_size;
  unsigned boot_log_entries;

  // An update that is being written; gone with the power.
  struct {
    bool open;
    bool in_place;
    bm_partition_id target;
    uint32_t envelope_size;
    uint32_t size;   // of the payload
    unsigned needs;  // what the new application must be able to verify (bm_anchor_needs)
  } update;

  bm_pledge pledge;
  bm_unlock unlock;
  bm_tls tls;
  bm_est est;

  bm_private_health private_health;
  uint32_t private_sequence;
  unsigned private_bank;
  bm_private_state state;

  mbedtls_ctr_drbg_context drbg;
  bool drbg_ready;
  bm_rng_health rng;

  bm_frame_receiver receiver;
  uint8_t request[BM_MAX_MESSAGE];
  size_t request_size;
  uint8_t request_type;
  bool request_open;
  uint8_t response[BM_MAX_MESSAGE];
  size_t response_size;
  size_t response_sent;
  bool answered;  // the fields below describe the last answer
  uint32_t last_sequence;
  uint32_t last_crc;
  bm_frame last;
  bool reset_wanted;
  const char* error_text;
  uint32_t bad_frames;

  uint8_t scratch[BM_MAX_MESSAGE];
  uint8_t header[BM_MAX_CHAIN_BYTES + 256];
  uint8_t wire[BM_FRAME_MAX_WIRE];
} bm_device;

// bm_device_start is power-on: it boots from what the hardware holds. `hal` is copied.
void bm_device_start(bm_device* device, const bm_hal* hal);

// bm_device_stop wipes the struct; what was in RAM is gone as when the power goes.
void bm_device_stop(bm_device* device);

// bm_device_poll takes what the console has received and answers it. Returns the bytes consumed.
size_t bm_device_poll(bm_device* device);
