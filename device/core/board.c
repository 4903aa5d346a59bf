// SPDX-License-Identifier: Apache-2.0
#include "board.h"

static const bm_board kBoards[] = {
    {
        // A server's BMC: boot flash is an external chip, private memory is on the die.
        .name = "bmc",
        .flash_size = 0x200000,
        .partition =
            {
                [BM_FIRST_STAGE] = {"first-stage", 0x000000, 0x010000, false, false},
                [BM_SECOND_STAGE] = {"second-stage", 0x010000, 0x020000, false, false},
                [BM_APPLICATION] = {"application", 0x030000, 0x100000, false, false},
                [BM_TEST_IMAGE] = {"test-image", 0x130000, 0x040000, false, false},
                [BM_FACTORY_DATA] = {"factory-data", 0x170000, 0x010000, false, false},
                [BM_STORE] = {"store", 0x180000, 0x040000, false, false},
                [BM_SCRATCH] = {"scratch", 0x1C0000, 0x001000, false, false},
                [BM_TAM] = {"tam", 0x1C8000, 0x010000, false, false},
                [BM_TAM_STORE] = {"tam-store", 0x1D8000, 0x004000, false, false},
                [BM_APPLICATION_B] = {"application-b", 0x1DC000, 0x024000, false, false},
            },
        .key_in_factory_data = false,
        .second_stage_optional = false,
        .owner_offset = 0x1C4000,
        .owner_size = 2 * BM_BLOCK,
    },
    {
        // A light bulb: one die holds everything, and one image brings everything.
        .name = "bulb",
        .flash_size = 0x100000,
        .partition =
            {
                [BM_FIRST_STAGE] = {"first-stage", 0x000000, 0x008000, true, false},
                [BM_SECOND_STAGE] = {"second-stage", 0x008000, 0x008000, true, false},
                [BM_APPLICATION] = {"application", 0x010000, 0x0A0000, true, false},
                [BM_TEST_IMAGE] = {"test-image", 0x0B0000, 0x010000, true, false},
                [BM_FACTORY_DATA] = {"factory-data", 0x0C0000, 0x004000, true, true},
                [BM_STORE] = {"store", 0x0C4000, 0x008000, true, false},
                [BM_SCRATCH] = {"scratch", 0x0CC000, 0x001000, true, false},
                [BM_TAM] = {"tam", 0x0D0000, 0x008000, true, false},
                [BM_TAM_STORE] = {"tam-store", 0x0D8000, 0x004000, true, false},
                [BM_APPLICATION_B] = {"application-b", 0x0DC000, 0x024000, true, false},
            },
        .key_in_factory_data = true,
        .second_stage_optional = true,
        .owner_offset = 0x0CD000,
        .owner_size = 2 * BM_BLOCK,
    },
};

const bm_board* bm_board_find(bm_span name) {
  for (size_t i = 0; i < sizeof kBoards / sizeof kBoards[0]; i++) {
    if (bm_span_is(name, kBoards[i].name)) return &kBoards[i];
  }
  return NULL;
}

bm_partition_id bm_partition_find(const bm_board* board, bm_span name) {
  for (unsigned i = 0; i < BM_PARTITIONS; i++) {
    if (bm_span_is(name, board->partition[i].name)) return (bm_partition_id)i;
  }
  return BM_NO_PARTITION;
}

int bm_fuse_find(bm_span name) {
  static const struct {
    const char* name;
    int bit;
  } kFuses[] = {
      {"secure-boot", BM_FUSE_SECURE_BOOT},
      {"identity-lock", BM_FUSE_IDENTITY_LOCK},
      {"first-stage-lock", BM_FUSE_FIRST_STAGE_LOCK},
      {"port-lock", BM_FUSE_PORT_LOCK},
      {"seal", BM_FUSE_SEAL},
      {"retire-1", BM_FUSE_RETIRE},
      {"retire-2", BM_FUSE_RETIRE + 1},
      {"retire-3", BM_FUSE_RETIRE + 2},
      {"retire-4", BM_FUSE_RETIRE + 3},
  };
  for (size_t i = 0; i < sizeof kFuses / sizeof kFuses[0]; i++) {
    if (bm_span_is(name, kFuses[i].name)) return kFuses[i].bit;
  }
  return -1;
}

bool bm_fuse_blow_allowed(const uint8_t fuses[BM_FUSE_BYTES], unsigned bit) {
  if (bit < BM_FUSE_SECURE_BOOT) return !bm_fuse(fuses, BM_FUSE_SECURE_BOOT);
  return bit <= BM_FUSE_SEAL || (bit >= BM_FUSE_RETIRE && bit < BM_FUSE_USED);
}

static bool overlaps(const bm_partition* p, uint32_t offset, uint32_t size) {
  return offset < p->offset + p->size && p->offset < offset + size;
}

bool bm_flash_write_allowed(const bm_board* board, const uint8_t fuses[BM_FUSE_BYTES],
                            uint8_t protect_mask, uint32_t offset, uint32_t size) {
  if (offset > board->flash_size || size > board->flash_size - offset) return false;
  for (unsigned i = 0; i < BM_PARTITIONS; i++) {
    if (!overlaps(&board->partition[i], offset, size)) continue;
    if ((protect_mask >> i & 1u) != 0) return false;
    if (i == BM_FIRST_STAGE && bm_fuse(fuses, BM_FUSE_FIRST_STAGE_LOCK)) return false;
    if (i == BM_FACTORY_DATA && bm_fuse(fuses, BM_FUSE_IDENTITY_LOCK)) return false;
  }
  return true;
}

bool bm_port_open(const uint8_t fuses[BM_FUSE_BYTES]) {
  return !bm_fuse(fuses, BM_FUSE_PORT_LOCK) && !bm_fuse(fuses, BM_FUSE_SEAL);
}
