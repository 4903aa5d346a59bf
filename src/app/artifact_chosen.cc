// SPDX-License-Identifier: Apache-2.0
#include "app/artifact_chosen.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/artifact_signers.h"
#include "keystore/software/software_store.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxAnchorFile = size_t{4} << 20;

bool SameKey(const crypto::PublicKey& a, const crypto::PublicKey& b) {
  return a.spki_digest() == b.spki_digest();
}

std::unexpected<Error> NoSigner(std::string what, std::string fix) {
  return Refused("artifact.signer", std::move(what), std::move(fix));
}

Status SetRound(Chosen& out, std::unique_ptr<RoundSigner> signer, const char* how) {
  out.round = signer.get();
  out.how = how;
  out.signer = std::move(signer);
  return {};
}

// ReachKey gives the signer of a key that the workspace has no part of.
Status ReachKey(Chosen& out, const crypto::PublicKey& key, const ArtifactOptions& o) {
  if (!o.round) {
    return NoSigner(fmt::format("the key of {} is not here", out.id),
                    "name a folder for what is carried to it and back: --round DIR");
  }
  if (!o.made) return SetRound(out, RoundSigner::OfKey(key, *o.round, o.dry_run), "carried");
  BM_TRY(std::unique_ptr<RoundSigner> holders,
         RoundSigner::OfThreshold(*o.made, *o.round, o.dry_run));
  if (!SameKey(holders->public_key(), key))
    return NoSigner(fmt::format("the threshold key is not that of {}", out.id),
                    "name the folder of the key's own making");
  return SetRound(out, std::move(holders), "threshold");
}

Status FromAdmitted(Chosen& out, const ledger::SignerAdmitted& s, const Layout& layout,
                    const ArtifactOptions& o) {
  out.id = s.id;
  for (const Bytes& der : s.chain) {
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(der));
    out.chain.push_back(std::move(c));
  }
  BM_TRY(const crypto::PublicKey key, out.chain.front().public_key());
  const fs::path folder = ZoneFolder(layout, s.pki, s.zone);
  if (s.zone.empty() || o.round || !fs::exists(folder / "keys")) return ReachKey(out, key, o);
  // A rehearsal's zone: its folder is still here, with its own passphrase.
  BM_TRY(const SecretBytes passphrase, keystore::PassphraseFromFile(folder / "passphrase"));
  BM_TRY(auto store, keystore::SoftwareKeyStore::Unlock(folder / "keys", passphrase));
  BM_TRY(out.signer, store->Open(s.id));
  return {};
}

// FromAuthority has the anchor's own key sign: level 1.
Status FromAuthority(Chosen& out, Factory& f, const Authority& a, const ArtifactOptions& o,
                     offline::ArtifactRequest words) {
  out.id = a.id;
  if (a.level != 1) {
    return NoSigner(a.id + " certifies signers, and signs nothing else",
                    "certify one: birthmark artifact signer WS --anchor ID --csr F");
  }
  out.chain = {a.certificate};
  if (!a.offline) {
    BM_TRY(out.signer, f.keys.online->Open(a.id));
    return {};
  }
  BM_TRY(const crypto::PublicKey key, a.certificate.public_key());
  BM_TRY(auto asker, f.keys.online->Open("log"));
  words.ca = a.id;
  words.issuer.assign(key.spki_digest().begin(), key.spki_digest().end());
  return SetRound(out,
                  RoundSigner::OfAuthority(key, std::move(words), std::move(asker),
                                           o.round.value_or(f.layout.requests()), o.dry_run),
                  "carried");
}

// FromFile is about an anchor whose key is kept by others: it signs itself.
Result<Chosen> FromFile(Factory& f, ledger::LogReader& reader, const plan::Anchor& anchor,
                        const ArtifactOptions& o) {
  BM_TRY(const std::vector<artifact::Trusted> held, TrustedFor(f, reader, anchor));
  if (held.size() != 1)
    return NoSigner("several keys are behind this anchor", "sign where one of them is");
  Chosen out;
  out.id = anchor.id;
  if (held.front().certificate) out.chain = {*held.front().certificate};
  BM_CHECK(ReachKey(out, held.front().key, o));
  return out;
}

// WithKey finds the admitted signer whose key a threshold key is.
Result<std::string> WithKey(const std::vector<ledger::SignerAdmitted>& admitted,
                            const ArtifactOptions& o) {
  BM_TRY(const auto holders, RoundSigner::OfThreshold(*o.made, o.round.value_or("."), true));
  for (const ledger::SignerAdmitted& s : admitted) {
    BM_TRY(const crypto::Certificate c, crypto::Certificate::FromDer(s.chain.front()));
    if (c.public_key() && SameKey(*c.public_key(), holders->public_key())) return s.id;
  }
  return NoSigner("no certificate of a signer is for this threshold key",
                  "certify it: birthmark artifact signer WS --anchor ID --made DIR --round DIR");
}

}  // namespace

Result<Chosen> ChooseSigner(Factory& f, ledger::LogReader& reader, const plan::Anchor& anchor,
                            const ArtifactOptions& o, const offline::ArtifactRequest& words) {
  const plan::Plan& plan = f.adopted.plan;
  const plan::Pki* pki = anchor.pki ? plan.FindPki(*anchor.pki) : nullptr;
  if (pki == nullptr) return FromFile(f, reader, anchor, o);
  BM_TRY(const auto signers, SignersOf(reader));
  BM_TRY(const std::vector<ledger::SignerAdmitted> admitted, AdmittedSigners(reader));
  BM_TRY(const std::vector<Authority> authorities, AuthoritiesInLog(reader, *pki));
  Chosen out;
  if (!authorities.empty()) out.root = authorities.front().certificate;
  const auto own = signers.find(pki->id);
  std::string wanted = o.signer;
  if (wanted.empty() && o.made) {
    BM_TRY(wanted, WithKey(admitted, o));
  }
  const auto& zones = pki->end_entity.time_zones;
  const bool here = wanted.empty() || (!zones.empty() && wanted == zones.front()) ||
                    wanted == SignerKeyId(*pki, 0);
  if (here && own != signers.end() && !own->second.key_id.empty()) {
    out.id = own->second.key_id;
    out.chain = own->second.chain;
    BM_TRY(out.signer, f.keys.online->Open(out.id));
    return out;
  }
  for (const ledger::SignerAdmitted& s : admitted) {
    if (s.pki != pki->id || (s.id != wanted && (s.zone.empty() || s.zone != wanted))) continue;
    BM_CHECK(FromAdmitted(out, s, f.layout, o));
    return out;
  }
  for (const Authority& a : authorities) {
    if (a.id != wanted) continue;
    BM_CHECK(FromAuthority(out, f, a, o, words));
    return out;
  }
  return NoSigner(wanted.empty() ? fmt::format("pki \"{}\" has no signer of its own", pki->id)
                                 : fmt::format("pki \"{}\" has no signer {}", pki->id, wanted),
                  "birthmark artifact list WS --signers shows who signs");
}

Result<std::vector<artifact::Trusted>> TrustedFor(Factory& f, ledger::LogReader& reader,
                                                  const plan::Anchor& anchor) {
  // What init wrote down is what devices hold: public/anchor-ID.pem of ours, or the plan's file.
  const fs::path ours = f.layout.public_dir() / ("anchor-" + anchor.id + ".pem");
  if (anchor.pki && !fs::exists(ours)) {
    BM_TRY(const std::vector<Authority> made,
           AuthoritiesInLog(reader, *f.adopted.plan.FindPki(*anchor.pki)));
    if (!made.empty()) {
      BM_TRY(crypto::PublicKey key, made.front().certificate.public_key());
      return std::vector<artifact::Trusted>{{std::move(key), made.front().certificate}};
    }
  }
  const fs::path file = anchor.pki ? ours : f.layout.anchors() / anchor.id;
  BM_TRY(const Bytes octets, ReadFile(file, kMaxAnchorFile));
  return artifact::ReadTrusted(octets, file.string());
}

}  // namespace birthmark::app
