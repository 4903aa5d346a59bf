// SPDX-License-Identifier: Apache-2.0
#include "trust/detect.h"

#include <fmt/format.h>

#include "crypto/der.h"
#include "trust/anchor_info.h"
#include "trust/bundle.h"
#include "trust/cose_keyset.h"
#include "trust/esl.h"
#include "trust/fit.h"
#include "trust/jks.h"
#include "trust/mcuboot.h"
#include "trust/p11kit.h"
#include "trust/pkcs12.h"
#include "trust/truststore_json.h"
#include "trust/varstore.h"

namespace birthmark::trust {
namespace {

// IsAnchorList is true for a SEQUENCE that fills `data` and whose first element is an RFC 5914
// choice.
bool IsAnchorList(ByteView data) {
  crypto::DerReader file(data);
  auto list = file.Enter();
  if (!list || !file.AtEnd() || list->AtEnd()) return false;
  if (list->NextIs(crypto::der::Context(1, true)) || list->NextIs(crypto::der::Context(2, true)))
    return true;
  auto first = list->Next();
  return first && AnchorOfCertificate(first->whole).has_value();
}

}  // namespace

std::optional<Format> DetectFormat(ByteView data) {
  if (LooksLikeVariableStore(data)) return Format::kVariableStore;
  if (LooksLikeSignatureLists(data)) return Format::kSignatureList;
  if (auto inner = UnwrapAuthenticated(data);
      inner && inner->size() != data.size() && LooksLikeSignatureLists(*inner)) {
    return Format::kSignatureList;
  }
  if (LooksLikeDeviceTree(data)) return Format::kFit;
  if (LooksLikeMcubootImage(data)) return Format::kMcubootImage;
  if (LooksLikeJavaKeystore(data)) return Format::kJavaKeystore;
  const std::string_view text = AsText(data);
  if (LooksLikeP11Kit(data)) return Format::kP11Kit;
  if (text.starts_with("-----BEGIN ") || text.find("\n-----BEGIN ") != std::string_view::npos)
    return Format::kPem;
  if (text.starts_with("sha256//")) return Format::kPins;
  if (data.size() < kMaxAnchorSize && text.starts_with('{') &&
      text.find("\"ietf-truststore:truststore\"") != std::string_view::npos) {
    return Format::kTruststoreJson;
  }
  if (LooksLikePkcs12(data)) return Format::kPkcs12;
  if (IsAnchorList(data)) return Format::kRfc5914;
  return std::nullopt;
}

Result<Store> ReadStore(Format format, ByteView data) {
  switch (format) {
    case Format::kPem:
      return ReadPemStore(data);
    case Format::kPkcs12:
      return ReadPkcs12(data);
    case Format::kJavaKeystore:
      return ReadJavaKeystore(data);
    case Format::kP11Kit:
      return ReadP11Kit(data);
    case Format::kSignatureList:
    case Format::kSignatureListSha256: {
      BM_TRY(ByteView lists, UnwrapAuthenticated(data));
      return ReadSignatureLists(lists);
    }
    case Format::kVariableStore:
      return ReadVariableStore(data);
    case Format::kFit:
      return ReadFitKeys(data);
    case Format::kMcubootKey:
      return ReadMcubootKeys(data);
    case Format::kMcubootImage:
      return ReadMcubootImage(data);
    case Format::kPins:
      return ReadPins(data);
    case Format::kTruststoreJson:
      return ReadTruststoreJson(data);
    case Format::kCoseKeySet:
      return ReadCoseKeySet(data);
    case Format::kRfc5914:
      return ReadTrustAnchorList(data);
    case Format::kRfc5914Cms:
      return ReadTrustAnchorListCms(data);
    case Format::kDnssec:
    case Format::kRootAnchorsXml:
    case Format::kEstCacerts:
      break;
  }
  return Usage("trust.format", fmt::format("{} is read elsewhere", ToText(format)));
}

}  // namespace birthmark::trust
