// SPDX-License-Identifier: Apache-2.0
#include "trust/anchor_info.h"

#include <fmt/format.h>

#include "crypto/der.h"
#include "trust/x509_frame.h"

namespace birthmark::trust {
namespace {

namespace der = crypto::der;
using crypto::DerElement;
using crypto::DerReader;
using crypto::DerWriter;

constexpr size_t kMaxTaTitle = 64;  // RFC 5914 section 2.4
constexpr std::string_view kUsage = "2.5.29.37";

std::unexpected<Error> BadList5914(std::string_view why) {
  return Refused("trust.rfc5914-malformed", fmt::format("not an RFC 5914 list: {}", why),
                 "the list is strict DER; write it again with its own tool");
}

// ReadBits reads CertPolicyFlags, whose trailing zero bits DER leaves out (X.690 section 11.2.2).
Status ReadPolicyFlags(ByteView content, TrustAnchor& a) {
  if (content.empty() || content.size() > 2 || content[0] > 7 ||
      (content.size() == 1 && content[0] != 0)) {
    return BadList5914("policy flags are malformed");
  }
  const uint8_t bits = content.size() == 2 ? content[1] : 0;
  const uint8_t unused = static_cast<uint8_t>((1U << content[0]) - 1);
  if ((bits & unused) != 0 || (content.size() == 2 && (bits & (unused + 1U)) == 0))
    return BadList5914("policy flags are not DER");
  a.inhibit_policy_mapping = (bits & 0x80) != 0;
  a.require_explicit_policy = (bits & 0x40) != 0;
  a.inhibit_any_policy = (bits & 0x20) != 0;
  return {};
}

// ReadPolicies reads the content of CertificatePolicies and keeps the identifiers.
Status ReadPolicies(ByteView content, TrustAnchor& a) {
  DerReader list(content);
  while (!list.AtEnd()) {
    BM_TRY(DerReader one, list.Enter());
    BM_TRY(std::string oid, one.Oid());
    a.policies.push_back(std::move(oid));
  }
  if (a.policies.empty()) return BadList5914("a set of no policy");
  return {};
}

// Wrapped gives the content of an IMPLICIT element its universal tag back.
Bytes Wrapped(uint8_t tag, ByteView content) {
  Bytes out;
  DerWriter(out).Element(tag, content);
  return out;
}

Status ReadPathControls(ByteView content, TrustAnchor& a) {
  DerReader r(content);
  if (!r.NextIs(der::kSequence)) return BadList5914("path controls without a name");
  BM_TRY(DerElement name, r.Next());
  a.name.assign(name.whole.begin(), name.whole.end());
  if (r.NextIs(der::Context(0, true))) {
    BM_TRY(ByteView certificate, r.Expect(der::Context(0, true)));
    a.certificate = Wrapped(der::kSequence, certificate);
    BM_TRY(CertFrame frame, FrameOfCertificate(a.certificate));
    // RFC 5914 section 2.5: the certificate has the same subject and the same key.
    if (!std::ranges::equal(frame.spki, a.spki) || !std::ranges::equal(frame.subject, a.name))
      return BadList5914("the certificate is of another key or name than its anchor");
  }
  if (r.NextIs(der::Context(1, true))) {
    BM_TRY(ByteView policies, r.Expect(der::Context(1, true)));
    BM_CHECK(ReadPolicies(policies, a));
  }
  if (r.NextIs(der::Context(2, false))) {
    BM_TRY(ByteView flags, r.Expect(der::Context(2, false)));
    BM_CHECK(ReadPolicyFlags(flags, a));
  }
  if (r.NextIs(der::Context(3, true))) {
    BM_TRY(ByteView constraints, r.Expect(der::Context(3, true)));
    a.name_constraints = Wrapped(der::kSequence, constraints);
  }
  if (r.NextIs(der::Context(4, false))) {
    BM_TRY(ByteView length, r.Expect(der::Context(4, false)));
    const Bytes number = Wrapped(der::kInteger, length);
    DerReader n{ByteView(number)};
    BM_TRY(uint64_t path, n.SmallUnsigned());
    if (path > 255) return BadList5914("a path length above 255");
    a.path_length = static_cast<uint32_t>(path);
  }
  return r.End();
}

// ReadUsage keeps extended key usages of an anchor's extensions; others say nothing to our stores.
Status ReadUsage(ByteView extensions, TrustAnchor& a) {
  BM_TRY(std::optional<ByteView> usage, ExtensionValue(extensions, kUsage));
  if (!usage) return {};
  DerReader file(*usage);
  BM_TRY(DerReader list, file.Enter());
  BM_CHECK(file.End());
  while (!list.AtEnd()) {
    BM_TRY(std::string oid, list.Oid());
    a.purposes.push_back(std::move(oid));
  }
  return {};
}

Result<TrustAnchor> ReadInfo(ByteView content) {
  DerReader r(content);
  if (r.NextIs(der::kInteger)) {
    // version DEFAULT v1: DER leaves a default out (X.690 section 11.5), and there is no v2.
    return BadList5914("a version that is not v1");
  }
  if (!r.NextIs(der::kSequence)) return BadList5914("an anchor without a key");
  BM_TRY(DerElement key, r.Next());
  BM_TRY(TrustAnchor a, AnchorOfKey(key.whole));
  a.form = Form::kTrustAnchorInfo;
  BM_TRY(ByteView id, r.Expect(der::kOctetString));
  a.key_id.assign(id.begin(), id.end());
  if (r.NextIs(der::kUtf8String)) {
    BM_TRY(ByteView title, r.Expect(der::kUtf8String));
    if (title.empty() || title.size() > 4 * kMaxTaTitle || !IsUtf8(AsText(title)))
      return BadList5914("a title that is no UTF-8 of 1 to 64 characters");
    a.title = AsText(title);
  }
  if (r.NextIs(der::kSequence)) {
    BM_TRY(ByteView controls, r.Expect(der::kSequence));
    BM_CHECK(ReadPathControls(controls, a));
  }
  if (r.NextIs(der::Context(1, true))) {
    BM_TRY(DerReader wrapped, r.Enter(der::Context(1, true)));
    BM_TRY(ByteView extensions, wrapped.Expect(der::kSequence));
    BM_CHECK(wrapped.End());
    BM_CHECK(ReadUsage(extensions, a));
  }
  if (r.NextIs(der::Context(2, false))) {
    BM_CHECK(r.Next());  // the title's language
  }
  BM_CHECK(r.End());
  return a;
}

Result<TrustAnchor> ReadTbs(ByteView content) {
  DerReader r(content);
  BM_TRY(ByteView tbs, r.Expect(der::kSequence));
  BM_CHECK(r.End());
  BM_TRY(CertFrame frame, FrameOfTbs(tbs));
  BM_TRY(TrustAnchor a, AnchorOfKey(frame.spki));
  a.form = Form::kTrustAnchorInfo;
  a.name.assign(frame.subject.begin(), frame.subject.end());
  BM_TRY(std::optional<ByteView> constraints, ExtensionValue(frame.extensions, "2.5.29.30"));
  if (constraints) a.name_constraints.assign(constraints->begin(), constraints->end());
  BM_CHECK(ReadUsage(frame.extensions, a));
  return a;
}

Result<TrustAnchor> ReadChoice(const DerElement& e) {
  if (e.tag == der::kSequence) return AnchorOfCertificate(e.whole);
  DerReader wrapped(e.content);
  if (e.tag == der::Context(1, true)) return ReadTbs(e.content);
  if (e.tag != der::Context(2, true)) return BadList5914("an anchor of unknown kind");
  BM_TRY(ByteView info, wrapped.Expect(der::kSequence));
  BM_CHECK(wrapped.End());
  return ReadInfo(info);
}

// HasOwnConstraints is true when a certificate alone would not say all that the anchor says.
bool HasOwnConstraints(const TrustAnchor& a) {
  return a.form == Form::kTrustAnchorInfo || !a.policies.empty() || !a.purposes.empty() ||
         !a.name_constraints.empty() || a.path_length || a.inhibit_policy_mapping ||
         a.require_explicit_policy || a.inhibit_any_policy;
}

void WritePolicyFlags(DerWriter& out, const TrustAnchor& a) {
  const uint8_t bits = static_cast<uint8_t>((a.inhibit_policy_mapping ? 0x80 : 0) |
                                            (a.require_explicit_policy ? 0x40 : 0) |
                                            (a.inhibit_any_policy ? 0x20 : 0));
  if (bits == 0) return;
  uint8_t unused = 0;
  while ((bits >> unused & 1) == 0) ++unused;
  out.Element(der::Context(2, false), Bytes{unused, bits});
}

void WritePathControls(DerWriter& out, const TrustAnchor& a) {
  out.Sequence([&](DerWriter& c) {
    c.Raw(a.name);
    auto implicit = [&](int tag, ByteView whole) {
      DerReader r(whole);
      if (auto e = r.Next()) c.Element(der::Context(tag, true), e->content);
    };
    if (!a.certificate.empty()) implicit(0, a.certificate);
    if (!a.policies.empty()) {
      c.Nest(der::Context(1, true), [&](DerWriter& list) {
        for (const std::string& oid : a.policies)
          list.Sequence([&](DerWriter& one) { one.Oid(oid); });
      });
    }
    WritePolicyFlags(c, a);
    if (!a.name_constraints.empty()) implicit(3, a.name_constraints);
    if (a.path_length) {
      Bytes number;
      DerWriter(number).Unsigned(uint64_t{*a.path_length});
      c.Element(der::Context(4, false), ByteView(number).subspan(2));
    }
  });
}

void WriteInfo(DerWriter& out, const TrustAnchor& a) {
  out.Sequence([&](DerWriter& info) {
    info.Raw(a.spki);
    info.OctetString(a.key_id.empty() ? KeyIdOf(a.spki) : a.key_id);
    std::string title = a.title.substr(0, kMaxTaTitle);
    while (!IsUtf8(title)) title.pop_back();
    if (!title.empty()) info.Utf8(title);
    if (!a.name.empty()) WritePathControls(info, a);
    if (!a.purposes.empty()) {
      info.Nest(der::Context(1, true), [&](DerWriter& wrapped) {
        wrapped.Sequence([&](DerWriter& extensions) {
          extensions.Sequence([&](DerWriter& one) {
            one.Oid(kUsage);
            one.Nest(der::kOctetString, [&](DerWriter& value) {
              value.Sequence([&](DerWriter& list) {
                for (const std::string& oid : a.purposes) list.Oid(oid);
              });
            });
          });
        });
      });
    }
  });
}

}  // namespace

Result<Store> ReadTrustAnchorList(ByteView data) {
  if (data.size() > kMaxStore) return Refused("trust.too-large", "a list of over 16 MiB");
  DerReader file(data);
  auto list = file.Enter();
  if (!list) return BadList5914(list.error().message);
  if (!file.AtEnd()) return BadList5914("something follows it");
  if (list->AtEnd()) return BadList5914("it is empty");
  Store store;
  store.format = Format::kRfc5914;
  for (size_t number = 1; !list->AtEnd(); ++number) {
    auto element = list->Next();
    if (!element) return BadList5914(element.error().message);
    if (number > kMaxAnchors) return Refused("trust.too-large", "more anchors than are read");
    auto a = ReadChoice(*element);
    if (!a) {
      store.findings.Error("trust.rfc5914-malformed",
                           fmt::format("anchor {}: {}", number, a.error().message), a.error().fix);
      continue;
    }
    store.anchors.push_back(std::move(*a));
  }
  return store;
}

Result<Bytes> WriteTrustAnchorList(const std::vector<TrustAnchor>& anchors) {
  if (anchors.empty())
    return Refused("trust.cannot-carry", "an RFC 5914 list has at least one anchor", "name one");
  for (const TrustAnchor& a : anchors) {
    if (a.spki.empty() && a.certificate.empty()) {
      return CannotCarry(Format::kRfc5914, a, "an anchor is a certificate or a public key",
                         a.record.empty() ? "a digest travels as --format pinned"
                                          : "DNSSEC anchors travel as --format dnssec");
    }
    if (a.rejected) {
      return CannotCarry(Format::kRfc5914, a, "the store refuses it, and a list only believes",
                         "leave it out");
    }
    // RFC 5914 section 2.5: constraints stand in the path controls, which begin with a name.
    if (a.name.empty() && (!a.policies.empty() || !a.name_constraints.empty() || a.path_length)) {
      return CannotCarry(Format::kRfc5914, a, "constraints need a name for the key",
                         "give the anchor a name");
    }
  }
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& list) {
    for (const TrustAnchor& a : anchors) {
      if (!a.certificate.empty() && !HasOwnConstraints(a)) {
        list.Raw(a.certificate);
      } else {
        list.Nest(der::Context(2, true), [&](DerWriter& info) { WriteInfo(info, a); });
      }
    }
  });
  return out;
}

}  // namespace birthmark::trust
