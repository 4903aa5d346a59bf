// SPDX-License-Identifier: Apache-2.0
#include "crypto/der.h"
#include "trust/anchor_info.h"
#include "voucher/cms.h"

namespace birthmark::trust {
namespace {

namespace der = crypto::der;
using crypto::DerReader;
using crypto::DerWriter;

constexpr std::string_view kIdCtTrustAnchorList = "1.2.840.113549.1.9.16.1.34";

// BareList is the list of an unsigned ContentInfo; absent for any other content.
std::optional<ByteView> BareList(ByteView data) {
  DerReader file(data);
  auto info = file.Enter();
  if (!info || !file.AtEnd()) return std::nullopt;
  auto type = info->Oid();
  if (!type || *type != kIdCtTrustAnchorList) return std::nullopt;
  auto list = info->Expect(der::Context(0, true));
  if (!list || !info->AtEnd()) return std::nullopt;
  return *list;
}

}  // namespace

Result<Bytes> WriteTrustAnchorListCms(ByteView list, const CmsSigner* signer) {
  if (signer != nullptr) {
    return voucher::SignCms(list,
                            {.content_type = std::string(kIdCtTrustAnchorList),
                             .chain = signer->chain,
                             .at = signer->at},
                            signer->key);
  }
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& info) {
    info.Oid(kIdCtTrustAnchorList);
    info.Nest(der::Context(0, true), [&](DerWriter& content) { content.Raw(list); });
  });
  return out;
}

Result<Store> ReadTrustAnchorListCms(ByteView data) {
  if (data.size() > kMaxStore) return Refused("trust.too-large", "a message of over 16 MiB");
  if (auto list = BareList(data)) {
    BM_TRY(Store store, ReadTrustAnchorList(*list));
    store.format = Format::kRfc5914Cms;
    store.findings.Note("trust.not-signed", "nobody signed the list");
    return store;
  }
  auto cms = voucher::ReadCms(data);
  if (!cms) {
    return Refused("trust.cms", "not a CMS message with one signer: " + cms.error().message,
                   "look at it with openssl cms -cmsout -print");
  }
  if (cms->content_type != kIdCtTrustAnchorList)
    return Refused("trust.cms", "the message holds " + cms->content_type + ", no list of anchors");
  BM_TRY(Store store, ReadTrustAnchorList(cms->content));
  store.format = Format::kRfc5914Cms;
  if (auto by = voucher::CheckCms(data); !by) {
    store.findings.Error("trust.cms-signature", by.error().message,
                         "get the list from its publisher again");
  }
  return store;
}

}  // namespace birthmark::trust
