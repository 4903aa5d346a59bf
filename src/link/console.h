// SPDX-License-Identifier: Apache-2.0
// DeviceConsole is the station's view of a device behind its serial console: one method a command
// of the station protocol, plain structs as answers. Leaves out what a station makes of them.
// Thread rule: one console, one thread.
// Errors of every method: those of SerialLink::Call, and link.answer for an answer without the
// fields the protocol promises.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "link/serial_link.h"

namespace birthmark::link {

struct Hello {
  std::string board;
  Bytes uid;
  std::string core;
  uint64_t protocol = 0;
  Bytes boot_id;  // new at each boot
  uint64_t uptime_ms = 0;
  std::string running;  // partition of the running image, or "rom"
  std::string name;     // of the running image
  uint64_t version = 0;
  bool factory_commands = false;
  bool factory_mode = false;
  bool sealed = false;
  std::string private_memory;  // empty, ready, damaged
  std::string serial;          // empty until set
  uint64_t bad_frames = 0;
};

struct BootStage {
  std::string partition;
  bool present = false;
  bool verified = false;
  bool usable = false;
  uint64_t verdict = 0;
  std::string text;
  uint64_t level = 0;
  std::string anchor;
  std::string name;
  uint64_t version = 0;
  bool factory_commands = false;
  uint64_t size = 0;
  Bytes sha256;
};

struct RngHealth {
  std::string source = "hardware";  // "test": a fixed sequence, no key made from it is secret
  bool pass = false;
  uint64_t samples = 0;
  uint64_t longest_repetition = 0;
  uint64_t highest_proportion = 0;
  uint64_t contributions = 0;
};

struct SelfTest {
  bool pass = false;
  bool flash = false;
  bool fuses = false;
  RngHealth rng;
};

struct SlotInfo {
  std::string slot;
  bool occupied = false;
  bool certificate = false;
  bool mismatch = false;
  uint64_t generation = 0;
  Bytes public_key;  // SPKI DER, empty when not occupied
};

struct CsrAnswer {
  Bytes csr;    // PKCS #10 DER
  Bytes proof;  // raw ES256 signature, see CsrProofMessage
};

// CsrProofMessage is what the proof beside a CSR signs: it ties the request to the station's
// challenge.
Bytes CsrProofMessage(ByteView challenge, const Digest& csr_sha256);

struct FlashDigest {
  Bytes sha256;
  bool erased = false;
  uint64_t size = 0;
};

struct Trial {
  bool accepted = false;
  uint64_t verdict = 0;
  std::string text;
  uint64_t level = 0;
  std::string algorithm;
};

struct DeviceLocks {
  bool identity_fuse = false;
  bool identity_software = false;
  bool first_stage_fuse = false;
  bool first_stage_software = false;
  bool port = false;
  bool sealed = false;
  bool secure_boot = false;
};

// DeviceReport is the content of a report, signed or not.
struct DeviceReport {
  Bytes uid;
  std::string board;
  std::string core;
  std::string serial;
  Bytes nonce;
  Bytes boot_id;
  Bytes fuses;
  std::string fuse_form = "hardware";  // "software": ordinary memory behind code that only sets
  DeviceLocks locks;
  uint64_t unconfigure_count = 0;
  std::vector<BootStage> boot;
  std::string running;
  bool factory_mode = false;
  std::vector<std::pair<std::string, Bytes>> digests;  // partition, SHA-256
  bool test_image_erased = false;
  std::string private_location;
  std::string private_state;
  bool private_encrypted = false;
  std::string private_integrity;
  std::string identity_keys;  // where they live: private-memory, factory-data
  RngHealth rng;
  std::vector<SlotInfo> slots;
  bool validity_dates_checked = false;
};

struct ReportAnswer {
  bool is_signed = false;
  Bytes bytes;  // COSE_Sign1 (tag 18) when signed, the bare map otherwise
};

// DecodeReport reads the content; it checks no signature. Takes either form of ReportAnswer::bytes.
// Errors: link.answer.
Result<DeviceReport> DecodeReport(ByteView bytes);

class DeviceConsole {
 public:
  // Open opens the console and says hello, so that a wrong port or protocol shows at once.
  static Result<DeviceConsole> Open(const std::string& path, const SerialOptions& options = {});
  // Over does the same on a stream that is open: a serial: or unix: link, a mailbox.
  static Result<DeviceConsole> Over(std::unique_ptr<ByteStream> stream,
                                    const SerialOptions& options = {});
  explicit DeviceConsole(SerialLink link) : link_(std::move(link)) {}

  Result<Hello> SayHello();
  Result<std::vector<BootStage>> BootReport();
  Result<SelfTest> RunSelfTest();
  // InitialisePrivateMemory gives true when it was blank, false when it was ready before.
  Result<bool> InitialisePrivateMemory();
  Result<RngHealth> AddEntropy(ByteView seed);
  Result<SlotInfo> Generate(const std::string& slot, bool restart = false);
  Result<SlotInfo> Slot(const std::string& slot);
  Result<CsrAnswer> Csr(const std::string& slot, const std::string& subject, ByteView challenge);
  Result<SlotInfo> PutCertificate(const std::string& slot, const std::vector<Bytes>& chain,
                                  bool replace = false);
  Result<std::vector<Bytes>> GetCertificate(const std::string& slot);
  Result<std::string> SetSerial(const std::string& serial);
  // FlashWrite programs any amount, in as many requests as it takes.
  Status FlashWrite(const std::string& partition, uint64_t offset, ByteView data);
  // FlashErase returns the SHA-256 of the blank partition as read back.
  Result<Bytes> FlashErase(const std::string& partition);
  Result<FlashDigest> Digest(const std::string& partition, std::optional<uint64_t> offset = {},
                             std::optional<uint64_t> size = {});
  Result<Bytes> FlashRead(const std::string& partition, uint64_t offset, uint64_t size);
  // Blow blows a fuse by name; "boot-anchor" takes the digest. Gives true when it was blown before.
  Result<bool> Blow(const std::string& fuse, ByteView digest = {});
  // Lock closes "identity" or "first-stage" by "fuse" or "software". True when closed before.
  Result<bool> Lock(const std::string& which, const std::string& by);
  // Unconfigure opens the software locks; returns how often that has been done.
  Result<uint64_t> Unconfigure();
  // Reset asks for a reset; the next request meets the new boot.
  Status Reset();
  Result<ReportAnswer> Report(ByteView nonce);
  Result<Trial> Try(ByteView object, const std::string& anchor);

  const LinkStats& stats() const { return link_.stats(); }

 private:
  SerialLink link_;
};

}  // namespace birthmark::link
