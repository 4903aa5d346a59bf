// SPDX-License-Identifier: Apache-2.0
// Decoding of what a device says about itself.
#include "cbor/codec.h"
#include "link/answers.h"

namespace birthmark::link {

void ReadStage(Fields& f, BootStage* out) {
  f.Get("partition", &out->partition);
  f.Get("present", &out->present);
  f.Get("verified", &out->verified);
  f.Get("usable", &out->usable);
  f.Get("verdict", &out->verdict);
  f.Get("text", &out->text);
  f.Get("level", &out->level);
  f.Get("anchor", &out->anchor);
  f.Get("name", &out->name);
  f.Get("version", &out->version);
  f.Get("factory_commands", &out->factory_commands);
  f.Get("size", &out->size);
  f.Get("sha256", &out->sha256);
}

void ReadRng(Fields& f, RngHealth* out) {
  f.Optional("source", &out->source);
  f.Get("pass", &out->pass);
  f.Get("samples", &out->samples);
  f.Get("longest_repetition", &out->longest_repetition);
  f.Get("highest_proportion", &out->highest_proportion);
  f.Get("contributions", &out->contributions);
}

void ReadSlot(Fields& f, SlotInfo* out) {
  f.Get("slot", &out->slot);
  f.Get("occupied", &out->occupied);
  f.Get("certificate", &out->certificate);
  f.Get("mismatch", &out->mismatch);
  f.Get("generation", &out->generation);
  f.Optional("public_key", &out->public_key);
}

std::vector<BootStage> ReadBoot(Fields& f) {
  std::vector<BootStage> stages;
  for (const cbor::Value& item : f.List("boot")) {
    Fields nested(item);
    ReadStage(nested, &stages.emplace_back());
    f.Take(nested);
  }
  return stages;
}

namespace {

void ReadLocks(Fields& f, DeviceLocks* out) {
  f.Get("identity_fuse", &out->identity_fuse);
  f.Get("identity_software", &out->identity_software);
  f.Get("first_stage_fuse", &out->first_stage_fuse);
  f.Get("first_stage_software", &out->first_stage_software);
  f.Get("port", &out->port);
  f.Get("sealed", &out->sealed);
  f.Get("secure_boot", &out->secure_boot);
}

// Content finds the report's map inside a COSE_Sign1, or takes the bare map.
Result<cbor::Value> Content(ByteView bytes) {
  BM_TRY(cbor::Value value, cbor::Decode(bytes));
  const cbor::Tagged* tagged = value.AsTagged();
  if (!tagged) return value;
  const cbor::Array* parts = tagged->tag == 18 ? tagged->item[0].AsArray() : nullptr;
  const Bytes* payload = parts && parts->size() == 4 ? (*parts)[2].AsBytes() : nullptr;
  if (!payload) {
    return Environment("link.answer", "the device's report is no COSE_Sign1",
                       "check that it runs firmware of this protocol version");
  }
  return cbor::Decode(*payload);
}

}  // namespace

Result<DeviceReport> DecodeReport(ByteView bytes) {
  BM_TRY(cbor::Value value, Content(bytes));
  DeviceReport r;
  Fields f(value);
  f.Get("uid", &r.uid);
  f.Get("board", &r.board);
  f.Get("core", &r.core);
  f.Get("serial", &r.serial);
  f.Get("nonce", &r.nonce);
  f.Get("boot_id", &r.boot_id);
  f.Get("fuses", &r.fuses);
  f.Optional("fuse_form", &r.fuse_form);
  Fields locks(f.Map("locks"));
  ReadLocks(locks, &r.locks);
  f.Take(locks);
  f.Get("unconfigure_count", &r.unconfigure_count);
  r.boot = ReadBoot(f);
  f.Get("running", &r.running);
  f.Get("factory_mode", &r.factory_mode);
  for (const auto& [key, digest] : *f.Map("digests").AsMap()) {
    const std::string* name = key.AsText();
    const Bytes* sha256 = digest.AsBytes();
    if (name && sha256) r.digests.emplace_back(*name, *sha256);
  }
  f.Get("test_image_erased", &r.test_image_erased);
  Fields memory(f.Map("private_memory"));
  memory.Get("location", &r.private_location);
  memory.Get("state", &r.private_state);
  memory.Get("encrypted", &r.private_encrypted);
  memory.Get("integrity", &r.private_integrity);
  memory.Get("identity_keys", &r.identity_keys);
  f.Take(memory);
  Fields rng(f.Map("rng"));
  ReadRng(rng, &r.rng);
  f.Take(rng);
  for (const cbor::Value& item : f.List("slots")) {
    Fields slot(item);
    ReadSlot(slot, &r.slots.emplace_back());
    f.Take(slot);
  }
  f.Get("validity_dates_checked", &r.validity_dates_checked);
  if (value.Find("secrets") != nullptr) {  // older firmware has none
    Fields secrets(f.Map("secrets"));
    secrets.Get("symmetric", &r.symmetric_secret);
    secrets.Get("password", &r.password);
    f.Take(secrets);
  }
  BM_CHECK(f.Done());
  return r;
}

}  // namespace birthmark::link
