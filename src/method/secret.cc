// SPDX-License-Identifier: Apache-2.0
#include "method/secret.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/digest.h"
#include "crypto/hpke.h"

namespace birthmark::method {
namespace {

std::unexpected<Error> NotThere(const Job& job, std::string_view what) {
  return Refused("secret.read-back", fmt::format("{}: the device does not hold {}", job.unit, what),
                 "retry the unit; scrap it if this comes back");
}

Digest DigestOf(const Bytes& b) {
  Digest d{};
  std::copy_n(b.begin(), std::min(b.size(), d.size()), d.begin());
  return d;
}

// EndOf tells the life of a secret outside its device. It has no public half to name it by.
ledger::KeyOutside EndOf(const Job& job, Time from, Time to, const std::string& place) {
  ledger::KeyOutside life{.spki = {},
                          .slot = job.slot,
                          .unit = job.unit,
                          .places = {},
                          .destroyed = "memory wiped after the label was printed and read back"};
  life.places.push_back({.to = Millis(to),
                         .from = Millis(from),
                         .form = "plain memory",
                         .place = place + " process"});
  return life;
}

}  // namespace

SecretBytes MakePassword(Rng& rng) {
  // No I, O, 0 and 1. 32 symbols, so that five bits of an octet pick one without a bias.
  static constexpr std::string_view kAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  static_assert(kAlphabet.size() == 32);
  constexpr size_t kSymbols = kPasswordBits / 5, kGroup = 4;
  SecretBytes random(kSymbols), out(kSymbols + kSymbols / kGroup - 1);
  SecretAccess access;
  rng.Fill(random.Write(access));
  std::span<uint8_t> text = out.Write(access);
  size_t at = 0;
  for (size_t i = 0; i < kSymbols; ++i) {
    if (i > 0 && i % kGroup == 0) text[at++] = '-';
    text[at++] = static_cast<uint8_t>(kAlphabet[random.Read(access)[i] & 31]);
  }
  return out;
}

Result<Outcome> ProvisionSymmetric(link::DeviceConsole& device, SecretDesk& desk, const Job& job,
                                   size_t size, bool derived) {
  BM_TRY(link::SecretInfo held, device.CheckSecret(job.slot));
  BM_TRY(SecretBytes secret, desk.Symmetric(job, size, derived));
  const Digest meant = link::KeyCheck(secret);
  const bool was_there = held.occupied && DigestOf(held.check) == meant;
  const bool replaced = held.occupied && !was_there;
  if (!was_there) {
    BM_TRY(held, device.PutSecret(job.slot, secret, replaced));
    if (!held.occupied || DigestOf(held.check) != meant) return NotThere(job, "its secret");
  }
  BM_TRY(std::optional<Known> known, desk.Find(job));
  if (!known || known->check != meant) {
    BM_CHECK(desk.Record({.how = derived ? "derived" : "generated",
                          .slot = job.slot,
                          .unit = job.unit,
                          .bits = 8 * size,
                          .check = meant,
                          .batch = std::nullopt}));
  }
  Outcome out{.proof = "read-back",
              .detail = fmt::format("{} secret of {} bits {}", derived ? "derived" : "generated",
                                    8 * size, was_there ? "found" : "loaded"),
              .read_backs = {}};
  if (replaced) out.detail += ", in place of one that nobody has";
  out.read_backs.push_back(
      {.what = "check:" + job.slot, .equal = true, .found = DigestOf(held.check), .meant = meant});
  return out;
}

Result<Outcome> ProvisionPassword(link::DeviceConsole& device, SecretDesk& desk, const Job& job,
                                  const std::string& place, Printer* printer) {
  const Time from = desk.Now();
  BM_TRY(link::SecretInfo held, device.CheckSecret(job.slot));
  SecretBytes password;
  bool printed = false;
  if (printer != nullptr) {
    BM_TRY(password, printer->Printed(job));
    printed = !password.empty();
  }
  if (password.empty()) {
    BM_TRY(password, desk.Password(job, printer == nullptr));
    if (printer != nullptr) {
      BM_CHECK(printer->Print(job, password));
      // What counts is what a reader of the label will read.
      BM_TRY(SecretBytes read, printer->Printed(job));
      if (!(read == password)) {
        return Refused("secret.label", job.unit + ": its label does not read as it was printed",
                       "look at the printer, print the label again");
      }
    }
  }
  bool opens = false;
  if (held.occupied) {
    BM_TRY(link::SecretInfo tried, device.CheckSecret(job.slot, &password));
    opens = tried.match;
  }
  if (!opens) {
    BM_TRY(link::SecretInfo put, device.PutSecret(job.slot, password, held.occupied));
    BM_TRY(link::SecretInfo tried, device.CheckSecret(job.slot, &password));
    if (!put.occupied || !tried.match) return NotThere(job, "its password");
  }
  password.Clear();
  BM_TRY(std::optional<Known> known, desk.Find(job));
  if (!known || !opens) {
    BM_CHECK(desk.Record({.how = "generated",
                          .slot = job.slot,
                          .unit = job.unit,
                          .bits = kPasswordBits,
                          .check = std::nullopt,
                          .batch = std::nullopt}));
    if (printer != nullptr) BM_CHECK(desk.RecordEnd(EndOf(job, from, desk.Now(), place)));
  }
  Outcome out{.proof = "read-back",
              .detail = fmt::format("password {}{}", opens ? "found" : "put in, hash alone kept",
                                    printer == nullptr ? ""
                                    : printed          ? ", read from its label"
                                                       : ", printed on its label"),
              .read_backs = {}};
  if (held.occupied && !opens) out.detail += ", in place of one that nobody has";
  return out;
}

Result<Outcome> ProvisionGroup(link::DeviceConsole& device, SecretDesk& desk, const Job& job) {
  BM_TRY(link::SlotInfo held, device.Slot(job.slot));
  BM_TRY(std::optional<Known> known, desk.Find(job));
  const Digest in_device = held.occupied ? crypto::Sha256(held.public_key) : Digest{};
  auto read_back = [&](const Digest& meant) {
    return ledger::ReadBack{
        .what = "key:" + job.slot, .equal = true, .found = in_device, .meant = meant};
  };
  if (known && held.occupied) {
    BM_TRY(std::optional<Digest> key, desk.GroupKey(known->batch));
    if (key == in_device) {
      Outcome out{.proof = "read-back",
                  .detail = fmt::format("key of {} found", known->batch),
                  .read_backs = {}};
      out.read_backs.push_back(read_back(*key));
      return out;
    }
  }
  BM_TRY(Group group, desk.GroupFor(job));
  const bool was_there = held.occupied && in_device == group.spki;
  if (!was_there) {
    BM_TRY(link::SlotInfo put, device.PutGroupKey(group.scalar, held.occupied));
    if (!put.occupied || crypto::Sha256(put.public_key) != group.spki)
      return NotThere(job, "the key of its batch");
  }
  group.scalar.Clear();
  if (!group.chain.empty()) {
    BM_TRY(link::SlotInfo stored, device.PutCertificate(job.slot, group.chain, true));
    BM_TRY(std::vector<Bytes> back, device.GetCertificate(job.slot));
    if (!stored.certificate || back != group.chain)
      return NotThere(job, "the certificate of its batch");
  }
  if (!known || known->batch != group.id) {
    BM_CHECK(desk.Record({.how = "loaded",
                          .slot = job.slot,
                          .unit = job.unit,
                          .bits = 256,
                          .check = std::nullopt,
                          .batch = group.id}));
  }
  Outcome out{.proof = "read-back",
              .detail = fmt::format("key of {} {}", group.id, was_there ? "found" : "loaded"),
              .read_backs = {}};
  out.read_backs.push_back(
      {.what = "key:" + job.slot, .equal = true, .found = group.spki, .meant = group.spki});
  return out;
}

Result<Outcome> TryDecrypt(link::DeviceConsole& device, const Job& job,
                           const crypto::PublicKey& key, Rng& rng) {
  const Bytes info = ToBytes("birthmark update trial 1"), aad = ToBytes(job.unit);
  Bytes text(64);
  rng.Fill(text);
  BM_TRY(crypto::HpkeObject object, crypto::HpkeSeal(key, info, aad, text));
  const Digest meant = crypto::Sha256(text);
  BM_TRY(link::UpdateOpened good, device.OpenUpdate(object.enc, object.ciphertext, info, aad));
  object.ciphertext.back() ^= 1;
  BM_TRY(link::UpdateOpened bad, device.OpenUpdate(object.enc, object.ciphertext, info, aad));
  const Digest found = DigestOf(good.sha256);
  if (!good.opened || found != meant || bad.opened) {
    return Refused(
        "decrypt.trial",
        fmt::format("{}: the device {} what is encrypted to it, and {} a changed one", job.unit,
                    good.opened ? "opens" : "does not open", bad.opened ? "takes" : "refuses"),
        "scrap the unit: it could not take an update");
  }
  Outcome out{.proof = "read-back",
              .detail = "update key opens what is encrypted to it, a changed object is refused",
              .read_backs = {}};
  out.read_backs.push_back(
      {.what = "trial:" + job.slot, .equal = true, .found = found, .meant = meant});
  return out;
}

}  // namespace birthmark::method
