// SPDX-License-Identifier: Apache-2.0
#include "vocab/explain.h"

#include <fmt/format.h>

#include <iterator>

namespace birthmark::vocab {
namespace {

// In the order of the questions in table.inc; a static_assert counts them.
constexpr std::string_view kReadings[] = {
    // initial-enclave-location
    "The initial software trust anchor is the key, or the digest of a key, with which the first\n"
    "piece of code is checked. Internal means inside the processor's package: ROM, fuses, flash\n"
    "on the die, or storage wrapped under a key that exists only in the die. A part of its own\n"
    "beside the processor, a secure element too, is external. Measured when the fuses, read back\n"
    "at the lock station, hold the digest of the boot anchor; the answer says for how many units.\n"
    "A 256-bit EC key does not fit into the 32 bytes the draft gives it: a digest does, and the\n"
    "read-back shows what is really there.",
    // initial-enclave-integrity-key
    "Asked only when the first stage is outside the processor; otherwise not applicable. The\n"
    "answer names what kind of key checks it (public key, digest of one, plain hash, MAC key) and\n"
    "where that key is. Measured in two steps: a unit whose external first stage has one bit\n"
    "flipped is started, and must refuse; the key it checked with is read back. \"None\" is an\n"
    "answer: nothing checks it.",
    // initial-enclave-privacy-key
    "Asked only when the first stage is outside the processor. Measured by comparing what is in\n"
    "the external part with the build's output: the same bytes mean no. Two units with the same\n"
    "ciphertext share a key, which is an answer of its own, since one broken unit then opens all.\n"
    "Revision -15 calls the question initial-enclave-confidentiality-key.",
    // first-stage-exposure
    "\"Involved\" is read widely: whoever operated a first-stage station, opened its maintenance\n"
    "mode, released or changed the first-stage image, or administers the station. Counted per\n"
    "factory over 90 days; the largest factory is the answer. Only authenticated people can be\n"
    "counted: zero is measured only when the log shows the station at work and nobody in any of\n"
    "the four groups. Shared log-ins make the number a lower bound, and it says so. Without\n"
    "authenticated people the question stays not-answered and never becomes 0.",
    // first-second-stage-gap
    "From the event that the first stage was written to the event that the last way to change it\n"
    "was closed, debug port included. Time is the difference of the two; distance is the sum of\n"
    "the custody legs between sites, as great circles. Middle, 95 % and largest over all units,\n"
    "hand-overs, and how many were written and never locked. A lock proven by a signed read-back\n"
    "counts as such, else the station's word is all there is, and the answer says which. Routes\n"
    "are never disclosed; kilometres and durations are rounded.",
    // identity-pki-level
    "The anchor that relying parties are given counts as 1, whether it is a root or not, and the\n"
    "device's certificate is counted too: a pinned self-signed certificate is 1, root to device "
    "2,\n"
    "root to subordinate to device 3 (5.1). The deepest device certificate decides. Revision -15\n"
    "says it two ways that differ by one; its section 5.1 still counts as here. Measured by\n"
    "building the path of every certificate in the issuing log.",
    // identity-time-limits-per-subordinate
    "The subject is the subordinate's key, not its certificate: certifying the same key again\n"
    "does not start anew. Counted from the first certificate under one key to the first under\n"
    "its successor, the longest. \"None\" is an answer where only the count limits. A key without\n"
    "a successor yet has a running time, given as such.",
    // identity-number-per-subordinate
    "Distinct identities under one subordinate key, the largest number among retired ones. It\n"
    "tells how much is produced, so a power of ten is disclosed unless the plan asks for exact\n"
    "counts. \"None\" is an answer where only time limits. The limit that policy sets is declared\n"
    "beside it.",
    // identity-anchor-storage
    "An open description in the draft. We add a class (software, token, HSM, cloud HSM, TPM,\n"
    "threshold), whether it is reachable without a person carrying requests, and on how many days\n"
    "it signed in the period, which is what offline means in practice. Attributes come from the\n"
    "module that holds the key. Serial numbers, rooms and people never leave.",
    // identity-shared-split-extra
    "n-k: the shares that may be lost. Measured it is shares proven healthy in the period less\n"
    "the number needed, so it falls as shares die; computed inside the sealed ceremony and\n"
    "attested from there. Where there is one set of shares per continent the smallest counts.\n"
    "Keys split several times give one answer each. A key that is not split makes the question\n"
    "not applicable. k and n themselves are never told (5.3.1).",
    // identity-shared-split-continents
    "A continent counts when the healthy shares seated there suffice by themselves. Seven\n"
    "continents, a fixed table from country to continent; people without a fixed seat count\n"
    "nowhere. 0 is an answer: somebody always has to travel. With n-k published, two or more\n"
    "continents bound k from above, so both answers pass the leak guard together. For a threshold\n"
    "key recovering and signing are separate answers: signing by message needs no travel.",
    // pki-level
    "As identity-pki-level, for this anchor: a bare key that checks the object itself is 1, root\n"
    "and signer 2, with a subordinate 3. Measured from objects really signed and accepted by the\n"
    "device; the longest path counts, from the anchor in the device and not from a root above it.",
    // pki-algorithms
    "What the device's verifier accepts, not what its maker happens to use. Measured with test\n"
    "objects for each algorithm, key size and hash, fed to the device; the verifier and its build\n"
    "are named. An algorithm that nobody uses and the device still accepts belongs in the answer.",
    // pki-lifespan
    "Start and end where the anchor has dates (a bare key has none, and the answer says so), the\n"
    "interval of replacement and its means: never, signed update, RFC 5011, EST cacerts, voucher,\n"
    "workshop tool, recall. Dates are read from the anchor in the device; means and interval are\n"
    "declared until a replacement is on record.",
    // pki-level-locked
    "Good chains one level too short, right, and one too long are offered to the device. Locked\n"
    "means that it takes the right one alone. A path length constraint in a certificate is the\n"
    "PKI's word; what the device does is the answer.",
    // pki-breadth
    "A design number: how many unexpired end-entity certificates the PKI was made for. Today's\n"
    "count is a second fact under its own label, and the two are never said to differ. It may\n"
    "tell how many signers, sites or customers there are, so powers of ten are disclosed.",
    // pki-lock-policy
    "From a good signer's certificate one property at a time is taken away: extended key usage,\n"
    "policy, subject, the subordinate above. The removals that the device refuses are the answer;\n"
    "\"none\" means that any certificate under the anchor may sign.",
    // pki-anchor-storage
    "The first half is asked and measured as identity-anchor-storage. The second half, how many\n"
    "people recovery takes, is k: withheld by default, since 5.3.1 advises against publishing it.\n"
    "In its place may stand that more than one person is needed, the spare shares, and the\n"
    "continents. For anchors run by others (WebPKI, DNSSEC) the answer points to their practice\n"
    "statement.",
};
static_assert(std::size(kReadings) == kQuestionCount);

constexpr std::string_view kMethodReadings[] = {
    // avocado
    "The private key never leaves the device. It is as good as the device's random numbers, and\n"
    "those are hard to judge from outside; we test the source and record it. The public key has "
    "to\n"
    "travel with its integrity and its serial number intact, and the line waits for the "
    "authority.\n"
    "Afterwards a lock, by fuse or software, must keep the device from starting over (4.1.1.1).",
    // bamboo
    "The random source is the factory's and can be judged; certificates can be made ahead, so "
    "that\n"
    "the line never waits, and one write brings everything. But the private key exists outside "
    "the\n"
    "device: who could have seen it, for how long and where, are facts we record, and its\n"
    "destruction too (4.1.1.2). Network transfer means EST server-side key generation or CMP\n"
    "central key generation; SCEP, which the draft also lists, defines none.",
    // carrot
    "No random numbers are needed on the device and nobody waits: the manufacturer derives the "
    "key\n"
    "pair from the same seed, certifies it and destroys its half. The seed is what has to be\n"
    "guarded, by two companies and on the way between them (4.1.1.3). A device that mixes in\n"
    "randomness which the manufacturer cannot recompute is a different fact and is recorded so.",
    // salak
    "As avocado, with the key inside an element made to keep keys. -02 counts a discrete TPM here\n"
    "and a firmware TPM as avocado (4.1.1.4); -15 counts both TPMs as avocado and calls this "
    "method\n"
    "squash. What is stored is where the key was made; the name follows from the revision asked "
    "for.",
    // sapodilla
    "The element arrives with key and certificate. Whose authority signed is the question: the\n"
    "silicon vendor's own, one it runs for the device's maker, or the maker's over a network; we\n"
    "record which. Stolen parts can pose as devices, and the activation password against that is\n"
    "not much of a secret (4.1.1.5). We file the key as device-generated, as salak's, in another\n"
    "factory; -15 compares the method with carrot instead and calls it spinach.",
};
static_assert(std::size(kMethodReadings) == kMethodCount);

size_t IndexOf(const Row& row) { return static_cast<size_t>(&row - Rows(row.group).data()); }

}  // namespace

std::string_view Reading(Question q) { return kReadings[static_cast<size_t>(q)]; }
std::string_view Reading(Method m) { return kMethodReadings[static_cast<size_t>(m)]; }

std::string Explain(const Row& row, Revision r) {
  std::string out = fmt::format("{}  ({}, {})\n{}\n", row.Shown(r), GroupTitle(row.group),
                                row.section == "ours" || row.section == "slides"
                                    ? (row.section == "ours" ? "our word" : "from the slides")
                                    : fmt::format("draft section {}", row.section),
                                row.summary);
  Revision other = r == Revision::k02 ? Revision::k15 : Revision::k02;
  if (!row.In(other).empty() && row.In(other) != row.Shown(r)) {
    out += fmt::format("in revision {}: {}\n", ToText(other), row.In(other));
  }
  if (row.group == Group::kMethod) out += fmt::format("\n{}\n", kMethodReadings[IndexOf(row)]);
  if (row.group != Group::kQuestion) return out;
  out += fmt::format("asked about: {}\nvalue: {}{}{}\ndisclosed: {}\n", ToText(row.subject),
                     ToText(row.type), row.unit.empty() ? "" : ", ", row.unit, ToText(row.secrecy));
  out += fmt::format("\nhow we read it\n{}\n\nhow it is measured\n{}\n", kReadings[IndexOf(row)],
                     row.evidence);
  return out;
}

std::string FindExplanation(std::string_view name, Revision r) {
  std::string out;
  for (const Row* row : FindName(name)) {
    if (!out.empty()) out += "\n";
    out += Explain(*row, r);
  }
  return out;
}

}  // namespace birthmark::vocab
