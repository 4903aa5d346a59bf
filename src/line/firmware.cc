// SPDX-License-Identifier: Apache-2.0
#include "line/firmware.h"

#include <algorithm>

#include "anchors/trial_plan.h"
#include "crypto/digest.h"

namespace birthmark::line {
namespace {

using vocab::StageKind;

// Order is how stages start one another; the test image stands outside it.
constexpr StageKind kOrder[] = {StageKind::kFirstStage, StageKind::kSecondStage,
                                StageKind::kApplication};

const plan::Anchor* BootAnchor(const plan::Plan& plan) {
  return plan.FindAnchorKind(vocab::AnchorKind::kFirstBoot);
}

std::string FormWord(plan::Form form) {
  switch (form) {
    case plan::Form::kCertificate:
      return "certificate";
    case plan::Form::kPublicKey:
      return "spki";
    case plan::Form::kKeyDigest:
      return "digest";
    default:
      return "file";
  }
}

link::AnchorPolicy PolicyOf(const plan::Anchor& a) {
  link::AnchorPolicy p;
  for (int level : a.levels) p.levels.push_back(static_cast<uint64_t>(level));
  if (!a.eku.empty()) p.eku = a.eku.front();
  if (!a.policy_oid.empty()) p.policy_oid = a.policy_oid.front();
  p.subject = a.subject;
  p.organization = anchors::OrganizationOf(a);
  p.subordinate = a.subordinate;
  if (a.verifies == "tls-server") p.dns = anchors::DnsSubtreesOf(a);
  for (vocab::Algorithm algorithm : a.algorithms) {
    switch (algorithm) {
      case vocab::Algorithm::kEcdsaP256:
        p.algorithms.push_back("ES256");
        break;
      case vocab::Algorithm::kEcdsaP384:
        p.algorithms.push_back("ES384");
        break;
      case vocab::Algorithm::kRsa2048:
      case vocab::Algorithm::kRsa3072:
      case vocab::Algorithm::kRsa4096:
        if (std::ranges::find(p.algorithms, "RS256") == p.algorithms.end()) {
          p.algorithms.insert(p.algorithms.end(), {"RS256", "PS256"});
        }
        break;
      default:
        break;  // plan check says that this verifier cannot do it
    }
  }
  return p;
}

// StageVerifiedBy is the stage that an anchor verifies, if any.
const plan::Stage* StageVerifiedBy(const plan::Plan& plan, const plan::Anchor& a) {
  for (const plan::Stage& s : plan.stages) {
    if (s.verified_by == a.id && s.kind != StageKind::kTestImage &&
        s.kind != StageKind::kFirstStage)
      return &s;
  }
  return nullptr;
}

// CodeOf stands in for compiled code: deterministic, different for each stage and version, not
// blank.
Bytes CodeOf(const plan::Plan& plan, const plan::Stage& s) {
  Bytes out;
  Digest block = crypto::Sha256(AsBytes(plan.product.id), AsBytes(s.id), AsBytes(s.version));
  for (int i = 0; i < 64; ++i) {
    out.insert(out.end(), block.begin(), block.end());
    block = crypto::Sha256(block);
  }
  return out;
}

struct Signing {
  std::unique_ptr<crypto::Signer> signer;
  link::SignerHeaders headers;
  uint32_t level = 1;
};

Result<Signing> SigningUnder(const Materials& m, const plan::Anchor& anchor) {
  auto it = anchor.pki ? m.signers.find(*anchor.pki) : m.signers.end();
  if (it == m.signers.end()) {
    return Refused(
        "firmware.signer",
        fmt::format("anchor \"{}\" verifies a stage, but no key of ours is under it", anchor.id),
        "make it a generated anchor with a PKI in the plan");
  }
  const SignerChain& chain = it->second;
  Signing s;
  BM_TRY(s.signer, m.keys.Open(chain.key_id));
  for (const crypto::Certificate& c : chain.chain)
    s.headers.x5chain.emplace_back(c.der().begin(), c.der().end());
  // The device that holds only a digest finds the anchor itself at the end of the chain.
  if (chain.root) {
    s.headers.x5chain.emplace_back(chain.root->der().begin(), chain.root->der().end());
    s.level = static_cast<uint32_t>(s.headers.x5chain.size());
  }
  s.headers.bare_key = s.headers.x5chain.empty();
  return s;
}

uint64_t VersionNumber(const std::string& version) {
  return std::strtoull(version.c_str(), nullptr, 10);
}

}  // namespace

Result<crypto::PublicKey> AnchorKey(const Materials& m, const plan::Anchor& anchor) {
  auto it = anchor.pki ? m.signers.find(*anchor.pki) : m.signers.end();
  if (it == m.signers.end())
    return Refused("firmware.signer", "anchor \"" + anchor.id + "\" has no key of ours");
  if (it->second.root) return it->second.root->public_key();
  BM_TRY(auto signer, m.keys.Open(it->second.key_id));
  return signer->public_key();
}

Result<Bytes> AnchorBytes(const Materials& m, const plan::Anchor& anchor) {
  if (auto file = m.files.find(anchor.id); file != m.files.end()) return file->second;
  if (!anchor.generated && !anchor.file.empty()) {
    return Refused("firmware.container",
                   fmt::format("the file of anchor \"{}\" is not in the workspace", anchor.id),
                   "put it back into the folder anchors under the anchor's id");
  }
  if (!anchor.generated) return Bytes{};
  BM_TRY(crypto::PublicKey key, AnchorKey(m, anchor));
  switch (anchor.form) {
    case plan::Form::kKeyDigest:
      return Bytes(key.spki_digest().begin(), key.spki_digest().end());
    case plan::Form::kCertificate: {
      const auto& root = m.signers.at(*anchor.pki).root;
      if (root) return Bytes(root->der().begin(), root->der().end());
      return Refused("firmware.container",
                     fmt::format("anchor \"{}\" is a bare key and has no certificate", anchor.id),
                     "set form = \"public-key\" in the plan, or give its PKI a level");
    }
    default:
      return Bytes(key.spki().begin(), key.spki().end());
  }
}

std::string PartitionHolding(const plan::Plan& plan, const plan::Anchor& anchor) {
  const plan::Store* store = plan.FindStore(anchor.store);
  if (store == nullptr || store->kind == vocab::StoreKind::kOtpFuse ||
      store->kind == vocab::StoreKind::kMaskRom) {
    return "";
  }
  // What verifies a stage has to be in the stage before it.
  if (const plan::Stage* verified = StageVerifiedBy(plan, anchor)) {
    std::string before;
    for (StageKind kind : kOrder) {
      // A TAM is started before the application, by what starts that.
      if (kind == verified->kind ||
          (verified->kind == StageKind::kTamStage && kind == StageKind::kApplication)) {
        break;
      }
      if (plan.FindStageKind(kind) != nullptr) before = vocab::ToText(kind);
    }
    return before;
  }
  std::string last;
  for (StageKind kind : {StageKind::kFirstStage, StageKind::kSecondStage, StageKind::kTamStage,
                         StageKind::kApplication}) {
    const plan::Stage* s = plan.FindStageKind(kind);
    if (s != nullptr && s->store == anchor.store) last = vocab::ToText(kind);
  }
  return last.empty() ? "store" : last;
}

Result<Firmware> Firmware::Make(const Materials& m) {
  Firmware f;
  const plan::Anchor* boot = BootAnchor(m.plan);
  if (boot == nullptr) {
    return Refused("firmware.signer", "the plan has no first-boot anchor",
                   "add an anchor of kind first-boot");
  }
  BM_TRY(crypto::PublicKey boot_key, AnchorKey(m, *boot));
  f.boot_anchor_ = boot_key.spki_digest();

  std::map<std::string, link::Stage> contents;
  std::map<std::string, std::vector<std::string>> inside;
  for (const plan::Anchor& a : m.plan.anchors) {
    std::string partition = PartitionHolding(m.plan, a);
    BM_TRY(Bytes data, AnchorBytes(m, a));
    if (data.empty()) continue;  // a store that starts empty
    if (partition.empty()) {
      const plan::Store* store = m.plan.FindStore(a.store);
      if (store != nullptr &&
          (store->kind == vocab::StoreKind::kOtpFuse || store->kind == vocab::StoreKind::kMaskRom))
        continue;
      return Refused("firmware.container", fmt::format("anchor \"{}\" is in no image", a.id),
                     "give the plan the stage that holds it");
    }
    const plan::Stage* verified = StageVerifiedBy(m.plan, a);
    contents[partition].anchors.push_back(
        {.id = a.id,
         .kind = std::string(vocab::ToText(a.kinds.front())),
         .verifies = verified != nullptr ? std::string(vocab::ToText(verified->kind)) : a.verifies,
         .form = FormWord(a.form),
         .data = std::move(data),
         .policy = PolicyOf(a)});
    inside[partition].push_back(a.id);
  }

  const link::Manifest::Product product{.oem = m.plan.product.enterprise_number,
                                        .model = m.plan.product.id,
                                        .hardware = m.plan.product.hardware_variant};
  auto build = [&](const std::string& partition, const std::string& name,
                   const std::string& version, const plan::Anchor& verifier, bool factory_commands,
                   const std::vector<std::string>& privileges) -> Status {
    BM_TRY(Signing signing, SigningUnder(m, verifier));
    BM_TRY(Bytes bytes, link::BuildImage({.kind = partition == "store" ? "bundle" : partition,
                                          .name = name,
                                          .version = VersionNumber(version),
                                          .factory_commands = factory_commands,
                                          .privileges = privileges,
                                          .product = product},
                                         link::EncodeStage(contents[partition]), *signing.signer,
                                         signing.headers));
    Image image{.partition = partition,
                .bytes = std::move(bytes),
                .version = version,
                .anchors = inside[partition],
                .signer = signing.signer->public_key().spki_digest(),
                .signer_level = signing.level};
    image.digest = crypto::Sha256(image.bytes);
    f.images_.push_back(std::move(image));
    return {};
  };
  for (const plan::Stage& s : m.plan.stages) {
    if (s.kind == StageKind::kRom) continue;
    std::string partition(vocab::ToText(s.kind));
    contents[partition].code = CodeOf(m.plan, s);
    const plan::Anchor* verifier = s.verified_by ? m.plan.FindAnchor(*s.verified_by) : boot;
    BM_CHECK(build(partition, fmt::format("{} {}", m.plan.product.id, s.id), s.version, *verifier,
                   s.kind == StageKind::kTestImage, s.privileges));
  }
  if (contents.contains("store")) {
    const plan::Anchor* verifier = boot;
    for (const plan::Anchor& a : m.plan.anchors) {
      if (a.verifies == "bundle" && a.generated) verifier = &a;
    }
    BM_CHECK(build("store", m.plan.product.id + " anchors", "1", *verifier, false, {}));
  }
  return f;
}

Firmware Firmware::FromImages(std::vector<Image> images, const Digest& boot_anchor) {
  Firmware f;
  f.images_ = std::move(images);
  f.boot_anchor_ = boot_anchor;
  return f;
}

const Image* Firmware::Find(std::string_view partition) const {
  for (const Image& i : images_) {
    if (i.partition == partition) return &i;
  }
  return nullptr;
}

}  // namespace birthmark::line
