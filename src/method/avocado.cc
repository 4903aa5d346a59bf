// SPDX-License-Identifier: Apache-2.0
#include "method/avocado.h"

#include <algorithm>

#include "crypto/digest.h"
#include "method/request.h"

namespace birthmark::method {
namespace {

constexpr std::string_view kAvocado = "avocado";

}  // namespace

Result<Outcome> ProvisionAvocado(link::DeviceConsole& device, Desk& desk, const Job& job,
                                 Rng& rng) {
  return ProvisionOwnKey(device, desk, job, rng, std::string(kAvocado),
                         [&] { return device.Generate(job.slot); });
}

Result<Outcome> ProvisionOwnKey(link::DeviceConsole& device, Desk& desk, const Job& job, Rng& rng,
                                const std::string& method,
                                const std::function<Result<link::SlotInfo>()>& make) {
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
    return Refused(method + ".test-source",
                   job.unit + ": the device's random source is a fixed sequence for tests",
                   "its keys are no secrets: use a board with a random source");
  }
  BM_TRY(link::SlotInfo slot, device.Slot(job.slot));
  bool kept = slot.occupied;
  if (!slot.occupied) {
    BM_TRY(slot, make());
  }
  BM_TRY(link::CsrAnswer answer, device.Csr(job.slot, job.subject, challenge));
  BM_TRY(pki::Csr request, CheckRequest(answer, challenge, slot, job, method));
  BM_TRY(Certified certified,
         desk.Issue({.job = job, .key = request.key, .method = method, .proof = "csr-signature"}));
  BM_TRY(link::SlotInfo stored, device.PutCertificate(job.slot, certified.chain));
  BM_TRY(std::vector<Bytes> back, device.GetCertificate(job.slot));
  if (!stored.certificate || back != certified.chain) {
    return Refused(method + ".read-back",
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
