// SPDX-License-Identifier: Apache-2.0
// Source: octets that can be read at any place without being in memory: a file, a piece of one, or
// what came out of an archive. Leaves out what the octets mean. A source is immutable and may be
// read from one thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::scan {

class Source {
 public:
  virtual ~Source() = default;
  // Units: bytes.
  virtual uint64_t size() const = 0;
  // ReadAt fills `out` and gives how much there was; less than asked only at the end.
  // Errors: scan.read.
  virtual Result<size_t> ReadAt(uint64_t offset, std::span<uint8_t> out) const = 0;
};
using SourcePtr = std::shared_ptr<const Source>;

// FromFd takes the descriptor over. FromMemory keeps the octets.
SourcePtr FromFd(int fd, uint64_t size);
SourcePtr FromMemory(Bytes data);
// Slice is a part of another source; what lies behind its end is cut off.
SourcePtr Slice(SourcePtr whole, uint64_t offset, uint64_t size);

// ReadPart gives exactly `size` octets. Errors: scan.truncated, scan.read.
Result<Bytes> ReadPart(const Source& source, uint64_t offset, size_t size);
// ReadWhole gives everything. Errors: scan.too-large, scan.read.
Result<Bytes> ReadWhole(const Source& source, size_t max);

// Spool takes octets that come in order and makes a source of them: in memory while they are few,
// then in a file without a name, which ends with the source.
class Spool {
 public:
  Spool() = default;
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool();
  // Errors: scan.spool.
  Status Append(ByteView data);
  // Zeros appends what a sparse file leaves out.
  Status Zeros(uint64_t count);
  uint64_t size() const { return size_; }
  // Finish may be called once.
  SourcePtr Finish();

 private:
  // Room goes over to a file before more than a little would be in memory.
  Status Room(uint64_t more);

  Bytes memory_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace birthmark::scan
