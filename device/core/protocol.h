// SPDX-License-Identifier: Apache-2.0
// The numbers of the station protocol's commands, shared by the device and the station.
#pragma once

typedef enum {
  BM_CMD_HELLO = 1,
  BM_CMD_BOOT_REPORT = 2,
  BM_CMD_SELF_TEST = 3,
  BM_CMD_PRIVATE_MEMORY_INIT = 4,
  BM_CMD_ENTROPY = 5,
  BM_CMD_GENERATE = 6,
  BM_CMD_SLOT = 7,
  BM_CMD_CSR = 8,
  BM_CMD_PUT_CERTIFICATE = 9,
  BM_CMD_GET_CERTIFICATE = 10,
  BM_CMD_SET_SERIAL = 11,
  BM_CMD_FLASH_WRITE = 12,
  BM_CMD_FLASH_ERASE = 13,
  BM_CMD_FLASH_DIGEST = 14,
  BM_CMD_FLASH_READ = 15,
  BM_CMD_BLOW = 16,
  BM_CMD_LOCK = 17,
  BM_CMD_UNCONFIGURE = 18,
  BM_CMD_RESET = 19,
  BM_CMD_REPORT = 20,
  BM_CMD_TRIAL = 21,
  BM_CMD_PUT_SECRET = 45,
  BM_CMD_SECRET_CHECK = 46,
  BM_CMD_UPDATE_OPEN = 47,
  BM_CMD_CHIP = 40,
  BM_CMD_CHIP_ACTIVATE = 41,
  BM_CMD_CHIP_PROOF = 42,
  BM_CMD_ELEMENT_INFO = 30,
  BM_CMD_ELEMENT_MAKE = 31,
  BM_CMD_ELEMENT_ATTEST = 32,
  BM_CMD_ELEMENT_ACTIVATE = 33,
  BM_CMD_ELEMENT_FACTS = 34,
  BM_CMD_SEED_FACTS = 35,
  BM_CMD_DERIVE = 36,
  BM_CMD_BAD_FRAME = 126,  // device to station: something unreadable arrived, resend
  BM_CMD_CONTINUE = 127,   // station to device: the next part of a long answer
} bm_command;
