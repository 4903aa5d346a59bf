// SPDX-License-Identifier: Apache-2.0
#include "attest/bundle.h"

#include <fmt/format.h>

#include <cstdlib>

#include "crypto/der.h"

namespace birthmark::attest {
namespace {

using crypto::DerElement;
using crypto::DerReader;
using crypto::DerWriter;
namespace der = crypto::der;

constexpr size_t kMaxStatements = 16, kMaxCerts = 32;

std::unexpected<Error> Malformed(std::string_view what, std::string_view why) {
  return Refused("attest.malformed", fmt::format("{}: {}", what, why));
}

Bytes Copy(ByteView b) { return Bytes(b.begin(), b.end()); }

// AttestationStatement ::= SEQUENCE { type OBJECT IDENTIFIER, stmt ANY DEFINED BY type }
Result<Statement> ReadStatement(DerReader& list) {
  BM_TRY(DerReader one, list.Enter());
  Statement s;
  BM_TRY(s.type, one.Oid());
  BM_TRY(DerElement stmt, one.Next());
  s.stmt = Copy(stmt.whole);
  if (one.NextIs(der::kIa5String) || one.NextIs(der::kUtf8String)) BM_CHECK(one.Next());
  BM_CHECK(one.End());
  return s;
}

Result<Bundle> ReadBundle(ByteView data) {
  BM_CHECK(crypto::CheckDer(data));
  DerReader file(data);
  BM_TRY(DerReader bundle, file.Enter());
  BM_CHECK(file.End());
  Bundle out;
  BM_TRY(DerReader statements, bundle.Enter());
  while (!statements.AtEnd()) {
    if (out.statements.size() == kMaxStatements)
      return Malformed("attestations", fmt::format("more than {}", kMaxStatements));
    BM_TRY(Statement s, ReadStatement(statements));
    out.statements.push_back(std::move(s));
  }
  if (out.statements.empty()) return Malformed("attestations", "there is none");
  if (bundle.AtEnd()) return out;
  BM_TRY(DerReader certs, bundle.Enter());
  BM_CHECK(bundle.End());
  while (!certs.AtEnd()) {
    if (out.certs.size() + out.other_certs == kMaxCerts)
      return Malformed("certs", fmt::format("more than {}", kMaxCerts));
    BM_TRY(DerElement c, certs.Next());
    if (c.tag == der::kSequence) {
      out.certs.push_back(Copy(c.whole));
    } else if (c.tag == der::Context(3, true)) {  // other, RFC 5652 section 10.2.2
      ++out.other_certs;
    } else {
      return Malformed("certs", "neither a certificate nor [3]");
    }
  }
  if (out.certs.empty() && out.other_certs == 0) return Malformed("certs", "the list is empty");
  return out;
}

Result<TpmStatement> ReadTpmStatement(const Statement& s) {
  DerReader file(s.stmt);
  BM_TRY(DerReader r, file.Enter());
  BM_CHECK(file.End());
  TpmStatement out;
  BM_TRY(ByteView attest, r.Expect(der::kOctetString));
  BM_TRY(ByteView signature, r.Expect(der::kOctetString));
  out.attest = Copy(attest);
  out.signature = Copy(signature);
  if (r.NextIs(der::kOctetString)) {
    BM_TRY(ByteView area, r.Expect(der::kOctetString));
    out.public_area = Copy(area);
  }
  if (s.type == oid::kTpmCreation) {
    for (int n = 0; n < 2; ++n) {
      if (!r.NextIs(der::Context(n, false))) continue;
      BM_TRY(ByteView v, r.Expect(der::Context(n, false)));
      (n == 0 ? out.creation_data : out.ak_public_area) = Copy(v);
    }
  }
  BM_CHECK(r.End());
  return out;
}

// Finds one value for id-aa-attestation in a run of SEQUENCE { OID, …, value }.
template <class Value>
Result<std::optional<Bytes>> FindIn(ByteView content, std::string_view what, Value value) {
  DerReader list(content);
  std::optional<Bytes> found;
  while (!list.AtEnd()) {
    auto one = list.Enter();
    if (!one) return Malformed(what, one.error().message);
    auto id = one->Oid();
    if (!id) return Malformed(what, id.error().message);
    if (*id != oid::kAttestation) continue;
    if (found) return Malformed(what, "the attestation stands twice");
    auto v = value(*one);
    if (!v) return Malformed(what, v.error().message);
    found = std::move(*v);
  }
  return found;
}

}  // namespace

Bytes EncodeBundle(const Bundle& b) {
  if (b.statements.empty()) std::abort();
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Sequence([&](DerWriter& list) {
      for (const Statement& s : b.statements) {
        list.Sequence([&](DerWriter& one) {
          one.Oid(s.type);
          one.Raw(s.stmt);
        });
      }
    });
    if (b.certs.empty()) return;
    w.Sequence([&](DerWriter& certs) {
      for (const Bytes& c : b.certs) certs.Raw(c);
    });
  });
  return out;
}

Result<Bundle> DecodeBundle(ByteView data) {
  if (data.size() > kMaxBundleBytes) {
    return Refused("attest.too-large", fmt::format("an AttestationBundle of {} octets; {} are "
                                                   "allowed",
                                                   data.size(), kMaxBundleBytes));
  }
  auto bundle = ReadBundle(data);
  if (!bundle && bundle.error().code != "attest.malformed")
    return Malformed("AttestationBundle", bundle.error().message);
  return bundle;
}

Bytes EncodeAttribute(ByteView bundle) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Oid(oid::kAttestation);
    w.Element(der::kSet, bundle);
  });
  return out;
}

Bytes EncodeExtension(ByteView bundle) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Oid(oid::kAttestation);
    w.OctetString(bundle);
  });
  return out;
}

Result<std::optional<Bytes>> BundleInAttributes(ByteView content) {
  // COUNTS MAX 1, and a SET has at least one value: exactly one.
  return FindIn(content, "attestation attribute", [](DerReader& r) -> Result<Bytes> {
    BM_TRY(DerReader values, r.Enter(der::kSet));
    BM_CHECK(r.End());
    BM_TRY(DerElement e, values.Next());
    BM_CHECK(values.End());
    return Copy(e.whole);
  });
}

Result<std::optional<Bytes>> BundleInExtensions(ByteView content) {
  return FindIn(content, "attestation extension", [](DerReader& r) -> Result<Bytes> {
    if (r.NextIs(der::kBoolean)) BM_CHECK(r.Boolean());
    BM_TRY(ByteView v, r.Expect(der::kOctetString));
    BM_CHECK(r.End());
    return Copy(v);
  });
}

Statement EncodeTpmStatement(const TpmStatement& s) {
  const bool ours = !s.creation_data.empty() || !s.ak_public_area.empty();
  Statement out{.type = std::string(ours ? oid::kTpmCreation : oid::kTpmCertify), .stmt = {}};
  DerWriter(out.stmt).Sequence([&](DerWriter& w) {
    w.OctetString(s.attest);
    w.OctetString(s.signature);
    if (!s.public_area.empty()) w.OctetString(s.public_area);
    if (!s.creation_data.empty()) w.Element(der::Context(0, false), s.creation_data);
    if (!s.ak_public_area.empty()) w.Element(der::Context(1, false), s.ak_public_area);
  });
  return out;
}

Result<TpmStatement> DecodeTpmStatement(const Statement& s) {
  if (s.type != oid::kTpmCertify && s.type != oid::kTpmCreation) {
    return Refused("attest.kind", "no statement of this kind is understood: " + s.type,
                   "tcg-attest-tpm-certify (2.23.133.20.1) is");
  }
  auto out = ReadTpmStatement(s);
  if (!out) return Malformed("statement " + s.type, out.error().message);
  return out;
}

Statement EncodeTcgStatement(ByteView tcg_csr) {
  Statement out{.type = std::string(oid::kTcgCsrIdevid), .stmt = {}};
  DerWriter(out.stmt).OctetString(tcg_csr);
  return out;
}

}  // namespace birthmark::attest
