// SPDX-License-Identifier: Apache-2.0
// CMS SignedData (RFC 5652 section 5) with one signer: taken apart and checked by OpenSSL, made
// here, since a Signer's key may be where OpenSSL cannot reach. Leaves out whom to trust. Pure
// functions; thread-safe.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "crypto/cert.h"

namespace birthmark::voucher {

inline constexpr std::string_view kIdData = "1.2.840.113549.1.7.1";
// id-ct-animaJSONVoucher, RFC 8366 section 8.4; id-ct-mudtype, RFC 8520 section 17.7.
inline constexpr std::string_view kAnimaVoucher = "1.2.840.113549.1.9.16.1.40";
inline constexpr std::string_view kMudType = "1.2.840.113549.1.9.16.1.41";

struct CmsContent {
  std::string content_type;  // OID in dots
  Bytes content;             // empty when it is detached
  std::vector<crypto::Certificate> certificates;
};

// ReadCms reads DER. It checks no signature. Errors: voucher.cms, voucher.signers (not one).
Result<CmsContent> ReadCms(ByteView der);

// CheckCms checks the one signature and gives the certificate whose key made it: one that came
// along or one of `more`. A detached message needs its content. Errors: voucher.signature,
// voucher.no-signer (its certificate is not here).
Result<crypto::Certificate> CheckCms(ByteView der, std::span<const crypto::Certificate> more = {},
                                     std::optional<ByteView> detached = std::nullopt);

struct CmsSigning {
  std::string content_type;
  std::vector<crypto::Certificate> chain;  // the signer's first; all go along
  Time at{};
  bool detached = false;
};
// SignCms signs content with signed attributes (RFC 5652 section 5.3). Errors: those of the signer,
// voucher.signer-certificate (there is none, or of another key).
Result<Bytes> SignCms(ByteView content, const CmsSigning& how, crypto::Signer& signer);

}  // namespace birthmark::voucher
