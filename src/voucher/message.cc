// SPDX-License-Identifier: Apache-2.0
#include "voucher/message.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/cose.h"
#include "crypto/pem.h"
#include "voucher/cms.h"

namespace birthmark::voucher {
namespace {

constexpr int kX5Bag = 32, kX5Chain = 33;  // RFC 9360 section 2
constexpr size_t kMaxCarried = 16;

// Carried reads a COSE_X509 header: one certificate as a byte string, several in an array.
Status Carried(const cbor::Value* v, std::vector<crypto::Certificate>& out) {
  if (v == nullptr) return {};
  cbor::Array one{*v};
  const cbor::Array* list = v->AsBytes() != nullptr ? &one : v->AsArray();
  if (list == nullptr || list->size() > kMaxCarried)
    return Refused("voucher.malformed", "a certificate header is no list of at most 16");
  for (const cbor::Value& item : *list) {
    if (item.AsBytes() == nullptr)
      return Refused("voucher.malformed", "a certificate header holds no byte string");
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(*item.AsBytes()));
    out.push_back(std::move(c));
  }
  return {};
}

Result<Message> OpenCose(ByteView bytes) {
  BM_TRY(cbor::CoseSign1 m, cbor::ParseCose(bytes, {.require_tag = false}));
  if (!m.payload) return Refused("voucher.malformed", "the COSE message has no content");
  Message out{.form = Form::kCose,
              .statement = {},
              .content_type = "",
              .certificates = {},
              .bytes = Bytes(bytes.begin(), bytes.end())};
  BM_TRY(out.statement, ReadCbor(*m.payload));
  for (const Bytes& der : m.headers.x5chain) {
    BM_TRY(crypto::Certificate c, crypto::Certificate::FromDer(der));
    out.certificates.push_back(std::move(c));
  }
  cbor::Value open(m.unprotected), closed(m.headers.other);
  BM_CHECK(Carried(open.Find(cbor::Value(kX5Chain)), out.certificates));
  BM_CHECK(Carried(open.Find(cbor::Value(kX5Bag)), out.certificates));
  BM_CHECK(Carried(closed.Find(cbor::Value(kX5Bag)), out.certificates));
  return out;
}

Result<Message> OpenCms(ByteView bytes) {
  BM_TRY(CmsContent cms, ReadCms(bytes));
  // RFC 8366 section 5.4 wants its own type; the examples of RFC 8995 and the MASAs that made them
  // write id-data, and what is inside says what it is.
  if (cms.content_type != kAnimaVoucher && cms.content_type != kIdData) {
    return Refused("voucher.content-type",
                   fmt::format("the CMS content is {}, no voucher", cms.content_type));
  }
  Message out{.form = Form::kCms,
              .statement = {},
              .content_type = cms.content_type,
              .certificates = std::move(cms.certificates),
              .bytes = Bytes(bytes.begin(), bytes.end())};
  BM_TRY(out.statement, ReadJson(cms.content));
  return out;
}

// Binary takes armour away: PEM labelled CMS or PKCS7, or bare base64.
Result<Bytes> Binary(ByteView bytes) {
  const std::string_view text = AsText(bytes);
  if (text.find("-----BEGIN ") != text.npos) {
    BM_TRY(auto blocks, crypto::ReadPem(text, 8));
    for (crypto::PemBlock& b : blocks) {
      if (b.label == "CMS" || b.label == "PKCS7") return std::move(b.der);
    }
    return Refused("voucher.form", "the PEM text holds no CMS block");
  }
  const bool base64 = std::ranges::all_of(
      text, [](char c) { return c == '\n' || c == '\r' || (c >= '+' && c <= 'z'); });
  if (base64 && text.starts_with('M')) {
    if (auto plain = FromBase64(text)) return std::move(*plain);
  }
  return Bytes(bytes.begin(), bytes.end());
}

}  // namespace

std::string_view ToText(Form f) { return f == Form::kCms ? "cms" : "cose"; }

bool FromText(std::string_view s, Form& f) {
  if (s != "cms" && s != "cose") return false;
  f = s == "cms" ? Form::kCms : Form::kCose;
  return true;
}

std::string_view MediaType(Form f) { return f == Form::kCms ? kCmsType : kCoseType; }

Result<Message> Open(ByteView given) {
  if (given.size() > kMaxMessage)
    return Refused("voucher.too-large", "a voucher has at most 128 KiB");
  BM_TRY(Bytes bytes, Binary(given));
  if (bytes.empty()) return Refused("voucher.form", "the file is empty");
  // DER begins with a SEQUENCE, COSE_Sign1 with tag 18 or an array of four.
  if (bytes[0] == 0x30) return OpenCms(bytes);
  if (bytes[0] == 0xd2 || bytes[0] == 0x84) return OpenCose(bytes);
  return Refused("voucher.form", "neither CMS nor COSE_Sign1",
                 "give a voucher as DER, PEM, base64 or CBOR");
}

Result<crypto::Certificate> SignerOf(const Message& m, std::span<const crypto::Certificate> more) {
  if (m.form == Form::kCms) return CheckCms(m.bytes, more);
  BM_TRY(cbor::CoseSign1 cose, cbor::ParseCose(m.bytes, {.require_tag = false}));
  std::vector<crypto::Certificate> candidates = m.certificates;
  candidates.insert(candidates.end(), more.begin(), more.end());
  bool fits = false;
  for (const crypto::Certificate& c : candidates) {
    if (!c.public_key() ||
        cose.headers.algorithm != cbor::CoseAlgorithm(c.public_key()->algorithm())) {
      continue;
    }
    fits = true;
    if (cbor::VerifyCose(cose, *c.public_key())) return c;
  }
  if (!fits)
    return Refused("voucher.no-signer", "no certificate here has a key that could sign it");
  // The signer is named by no header of its own, so a stranger's and a broken one look alike.
  return Refused("voucher.signature", "the signature verifies under none of the keys at hand");
}

Result<Bytes> Sign(const Statement& s, Form form, const std::vector<crypto::Certificate>& chain,
                   Time at, crypto::Signer& signer) {
  if (form == Form::kCms) {
    const std::string json = WriteJson(s);
    return SignCms(
        AsBytes(json),
        {.content_type = std::string(kAnimaVoucher), .chain = chain, .at = at, .detached = false},
        signer);
  }
  cbor::CoseSigning how;
  for (const crypto::Certificate& c : chain)
    how.headers.x5chain.emplace_back(c.der().begin(), c.der().end());
  BM_TRY(cbor::CoseSign1 m, cbor::SignCose(how, WriteCbor(s), signer));
  return cbor::EncodeCose(m);
}

}  // namespace birthmark::voucher
