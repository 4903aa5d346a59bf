// SPDX-License-Identifier: Apache-2.0
#include "method/sapodilla.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"

namespace birthmark::method {
namespace {

std::unexpected<Error> No(const char* code, const Job& job, std::string what, std::string fix) {
  return Refused(code, job.unit + ": " + std::move(what), std::move(fix));
}

// CheckListed refuses a part that has no business in this unit.
Status CheckListed(const std::optional<KnownElement>& known, const link::ChipInfo& chip,
                   const std::string& uid, const Job& job) {
  if (!known) {
    return No("sapodilla.not-listed", job, "its element " + uid + " is in no manifest",
              "import the manifest of its reel; a part that nobody listed may be a counterfeit");
  }
  if (known->quarantined) {
    return No("sapodilla.quarantined", job,
              fmt::format("its element {} is of reel {}, which is in quarantine", uid, known->reel),
              "find out where the part came from; birthmark reel show WS REEL");
  }
  if (known->used_in && *known->used_in != job.unit) {
    return No("sapodilla.used", job,
              fmt::format("its element {} is that of {}", uid, *known->used_in),
              "a part was harvested or cloned: look at both units before either ships");
  }
  if (known->key.empty()) {
    return No("sapodilla.no-key", job, "the manifest lists no key for its element " + uid,
              "a light manifest proves nothing: ask the maker for one with public keys");
  }
  if (known->key != chip.public_key) {
    return No("sapodilla.other-key", job,
              "its element " + uid + " has another key than the one listed",
              "scrap the unit: the part is not the one its maker made");
  }
  return {};
}

Status CheckProof(link::DeviceConsole& device, const KnownElement& known,
                  const link::ChipInfo& chip, const SapodillaTerms& terms, const Job& job,
                  Rng& rng) {
  BM_TRY(bool active, device.ActivateChip(terms.activation));
  if (!active) {
    return No("sapodilla.activation", job,
              "its element " + known.uid + " does not take the activation password",
              "is the part of this order? the password is the plan's `activation`");
  }
  Bytes challenge(32);
  rng.Fill(challenge);
  BM_TRY(Bytes proof, device.ChipProof(challenge));
  BM_TRY(crypto::PublicKey key, crypto::PublicKey::FromSpki(known.key));
  auto signature = crypto::EcdsaRawToDer(proof);
  if (!signature || !key.Verify(link::ChipProofMessage(challenge, chip.uid), *signature)) {
    return No("sapodilla.proof", job,
              "its element " + known.uid + " did not sign the station's challenge",
              "scrap the unit: it does not hold the key it shows");
  }
  return {};
}

}  // namespace

Result<Outcome> ProvisionSapodilla(link::DeviceConsole& device, Desk& desk, Elements& elements,
                                   const Job& job, const SapodillaTerms& terms, Rng& rng) {
  auto chip = device.Chip();
  if (!chip && link::IsRefusal(chip.error())) {
    return No("sapodilla.no-element", job,
              "the board answers for no secure element: " + chip.error().message,
              "look at the placement of the part");
  }
  if (!chip) return std::unexpected(chip.error());
  std::string uid = ToHex(chip->uid);
  BM_TRY(std::optional<KnownElement> known, elements.Find(uid));
  BM_CHECK(CheckListed(known, *chip, uid, job));
  BM_CHECK(CheckProof(device, *known, *chip, terms, job, rng));

  // What the element gives away as its certificate has to be the one that counts here.
  BM_TRY(std::optional<Certified> live, desk.Live(job.unit, job.slot));
  Bytes meant = known->cert;
  if (terms.ca == WhoseCa::kOurs) {
    if (!live) {
      return No("sapodilla.not-enrolled", job, "no certificate of ours was issued for it",
                "the silicon maker enrols each part for its serial number first");
    }
    BM_TRY(crypto::PublicKey certified, live->certificate.public_key());
    if (!std::ranges::equal(certified.spki(), known->key)) {
      return No("sapodilla.other-key", job,
                "its certificate is for another key than that of its element " + uid,
                "the part belongs to another serial number: look at the tray");
    }
    meant.assign(live->certificate.der().begin(), live->certificate.der().end());
  }
  if (meant.empty() || chip->chain.empty() || chip->chain.front() != meant) {
    return No("sapodilla.certificate", job,
              "its element " + uid +
                  (meant.empty() ? " came without a certificate"
                                 : " holds another certificate than the one listed"),
              "ask its maker about this part");
  }
  if (live && (live->certificate.der().size() != meant.size() ||
               !std::ranges::equal(live->certificate.der(), meant))) {
    return No("sapodilla.used", job, "it has another identity already",
              "a part was exchanged: rework the unit with --new-identity, or scrap it");
  }
  if (known->used_in && !live) {
    return No("sapodilla.used", job, "the identity of its element " + uid + " has ended",
              "a part keeps the one identity it came with: put in another part");
  }
  if (!known->used_in)
    BM_CHECK(elements.Matched(job, *known, live ? Bytes() : meant, terms.ca == WhoseCa::kOnBehalf));
  if (live && live->state == "issued")
    BM_CHECK(desk.SetState(job, live->certificate, "installed", "read back from the element"));
  Outcome out{.proof = "read-back",
              .detail = fmt::format("element {} of reel {} proved its key", uid, known->reel),
              .read_backs = {}};
  out.read_backs.push_back({.what = "certificate:" + job.slot,
                            .equal = true,
                            .found = crypto::Sha256(chip->chain.front()),
                            .meant = crypto::Sha256(meant)});
  return out;
}

}  // namespace birthmark::method
