// SPDX-License-Identifier: Apache-2.0
#include "method/enrolled.h"

#include "crypto/digest.h"
#include "method/request.h"

namespace birthmark::method {
namespace {

std::unexpected<Error> Waiting(const Job& job, std::string_view what) {
  return Refused("enrolled.waiting", fmt::format("{}: {}", job.unit, what),
                 "let the device enrol (docs/salak.md), then run the line again");
}

// KeptKey is the slot's key as the device tells it. A key that its software made in the element
// while it enrolled is new to the core: it looks, and makes none where one is.
Result<link::SlotInfo> KeptKey(link::DeviceConsole& device, const Job& job, bool in_element,
                               const crypto::PublicKey& certified) {
  BM_TRY(link::SlotInfo slot, device.Slot(job.slot));
  if (!in_element || (slot.occupied && crypto::Sha256(slot.public_key) == certified.spki_digest()))
    return slot;
  return device.MakeInElement(job.slot);
}

// KeptLeaf is the certificate that the device keeps; empty: none.
Result<Bytes> KeptLeaf(link::DeviceConsole& device, const Job& job, bool in_element) {
  Result<Bytes> leaf = Bytes();
  if (in_element) {
    leaf = device.CertificateInElement(job.slot);
  } else {
    auto chain = device.GetCertificate(job.slot);
    if (!chain) {
      leaf = std::unexpected(chain.error());
    } else if (!chain->empty()) {
      leaf = chain->front();
    }
  }
  if (!leaf && link::IsRefusal(leaf.error())) return Bytes();
  return leaf;
}

}  // namespace

Result<Outcome> ConfirmEnrolled(link::DeviceConsole& device, Desk& desk, const Job& job,
                                bool in_element, Rng& rng) {
  BM_TRY(std::optional<Certified> live, desk.Live(job.unit, job.slot));
  if (!live) return Waiting(job, "it has not enrolled yet");
  BM_TRY(crypto::PublicKey certified, live->certificate.public_key());
  BM_TRY(link::SlotInfo slot, KeptKey(device, job, in_element, certified));
  if (!slot.occupied) return Waiting(job, "an identity was issued, and the device holds no key");
  if (crypto::Sha256(slot.public_key) != certified.spki_digest()) {
    return Refused("enrolled.other-key",
                   job.unit + ": the device holds another key than the one that enrolled as it",
                   "find the device that enrolled under this serial number; revoke its identity");
  }
  // A visit that was cut short later begins anew, perhaps with a device that signs no more
  // requests.
  const bool again = live->state != "issued";
  if (!again) {
    Bytes challenge(32);
    rng.Fill(challenge);
    BM_TRY(link::CsrAnswer answer, device.Csr(job.slot, job.subject, challenge));
    BM_CHECK(CheckRequest(answer, challenge, slot, job, "enrolled"));
  }
  BM_TRY(Bytes leaf, KeptLeaf(device, job, in_element));
  if (leaf.empty()) return Waiting(job, "it enrolled and does not keep its certificate yet");
  Outcome out{.proof = "read-back",
              .detail = "enrolled over a network; the device has the certified key",
              .read_backs = {}};
  out.read_backs.push_back({.what = "key:" + job.slot,
                            .equal = true,
                            .found = certified.spki_digest(),
                            .meant = certified.spki_digest()});
  const Digest found = crypto::Sha256(leaf);
  out.read_backs.push_back({.what = "certificate:" + job.slot + (in_element ? ":element" : ""),
                            .equal = found == live->certificate.digest(),
                            .found = found,
                            .meant = live->certificate.digest()});
  if (!out.read_backs.back().equal) {
    return Refused("enrolled.read-back",
                   job.unit + ": the device keeps another certificate than the one of its record",
                   "look at what enrolled it; store the certificate again and retry the unit");
  }
  if (!again)
    BM_CHECK(desk.SetState(job, live->certificate, "installed", "read back from the device"));
  return out;
}

}  // namespace birthmark::method
