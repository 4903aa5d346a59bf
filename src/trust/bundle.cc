// SPDX-License-Identifier: Apache-2.0
#include "trust/bundle.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/der.h"
#include "crypto/pem.h"
#include "trust/x509_frame.h"

namespace birthmark::trust {
namespace {

namespace der = crypto::der;
using crypto::DerReader;
using crypto::DerWriter;

constexpr std::string_view kBegin = "-----BEGIN ", kBeginLine = "\n-----BEGIN ";
constexpr std::string_view kPinScheme = "sha256//";

// CutBlocks cuts a text in front of each line that begins a PEM block; what is before the first one
// is dropped.
std::vector<std::string_view> CutBlocks(std::string_view text) {
  std::vector<size_t> starts;
  for (size_t at = text.starts_with(kBegin) ? 0 : text.find(kBeginLine);
       at != std::string_view::npos && starts.size() <= kMaxAnchors;
       at = text.find(kBeginLine, at + 1)) {
    starts.push_back(text[at] == '\n' ? at + 1 : at);
  }
  std::vector<std::string_view> out;
  for (size_t i = 0; i < starts.size(); ++i) {
    const size_t end = i + 1 < starts.size() ? starts[i + 1] : text.size();
    out.push_back(text.substr(starts[i], end - starts[i]));
  }
  return out;
}

Result<TrustAnchor> AnchorOfBlock(const crypto::PemBlock& b) {
  if (b.label == "CERTIFICATE" || b.label == "X509 CERTIFICATE") return AnchorOfCertificate(b.der);
  if (b.label == "TRUSTED CERTIFICATE") return ReadTrustedCertificate(b.der);
  return AnchorOfKey(b.der);
}

bool IsAnchorLabel(std::string_view label) {
  return label == "CERTIFICATE" || label == "X509 CERTIFICATE" || label == "TRUSTED CERTIFICATE" ||
         label == "PUBLIC KEY";
}

Status ReadAux(ByteView data, TrustAnchor& a) {
  DerReader file(data);
  BM_TRY(DerReader aux, file.Enter());
  BM_CHECK(file.End());
  auto oids = [](DerReader list, std::vector<std::string>& out) -> Status {
    while (!list.AtEnd()) {
      BM_TRY(std::string oid, list.Oid());
      out.push_back(std::move(oid));
    }
    return {};
  };
  if (aux.NextIs(der::kSequence)) {
    BM_TRY(DerReader trusted, aux.Enter());
    BM_CHECK(oids(trusted, a.purposes));
  }
  if (aux.NextIs(der::Context(0, true))) {
    BM_TRY(DerReader refused, aux.Enter(der::Context(0, true)));
    BM_CHECK(oids(refused, a.refused));
  }
  if (aux.NextIs(der::kUtf8String)) {
    BM_TRY(ByteView alias, aux.Expect(der::kUtf8String));
    if (alias.size() <= 256 && IsUtf8(AsText(alias))) a.title = AsText(alias);
  }
  // keyid and the open end of the structure say nothing about trust.
  a.rejected = std::ranges::find(a.refused, "2.5.29.37.0") != a.refused.end();
  return {};
}

Bytes TrustedCertificate(const TrustAnchor& a) {
  Bytes out = a.certificate;
  DerWriter(out).Sequence([&](DerWriter& aux) {
    std::vector<std::string> refused = a.refused;
    if (a.rejected && std::ranges::find(refused, "2.5.29.37.0") == refused.end())
      refused.emplace_back("2.5.29.37.0");
    if (!a.purposes.empty()) {
      aux.Sequence([&](DerWriter& list) {
        for (const std::string& oid : a.purposes) list.Oid(oid);
      });
    }
    if (!refused.empty()) {
      aux.Nest(der::Context(0, true), [&](DerWriter& list) {
        for (const std::string& oid : refused) list.Oid(oid);
      });
    }
    if (!a.title.empty()) aux.Utf8(a.title);
  });
  return out;
}

}  // namespace

Result<TrustAnchor> ReadTrustedCertificate(ByteView data) {
  BM_TRY(ByteView certificate, CertificateAtFront(data));
  BM_TRY(TrustAnchor a, AnchorOfCertificate(certificate));
  const ByteView rest = data.subspan(certificate.size());
  if (rest.empty()) return a;
  if (Status s = ReadAux(rest, a); !s) {
    return Refused("trust.certificate-malformed",
                   "what follows a trusted certificate is malformed: " + s.error().message,
                   "write it again with openssl x509 -trustout");
  }
  return a;
}

Result<Store> ReadPemStore(ByteView data) {
  if (data.size() > kMaxStore)
    return Refused("trust.too-large", "a PEM store is larger than 16 MiB");
  Store store;
  size_t number = 0;
  for (std::string_view block : CutBlocks(AsText(data))) {
    const std::string where = fmt::format("block {}", ++number);
    if (number > kMaxAnchors) {
      store.findings.Error("trust.too-large",
                           fmt::format("more than {} blocks; the rest was not read", kMaxAnchors));
      break;
    }
    // A private key is named by its first line and never decoded.
    if (block.substr(0, block.find('\n')).find("PRIVATE KEY") != std::string_view::npos) {
      store.findings.Warn("trust.private-key", where + " is a private key",
                          "keep private keys apart from anchors, and treat this one as disclosed");
      continue;
    }
    auto pem = crypto::ReadPem(block, 1);
    if (!pem) {
      store.findings.Error("trust.pem-malformed", where + ": " + pem.error().message,
                           "take the file from its publisher again");
      continue;
    }
    if (!IsAnchorLabel(pem->front().label)) {
      store.findings.Note("trust.pem-label",
                          fmt::format("{} is a {}, which is no anchor", where, pem->front().label));
      continue;
    }
    auto a = AnchorOfBlock(pem->front());
    if (!a) {
      store.findings.Error(a.error().code, where + ": " + a.error().message, a.error().fix);
      continue;
    }
    store.anchors.push_back(std::move(*a));
  }
  if (number == 0) return Refused("trust.pem-malformed", "there is no PEM block in the file");
  return store;
}

Result<std::string> WritePemStore(const std::vector<TrustAnchor>& anchors, bool trusted) {
  std::string out;
  for (const TrustAnchor& a : anchors) {
    if (!a.certificate.empty()) {
      out += trusted ? crypto::WritePem("TRUSTED CERTIFICATE", TrustedCertificate(a))
                     : crypto::WritePem("CERTIFICATE", a.certificate);
    } else if (!a.spki.empty() && !trusted) {
      out += crypto::WritePem("PUBLIC KEY", a.spki);
    } else {
      return CannotCarry(Format::kPem, a,
                         trusted ? "a trusted certificate needs a certificate"
                                 : "PEM holds certificates and public keys",
                         a.record.empty() ? "a digest travels as a pin: --format pinned"
                                          : "DNSSEC anchors travel as records: --format dnssec");
    }
  }
  return out;
}

Result<Store> ReadPins(ByteView data) {
  Store store;
  store.format = Format::kPins;
  if (data.size() > kMaxAnchorSize) return Refused("trust.too-large", "pins of more than 64 KiB");
  std::string_view rest = AsText(data);
  while (!rest.empty()) {
    const size_t end = rest.find_first_of(";\r\n");
    std::string_view pin = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (pin.empty()) continue;
    auto digest = pin.starts_with(kPinScheme) ? FromBase64(pin.substr(kPinScheme.size()))
                                              : std::optional<Bytes>();
    if (!digest || digest->size() != 32) {
      return Refused(
          "trust.pin-malformed",
          fmt::format("pin {} is not sha256// and base64 of 32 octets", store.anchors.size() + 1),
          "make it with birthmark anchor export --format pinned");
    }
    TrustAnchor a;
    a.form = Form::kKeyDigest;
    a.digest = std::move(*digest);
    a.title = pin;
    store.anchors.push_back(std::move(a));
  }
  if (store.anchors.empty()) return Refused("trust.pin-malformed", "there is no pin");
  return store;
}

Result<std::string> WritePins(const std::vector<TrustAnchor>& anchors) {
  std::string out;
  for (const TrustAnchor& a : anchors) {
    const Bytes digest = KeyDigestOf(a);
    if (digest.size() != 32) {
      return CannotCarry(Format::kPins, a, "a pin is the SHA-256 digest of a public key",
                         "export anchors that have a key");
    }
    if (!out.empty()) out += ';';
    out += kPinScheme;
    out += ToBase64(digest);
  }
  return out + "\n";
}

}  // namespace birthmark::trust
