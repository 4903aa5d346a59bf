// SPDX-License-Identifier: Apache-2.0
// The random source of virt: a virtio entropy device, found among the machine's virtio-mmio slots.
// QEMU fills it from the host's random source, so it stands for a hardware source here.
// Source: Virtual I/O Device 1.0 (OASIS) 2.4 (virtqueues), 4.2.2 (MMIO registers), 5.4 (entropy).
#include "port.h"

#define REG(address) (*(volatile uint32_t*)(address))

enum {
  kSlots = 0x0A000000,
  kSlotSize = 0x200,
  kSlotCount = 32,
  kMagic = 0x74726976,
  kVersion = 2,
  kEntropy = 4,
  kDriverFeatures = 0x20,
  kDriverFeaturesSelect = 0x24,
  kQueueSelect = 0x30,
  kQueueSize = 0x38,
  kQueueReady = 0x44,
  kQueueNotify = 0x50,
  kStatus = 0x70,
  kDescriptors = 0x80,
  kAvailable = 0x90,
  kUsed = 0xA0,
  kAcknowledge = 1,
  kDriver = 2,
  kDriverOk = 4,
  kFeaturesOk = 8,
  kDeviceWrites = 2,
  kQueue = 4,
  kPatience = 2000,  // milliseconds
};

const bool port_random_is_test = false;

static struct {
  uint64_t address;
  uint32_t size;
  uint16_t flags;
  uint16_t next;
} descriptors[kQueue] __attribute__((aligned(16)));

static struct {
  uint16_t flags;
  uint16_t index;
  uint16_t ring[kQueue];
} available;

static volatile struct {
  uint16_t flags;
  uint16_t index;
  struct {
    uint32_t id;
    uint32_t size;
  } ring[kQueue];
} used __attribute__((aligned(4)));

static uint8_t pool[256];
static uint32_t device;

static void barrier(void) { __asm__ volatile("dsb" ::: "memory"); }

static void address(uint32_t at, const volatile void* p) {
  REG(at) = (uint32_t)(uintptr_t)p;
  REG(at + 4) = 0;
}

static bool start(void) {
  for (unsigned i = 0; i < kSlotCount && device == 0; i++) {
    uint32_t slot = kSlots + i * kSlotSize;
    if (REG(slot) == kMagic && REG(slot + 4) == kVersion && REG(slot + 8) == kEntropy)
      device = slot;
  }
  if (device == 0) return false;
  REG(device + kStatus) = 0;
  REG(device + kStatus) = kAcknowledge;
  REG(device + kStatus) = kAcknowledge | kDriver;
  REG(device + kDriverFeaturesSelect) = 1;
  REG(device + kDriverFeatures) = 1;  // bit 32: version 1
  REG(device + kDriverFeaturesSelect) = 0;
  REG(device + kDriverFeatures) = 0;
  REG(device + kStatus) = kAcknowledge | kDriver | kFeaturesOk;
  if ((REG(device + kStatus) & kFeaturesOk) == 0) return false;
  REG(device + kQueueSelect) = 0;
  REG(device + kQueueSize) = kQueue;
  address(device + kDescriptors, descriptors);
  address(device + kAvailable, &available);
  address(device + kUsed, &used);
  REG(device + kQueueReady) = 1;
  REG(device + kStatus) = kAcknowledge | kDriver | kFeaturesOk | kDriverOk;
  return true;
}

// draw asks for one buffer and returns how much of it was filled.
static size_t draw(size_t n) {
  uint16_t before = used.index;
  descriptors[0].address = (uintptr_t)pool;
  descriptors[0].size = (uint32_t)n;
  descriptors[0].flags = kDeviceWrites;
  available.ring[available.index % kQueue] = 0;
  barrier();
  available.index++;
  barrier();
  REG(device + kQueueNotify) = 0;
  for (uint32_t begin = port_millis(); used.index == before;) {
    if (port_millis() - begin > kPatience) return 0;
  }
  barrier();
  size_t got = used.ring[before % kQueue].size;
  return got <= n ? got : 0;
}

bool port_random(uint8_t* out, size_t n) {
  if (device == 0 && !start()) return false;
  while (n > 0) {
    size_t got = draw(n < sizeof pool ? n : sizeof pool);
    if (got == 0) return false;
    memcpy(out, pool, got);
    memset(pool, 0, got);
    out += got;
    n -= got;
  }
  return true;
}
