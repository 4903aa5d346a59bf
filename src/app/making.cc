// SPDX-License-Identifier: Apache-2.0
#include "app/making.h"

#include <algorithm>

#include "anchors/read.h"
#include "app/artifact_signers.h"
#include "app/factory.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "ledger/events.h"
#include "plan/check.h"

namespace birthmark::app {
namespace {

bool VerifiesCode(const plan::Plan& plan, const plan::Pki& pki) {
  return std::ranges::any_of(plan.anchors, [&](const plan::Anchor& a) {
    if (a.pki != pki.id) return false;
    return a.verifies == "bundle" || a.verifies == "packages" ||
           a.verifies == "trusted-application" ||
           std::ranges::any_of(plan.stages,
                               [&](const plan::Stage& s) { return s.verified_by == a.id; });
  });
}

bool VerifiesVouchers(const plan::Plan& plan, const plan::Pki& pki) {
  return std::ranges::any_of(plan.anchors, [&](const plan::Anchor& a) {
    return a.pki == pki.id && a.verifies == "voucher";
  });
}

Bytes DerOf(const crypto::Certificate& c) { return Bytes(c.der().begin(), c.der().end()); }

void AddSigner(Making& m, const plan::Pki& pki, const std::string& key,
               const std::vector<crypto::Certificate>& chain) {
  ledger::SignerCertified body{.key = key, .pki = pki.id, .chain = {}};
  for (const crypto::Certificate& c : chain) body.chain.push_back(DerOf(c));
  m.Add("key:" + key, body);
}

Status AddAnchor(Making& m, const plan::Anchor& a, ByteView bytes) {
  BM_TRY(anchors::AnchorFacts facts, anchors::ReadAnchors(bytes));
  m.Add("anchor:" + a.id, ledger::AnchorRead{.kind = std::string(vocab::ToText(a.kinds.front())),
                                             .facts = cbor::ToValue(facts),
                                             .anchor = a.id,
                                             .file_digest = crypto::Sha256(bytes)});
  return {};
}

std::string Limits(const plan::Level& level, const Authority& a) {
  std::string out;
  if (level.issuing_window)
    out = "issues until " + FormatDate(a.certificate.not_before() + *level.issuing_window);
  if (level.max_count)
    out += fmt::format("{}{} units", out.empty() ? "issues " : " or ", *level.max_count);
  return out;
}

}  // namespace

const pki::Profile* ProfileOfSigner(const plan::Plan& plan, const plan::Pki& pki) {
  if (pki.purpose == plan::Purpose::kDisclosure) return &pki::DisclosureProfile();
  if (pki.purpose == plan::Purpose::kAnchor && VerifiesCode(plan, pki)) {
    // What else the anchors' locks ask for goes into the certificate beside the profile's own.
    const std::vector<std::string> uses = TermsOfSigner(plan, pki).uses;
    return uses == std::vector<std::string>{std::string(pki::oid::kUpdatePackageSigning)}
               ? &pki::UpdateSigningProfile()
               : &pki::CodeSigningProfile();
  }
  if (pki.purpose == plan::Purpose::kAnchor && VerifiesVouchers(plan, pki))
    return &pki::VoucherProfile();
  return nullptr;
}

std::string PurposeOfSigner(const pki::Profile& profile) {
  if (&profile == &pki::DisclosureProfile()) return "disclosure";
  return &profile == &pki::VoucherProfile() ? "anchor" : "image";
}

Status FinishIdentity(Making& m, const plan::Pki& pki, const std::vector<Authority>& made,
                      const Layout& meant, InitResult& r) {
  ShowLevels(pki, made, meant, r);
  const crypto::Certificate& root = made.front().certificate;
  const bool main = &pki == m.plan.IdentityPki();
  if (main) r.root_fingerprint = ToHex(root.digest());
  return WriteFileAtomic(
      m.layout.public_dir() / (main ? "root.pem" : "pki-" + pki.id + "-root.pem"), root.ToPem());
}

Status FinishDisclosure(Making& m, const plan::Pki& pki, const std::vector<Authority>& made,
                        std::optional<Issued> signer, InitResult& r) {
  if (!signer) {
    BM_TRY(signer, m.maker.MakeEndEntity(pki, made, pki::DisclosureProfile(),
                                         PurposeOfSigner(pki::DisclosureProfile())));
  }
  AddSigner(m, pki, signer->key_id, signer->chain);
  r.disclosure_fingerprint = ToHex(made.front().certificate.digest());
  return WriteFileAtomic(m.layout.public_dir() / "disclosure-root.pem",
                         made.front().certificate.ToPem());
}

Status FinishAnchorPki(Making& m, const plan::Pki& pki, const std::vector<Authority>& made,
                       std::optional<Issued> signer) {
  line::SignerChain& chain = m.signers[pki.id];
  if (!made.empty()) chain.root = made.front().certificate;
  if (made.empty()) {
    BM_TRY(chain.key_id, m.maker.MakeLoneKey(pki));
  } else if (const pki::Profile* profile = ProfileOfSigner(m.plan, pki)) {
    if (!signer) {
      BM_TRY(signer, m.maker.MakeEndEntity(pki, made, *profile, PurposeOfSigner(*profile)));
      // In production each zone's people make their key themselves, and send a request.
      if (m.maker.rehearsal()) BM_CHECK(MakeZoneSigners(m, pki, made, *profile));
    }
    chain.key_id = signer->key_id;
    chain.chain = signer->chain;
  } else {
    return {};  // what this PKI signs is made by later commands
  }
  AddSigner(m, pki, chain.key_id, chain.chain);
  return {};
}

Status ReadGivenAnchors(Making& m, const fs::path& plan_folder) {
  for (const plan::Anchor& a : m.plan.anchors) {
    if (a.file.empty() || a.generated) continue;
    fs::path file = fs::path(a.file).is_absolute() ? fs::path(a.file) : plan_folder / a.file;
    BM_TRY(Bytes bytes, ReadFile(file, plan::kMaxAnchorFileBytes));
    BM_CHECK(WriteFileAtomic(m.layout.anchors() / a.id, bytes));
    BM_CHECK(AddAnchor(m, a, bytes));
  }
  return {};
}

Status ReadGeneratedAnchors(Making& m, InitResult& r) {
  line::Materials materials{m.plan, *m.stores.online, m.signers, {}};
  for (const plan::Anchor& a : m.plan.anchors) {
    auto it = a.generated && a.pki ? m.signers.find(*a.pki) : m.signers.end();
    if (it == m.signers.end()) continue;
    // What is read is the public anchor itself, whatever form the device keeps it in.
    const fs::path file = m.layout.public_dir() / ("anchor-" + a.id + ".pem");
    Bytes bytes;
    if (it->second.root) {
      bytes = DerOf(*it->second.root);
      BM_CHECK(WriteFileAtomic(file, it->second.root->ToPem()));
    } else {
      BM_TRY(crypto::PublicKey key, line::AnchorKey(materials, a));
      bytes.assign(key.spki().begin(), key.spki().end());
      BM_CHECK(WriteFileAtomic(file, crypto::WritePem("PUBLIC KEY", bytes)));
    }
    BM_CHECK(AddAnchor(m, a, bytes));
  }
  const plan::Anchor* boot = m.plan.FindAnchorKind(vocab::AnchorKind::kFirstBoot);
  if (boot != nullptr && (!boot->pki || m.signers.contains(*boot->pki))) {
    BM_TRY(crypto::PublicKey key, line::AnchorKey(materials, *boot));
    r.boot_anchor = ToHex(key.spki_digest());
  }
  return {};
}

void ShowLevels(const plan::Pki& pki, const std::vector<Authority>& made, const Layout& meant,
                InitResult& r) {
  for (const Authority& a : made) {
    r.levels.push_back({.level = a.level,
                        .name = a.name,
                        .offline = a.offline,
                        .place = a.offline
                                     ? meant.offline().filename().string() + "/"
                                     : Limits(pki.levels[static_cast<size_t>(a.level - 1)], a)});
  }
}

Status AppendAll(ledger::LogWriter& log, std::vector<ledger::Event> events) {
  ledger::Submission all;
  for (const ledger::Event& e : events) {
    BM_TRY(ledger::NewEvent n, ledger::Prepare(e));
    all.push_back(std::move(n));
  }
  BM_CHECK(log.Append(std::move(all)));
  return {};
}

Result<std::vector<Authority>> AuthoritiesInLog(ledger::LogReader& reader, const plan::Pki& pki) {
  std::vector<Authority> out;
  BM_TRY(std::vector<ledger::CaRow> cas, reader.registry().Cas());
  for (const ledger::CaRow& ca : cas) {
    if (ca.pki != pki.id) continue;
    BM_TRY(ledger::Event event, reader.EventAt(ca.seq));
    BM_TRY(ledger::CaCreated body, ledger::BodyOf<ledger::CaCreated>(event));
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(body.cert));
    out.push_back({.id = ca.id,
                   .pki = ca.pki,
                   .level = static_cast<int>(ca.level),
                   .offline = ca.offline,
                   .name = ca.name,
                   .certificate = std::move(c)});
  }
  std::ranges::stable_sort(out, {}, &Authority::level);
  const auto repeated = std::ranges::unique(out, {}, &Authority::level);
  out.erase(repeated.begin(), repeated.end());
  return out;
}

}  // namespace birthmark::app
