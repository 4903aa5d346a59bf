// SPDX-License-Identifier: Apache-2.0
#include "method/carrot.h"

#include <algorithm>

#include "crypto/digest.h"
#include "method/avocado.h"
#include "method/request.h"

namespace birthmark::method {
namespace {

constexpr std::string_view kCarrot = "carrot";

Status CheckChip(link::DeviceConsole& device, Seeds& seeds, const Job& job) {
  BM_TRY(link::Hello hello, device.SayHello());
  BM_TRY(std::optional<std::string> chip, seeds.ChipOf(job.unit));
  if (!chip || SameChip(hello.uid, *chip)) return {};
  std::string uid = ToHex(hello.uid);
  BM_TRY(std::optional<std::string> unit, seeds.UnitOf(uid));
  return Refused(
      "carrot.other-chip",
      fmt::format("{}: its certificate is for the chip {}, and this is {}", job.unit, *chip, uid),
      unit ? "this chip's certificate is that of " + *unit
           : "no certificate was issued for this chip: birthmark seed issue");
}

// DerivedKey is the key that the device derives; one that is there already is asked for only when
// the device would refuse to derive again.
Result<link::SlotInfo> DerivedKey(link::DeviceConsole& device, const Job& job, bool again) {
  BM_TRY(link::ChipSeed seed, device.SeedFacts());
  if (!seed.present) {
    return Refused("carrot.no-seed", job.unit + ": the chip holds no seed",
                   "look at where its chip came from; scrap it if the maker put none in");
  }
  if (seed.mixes) {
    return Refused("carrot.mixes",
                   job.unit +
                       ": the device mixes entropy of its own into its key, so nobody else "
                       "could have computed it",
                   "set mixes-entropy = true in the plan, or ask which firmware this is");
  }
  if (again) {
    BM_TRY(link::SlotInfo slot, device.Slot(job.slot));
    if (slot.occupied) return slot;
  }
  BM_TRY(link::DerivedSlot derived, device.Derive(job.slot));
  return derived.slot;
}

Status Deliver(link::DeviceConsole& device, const Job& job, const Certified& live,
               const Delivery& delivery, Outcome& out) {
  if (delivery.way == Delivery::Way::kFetched) {
    out.detail += "; certificate left to be fetched at onboarding";
    return {};
  }
  auto before = device.GetCertificate(job.slot);
  if (!before && !link::IsRefusal(before.error())) return std::unexpected(before.error());
  std::vector<Bytes> held = before ? std::move(*before) : std::vector<Bytes>();
  if (held != live.chain) {
    if (delivery.way == Delivery::Way::kImage) {
      BM_CHECK(delivery.write(live.chain));
      // The port is the writer's; the device is met anew by the caller of the next command.
    } else {
      BM_CHECK(device.PutCertificate(job.slot, live.chain));
      BM_TRY(held, device.GetCertificate(job.slot));
    }
  }
  if (delivery.way == Delivery::Way::kConsole && held != live.chain) {
    return Refused("carrot.read-back",
                   job.unit + ": the device does not hold the certificate it was given",
                   "retry the unit; scrap it if this comes back");
  }
  out.detail += delivery.way == Delivery::Way::kImage ? "; certificate written from outside"
                                                      : "; certificate over the console";
  out.read_backs.push_back({.what = "certificate:" + job.slot,
                            .equal = true,
                            .found = live.certificate.digest(),
                            .meant = live.certificate.digest()});
  return {};
}

}  // namespace

bool SameChip(ByteView uid, std::string_view chip) {
  std::string plain;
  for (char c : chip) {
    if (c == ':' || c == '-' || c == '.') continue;
    plain += static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
  }
  auto octets = FromHex(plain);
  return !octets || std::ranges::equal(*octets, uid);
}

Result<Outcome> ProvisionCarrot(link::DeviceConsole& device, Desk& desk, Seeds& seeds,
                                const Job& job, const Delivery& delivery, Rng& rng) {
  BM_TRY(std::optional<Certified> live, desk.Live(job.unit, job.slot));
  if (!live) {
    return Refused("carrot.not-issued", job.unit + ": no certificate was issued ahead for it",
                   "birthmark seed issue WS --batch ID");
  }
  BM_CHECK(CheckChip(device, seeds, job));
  const bool again = live->state != "issued";
  BM_TRY(link::SlotInfo slot, DerivedKey(device, job, again));
  BM_TRY(crypto::PublicKey meant, live->certificate.public_key());
  Digest found = crypto::Sha256(slot.public_key);
  if (found != meant.spki_digest()) {
    return Refused(
        "carrot.other-key",
        fmt::format("{}: the device derived the key {}, the factory {}", job.unit,
                    ToHex(found).substr(0, 16), ToHex(meant.spki_digest()).substr(0, 16)),
        "another seed or another derivation: try the maker's test values on one chip");
  }
  if (!again) {
    Bytes challenge(32);
    rng.Fill(challenge);
    BM_TRY(link::CsrAnswer answer, device.Csr(job.slot, job.subject, challenge));
    BM_CHECK(CheckRequest(answer, challenge, slot, job, std::string(kCarrot)));
  }
  Outcome out{.proof = "read-back",
              .detail = "key derived from the chip's seed is the one certified",
              .read_backs = {}};
  out.read_backs.push_back(
      {.what = "key:" + job.slot, .equal = true, .found = found, .meant = meant.spki_digest()});
  BM_CHECK(Deliver(device, job, *live, delivery, out));
  if (!again) {
    BM_CHECK(desk.SetState(job, live->certificate, "installed",
                           delivery.way == Delivery::Way::kFetched
                               ? "the device holds the certified key; its certificate is fetched"
                               : "the device holds the certified key; certificate delivered"));
  }
  return out;
}

Result<Outcome> ProvisionMixedCarrot(link::DeviceConsole& device, Desk& desk, const Job& job,
                                     Rng& rng) {
  auto derive = [&]() -> Result<link::SlotInfo> {
    BM_TRY(link::DerivedSlot derived, device.Derive(job.slot));
    if (!derived.mixed) {
      return Refused("carrot.not-mixed",
                     job.unit + ": the device derives its key from its seed alone",
                     "whoever has the seed has the key: set mixes-entropy = false in the plan");
    }
    return derived.slot;
  };
  return ProvisionOwnKey(device, desk, job, rng, std::string(kCarrot), derive);
}

}  // namespace birthmark::method
