// SPDX-License-Identifier: Apache-2.0
#include "app/anchor_export.h"

#include <fmt/format.h>

#include <span>

#include "app/anchor_material.h"
#include "crypto/digest.h"
#include "enroll/est/codec.h"
#include "keystore/passphrase.h"
#include "trust/anchor_info.h"
#include "trust/bundle.h"
#include "trust/cose_keyset.h"
#include "trust/dns.h"
#include "trust/esl.h"
#include "trust/mcuboot.h"
#include "trust/p11kit.h"
#include "trust/pkcs12.h"
#include "trust/truststore_json.h"

namespace birthmark::app {
namespace {

using trust::Format;
using trust::TrustAnchor;

constexpr std::string_view kZeroGuid = "00000000-0000-0000-0000-000000000000";

// StoreWriter writes anchors in the format that was asked for.
class StoreWriter {
 public:
  StoreWriter(const AnchorExportOptions& o, const AnchorSource& source, keystore::KeyStore* store,
              Time at)
      : o_(o), source_(source), store_(store), at_(at) {}

  // Prepare reads the password once. Errors: those of PassphraseFromFile.
  Status Prepare() {
    if (!o_.password_file) return {};
    BM_TRY(password_, keystore::PassphraseFromFile(*o_.password_file));
    return {};
  }

  Result<Bytes> Write(const std::vector<TrustAnchor>& anchors) const {
    switch (o_.format) {
      case Format::kPem:
        return OfText(trust::WritePemStore(anchors));
      case Format::kPkcs12:
        return trust::WritePkcs12(anchors, o_.password_file ? &password_ : nullptr);
      case Format::kP11Kit:
        return OfText(trust::WriteP11Kit(anchors));
      case Format::kSignatureList:
        return trust::WriteSignatureLists(anchors, Owner());
      case Format::kSignatureListSha256:
        return trust::WriteSha256Lists(anchors, Owner());
      case Format::kFit:
        return trust::WriteFitKeys(anchors, o_.required);
      case Format::kMcubootKey:
        return OfText(trust::WriteMcubootKeys(anchors));
      case Format::kPins:
        return OfText(trust::WritePins(anchors));
      case Format::kDnssec:
        return OfText(trust::WriteDnsRecords(anchors));
      case Format::kRootAnchorsXml:
        return OfText(trust::WriteRootAnchorsXml(anchors));
      case Format::kEstCacerts:
        return EstCacerts(anchors);
      case Format::kTruststoreJson:
        return OfText(trust::WriteTruststoreJson(anchors, source_.adopted.plan.product.id));
      case Format::kCoseKeySet:
        return trust::WriteCoseKeySet(anchors);
      case Format::kRfc5914:
        return trust::WriteTrustAnchorList(anchors);
      case Format::kRfc5914Cms:
        return Cms(anchors);
      default:
        return Usage("trust.format", fmt::format("{} is only read", trust::ToText(o_.format)),
                     "--help lists the formats that are written");
    }
  }

 private:
  static Result<Bytes> OfText(Result<std::string> text) {
    if (!text) return std::unexpected(std::move(text).error());
    return ToBytes(*text);
  }
  std::string_view Owner() const { return o_.owner.empty() ? kZeroGuid : o_.owner; }

  static Result<Bytes> EstCacerts(const std::vector<TrustAnchor>& anchors) {
    std::vector<ByteView> certificates;
    for (const TrustAnchor& a : anchors) {
      if (a.certificate.empty()) {
        return trust::CannotCarry(Format::kEstCacerts, a, "EST's cacerts are certificates",
                                  "a bare key travels as --format pem or rfc5914");
      }
      certificates.emplace_back(a.certificate);
    }
    return enroll::est::ToBody(enroll::est::CertsOnly(certificates));
  }

  Result<Bytes> Cms(const std::vector<TrustAnchor>& anchors) const {
    BM_TRY(Bytes list, trust::WriteTrustAnchorList(anchors));
    if (o_.sign_with.empty()) return trust::WriteTrustAnchorListCms(list);
    auto it = source_.signers.find(o_.sign_with);
    if (it == source_.signers.end() || it->second.chain.empty() || store_ == nullptr) {
      return Usage("anchor.signer",
                   fmt::format("\"{}\" is no PKI of the plan with a signer of ours", o_.sign_with),
                   "name a PKI whose end entity signs, and give --passphrase-file");
    }
    BM_TRY(auto key, store_->Open(it->second.key_id));
    const trust::CmsSigner signer{it->second.chain, *key, at_};
    return trust::WriteTrustAnchorListCms(list, &signer);
  }

  const AnchorExportOptions& o_;
  const AnchorSource& source_;
  keystore::KeyStore* store_;
  Time at_;
  SecretBytes password_;
};

// IsChosen is true for anchors that were named, and for all when none was.
bool IsChosen(const AnchorExportOptions& o, const std::string& id) {
  return o.ids.empty() || std::ranges::find(o.ids, id) != o.ids.end();
}

// Named gives an anchor that stands alone the plan's word for it, where the format names keys.
void Named(Format format, const std::string& id, std::vector<TrustAnchor>& anchors) {
  if (anchors.size() == 1 && (format == Format::kFit || format == Format::kMcubootKey))
    anchors.front().title = id;
}

// IsSameEntry is true for two anchors of the plan that are one key. Only RFC 5914 tells apart what
// it is used for; any other store would hold the same twice.
bool IsSameEntry(Format format, const TrustAnchor& a, const TrustAnchor& b) {
  if (format == Format::kRfc5914 || format == Format::kRfc5914Cms) return a == b;
  return a.certificate == b.certificate && a.spki == b.spki && a.digest == b.digest &&
         a.record == b.record;
}

}  // namespace

const std::vector<std::string>& ExportFormats() {
  static const std::vector<std::string> formats = {
      "pem",         "pkcs12",          "p11-kit",     "esl",     "esl-sha256",
      "fit",         "mcuboot",         "pinned",      "dnssec",  "root-anchors-xml",
      "est-cacerts", "truststore-json", "cose-keyset", "rfc5914", "rfc5914-cms"};
  return formats;
}

Result<AnchorExported> ExportAnchors(const AnchorExportOptions& o, const Clock& clock) {
  BM_TRY(AnchorSource source, AnchorSource::Open(o.workspace, o.product));
  BM_CHECK(CheckAnchorsKnown(source.adopted.plan, o.ids));
  OpenKeys keys;
  if (o.keys) {
    BM_TRY(keys, UnlockOnline(source.layout, *o.keys));
  }
  StoreWriter writer(o, source, keys.online.get(), clock.Now());
  BM_CHECK(writer.Prepare());
  AnchorExported out;
  std::vector<TrustAnchor> all;
  for (const plan::Anchor& anchor : source.adopted.plan.anchors) {
    if (!IsChosen(o, anchor.id)) continue;
    BM_TRY(AnchorMaterial m, MaterialOf(source, anchor, keys.online.get()));
    Named(o.format, anchor.id, m.anchors);
    for (TrustAnchor& a : m.anchors) {
      if (!a.valid_from && o.valid_from) a.valid_from = Millis(*o.valid_from) / 1000;
    }
    Result<Bytes> alone = m.anchors.empty() ? Refused("trust.cannot-carry",
                                                      anchor.id + ": " + m.missing, "leave it out")
                                            : writer.Write(m.anchors);
    if (!alone && anchor.generated && !o.keys && m.anchors.size() == 1 &&
        m.anchors.front().form == trust::Form::kKeyDigest) {
      alone.error().fix = "the log has this key's digest alone: give --passphrase-file";
    }
    if (!alone && (!o.ids.empty() || alone.error().kind != ErrorKind::kNegative))
      return std::unexpected(std::move(alone).error());
    if (!alone) {
      out.anchors.push_back({anchor.id, 0, m.anchors.empty() ? m.missing : alone.error().message});
      continue;
    }
    out.anchors.push_back({anchor.id, m.anchors.size(), ""});
    for (TrustAnchor& a : m.anchors) {
      if (std::ranges::none_of(all,
                               [&](const TrustAnchor& b) { return IsSameEntry(o.format, a, b); }))
        all.push_back(std::move(a));
    }
  }
  if (all.empty()) {
    return Refused("anchor.nothing",
                   fmt::format("no anchor of the plan can be held by {}", trust::ToText(o.format)),
                   "birthmark anchor show tells the form of each; name one to see why");
  }
  BM_TRY(Bytes file, writer.Write(all));
  out.size = file.size();
  out.digest = crypto::Sha256(file);
  if (!o.dry_run) BM_CHECK(WriteFileAtomic(o.output, file));
  return out;
}

}  // namespace birthmark::app
