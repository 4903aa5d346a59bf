// SPDX-License-Identifier: Apache-2.0
#include "app/anchor_material.h"

#include <fmt/format.h>

#include <algorithm>

#include "anchors/dnssec.h"
#include "anchors/read.h"
#include "app/release.h"
#include "link/image.h"
#include "trust/bundle.h"

namespace birthmark::app {
namespace {

using trust::Form;
using trust::TrustAnchor;

// DnsRecordsOf finds the root's keys in a file of records; a digest stays a digest.
std::vector<TrustAnchor> DnsRecordsOf(const anchors::AnchorFacts& facts, bool as_ds) {
  std::vector<TrustAnchor> out;
  for (const anchors::RootKey* key : anchors::RootKeysIn(facts)) {
    const anchors::Dnskey record = key->Record();
    TrustAnchor a;
    a.form = as_ds ? Form::kDs : Form::kDnskey;
    a.title = key->name;
    a.valid_from = Millis(key->published) / 1000;
    a.record = record.Rdata();
    if (as_ds) {
      const uint16_t tag = record.KeyTag();
      a.record = {static_cast<uint8_t>(tag >> 8), static_cast<uint8_t>(tag), record.algorithm, 2};
      const Bytes digest = record.DsDigest(2);
      a.record.insert(a.record.end(), digest.begin(), digest.end());
    }
    out.push_back(std::move(a));
  }
  return out;
}

Status ReadAnchorMaterial(const plan::Anchor& anchor, ByteView bytes, AnchorMaterial& m) {
  BM_TRY(m.facts, anchors::ReadAnchors(bytes));
  switch (m.facts->kind) {
    case anchors::FileKind::kOpenpgpKeyring:
      m.missing = "an OpenPGP keyring travels as it is";
      return {};
    case anchors::FileKind::kDnssecAnchors: {
      const bool digests_only = std::ranges::none_of(
          m.facts->entries, [](const auto& e) { return e.form == anchors::EntryForm::kDnskey; });
      m.anchors = DnsRecordsOf(*m.facts, digests_only || anchor.form == plan::Form::kDs);
      if (m.anchors.empty()) m.missing = "no key in it is one the DNS root is known to have had";
      return {};
    }
    case anchors::FileKind::kKeyPins: {
      BM_TRY(trust::Store pins, trust::ReadPins(bytes));
      m.anchors = std::move(pins.anchors);
      return {};
    }
    default:
      break;
  }
  if (AsText(bytes).find("-----BEGIN ") != std::string_view::npos) {
    BM_TRY(trust::Store pem, trust::ReadPemStore(bytes));
    m.anchors = std::move(pem.anchors);
    return {};
  }
  BM_TRY(TrustAnchor one, m.facts->kind == anchors::FileKind::kPublicKey
                              ? trust::AnchorOfKey(bytes)
                              : trust::AnchorOfCertificate(bytes));
  m.anchors.push_back(std::move(one));
  return {};
}

// KeyInImages looks for a bare key in the images that were released for the line.
std::optional<Bytes> KeyInImages(const AnchorSource& source, const std::string& id) {
  std::error_code ec;
  for (const auto& file :
       fs::directory_iterator(ImageFolder(source.layout, source.adopted.plan), ec)) {
    auto bytes = ReadFile(file.path(), kMaxImage);
    auto image = bytes ? link::DecodeImage(*bytes) : Result<link::DecodedImage>(Internal("", ""));
    auto stage = image ? link::DecodeStage(image->payload) : Result<link::Stage>(Internal("", ""));
    if (!stage) continue;
    for (const link::StageAnchor& a : stage->anchors) {
      if (a.id == id && a.form == "spki") return a.data;
    }
  }
  return std::nullopt;
}

// OwnKey is the key of a PKI without authorities, as whole as it can be had.
Status OwnKey(const AnchorSource& source, const plan::Anchor& anchor,
              const line::SignerChain& signer, keystore::KeyStore* store, AnchorMaterial& m) {
  std::optional<Bytes> spki = KeyInImages(source, anchor.id);
  m.where = "the released images";
  if (!spki && store != nullptr) {
    BM_TRY(auto opened, store->Open(signer.key_id));
    const ByteView der = opened->public_key().spki();
    spki.emplace(der.begin(), der.end());
    m.where = "key " + signer.key_id;
  }
  if (spki) {
    BM_TRY(TrustAnchor a, trust::AnchorOfKey(*spki));
    m.anchors.push_back(std::move(a));
  } else if (auto it = source.keys.find(signer.key_id); it != source.keys.end()) {
    TrustAnchor a;
    a.form = Form::kKeyDigest;
    a.digest.assign(it->second.begin(), it->second.end());
    m.anchors.push_back(std::move(a));
    m.where = "the log, its digest alone";
  } else {
    m.missing = "its key is not in the log";
    return {};
  }
  m.anchors.back().title = anchor.id;
  return {};
}

// Constrain adds what the device demands of signers under the anchor.
void Constrain(const plan::Anchor& anchor, TrustAnchor& a) {
  a.purposes = anchor.eku;
  if (a.name.empty()) return;
  a.policies = anchor.policy_oid;
  if (anchor.levels.empty()) return;
  // Draft section 5.1 counts the anchor as level 1, RFC 5280 section 4.2.1.9 the authorities
  // between it and the signer.
  const int deepest = std::ranges::max(anchor.levels);
  if (deepest >= 2) a.path_length = static_cast<uint32_t>(deepest - 2);
}

}  // namespace

Result<AnchorSource> AnchorSource::Open(const fs::path& workspace, const std::string& product) {
  BM_TRY(auto reader, OpenReader(workspace));
  AnchorSource s{Layout(workspace), {}, {}, {}};
  BM_TRY(s.adopted, PlanOf(*reader, product));
  BM_TRY(s.signers, SignersOf(*reader));
  BM_TRY(std::vector<ledger::KeyRow> keys, reader->registry().Keys());
  for (const ledger::KeyRow& key : keys) {
    if (!key.destroyed_at) s.keys[key.id] = key.spki;
  }
  return s;
}

Result<AnchorMaterial> MaterialOf(const AnchorSource& source, const plan::Anchor& anchor,
                                  keystore::KeyStore* store) {
  AnchorMaterial m;
  if (const fs::path file = source.layout.anchors() / anchor.id; fs::exists(file)) {
    m.where = "anchors/" + anchor.id;
    BM_TRY(Bytes bytes, ReadFile(file, anchors::kMaxAnchorFile));
    if (Status s = ReadAnchorMaterial(anchor, bytes, m); !s)
      return std::unexpected(std::move(s).error().Context(file.string()));
  } else if (anchor.generated && anchor.pki && source.signers.contains(*anchor.pki)) {
    const line::SignerChain& signer = source.signers.at(*anchor.pki);
    if (signer.root) {
      m.where = "the root of " + *anchor.pki;
      BM_TRY(TrustAnchor a, trust::AnchorOfCertificate(signer.root->der()));
      m.anchors.push_back(std::move(a));
    } else {
      BM_CHECK(OwnKey(source, anchor, signer, store, m));
    }
  } else if (anchor.generated) {
    m.missing = "the PKI behind it has no authority yet";
  } else {
    m.missing = anchor.file.empty() ? "it is empty when the device leaves the factory"
                                    : "its file is not in the workspace";
  }
  for (TrustAnchor& a : m.anchors) Constrain(anchor, a);
  return m;
}

}  // namespace birthmark::app
