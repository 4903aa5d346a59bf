// SPDX-License-Identifier: Apache-2.0
#include "app/sacrifice.h"

#include <algorithm>
#include <fstream>

namespace birthmark::app {

using vocab::StepKind;

Result<std::unique_ptr<Sacrifice>> Sacrifice::Place(const Layout& layout, const plan::Plan& plan,
                                                    const line::Firmware& firmware) {
  std::unique_ptr<Sacrifice> out(new Sacrifice(layout.devices() / ".sacrificed"));
  std::error_code ec;
  fs::remove_all(out->state_, ec);
  out->unit_ = plan.product.id + "/sacrificed";
  BM_TRY(line::Fixture fixture,
         line::Fixture::PlaceEmulated(std::string(plan::ToText(*plan.board)), out->state_));
  out->fixture_ = std::make_unique<line::Fixture>(std::move(fixture));
  BM_CHECK(out->Install(plan, firmware));
  BM_CHECK(out->Close(plan));
  BM_TRY(link::DeviceConsole * console, out->Console());
  BM_TRY(link::Hello hello, console->SayHello());
  out->core_ = hello.core;
  return out;
}

Sacrifice::~Sacrifice() {
  fixture_.reset();
  std::error_code ec;
  fs::remove_all(state_, ec);
}

Status Sacrifice::Install(const plan::Plan& plan, const line::Firmware& firmware) {
  BM_TRY(link::Programmer * port, fixture_->Port());
  for (const line::Image& image : firmware.images()) {
    BM_CHECK(port->Install(board().Find(image.partition)->offset, image.bytes));
  }
  BM_CHECK(port->BlowNamed("boot-anchor", firmware.boot_anchor()));
  BM_CHECK(port->BlowNamed("secure-boot"));
  if (firmware.Find("test-image") == nullptr) return {};
  // The test image would run instead of the chain that is tried: it does its one piece of work.
  BM_TRY(link::DeviceConsole * console, Console());
  if (plan.FindStep(StepKind::kPrivateMemoryInit) != nullptr) {
    BM_CHECK(console->InitialisePrivateMemory());
    if (plan.board != plan::Board::kBulb) BM_CHECK(console->SetSerial(kSerial));
  }
  BM_CHECK(console->FlashErase("test-image"));
  return Restart();
}

Status Sacrifice::Close(const plan::Plan& plan) {
  BM_TRY(link::DeviceConsole * console, Console());
  auto by = [](plan::Lock lock) { return lock == plan::Lock::kFuse ? "fuse" : "software"; };
  plan::Lock identity = plan::Lock::kNone;
  for (const plan::IdentitySlot& slot : plan.identities) {
    if (slot.identity_lock != plan::Lock::kNone) identity = slot.identity_lock;
  }
  const plan::Stage* first = plan.FindStageKind(vocab::StageKind::kFirstStage);
  if (plan.FindStep(StepKind::kIdentityLock) != nullptr && identity != plan::Lock::kNone) {
    BM_CHECK(console->Lock("identity", by(identity)));
  }
  if (plan.FindStep(StepKind::kFirstStageLock) != nullptr && first != nullptr &&
      first->lock != plan::Lock::kNone) {
    BM_CHECK(console->Lock("first-stage", by(first->lock)));
  }
  if (plan.FindStep(StepKind::kPortLock) != nullptr) BM_CHECK(console->Blow("port-lock"));
  if (plan.FindStep(StepKind::kTamperProof) != nullptr) BM_CHECK(console->Blow("seal"));
  return {};
}

Status Sacrifice::Restart() {
  BM_TRY(link::DeviceConsole * console, Console());
  return console->Reset();
}

Status Sacrifice::Clip(const std::string& partition, ByteView content) {
  const link::Partition* p = board().Find(partition);
  Bytes region(p->size, 0xFF);
  if (content.size() > region.size()) {
    return Refused("trial.too-large", "the image does not fit partition " + partition);
  }
  std::ranges::copy(content, region.begin());
  return ClipAt(p->offset, region);
}

Status Sacrifice::ClipAt(uint32_t offset, ByteView content) {
  std::fstream flash(state_ / "flash.bin", std::ios::in | std::ios::out | std::ios::binary);
  flash.seekp(offset);
  flash.write(reinterpret_cast<const char*>(content.data()),
              static_cast<std::streamsize>(content.size()));
  flash.close();
  return flash ? Status{} : Environment("trial.chip", "the emulated flash cannot be written");
}

}  // namespace birthmark::app
