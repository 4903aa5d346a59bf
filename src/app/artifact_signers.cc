// SPDX-License-Identifier: Apache-2.0
#include "app/artifact_signers.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/artifact_round.h"
#include "app/factory.h"
#include "app/vendor_roots.h"
#include "attest/chain.h"
#include "attest/challenges.h"
#include "attest/verify.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "keystore/software/software_store.h"
#include "pki/csr.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxEkCertificate = 64 * 1024;

// RandomPassphrase is 160 bits as text that can be typed.
SecretBytes RandomPassphrase(Rng& rng) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
  SecretBytes out(32);
  std::span<uint8_t> text = out.Write(SecretAccess());
  rng.Fill(text);
  for (uint8_t& c : text) c = static_cast<uint8_t>(kLetters[c & 31]);
  return out;
}

std::string PemOf(const std::vector<crypto::Certificate>& chain) {
  std::string out;
  for (const crypto::Certificate& c : chain) out += c.ToPem();
  return out;
}

std::vector<Bytes> DersOf(const std::vector<crypto::Certificate>& chain) {
  std::vector<Bytes> out;
  for (const crypto::Certificate& c : chain) out.emplace_back(c.der().begin(), c.der().end());
  return out;
}

// ChallengeName is where a challenge is remembered: by the nonce, which comes back in the evidence.
std::string ChallengeName(ByteView nonce) {
  return "signer-challenge-" + ToHex(crypto::Sha256(nonce)).substr(0, 32);
}

// TakeChallenge finds what a nonce was given for, once. One of nobody's proves nothing.
Result<std::optional<attest::Activation>> TakeChallenge(Factory& f, ByteView nonce, bool keep) {
  const std::string name = ChallengeName(nonce);
  const auto stored = f.keys.online->GetSecret(name);
  if (!stored && stored.error().code == "keystore.missing") return std::nullopt;
  if (!stored) return std::unexpected(stored.error());
  const ByteView octets = stored->Read(SecretAccess());
  if (octets.size() <= sizeof(Digest)) return std::nullopt;
  attest::Activation out;
  std::copy_n(octets.begin(), out.ek.size(), out.ek.begin());
  out.ak_name.assign(octets.begin() + sizeof(Digest), octets.end());
  if (!keep) BM_CHECK(f.keys.online->DropSecret(name));
  return out;
}

// CheckProof judges the evidence in a request. The CA/Browser Forum's rule, made checkable: a
// subscriber's key is in a hardware module, and the authority verifies it (Code Signing Baseline
// Requirements 6.2.7.4). What a PKCS #11 module says of a key is signed by nobody, so it is none.
Status CheckProof(Factory& f, const plan::Pki& pki, const pki::Csr& csr,
                  const SignerRequest& request, Time at, ledger::SignerAdmitted& out) {
  if (csr.attestation.empty()) {
    if (pki.end_entity.proof != plan::Attestation::kRequired) return {};
    return Refused(
        "artifact.proof-required",
        fmt::format("the plan wants proof that a key under pki \"{}\" is in hardware, and "
                    "the request carries none (CSBR 6.2.7.4)",
                    pki.id),
        "put an AttestationBundle into the request: docs/attestation.md");
  }
  BM_TRY(const std::vector<crypto::Certificate> roots, ReadRootFiles(request.vendor_roots));
  if (roots.empty()) {
    return Refused("artifact.proof", "no maker's root to check the evidence against",
                   "name it: --vendor-root F");
  }
  BM_TRY(attest::Bundle bundle, attest::DecodeBundle(csr.attestation));
  BM_TRY(attest::Evidence evidence, attest::EvidenceFrom(bundle));
  attest::VerifyOptions options{.roots = roots, .at = at};
  if (auto said = attest::ReadAttest(evidence.statement.attest); said && !said->extra.empty()) {
    BM_TRY(std::optional<attest::Activation> activation,
           TakeChallenge(f, said->extra, request.dry_run));
    if (activation) {
      options.nonce = said->extra;
      options.activated.push_back(std::move(*activation));
    }
  }
  BM_TRY(const attest::Verdict verdict, attest::Verify(evidence, csr.key.spki(), options));
  out.proof = verdict.kind;
  out.vendor = verdict.root;
  for (const attest::Fact& fact : verdict.facts) {
    if (fact.value) out.facts.push_back(fact.name);
  }
  return {};
}

// NextSignerId is the first number that nobody has.
std::string NextSignerId(const plan::Pki& pki, const std::vector<ledger::SignerAdmitted>& there) {
  for (size_t number = pki.end_entity.Signers();; ++number) {
    std::string id = SignerKeyId(pki, number);
    if (std::ranges::find(there, id, &ledger::SignerAdmitted::id) == there.end()) return id;
  }
}

Result<std::string> SeatOf(const plan::Pki& pki, const SignerRequest& request,
                           const std::vector<ledger::SignerAdmitted>& there) {
  if (request.zone.empty()) return NextSignerId(pki, there);
  const std::vector<std::string>& zones = pki.end_entity.time_zones;
  const auto zone = std::ranges::find(zones, request.zone);
  if (zone == zones.end()) {
    return Usage("artifact.zone",
                 fmt::format("{} is no time zone of pki \"{}\"", request.zone, pki.id),
                 zones.empty() ? "the plan names none" : fmt::format("{}", fmt::join(zones, ", ")));
  }
  return SignerKeyId(pki, static_cast<size_t>(zone - zones.begin()));
}

bool BootsWith(const plan::Plan& plan, const plan::Pki& pki) {
  return std::ranges::any_of(plan.anchors, [&](const plan::Anchor& a) {
    return a.pki == pki.id && (a.verifies == "bundle" || a.verifies.ends_with("-stage") ||
                               a.verifies == "application" || a.verifies == "test-image");
  });
}

struct AskedKey {
  pki::Csr csr;
  std::string waits;
};
// ReadAskedKey reads the request, or has the holders of a threshold key sign one.
Result<AskedKey> ReadAskedKey(const SignerRequest& request, const pki::Name& subject) {
  AskedKey out;
  if (!request.set) {
    BM_TRY(const Bytes file, ReadFile(request.csr, pki::kMaxCsrBytes * 2));
    if (!file.empty() && file.front() == 0x30) {
      BM_TRY(out.csr, pki::ReadCsr(file));
    } else {
      BM_TRY(out.csr, pki::ReadCsrPem(AsText(file)));
    }
    return out;
  }
  BM_TRY(std::unique_ptr<RoundSigner> holders,
         RoundSigner::OfThreshold(*request.set, request.round.value_or("."), request.dry_run));
  auto der = pki::BuildCsr(subject, *holders);
  if (!der && der.error().code == kWaits) {
    out.waits = der.error().message;
    return out;
  }
  if (!der) return std::unexpected(std::move(der).error());
  BM_TRY(out.csr, pki::ReadCsr(*der));
  return out;
}

}  // namespace

Result<const plan::Pki*> PkiBehind(const plan::Plan& plan, const std::string& id) {
  const plan::Anchor* anchor = plan.FindAnchor(id);
  const plan::Pki* pki = anchor != nullptr && anchor->pki ? plan.FindPki(*anchor->pki) : nullptr;
  if (pki != nullptr) return pki;
  std::string ours;
  for (const plan::Anchor& a : plan.anchors) {
    if (a.pki) ours += (ours.empty() ? "" : ", ") + a.id;
  }
  return Refused("artifact.anchor",
                 anchor == nullptr ? fmt::format("the plan has no anchor \"{}\"", id)
                                   : fmt::format("no PKI of ours is behind anchor \"{}\"", id),
                 "one of " + ours);
}

SignerTerms TermsOfSigner(const plan::Plan& plan, const plan::Pki& pki) {
  SignerTerms out;
  auto add = [](std::vector<std::string>& to, const std::vector<std::string>& from) {
    for (const std::string& s : from) {
      if (std::ranges::find(to, s) == to.end()) to.push_back(s);
    }
  };
  for (const plan::Anchor& a : plan.anchors) {
    if (a.pki != pki.id) continue;
    add(out.uses, a.eku);
    add(out.policies, a.policy_oid);
  }
  return out;
}

std::string NameOfSigner(const plan::Pki& pki, size_t number) {
  std::string name = pki.end_entity.name;
  if (const size_t at = name.find("{}"); at != name.npos)
    name.replace(at, 2, std::to_string(number + 1));
  if (number < pki.end_entity.time_zones.size()) name += " " + pki.end_entity.time_zones[number];
  return name;
}

std::string SignerKeyId(const plan::Pki& pki, size_t number) {
  return number == 0 ? pki.id + "-ee" : fmt::format("{}-ee-{}", pki.id, number + 1);
}

fs::path ZoneFolder(const Layout& layout, const std::string& pki, const std::string& zone) {
  return layout.zones() / (pki + " " + zone);
}

Status MakeZoneSigners(Making& m, const plan::Pki& pki, const std::vector<Authority>& authorities,
                       const pki::Profile& profile) {
  SystemRng rng;
  BM_TRY(const crypto::Algorithm algorithm,
         ToCrypto(pki.end_entity.algorithm.value_or(vocab::Algorithm::kEcdsaP256)));
  for (size_t i = 1; i < pki.end_entity.time_zones.size(); ++i) {
    const std::string& zone = pki.end_entity.time_zones[i];
    const std::string id = SignerKeyId(pki, i);
    const fs::path folder = ZoneFolder(m.layout, pki.id, zone);
    BM_CHECK(MakeDirs(folder, 0700));
    const SecretBytes passphrase = RandomPassphrase(rng);
    BM_TRY(auto store, keystore::SoftwareKeyStore::Init(folder / "keys", passphrase));
    BM_TRY(auto signer, store->Create(id, algorithm));
    BM_TRY(const pki::Name subject,
           pki::Name::Make({{"O", m.plan.product.manufacturer}, {"CN", NameOfSigner(pki, i)}}));
    BM_TRY(const Issued issued,
           m.maker.CertifyEndEntity(pki, authorities, profile, signer->public_key(), id, subject));
    BM_CHECK(WriteFileAtomic(folder / "passphrase", passphrase.Read(SecretAccess()), 0600));
    BM_CHECK(WriteFileAtomic(folder / "signer.pem", PemOf(issued.chain)));
    m.Add("key:" + id, ledger::SignerAdmitted{.id = id,
                                              .pki = pki.id,
                                              .zone = zone,
                                              .chain = DersOf(issued.chain),
                                              .facts = {},
                                              .proof = "",
                                              .vendor = std::nullopt});
  }
  return {};
}

Result<std::vector<ledger::SignerAdmitted>> AdmittedSigners(ledger::LogReader& reader) {
  BM_TRY(const std::vector<uint64_t> seqs,
         reader.registry().EventsOfType(ledger::SignerAdmitted::kType));
  std::vector<ledger::SignerAdmitted> out;
  for (uint64_t seq : seqs) {
    BM_TRY(const ledger::Event event, reader.EventAt(seq));
    BM_TRY(ledger::SignerAdmitted body, ledger::BodyOf<ledger::SignerAdmitted>(event));
    out.push_back(std::move(body));
  }
  return out;
}

Result<AdmittedSigner> AdmitSigner(const SignerRequest& request, const KeySource& keys,
                                   const Clock& clock) {
  BM_TRY(auto f, Factory::Open(request.workspace, keys, false, request.product, request.as, clock));
  const plan::Plan& plan = f->adopted.plan;
  BM_TRY(const plan::Pki* pki, PkiBehind(plan, request.anchor));
  const pki::Profile* profile = ProfileOfSigner(plan, *pki);
  if (pki->levels.empty() || profile == nullptr) {
    return Refused(
        "artifact.anchor",
        fmt::format("under anchor \"{}\" nobody is certified as a signer", request.anchor),
        pki->levels.empty() ? "its key is its own PKI: only that key signs"
                            : "it verifies no code of ours");
  }
  BM_TRY(auto reader, f->NewReader());
  BM_TRY(const std::vector<ledger::SignerAdmitted> there, AdmittedSigners(*reader));
  BM_TRY(const std::string id, SeatOf(*pki, request, there));
  if (id == SignerKeyId(*pki, 0) ||
      std::ranges::find(there, id, &ledger::SignerAdmitted::id) != there.end()) {
    return Refused("artifact.signer-exists", id + ": this seat has its signer",
                   "leave --zone out to add one more");
  }
  const size_t number = std::strtoul(id.substr(id.rfind('-') + 1).c_str(), nullptr, 10) - 1;
  BM_TRY(
      const pki::Name subject,
      pki::Name::Make({{"O", plan.product.manufacturer},
                       {"CN", request.name.empty() ? NameOfSigner(*pki, number) : request.name}}));
  BM_TRY(AskedKey asked, ReadAskedKey(request, subject));
  AdmittedSigner out;
  out.signer = {.id = id,
                .pki = pki->id,
                .zone = request.zone,
                .chain = {},
                .facts = {},
                .proof = "",
                .vendor = std::nullopt};
  out.waits = std::move(asked.waits);
  if (!out.waits.empty()) return out;
  if (asked.csr.key.algorithm() == crypto::Algorithm::kEd25519 && BootsWith(plan, *pki)) {
    return Refused("artifact.algorithm",
                   "a device's boot chain verifies with this PKI, and does no ed25519",
                   "a key of ecdsa-p256, ecdsa-p384 or RSA");
  }
  BM_CHECK(CheckProof(*f, *pki, asked.csr, request, clock.Now(), out.signer));
  if (request.dry_run) return out;
  BM_TRY(const std::vector<Authority> authorities, AuthoritiesInLog(*reader, *pki));
  if (authorities.size() != pki->levels.size()) {
    return Refused("artifact.anchor",
                   fmt::format("pki \"{}\" does not have all its authorities yet", pki->id),
                   "birthmark ceremony accept WS RECORD");
  }
  Stores stores{f->keys.online.get(), nullptr};
  if (authorities.back().offline) {
    BM_TRY(f->keys.offline, UnlockOffline(f->layout.offline(), keys));
    stores.offline = f->keys.offline.get();
  }
  AuthorityMaker maker(f->layout, plan, stores, f->marks, f->genesis.workspace, *f->serials, clock,
                       f->context);
  BM_TRY(const Issued issued,
         maker.CertifyEndEntity(*pki, authorities, *profile, asked.csr.key, id, subject));
  out.signer.chain = DersOf(issued.chain);
  out.pem = PemOf(issued.chain);
  std::vector<ledger::Event> events = maker.TakeEvents();
  events.push_back(ledger::MakeEvent(f->context, clock.Now(), "key:" + id, out.signer));
  BM_CHECK(AppendAll(*f->log, std::move(events)));
  return out;
}

Result<Bytes> ChallengeSigner(const fs::path& workspace, const std::string& as, const fs::path& ek,
                              const fs::path& ak, const KeySource& keys, const Clock& clock) {
  BM_TRY(auto f, Factory::Open(workspace, keys, false, "", as, clock));
  BM_TRY(const Bytes ek_file, ReadFile(ek, kMaxEkCertificate));
  BM_TRY(const std::vector<crypto::Certificate> ek_certificate, ReadRoots(ek_file, ek.string()));
  BM_TRY(const Bytes ak_file, ReadFile(ak, kMaxEkCertificate));
  BM_TRY(const attest::TpmPublic ak_public, attest::ReadSizedPublic(ak_file));
  BM_CHECK(attest::CheckAttestationKey(ak_public));
  BM_TRY(const attest::EndorsementKey key,
         attest::EndorsementKeyOf(attest::SpkiOf(ek_certificate.front())));
  Bytes nonce(32);
  f->rng.Fill(nonce);
  const Digest ek_digest = attest::EkDigestOf(ek_certificate.front());
  Bytes stored(ek_digest.begin(), ek_digest.end());
  const Bytes ak_name = ak_public.Name();
  stored.insert(stored.end(), ak_name.begin(), ak_name.end());
  BM_CHECK(f->keys.online->PutSecret(ChallengeName(nonce), SecretBytes::Take(std::move(stored))));
  BM_TRY(const attest::Credential credential,
         attest::MakeCredential(key, ak_name, SecretBytes::Take(std::move(nonce))));
  return credential.ToFile();
}

}  // namespace birthmark::app
