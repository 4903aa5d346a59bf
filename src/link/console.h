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

// ChipInfo is a secure element that came with its identity, as it tells of itself.
struct ChipInfo {
  Bytes uid;
  Bytes public_key;          // SPKI DER
  std::vector<Bytes> chain;  // DER, its own certificate first; empty: it has none
};

// ChipProofMessage is what such an element signs to prove that it holds its key.
Bytes ChipProofMessage(ByteView challenge, ByteView uid);

// ElementInfo is a secure element behind the device, as it tells of itself. What only a TPM has is
// empty for another part.
struct ElementInfo {
  std::string kind;  // "tpm2", "pkcs11"
  std::string manufacturer, model, firmware;
  Bytes ek_public, ak_public;       // TPMT_PUBLIC
  std::vector<Bytes> certificates;  // DER: the EK's, then intermediates that the part holds
};

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

// SecretInfo is what a device tells of a secret that is no key pair: never the secret.
struct SecretInfo {
  std::string slot;
  bool occupied = false;
  Bytes check;         // symmetric: its key check value, see KeyCheck
  bool match = false;  // password: the guess was right
};

// KeyCheck is the check value of a symmetric secret: HMAC-SHA-256 of a label under it.
Digest KeyCheck(const SecretBytes& secret);

// ChipSeed is what a device tells of a seed that its chip's maker put in: never the seed.
struct ChipSeed {
  bool present = false;
  std::string origin;  // "fuses", "tpm", "secure-element", "puf"
  bool mixes = false;  // keys come from it and from entropy that nobody but the chip has
};

// DerivedSlot is a slot whose key came from the chip's seed.
struct DerivedSlot {
  SlotInfo slot;
  bool mixed = false;  // nobody else can derive this key
};

// UpdateOpened is what a device found in an object that was encrypted to it.
struct UpdateOpened {
  bool opened = false;
  uint64_t size = 0;
  Bytes sha256;
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
  bool symmetric_secret = false, password = false;  // whether there is one
};

// VerdictWord names a verdict of the device's verifier: "accepted", "signature", "rolled-back"…
std::string_view VerdictWord(uint64_t verdict);

// Offered is what a device said of an image that was offered to it, or of the end of one that was
// streamed to it.
struct Offered {
  bool accepted = false;
  uint64_t verdict = 0;
  std::string text;
  uint64_t level = 0;
  std::string anchor;  // that verified it; "fuse" is the boot ROM's
  std::string into;    // the partition that it was, or would be, written to
};

// UpdateState is which buffer of the application counts, and whether the other is on trial.
struct UpdateState {
  std::string confirmed;   // partition
  std::string trial;       // none, wanted, begun
  bool fell_back = false;  // the last trial was not confirmed
  uint64_t floor = 0;      // lower versions do not start
};

// TamJudged is what a Trusted Application Manager said of a message.
struct TamJudged {
  bool accepted = false;
  uint64_t verdict = 0;
  std::string text;
  uint64_t sequence = 0;                                   // of the last message that was taken
  std::vector<std::pair<std::string, uint64_t>> counters;  // where they were asked for
};

// AnchorInForce is an anchor that the device believes since its last boot.
struct AnchorInForce {
  std::string id;  // "fuse" is the boot ROM's
  std::string verifies;
  std::string place;  // "fuse", or the partition
  Bytes sha256;       // of the anchor's data
};

// VoucherAsked is a device's request for a voucher (COSE), with the nonce that is in it.
struct VoucherAsked {
  Bytes nonce;
  Bytes request;
};

// VoucherJudged is what a device said of a voucher, or of an answer that should open its port.
struct VoucherJudged {
  bool accepted = false;
  std::string why;  // "accepted", "unknown-masa", "serial", "nonce", "expired"… (voucher.h)
  std::string text;
  uint64_t level = 0;  // draft 5.1, of the signer
};

// DeviceOwner is whose certificates a device holds as its network's anchors.
struct DeviceOwner {
  bool present = false;
  std::string means;  // "voucher", "est-cacerts"
  std::vector<Bytes> certificates;
};

// TlsStep is where a device's TLS session stands, and what its server is to be sent.
struct TlsStep {
  std::string state;  // "handshake", "open", "refused", "closed"
  bool accepted = false;
  uint64_t verdict = 0;  // verify.h
  std::string text;
  uint64_t level = 0;     // draft 5.1, of the server's key
  std::string algorithm;  // of the server's key, a COSE name
  uint64_t left = 0;      // octets that were not taken: bring them again
  uint64_t waiting = 0;   // octets that wait for TlsReceive
  Bytes out;
  std::string verifier;  // when it was opened: whose TLS it is, with its build
  struct Cacerts {
    bool accepted = false;
    std::string why;  // "waiting", "accepted", "status", "malformed", "cut", "pin" (est.h)
    std::string text;
    uint64_t count = 0;  // certificates that are the owner's now
  };
  std::optional<Cacerts> cacerts;  // of a session that fetches them
};

// DebugChallenge is what a device wants to have answered before it opens its port.
struct DebugChallenge {
  Bytes nonce;
  std::string serial;
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
  // Csr with a nonce asks for the element's statement about the slot's key in the request.
  Result<CsrAnswer> Csr(const std::string& slot, const std::string& subject, ByteView challenge,
                        ByteView nonce = {});
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
  // Report is signed with the key of a slot, "idevid" unless another is named.
  Result<ReportAnswer> Report(ByteView nonce, const std::string& slot = "");
  Result<ChipSeed> SeedFacts();
  // Derive has the device derive the slot's P-256 key from its seed; repeating it changes nothing.
  Result<DerivedSlot> Derive(const std::string& slot);
  // PutSecret brings a secret into "symmetric" or "password", or the shared private key into
  // "group"; the same one again changes nothing. A wire copy of it is wiped.
  Result<SecretInfo> PutSecret(const std::string& slot, const SecretBytes& secret,
                               bool replace = false);
  Result<SlotInfo> PutGroupKey(const SecretBytes& scalar, bool replace = false);
  // CheckSecret asks what is there; with a guess, whether it is the password.
  Result<SecretInfo> CheckSecret(const std::string& slot, const SecretBytes* guess = nullptr);
  // OpenUpdate has the device open an HPKE object (RFC 9180) with the key of its slot "decrypt".
  Result<UpdateOpened> OpenUpdate(ByteView enc, ByteView object, ByteView info, ByteView aad);
  Result<Trial> Try(ByteView object, const std::string& anchor);
  // Token is a signed attestation token over the nonce, 8 to 64 bytes (attest/eat.h reads it).
  Result<Bytes> Token(ByteView nonce);
  // AskVoucher has the device sign a request; it names the registrar's certificate where one is
  // given. GiveVoucher hands it the answer.
  Result<VoucherAsked> AskVoucher(ByteView registrar = {});
  Result<VoucherJudged> GiveVoucher(ByteView voucher);
  Result<DeviceOwner> Owner();
  // TlsOpen begins a session with a server of that name under an anchor in force, TlsOpenUnderOwner
  // under the owner's certificates; FetchCacerts does, asks EST for the owner's next certificates
  // and keeps them. What a step has in `out` goes to the server, what the server sends to TlsPump.
  // The session before is forgotten.
  Result<TlsStep> TlsOpen(const std::string& anchor, const std::string& host);
  Result<TlsStep> TlsOpenUnderOwner(const std::string& host);
  Result<TlsStep> FetchCacerts(const std::string& host, const std::string& path = "");
  Result<TlsStep> TlsPump(ByteView in);
  Result<TlsStep> TlsSend(ByteView data);  // at most 4096 octets
  Result<Bytes> TlsReceive();
  Result<TlsStep> TlsClose();
  // AskDebug gives a nonce; UnlockDebug brings the answer that was signed over it.
  Result<DebugChallenge> AskDebug();
  Result<VoucherJudged> UnlockDebug(ByteView object);
  // ResetOwner has the device forget its owner, which needs somebody at it; true: it had one.
  Result<bool> ResetOwner();
  // OfferImage offers a whole image; what was accepted counts from the next reset. The application
  // goes into the buffer that is not in use, others in place. The image must fit one message
  // (kMaxOffer). A refused write is the device's error.
  Result<Offered> OfferImage(const std::string& partition, ByteView image);
  // BeginUpdate has the application's new envelope judged; WriteUpdate sends its payload piece by
  // piece; FinishUpdate has it judged where it lies. `policy` is "double-buffer" or "in-place".
  Result<Offered> BeginUpdate(ByteView envelope, const std::string& policy);
  Status WriteUpdate(uint64_t offset, ByteView data);
  Result<Offered> FinishUpdate();
  // ConfirmUpdate keeps the application that runs on trial; gives the new lowest version.
  Result<uint64_t> ConfirmUpdate();
  Result<UpdateState> ReadUpdateState();
  Result<TamJudged> TamMessage(ByteView object);
  Result<std::vector<AnchorInForce>> AnchorsInForce();

  // Element reads what the secure element behind the device is; the device's refusal not-found
  // means that there is none. MakeInElement has it make the slot's key, or keeps the one that is
  // there.
  Result<ElementInfo> Element();
  Result<SlotInfo> MakeInElement(const std::string& slot, bool restart = false);
  // Attest is an AttestationBundle (DER) about the slot's key, over the nonce.
  Result<Bytes> Attest(const std::string& slot, ByteView nonce);
  // Activate has a TPM open a credential for its attestation key.
  Result<SecretBytes> Activate(ByteView id_object, ByteView secret);
  Result<std::vector<std::pair<std::string, bool>>> ElementFacts(const std::string& slot);
  // CertificateInElement is the one that the element itself holds for the slot.
  Result<Bytes> CertificateInElement(const std::string& slot);

  // Chip reads the secure element that came with its identity; the device's refusal not-found means
  // that the board has none. ActivateChip is true when it works from now on; ChipProof is a raw
  // ES256 signature over ChipProofMessage.
  Result<ChipInfo> Chip();
  Result<bool> ActivateChip(const std::string& password);
  Result<Bytes> ChipProof(ByteView challenge);

  const LinkStats& stats() const { return link_.stats(); }

 private:
  SerialLink link_;
};

}  // namespace birthmark::link
