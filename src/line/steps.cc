// SPDX-License-Identifier: Apache-2.0
#include "line/steps.h"

#include <algorithm>
#include <array>

#include "crypto/digest.h"
#include "line/device_word.h"
#include "line/steps_identity.h"
#include "method/bamboo.h"

namespace birthmark::line {
namespace {

using method::Outcome;
using vocab::StepKind;

std::string_view Word(StepKind k) { return vocab::ToText(k); }

Digest BlankDigest(size_t size) { return crypto::Sha256(Bytes(size, 0xff)); }

// WholeDigest is a partition's digest with blank flash behind the image.
Digest WholeDigest(const Bytes& image, size_t size) {
  Bytes all = image;
  all.resize(size, 0xff);
  return crypto::Sha256(all);
}

ledger::ReadBack Compare(std::string what, const Digest& found, const Digest& meant) {
  return {.what = std::move(what), .equal = found == meant, .found = found, .meant = meant};
}

Digest AsDigest(ByteView b) {
  Digest d{};
  std::copy_n(b.begin(), std::min(b.size(), d.size()), d.begin());
  return d;
}

// Expect turns an unequal read-back into the step's failure.
Status Expect(const std::vector<ledger::ReadBack>& all) {
  for (const ledger::ReadBack& r : all) {
    if (!r.equal) {
      return Refused("step.read-back", r.what + " does not read back as it was meant",
                     "scrap the unit; if it comes again, look at the flash supply and the fixture");
    }
  }
  return {};
}

// MustRefuse wants the device's own no: anything else means that a door is still open.
template <class T>
Result<std::string> MustRefuse(const Result<T>& answer, std::string_view what) {
  if (answer) {
    return Refused("step.refused-too-late",
                   fmt::format("{} was accepted after it must be refused", what),
                   "scrap the unit: its lock does not hold");
  }
  const Error& e = answer.error();
  if (link::IsRefusal(e) || e.code == "port.closed" || e.code == "port.protected") return e.code;
  return std::unexpected(e);
}

Result<const Image*> ImageOf(const StepContext& c, std::string_view partition) {
  if (const Image* image = c.firmware.Find(partition)) return image;
  return Refused("step.method",
                 fmt::format("the plan has no stage for the step {}", Word(c.step.kind)),
                 "add the stage to the plan, or drop the step");
}

Result<Outcome> WriteByPort(StepContext& c, const Image& image) {
  BM_TRY(link::Programmer * port, c.device.Port());
  const link::Partition* p = c.device.board().Find(image.partition);
  BM_TRY(Bytes before, port->Read(p->offset, static_cast<uint32_t>(image.bytes.size())));
  if (before != image.bytes) BM_CHECK(port->Install(p->offset, image.bytes));
  BM_TRY(Bytes after, port->Read(p->offset, static_cast<uint32_t>(image.bytes.size())));
  c.device.ReleasePort();
  Outcome out{
      .proof = "read-back", .detail = "programmed with the processor held", .read_backs = {}};
  out.read_backs.push_back(
      Compare("flash:" + image.partition, crypto::Sha256(after), image.digest));
  BM_CHECK(Expect(out.read_backs));
  return out;
}

Result<Outcome> WriteByConsole(StepContext& c, const Image& image) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_TRY(link::FlashDigest before, console->Digest(image.partition, 0, image.bytes.size()));
  if (AsDigest(before.sha256) != image.digest) {
    BM_TRY(Bytes blank, console->FlashErase(image.partition));
    BM_CHECK(console->FlashWrite(image.partition, 0, image.bytes));
  }
  BM_TRY(link::FlashDigest after, console->Digest(image.partition, 0, image.bytes.size()));
  Outcome out{
      .proof = "read-back", .detail = "written by running code over the console", .read_backs = {}};
  out.read_backs.push_back(
      Compare("flash:" + image.partition, AsDigest(after.sha256), image.digest));
  BM_CHECK(Expect(out.read_backs));
  return out;
}

Result<Outcome> WriteImage(StepContext& c, std::string_view partition, bool port_by_default) {
  BM_TRY(const Image* image, ImageOf(c, partition));
  if (c.device.board().Find(partition) == nullptr) {
    return Refused("step.method",
                   fmt::format("board {} has no partition {}", c.device.board().name, partition));
  }
  bool port = c.step.via ? *c.step.via == vocab::Transfer::kMechanicallyInstalled : port_by_default;
  return port ? WriteByPort(c, *image) : WriteByConsole(c, *image);
}

Result<Outcome> BedOfNails(StepContext& c) {
  BM_TRY(link::Programmer * port, c.device.Port());
  BM_TRY(link::PortInfo info, port->Info());
  BM_TRY(Bytes fuses, port->ReadFuses());
  c.device.ReleasePort();
  c.chip = ToHex(info.uid);
  if (info.board != c.device.board().name || info.flash_size != c.device.board().flash_size) {
    return Refused(
        "step.self-test",
        fmt::format("the board on the fixture is {}, not {}", info.board, c.device.board().name),
        "check which product is on this line");
  }
  return Outcome{
      .proof = "station-log",
      .detail = fmt::format("{} bytes of flash, {} fuse bytes", info.flash_size, fuses.size()),
      .read_backs = {}};
}

Result<Outcome> JtagTest(StepContext& c) {
  BM_TRY(link::Programmer * port, c.device.Port());
  BM_TRY(link::PortInfo info, port->Info());
  c.chip = ToHex(info.uid);
  const link::Partition* scratch = c.device.board().Find("scratch");
  Bytes pattern(256);
  c.rng.Fill(pattern);
  BM_CHECK(port->Install(scratch->offset, pattern));
  BM_TRY(Bytes found, port->Read(scratch->offset, 256));
  BM_CHECK(port->Erase(scratch->offset, link::kEraseBlock));
  c.device.ReleasePort();
  Outcome out{.proof = "read-back",
              .detail = "flash written, read back and erased over the port",
              .read_backs = {}};
  if (found != pattern)
    return Refused("step.self-test", "the flash does not keep a pattern", "scrap the board");
  return out;
}

// TestItself has the device test itself. The health tests of a good random source raise a false
// alarm once in some ten thousand times (SP 800-90B section 4.4: 2^-20 a sample, and there are
// many), which on a line of units is every day: that test alone is made once more. A source that is
// broken fails twice.
Status TestItself(link::DeviceConsole& console, std::string_view where) {
  BM_TRY(link::SelfTest test, console.RunSelfTest());
  if (!test.pass && test.flash && test.fuses) {
    BM_TRY(test, console.RunSelfTest());
  }
  if (test.pass) return {};
  return Refused("step.self-test",
                 fmt::format("self-test at {} failed: flash {}, fuses {}, random source {}", where,
                             test.flash ? "pass" : "fail", test.fuses ? "pass" : "fail",
                             test.rng.pass ? "pass" : "fail"),
                 "scrap the unit, or send it to rework before it is sealed");
}

Result<Outcome> SystemTest(StepContext& c) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_TRY(link::Hello hello, console->SayHello());
  c.chip = ToHex(hello.uid);
  BM_CHECK(TestItself(*console, "system test"));
  return Outcome{.proof = "station-log",
                 .detail = fmt::format("self-test of {} passed", hello.running),
                 .read_backs = {}};
}

Result<Outcome> PrivateMemoryInit(StepContext& c) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_TRY(link::Hello hello, console->SayHello());
  // A visit that was cut short after the test image went begins anew without factory commands.
  bool was_there = hello.private_memory == "ready" && hello.serial == c.job.serial;
  if (!was_there) {
    BM_CHECK(console->InitialisePrivateMemory());
    BM_TRY(std::string serial, console->SetSerial(c.job.serial));
    if (serial != c.job.serial) {
      return Refused("step.read-back", "the device has another serial number: " + serial);
    }
  }
  return Outcome{
      .proof = "read-back", .detail = was_there ? "was there" : "made", .read_backs = {}};
}

// AnchorRead names a read-back of the boot anchor by where it is: what a device calls its fuses may
// be memory that its software alone keeps from being unset, and then it is no fuse.
std::string AnchorRead(const link::DeviceReport& report) {
  return report.fuse_form == "hardware" ? "fuse:boot-anchor" : "on-die-flash:boot-anchor";
}

// BootFuses is what the fuses hold, as the device itself reports them.
Result<link::DeviceReport> BootFuses(StepContext& c) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  Bytes nonce(16);
  c.rng.Fill(nonce);
  BM_TRY(link::ReportAnswer answer, console->Report(nonce));
  return link::DecodeReport(answer.bytes);
}

Result<Outcome> BootAnchorWrite(StepContext& c) {
  const Digest& meant = c.firmware.boot_anchor();
  // Fuses blow once: what an interrupted visit has blown is looked at and left alone.
  BM_TRY(link::DeviceReport before, BootFuses(c));
  bool digest = link::BootAnchorDigest(before.fuses) != meant, secure = !before.locks.secure_boot;
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_TRY(link::Hello hello, console->SayHello());
  if (hello.factory_mode) {
    if (digest) BM_CHECK(console->Blow("boot-anchor", meant));
    if (secure) BM_CHECK(console->Blow("secure-boot"));
  } else if (digest || secure) {
    BM_TRY(link::Programmer * port, c.device.Port());
    if (digest) BM_CHECK(port->BlowNamed("boot-anchor", meant));
    if (secure) BM_CHECK(port->BlowNamed("secure-boot"));
  }
  BM_TRY(link::DeviceReport after, BootFuses(c));
  if (!after.locks.secure_boot)
    return Refused("step.lock", "the secure-boot fuse reads back unblown");
  Outcome out{.proof = "read-back",
              .detail = after.fuse_form == "hardware"
                            ? "digest and secure-boot fuses blown"
                            : "digest and secure-boot set; software keeps them, no fuse does",
              .read_backs = {}};
  out.read_backs.push_back(Compare(AnchorRead(after), link::BootAnchorDigest(after.fuses), meant));
  BM_CHECK(Expect(out.read_backs));
  return out;
}

Result<Outcome> AnchorsWrite(StepContext& c) {
  if (c.firmware.Find("store") == nullptr) {
    return Outcome{
        .proof = "station-log", .detail = "all anchors are inside the images", .read_backs = {}};
  }
  return WriteImage(c, "store", false);
}

std::string_view ByWord(plan::Lock l) { return l == plan::Lock::kFuse ? "fuse" : "software"; }

Result<Outcome> IdentityLock(StepContext& c) {
  plan::Lock by = plan::Lock::kNone;
  for (const plan::IdentitySlot& slot : c.plan.identities) {
    if (slot.identity_lock != plan::Lock::kNone) by = slot.identity_lock;
  }
  if (by == plan::Lock::kNone)
    return Outcome{.proof = "none", .detail = "the plan locks no identity", .read_backs = {}};
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_TRY(bool before, console->Lock("identity", std::string(ByWord(by))));
  // A refusal proves the lock only when the lock is its reason: an image without factory commands
  // refuses a new key anyway, so the lock itself is read back too.
  BM_TRY(std::string refusal, MustRefuse(console->Generate("idevid", true), "a new identity key"));
  Bytes nonce(16);
  c.rng.Fill(nonce);
  BM_TRY(link::ReportAnswer answer, console->Report(nonce));
  BM_TRY(link::DeviceReport report, link::DecodeReport(answer.bytes));
  if (by == plan::Lock::kFuse ? !report.locks.identity_fuse : !report.locks.identity_software) {
    return Refused("step.lock", "the identity lock reads back open",
                   "scrap the unit: its lock does not hold");
  }
  for (const plan::IdentitySlot& slot : c.plan.identities) {
    c.job.slot = vocab::ToText(slot.slot);
    BM_TRY(std::optional<method::Certified> live, c.desk.Live(c.job.unit, c.job.slot));
    if (live && live->state == "installed") {
      BM_CHECK(c.desk.SetState(c.job, live->certificate, "confirmed-locked",
                               "the lock read back closed"));
    }
  }
  return Outcome{.proof = refusal == "device.locked" ? "refusal" : "read-back",
                 .detail = fmt::format("{} by {}, read back closed; a new key is refused: {}",
                                       before ? "was locked" : "locked", ByWord(by), refusal),
                 .read_backs = {}};
}

Result<Outcome> FirstStageLock(StepContext& c) {
  const plan::Stage* first = c.plan.FindStageKind(vocab::StageKind::kFirstStage);
  if (first == nullptr || first->lock == plan::Lock::kNone) {
    return Outcome{.proof = "none", .detail = "the plan locks no first stage", .read_backs = {}};
  }
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_CHECK(console->Lock("first-stage", std::string(ByWord(first->lock))));
  // The same bytes again would change nothing, and are refused all the same when the lock holds.
  BM_TRY(link::Programmer * port, c.device.Port());
  const link::Partition* p = c.device.board().Find("first-stage");
  Result<Bytes> head = port->Read(p->offset, 16);
  Result<std::string> refusal =
      head ? MustRefuse(port->Program(p->offset, *head), "writing the first stage")
           : MustRefuse(head, "the port");
  c.device.ReleasePort();
  BM_TRY(std::string code, std::move(refusal));
  return Outcome{
      .proof = "refusal",
      .detail = fmt::format("locked by {}; writing it is refused: {}", ByWord(first->lock), code),
      .read_backs = {}};
}

Result<std::string> PortRefuses(StepContext& c) {
  Result<link::Programmer*> port = c.device.Port();
  Result<link::PortInfo> info =
      port ? (*port)->Info() : Result<link::PortInfo>(std::unexpected(port.error()));
  c.device.ReleasePort();
  return MustRefuse(info, "the programmer's port");
}

Result<Outcome> PortLock(StepContext& c) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_CHECK(console->Blow("port-lock"));
  BM_TRY(std::string refusal, PortRefuses(c));
  return Outcome{.proof = "refusal", .detail = "the port answers " + refusal, .read_backs = {}};
}

Result<Outcome> TestImageErase(StepContext& c) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  const link::Partition* p = c.device.board().Find("test-image");
  BM_TRY(link::FlashDigest now, console->Digest("test-image"));
  Bytes found = now.sha256;
  if (!now.erased) {
    BM_TRY(found, console->FlashErase("test-image"));
  }
  BM_CHECK(console->Reset());
  BM_TRY(link::Hello hello, console->SayHello());
  if (hello.running == "test-image" || hello.factory_mode) {
    return Refused("step.not-erased", "the factory test image still runs", "scrap the unit");
  }
  BM_TRY(std::string refusal, MustRefuse(console->InitialisePrivateMemory(), "a factory command"));
  Outcome out{.proof = "read-back",
              .detail = fmt::format("blank flash read back; {} runs; factory commands refused: {}",
                                    hello.running, refusal),
              .read_backs = {}};
  out.read_backs.push_back(Compare("flash:test-image", AsDigest(found), BlankDigest(p->size)));
  BM_CHECK(Expect(out.read_backs));
  return out;
}

Result<Outcome> BootTrial(StepContext& c) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_CHECK(console->Reset());
  BM_TRY(std::vector<link::BootStage> boot, console->BootReport());
  std::string seen;
  for (const link::BootStage& s : boot) {
    if (!s.present) continue;
    if (!s.verified) {
      return Refused("step.boot", fmt::format("{} did not start: {}", s.partition, s.text),
                     "scrap the unit");
    }
    seen += fmt::format("{}{} verified by {} at level {}", seen.empty() ? "" : ", ", s.partition,
                        s.anchor, s.level);
  }
  // One image with its last bit turned has to be refused by the same verifier on this very unit.
  constexpr size_t kLargestTrial = 12000;  // one request of the station protocol
  for (const Image& image : c.firmware.images()) {
    if (image.bytes.size() > kLargestTrial || image.partition == "test-image") continue;
    auto stage = std::ranges::find(boot, image.partition, &link::BootStage::partition);
    if (stage == boot.end() || !stage->verified) continue;
    Bytes bad = image.bytes;
    bad.back() ^= 1;
    BM_TRY(link::Trial good, console->Try(image.bytes, stage->anchor));
    BM_TRY(link::Trial changed, console->Try(bad, stage->anchor));
    if (!good.accepted || changed.accepted) {
      return Refused("step.boot",
                     fmt::format("the verifier says {} to the right {} and {} to a changed one",
                                 good.text, image.partition, changed.text),
                     "scrap the unit");
    }
    seen += fmt::format("; changed {} refused", image.partition);
  }
  return Outcome{.proof = "read-back", .detail = seen, .read_backs = {}};
}

Result<Outcome> ReadBackStep(StepContext& c) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  Bytes nonce(32);
  c.rng.Fill(nonce);
  BM_TRY(link::ReportAnswer answer, console->Report(nonce));
  BM_TRY(link::DeviceReport report, link::DecodeReport(answer.bytes));
  BM_CHECK(CheckReport(c, answer, report, nonce));
  c.chip = ToHex(report.uid);
  c.report = answer.bytes;
  Outcome out{.proof = answer.is_signed ? "signed-report" : "read-back",
              .detail = "fuses, flash and locks as the device reports them",
              .read_backs = {}};
  out.read_backs.push_back(
      Compare(AnchorRead(report), link::BootAnchorDigest(report.fuses), c.firmware.boot_anchor()));
  for (const auto& [partition, digest] : report.digests) {
    const link::Partition* p = c.device.board().Find(partition);
    const Image* image = c.firmware.Find(partition);
    if (p == nullptr) continue;
    if (partition == "test-image") {
      out.read_backs.push_back(Compare("flash:test-image", AsDigest(digest), BlankDigest(p->size)));
    } else if (image != nullptr) {
      out.read_backs.push_back(
          Compare("flash:" + partition, AsDigest(digest), WholeDigest(image->bytes, p->size)));
    }
  }
  BM_CHECK(Expect(out.read_backs));
  return out;
}

Result<Outcome> QualityControl(StepContext& c) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_TRY(link::Hello hello, console->SayHello());
  BM_CHECK(TestItself(*console, "quality control"));
  if (hello.serial != c.job.serial) {
    return Refused("step.self-test", "the unit says it is " + hello.serial,
                   "check the label against the chip");
  }
  std::string label;
  BM_TRY(auto live,
         c.desk.Live(c.job.unit, std::string(vocab::ToText(vocab::Identity::kIdevidSlot))));
  if (live && !c.labels.empty()) {
    BM_TRY(label, ScanLabel(c, *console));
  }
  if (!hello.sealed)
    return Outcome{
        .proof = "station-log", .detail = "before tamper-proofing" + label, .read_backs = {}};
  BM_TRY(std::string rework,
         MustRefuse(console->FlashErase("application"), "rework of a sealed unit"));
  BM_TRY(std::string nails, PortRefuses(c));
  return Outcome{
      .proof = "refusal",
      .detail = fmt::format("after tamper-proofing; rework refused: {}, bed of nails: {}{}", rework,
                            nails, label),
      .read_backs = {}};
}

Result<Outcome> TamperProof(StepContext& c) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_CHECK(console->Blow("seal"));
  BM_TRY(std::string rework,
         MustRefuse(console->FlashErase("application"), "rework of a sealed unit"));
  BM_TRY(std::string nails, PortRefuses(c));
  return Outcome{
      .proof = "refusal",
      .detail = fmt::format("sealed; rework refused: {}, bed of nails: {}", rework, nails),
      .read_backs = {}};
}

Result<Outcome> SingleImageWrite(StepContext& c) {
  const plan::IdentitySlot* slot = nullptr;
  for (const plan::IdentitySlot& s : c.plan.identities) {
    if (s.method == vocab::Method::kBamboo &&
        (c.step.slots.empty() || std::ranges::find(c.step.slots, s.slot) != c.step.slots.end()))
      slot = &s;
  }
  // With an identity that came in a part the image brings the serial number and no key.
  bool in_part = false;
  for (const plan::IdentitySlot& s : c.plan.identities) {
    if (slot != nullptr || s.method != vocab::Method::kSapodilla) continue;
    slot = &s;
    in_part = true;
  }
  if (slot == nullptr) {
    return Refused("step.method",
                   "a single-image-write needs a bamboo or sapodilla identity in the plan",
                   "give a slot the method bamboo");
  }
  c.job.slot = vocab::ToText(slot->slot);
  BM_TRY(std::optional<method::Certified> live, c.desk.Live(c.job.unit, c.job.slot));
  if (live && live->state != "issued") {
    return Outcome{.proof = "station-log",
                   .detail = "the image was written and read back in an earlier visit",
                   .read_backs = {}};
  }
  BM_TRY(link::Programmer * port, c.device.Port());
  BM_TRY(link::PortInfo info, port->Info());
  c.chip = ToHex(info.uid);
  std::optional<method::BambooKey> key;
  if (!in_part) {
    BM_TRY(key, method::BambooKey::Make(c.desk, c.job, c.station_place, c.pool));
  }
  auto write = [&]() -> Result<Outcome> {
    SecretBytes record = key ? key->FactoryRecord() : link::EncodeFactoryRecord(c.job.serial, {});
    std::vector<link::FlashPart> parts;
    for (const Image& image : c.firmware.images()) parts.push_back({image.partition, image.bytes});
    parts.push_back({"factory-data", record.Read(SecretAccess())});
    BM_TRY(SecretBytes flash, link::ComposeFlash(c.device.board(), parts));
    // Install erases, programs and compares every byte it reads back.
    BM_CHECK(port->Install(0, flash.Read(SecretAccess())));
    Outcome out{.proof = "read-back",
                .detail = fmt::format("one write of {} bytes brought everything", flash.size()),
                .read_backs = {}};
    for (const Image& image : c.firmware.images()) {
      const link::Partition* p = c.device.board().Find(image.partition);
      BM_TRY(Bytes found, port->Read(p->offset, static_cast<uint32_t>(image.bytes.size())));
      out.read_backs.push_back(
          Compare("flash:" + image.partition, crypto::Sha256(found), image.digest));
    }
    BM_CHECK(Expect(out.read_backs));
    return out;
  };
  Result<Outcome> out = write();
  c.device.ReleasePort();
  if (!out) {
    if (key) BM_CHECK(key->Abandon(c.desk, "the image was not written"));
    return out;
  }
  if (key) BM_CHECK(key->Installed(c.desk));
  return out;
}

// A unit that comes by its rework station unsealed and in order needs none; one that does is sent
// there by `unit rework`, and comes through its steps again.
Result<Outcome> Rework(StepContext& c) {
  BM_TRY(link::DeviceConsole * console, c.device.Console());
  BM_TRY(link::Hello hello, console->SayHello());
  if (hello.sealed) {
    return Refused("step.sealed", "the unit is tamper-proof: nothing can be reworked",
                   "put rework before tamper-proof in the plan");
  }
  return Outcome{.proof = "station-log", .detail = "nothing to rework", .read_backs = {}};
}

Result<Outcome> NotHere(StepContext& c) {
  return Refused("step.method", fmt::format("the step {} is not for this line", Word(c.step.kind)),
                 "see `birthmark explain step.method`");
}

struct Entry {
  StepKind kind;
  Result<Outcome> (*run)(StepContext&);
};

// Each kind of step, in the order of the vocabulary. Ship is the line's own: no device is on a
// station.
constexpr Entry kSteps[] = {
    {StepKind::kBedOfNailsTest, BedOfNails},
    {StepKind::kJtagTest, JtagTest},
    {StepKind::kTestImageWrite, [](StepContext& c) { return WriteImage(c, "test-image", true); }},
    {StepKind::kSystemTest, SystemTest},
    {StepKind::kPrivateMemoryInit, PrivateMemoryInit},
    {StepKind::kBootAnchorWrite, BootAnchorWrite},
    {StepKind::kFirstStageWrite, [](StepContext& c) { return WriteImage(c, "first-stage", true); }},
    {StepKind::kAnchorsWrite, AnchorsWrite},
    {StepKind::kIdentityProvision, IdentityProvision},
    {StepKind::kIdentityLock, IdentityLock},
    {StepKind::kTestImageErase, TestImageErase},
    {StepKind::kSecondStageWrite,
     [](StepContext& c) { return WriteImage(c, "second-stage", false); }},
    {StepKind::kTamInstall, [](StepContext& c) { return WriteImage(c, "tam", false); }},
    {StepKind::kProductionImageWrite,
     [](StepContext& c) { return WriteImage(c, "application", false); }},
    {StepKind::kSingleImageWrite, SingleImageWrite},
    {StepKind::kFirstStageLock, FirstStageLock},
    {StepKind::kPortLock, PortLock},
    {StepKind::kReadBack, ReadBackStep},
    {StepKind::kBootTrial, BootTrial},
    {StepKind::kQualityControl, QualityControl},
    {StepKind::kTamperProof, TamperProof},
    {StepKind::kRework, Rework},
    {StepKind::kShip, NotHere},
};
static_assert(std::size(kSteps) == vocab::kStepCount,
              "every step of the vocabulary has exactly one entry");

}  // namespace

bool IsTransient(const Error& e) {
  return e.code.starts_with("link.") || e.code.starts_with("emulator.") || e.code == "port.failed";
}

Result<method::Outcome> RunStep(StepContext& c) {
  for (const Entry& e : kSteps) {
    if (e.kind == c.step.kind) return e.run(c);
  }
  return Internal("step.method", "a step without an entry");
}

}  // namespace birthmark::line
