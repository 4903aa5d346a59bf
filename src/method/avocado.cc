// SPDX-License-Identifier: Apache-2.0
#include "method/avocado.h"

#include <algorithm>

#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"
#include "pki/csr.h"

namespace birthmark::method {
namespace {

constexpr std::string_view kAvocado = "avocado";

// CheckRequest believes nothing in the request but its key, and that only when the device has
// signed both the request and this station's challenge with it.
Result<crypto::PublicKey> CheckRequest(const link::CsrAnswer& answer, ByteView challenge,
                                       const link::SlotInfo& slot, const Job& job) {
  BM_TRY(pki::Csr csr, pki::ReadCsr(answer.csr));
  if (!std::ranges::equal(csr.key.spki(), slot.public_key)) {
    return Refused("avocado.other-key",
                   job.unit + ": the request is not for the key the device said it made",
                   "check which device is on this station");
  }
  if (csr.subject.Find("serialNumber").value_or("") != job.serial) {
    return Refused("avocado.other-unit", job.unit + ": the request names another unit",
                   "check which device is on this station");
  }
  BM_TRY(Bytes signature, crypto::EcdsaRawToDer(answer.proof));
  if (!csr.key.Verify(link::CsrProofMessage(challenge, crypto::Sha256(answer.csr)), signature)) {
    return Refused("avocado.proof", job.unit + ": the device did not sign the station's challenge",
                   "scrap the unit: its answers are not its own");
  }
  return csr.key;
}

}  // namespace

Result<Outcome> ProvisionAvocado(link::DeviceConsole& device, Desk& desk, const Job& job,
                                 Rng& rng) {
  // A visit that was cut short after this step begins anew, perhaps with a device that no longer
  // takes factory commands: what is there and the same on both sides is left alone.
  BM_TRY(std::optional<Certified> live, desk.Live(job.unit, job.slot));
  if (live && live->state != "issued") {
    BM_TRY(std::vector<Bytes> held, device.GetCertificate(job.slot));
    if (held == live->chain) {
      Outcome out{.proof = "read-back",
                  .detail = "key and certificate found in the device",
                  .read_backs = {}};
      out.read_backs.push_back({.what = "certificate:" + job.slot,
                                .equal = true,
                                .found = crypto::Sha256(held.front()),
                                .meant = live->certificate.digest()});
      return out;
    }
  }
  Bytes seed(48), challenge(32);
  rng.Fill(seed);
  rng.Fill(challenge);
  // The station's randomness is mixed in, never put in place of the device's own (RFC 4086).
  BM_TRY(link::RngHealth health, device.AddEntropy(seed));
  Wipe(seed.data(), seed.size());
  // What comes from a fixed sequence is known to whoever has the firmware, whatever is mixed in.
  if (health.source == "test") {
    return Refused("avocado.test-source",
                   job.unit + ": the device's random source is a fixed sequence for tests",
                   "its keys are no secrets: use a board with a random source");
  }
  BM_TRY(link::SlotInfo slot, device.Slot(job.slot));
  bool kept = slot.occupied;
  if (!slot.occupied) {
    BM_TRY(slot, device.Generate(job.slot));
  }
  BM_TRY(link::CsrAnswer answer, device.Csr(job.slot, job.subject, challenge));
  BM_TRY(crypto::PublicKey key, CheckRequest(answer, challenge, slot, job));
  BM_TRY(Certified certified,
         desk.Issue(
             {.job = job, .key = key, .method = std::string(kAvocado), .proof = "csr-signature"}));
  BM_TRY(link::SlotInfo stored, device.PutCertificate(job.slot, certified.chain));
  BM_TRY(std::vector<Bytes> back, device.GetCertificate(job.slot));
  if (!stored.certificate || back != certified.chain) {
    return Refused("avocado.read-back",
                   job.unit + ": the device does not hold the certificate it was given",
                   "retry the unit; scrap it if this comes back");
  }
  if (certified.state == "issued") {
    BM_CHECK(desk.SetState(job, certified.certificate, "installed", "read back from the device"));
  }
  Outcome out{.proof = "read-back",
              .detail = fmt::format("key {} in the device, generation {}, rng health {}",
                                    kept ? "found" : "made", slot.generation,
                                    health.pass ? "pass" : "fail"),
              .read_backs = {}};
  out.read_backs.push_back({.what = "certificate:" + job.slot,
                            .equal = true,
                            .found = crypto::Sha256(back.front()),
                            .meant = certified.certificate.digest()});
  return out;
}

}  // namespace birthmark::method
