// SPDX-License-Identifier: Apache-2.0
#include "app/artifact_make.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/artifact_signers.h"
#include "app/release.h"
#include "artifact/cms.h"
#include "artifact/debug.h"
#include "artifact/fit.h"
#include "artifact/mcuboot.h"
#include "artifact/suit.h"
#include "artifact/tam.h"
#include "base/lists.h"
#include "base/mapped_file.h"
#include "cbor/codec.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "link/image.h"
#include "pki/csr.h"

namespace birthmark::app {
namespace {

using artifact::Kind;

constexpr size_t kMaxAnchorDer = 64 * 1024;

Bytes OctetsOf(const Digest& d) { return Bytes(d.begin(), d.end()); }

artifact::Signing SigningOf(const Chosen& by, bool with_root) {
  artifact::Signing out{.signer = *by.signer, .chain = by.chain, .root = by.root};
  // A device that holds only a digest finds the anchor itself at the end of the chain.
  if (with_root && by.root && !out.chain.empty() && out.chain.back().digest() != by.root->digest())
    out.chain.push_back(*by.root);
  return out;
}

// PrepareImage makes a new version of a released image: other code, the same anchors inside.
Result<Prepared> PrepareImage(Factory& f, const plan::Anchor& anchor, const ArtifactOptions& o,
                              uint64_t version, const Clock& clock) {
  const std::string partition = PartitionVerified(f.adopted.plan, anchor);
  BM_TRY(const line::Firmware released, ReleaseImages(f, clock));
  const line::Image* before = partition.empty() ? nullptr : released.Find(partition);
  if (before == nullptr) {
    return Refused("artifact.verifies",
                   fmt::format("anchor \"{}\" verifies {}, and no image of a device", anchor.id,
                               anchor.verifies),
                   "name the anchor that verifies the stage");
  }
  BM_TRY(const link::DecodedImage image, link::DecodeImage(before->bytes));
  BM_TRY(link::Stage stage, link::DecodeStage(image.payload));
  BM_TRY(stage.code, ReadFile(o.file, artifact::kMaxImage));
  link::Manifest manifest = image.manifest;
  manifest.version = version;
  if (!o.name.empty()) manifest.name = o.name;
  Bytes payload = link::EncodeStage(stage);
  Prepared out;
  out.name = manifest.name;
  out.content = crypto::Sha256(payload);
  out.make = [manifest, payload = std::move(payload)](const Chosen& by) {
    const artifact::Signing signing = SigningOf(by, true);
    link::SignerHeaders headers{.x5chain = {}, .bare_key = signing.chain.empty()};
    for (const crypto::Certificate& c : signing.chain)
      headers.x5chain.emplace_back(c.der().begin(), c.der().end());
    return link::BuildImage(manifest, payload, *by.signer, headers);
  };
  return out;
}

Result<Prepared> PrepareUpdate(Factory& f, const plan::Anchor& anchor, const ArtifactOptions& o,
                               uint64_t version) {
  const plan::Product& product = f.adopted.plan.product;
  const std::string partition = PartitionVerified(f.adopted.plan, anchor);
  artifact::UpdateManifest m;
  m.component = {product.id, !o.name.empty()     ? o.name
                             : partition.empty() ? anchor.verifies
                                                 : partition};
  m.sequence = version;
  m.vendor = artifact::VendorId(product.enterprise_number);
  m.device_class = artifact::ClassId(m.vendor, product.id + " " + product.hardware_variant);
  BM_TRY(m.content, artifact::ContentOf(o.file));
  if (!o.uri.empty()) m.uri = o.uri;
  if (!o.sbom.empty()) {
    BM_TRY(const artifact::Content sbom, artifact::ContentOf(o.sbom));
    m.sbom =
        artifact::Sbom{o.sbom_uri.empty() ? o.sbom.filename().string() : o.sbom_uri, sbom.sha256};
  }
  Prepared out;
  out.name = fmt::format("{}", fmt::join(m.component, "/"));
  out.content = m.content.sha256;
  out.words.object = artifact::EncodeUpdate(m);
  out.make = [m](const Chosen& by) { return artifact::SignUpdate(m, SigningOf(by, false)); };
  return out;
}

Result<Prepared> PrepareCms(Factory& f, const ArtifactOptions& o, uint64_t version) {
  Prepared out;
  out.name = o.name.empty() ? o.file.filename().string() : o.name;
  BM_TRY(const artifact::Content content, artifact::ContentOf(o.file));
  out.content = content.sha256;
  std::optional<artifact::PackageId> package;
  if (!o.version.empty())
    package = artifact::PackageId{plan::HardwareTypeOid(f.adopted.plan.product), version};
  out.make = [file = o.file, package](const Chosen& by) {
    return artifact::SignCms(file, package, SigningOf(by, false));
  };
  return out;
}

Result<Prepared> PrepareBootImage(const plan::Plan& plan, const plan::Anchor& anchor,
                                  const ArtifactOptions& o) {
  BM_TRY(const std::shared_ptr<const MappedFile> file,
         MappedFile::Open(o.file, artifact::kMaxImage));
  Prepared out;
  out.name = o.name.empty() ? o.file.filename().string() : o.name;
  out.content = crypto::Sha256(file->view());
  // An offline anchor makes what it signs from the file itself.
  out.words.terms = offline::BootTerms{.pss = o.pss,
                                       .key_name = o.kind == Kind::kFit ? anchor.id : "",
                                       .configuration = o.configuration};
  if (const plan::Pki* pki = anchor.pki ? plan.FindPki(*anchor.pki) : nullptr;
      pki != nullptr && !pki->levels.empty() && !o.signer.empty()) {
    out.words.object.assign(file->view().begin(), file->view().end());
  }
  if (o.kind == Kind::kFit) {
    out.make = [file,
                terms = artifact::FitTerms{anchor.id, o.configuration, o.pss}](const Chosen& by) {
      return artifact::SignFit(file->view(), terms, SigningOf(by, false));
    };
    return out;
  }
  BM_TRY(const artifact::McubootVersion version, artifact::ParseMcubootVersion(o.version));
  out.make = [file, version](const Chosen& by) {
    return artifact::SignMcuboot(file->view(), version, SigningOf(by, false));
  };
  return out;
}

// NewAnchor reads what a message puts into a device: as the plan's anchor `like` is kept.
Result<link::StageAnchor> NewAnchor(const plan::Plan& plan, const ArtifactOptions& o) {
  const std::string like = o.like.empty() ? o.target : o.like;
  const plan::Anchor* pattern = plan.FindAnchor(like);
  if (pattern == nullptr || o.file.empty()) {
    return Usage("artifact.options",
                 "a new anchor needs its file, and an anchor of the plan that it is like",
                 "--like ID");
  }
  BM_TRY(const Bytes file, ReadFile(o.file, kMaxAnchorDer));
  BM_TRY(const std::vector<artifact::Trusted> read, artifact::ReadTrusted(file, o.file.string()));
  link::StageAnchor out{.id = o.name.empty() ? like : o.name,
                        .kind = std::string(vocab::ToText(pattern->kinds.front())),
                        .verifies = pattern->verifies,
                        .form = "",
                        .data = {},
                        .policy = {}};
  const artifact::Trusted& one = read.front();
  if (pattern->form == plan::Form::kKeyDigest) {
    out.form = "digest";
    out.data = OctetsOf(one.key.spki_digest());
  } else if (one.certificate && pattern->form == plan::Form::kCertificate) {
    out.form = "certificate";
    out.data.assign(one.certificate->der().begin(), one.certificate->der().end());
  } else {
    out.form = "spki";
    out.data.assign(one.key.spki().begin(), one.key.spki().end());
  }
  return out;
}

Result<Prepared> PrepareTam(Factory& f, const ArtifactOptions& o, uint64_t version) {
  artifact::TamMessage m{.action = o.action,
                         .sequence = version,
                         .uid = std::nullopt,
                         .target = "",
                         .anchor = std::nullopt,
                         .version = std::nullopt};
  if (o.action == "anchor-replace" || o.action == "anchor-remove") m.target = o.target;
  if (o.action == "anchor-add" || o.action == "anchor-replace") {
    BM_TRY(m.anchor, NewAnchor(f.adopted.plan, o));
  }
  if (o.action == "retire-application") m.version = std::strtoull(o.target.c_str(), nullptr, 10);
  if (!o.uid.empty()) {
    m.uid = FromHex(o.uid);
    if (!m.uid) return Usage("artifact.options", "--uid takes hexadecimal digits");
  }
  Prepared out;
  // One device keeps one sequence for all that its TAM is asked.
  out.name = "tam";
  out.content = crypto::Sha256(artifact::EncodeTamMessage(m));
  out.words.name = o.action;
  out.make = [m](const Chosen& by) { return artifact::SignTam(m, SigningOf(by, true)); };
  return out;
}

Result<Prepared> PrepareDebug(const ArtifactOptions& o) {
  const auto nonce = FromHex(o.nonce);
  if (!nonce || nonce->empty() || o.serial.empty()) {
    return Usage("artifact.options", "an answer is for one device and one challenge of it",
                 "birthmark unit unlock --device URI prints --nonce and --serial");
  }
  const artifact::DebugAnswer answer{.nonce = *nonce, .serial = o.serial};
  Prepared out;
  out.name = o.serial;
  out.content = crypto::Sha256(artifact::EncodeDebugAnswer(answer));
  out.make = [answer](const Chosen& by) {
    return artifact::SignDebugAnswer(answer, SigningOf(by, true));
  };
  return out;
}

// DnsNamesOf reads the dNSNames of a request's subjectAltName (RFC 5280 section 4.2.1.6).
Result<std::vector<std::string>> DnsNamesOf(const pki::Csr& csr) {
  std::vector<std::string> out;
  if (csr.extensions.empty()) return out;
  crypto::DerReader reader(csr.extensions);
  BM_TRY(crypto::DerReader all, reader.Enter());
  while (!all.AtEnd()) {
    BM_TRY(crypto::DerReader one, all.Enter());
    BM_TRY(const std::string oid, one.Oid());
    if (one.NextIs(crypto::der::kBoolean)) BM_CHECK(one.Boolean());
    BM_TRY(const ByteView value, one.Expect(crypto::der::kOctetString));
    if (oid != pki::oid::kSubjectAltName) continue;
    crypto::DerReader inside(value);
    BM_TRY(crypto::DerReader names, inside.Enter());
    while (!names.AtEnd()) {
      BM_TRY(const crypto::DerElement name, names.Next());
      if (name.tag == crypto::der::Context(2, false)) out.emplace_back(AsText(name.content));
    }
  }
  return out;
}

Result<std::string> CertifyServer(Factory& f, const plan::Pki& pki, const pki::Csr& csr,
                                  const std::vector<std::string>& names, const KeySource& keys,
                                  const Clock& clock, bool dry_run) {
  BM_TRY(auto reader, f.NewReader());
  BM_TRY(const std::vector<Authority> authorities, AuthoritiesInLog(*reader, pki));
  if (authorities.size() != pki.levels.size())
    return Refused("artifact.anchor", "its PKI does not have all authorities yet",
                   "birthmark ceremony accept WS RECORD");
  Stores stores{f.keys.online.get(), nullptr};
  if (authorities.back().offline) {
    BM_TRY(f.keys.offline, UnlockOffline(f.layout.offline(), keys));
    stores.offline = f.keys.offline.get();
  }
  AuthorityMaker maker(f.layout, f.adopted.plan, stores, f.marks, f.genesis.workspace, *f.serials,
                       clock, f.context);
  BM_TRY(const pki::Name subject,
         pki::Name::Make({{"O", f.adopted.plan.product.manufacturer}, {"CN", names.front()}}));
  BM_TRY(const Issued issued, maker.CertifyEndEntity(pki, authorities, pki::TlsServerProfile(),
                                                     csr.key, pki.id + "-server", subject, names));
  if (!dry_run) BM_CHECK(AppendAll(*f.log, maker.TakeEvents()));
  std::string out;
  for (const crypto::Certificate& c : issued.chain) out += c.ToPem();
  return out;
}

// SelfSigned is level 1: the anchor is the server's own key, and the certificate only carries it.
Result<Bytes> SelfSigned(Factory& f, const plan::Pki& pki, const Chosen& by,
                         const std::vector<std::string>& names) {
  pki::Profile profile = pki::TlsServerProfile();
  profile.self_signed = true;
  BM_TRY(const pki::Stamp stamp, f.serials->Next());
  BM_TRY(const pki::Name subject,
         pki::Name::Make({{"O", f.adopted.plan.product.manufacturer}, {"CN", names.front()}}));
  pki::Contents contents{.subject = subject, .key = by.signer->public_key(), .dns_names = names};
  if (!pki.end_entity.lifetime.never)
    contents.not_after = stamp.at + pki.end_entity.lifetime.duration;
  BM_TRY(const crypto::Certificate c,
         pki::SelfSign(*by.signer, profile, f.marks, stamp, std::move(contents)));
  return ToBytes(c.ToPem());
}

Result<Prepared> PrepareServer(Factory& f, const plan::Anchor& anchor, const ArtifactOptions& o,
                               const KeySource& keys, const Clock& clock) {
  BM_TRY(const plan::Pki* pki, PkiBehind(f.adopted.plan, anchor.id));
  std::vector<std::string> names = CommaParts(o.name);
  std::optional<pki::Csr> csr;
  if (!pki->levels.empty()) {
    BM_TRY(const std::string text, ReadTextFile(o.file, pki::kMaxCsrBytes * 2));
    BM_TRY(csr, pki::ReadCsrPem(text));
    if (names.empty()) {
      BM_TRY(names, DnsNamesOf(*csr));
    }
  }
  if (names.empty()) {
    return Usage("artifact.options", "no DNS name of the server is known",
                 "ask for subjectAltName in the request, or say --name a.example,b.example");
  }
  Prepared out;
  out.name = names.front();
  if (csr) out.content = crypto::Sha256(csr->der);
  out.make = [&f, &keys, &clock, pki, csr, names,
              dry_run = o.dry_run](const Chosen& by) -> Result<Bytes> {
    if (!csr) return SelfSigned(f, *pki, by, names);
    BM_TRY(const std::string pem, CertifyServer(f, *pki, *csr, names, keys, clock, dry_run));
    return ToBytes(pem);
  };
  return out;
}

Result<Prepared> PrepareKind(Factory& f, const plan::Anchor& anchor, const ArtifactOptions& o,
                             uint64_t version, const KeySource& keys, const Clock& clock) {
  switch (o.kind) {
    case Kind::kDeviceImage:
      return PrepareImage(f, anchor, o, version, clock);
    case Kind::kUpdate:
      return PrepareUpdate(f, anchor, o, version);
    case Kind::kCms:
      return PrepareCms(f, o, version);
    case Kind::kTam:
      return PrepareTam(f, o, version);
    case Kind::kTlsServer:
      return PrepareServer(f, anchor, o, keys, clock);
    case Kind::kDebugUnlock:
      return PrepareDebug(o);
    default:
      return PrepareBootImage(f.adopted.plan, anchor, o);
  }
}

}  // namespace

std::string PartitionVerified(const plan::Plan& plan, const plan::Anchor& anchor) {
  for (const plan::Stage& s : plan.stages) {
    if (s.verified_by == anchor.id) return std::string(vocab::ToText(s.kind));
  }
  const bool boot =
      std::ranges::find(anchor.kinds, vocab::AnchorKind::kFirstBoot) != anchor.kinds.end();
  if (boot && anchor.verifies == "first-stage") return "first-stage";
  return anchor.verifies == "bundle" ? "store" : "";
}

Result<Prepared> PrepareArtifact(Factory& f, const plan::Anchor& anchor, const ArtifactOptions& o,
                                 uint64_t version, const KeySource& keys, const Clock& clock) {
  const bool tls = o.kind == Kind::kTlsServer;
  const bool debug = o.kind == Kind::kDebugUnlock;
  if (tls != (anchor.verifies == "tls-server") || debug != (anchor.verifies == "debug-unlock")) {
    return Refused("artifact.verifies",
                   fmt::format("anchor \"{}\" verifies {}, and the artifact is a {}", anchor.id,
                               anchor.verifies, artifact::ToText(o.kind)),
                   "name the anchor that verifies such artifacts");
  }
  BM_TRY(Prepared out, PrepareKind(f, anchor, o, version, keys, clock));
  offline::ArtifactRequest& words = out.words;
  words.kind = artifact::ToText(o.kind);
  if (words.name.empty()) words.name = out.name;
  words.content = OctetsOf(out.content);
  words.version = version;
  words.rehearsal = f.genesis.rehearsal;
  words.workspace = f.genesis.workspace;
  return out;
}

}  // namespace birthmark::app
