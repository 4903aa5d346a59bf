// SPDX-License-Identifier: Apache-2.0
#include "trust/dns.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/markup.h"
#include "crypto/digest.h"

namespace birthmark::trust {
namespace {

constexpr size_t kDnskeyHead = 4, kDsHead = 4;

// Big16 reads two octets of a record.
uint16_t Big16(ByteView b, size_t at) { return static_cast<uint16_t>(b[at] << 8 | b[at + 1]); }

std::string UpperHex(ByteView b) {
  std::string s = ToHex(b);
  std::ranges::transform(s, s.begin(), [](unsigned char c) { return std::toupper(c); });
  return s;
}

Status CheckRecord(Format format, const TrustAnchor& a) {
  const bool key = a.form == Form::kDnskey && a.record.size() > kDnskeyHead;
  const bool ds = a.form == Form::kDs && a.record.size() > kDsHead;
  if (key || ds) return {};
  return CannotCarry(format, a, "only DNSKEY and DS records are anchors of the DNS",
                     "name the anchor of DNSSEC");
}

// TagOfKey sums the record. Source: RFC 4034 appendix B.
uint16_t TagOfKey(ByteView record) {
  uint32_t sum = 0;
  for (size_t i = 0; i < record.size(); ++i) {
    sum += (i & 1) != 0 ? record[i] : uint32_t{record[i]} << 8;
  }
  sum += sum >> 16 & 0xffff;
  return static_cast<uint16_t>(sum);
}

// DsFields is what both kinds of record say in a KeyDigest.
struct DsFields {
  uint16_t tag = 0;
  uint8_t algorithm = 0, digest_type = 2;
  Bytes digest;
};
DsFields DsOf(const TrustAnchor& a) {
  const ByteView r = a.record;
  if (a.form == Form::kDs) return {Big16(r, 0), r[2], r[3], Bytes(r.begin() + 4, r.end())};
  // RFC 4034 section 5.1.4: over the owner, here the root's one zero octet, and the record.
  constexpr uint8_t kOwner[] = {0};
  const Digest digest = crypto::Sha256(ByteView(kOwner), r);
  return {TagOfKey(r), r[3], 2, Bytes(digest.begin(), digest.end())};
}

}  // namespace

Result<std::string> WriteDnsRecords(const std::vector<TrustAnchor>& anchors) {
  std::string out;
  for (const TrustAnchor& a : anchors) {
    BM_CHECK(CheckRecord(Format::kDnssec, a));
    const ByteView r = a.record;
    if (a.form == Form::kDnskey) {
      out += fmt::format(". 172800 IN DNSKEY {} {} {} {} ; key tag {}\n", Big16(r, 0), r[2], r[3],
                         ToBase64(r.subspan(kDnskeyHead)), TagOfKey(r));
    } else {
      out += fmt::format(". 172800 IN DS {} {} {} {}\n", Big16(r, 0), r[2], r[3],
                         UpperHex(r.subspan(kDsHead)));
    }
  }
  return out;
}

Result<std::string> WriteRootAnchorsXml(const std::vector<TrustAnchor>& anchors) {
  std::string digests;
  for (const TrustAnchor& a : anchors) {
    BM_CHECK(CheckRecord(Format::kRootAnchorsXml, a));
    const DsFields ds = DsOf(a);
    if (!a.valid_from) {
      return Refused("trust.dns-validity",
                     fmt::format("key {} has no first day, which root-anchors.xml wants", ds.tag),
                     "give --valid-from");
    }
    auto date = [](int64_t s) { return FormatTime(TimeFromMillis(s * 1000)); };
    digests += fmt::format("  <KeyDigest id=\"{}-{}\" validFrom=\"{}\"", ds.tag,
                           ToHex(ds.digest).substr(0, 16), EscapeMarkup(date(*a.valid_from)));
    if (a.valid_until)
      digests += fmt::format(" validUntil=\"{}\"", EscapeMarkup(date(*a.valid_until)));
    digests += fmt::format(
        ">\n    <KeyTag>{}</KeyTag>\n    <Algorithm>{}</Algorithm>\n"
        "    <DigestType>{}</DigestType>\n    <Digest>{}</Digest>\n",
        ds.tag, ds.algorithm, ds.digest_type, UpperHex(ds.digest));
    if (a.form == Form::kDnskey) {
      digests += fmt::format("    <PublicKey>{}</PublicKey>\n    <Flags>{}</Flags>\n",
                             ToBase64(ByteView(a.record).subspan(kDnskeyHead)), Big16(a.record, 0));
    }
    digests += "  </KeyDigest>\n";
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<TrustAnchor id=\"{}\" "
      "source=\"http://data.iana.org/root-anchors/root-anchors.xml\">\n  <Zone>.</Zone>\n{}"
      "</TrustAnchor>\n",
      ToHex(crypto::Sha256(AsBytes(digests))).substr(0, 32), digests);
}

}  // namespace birthmark::trust
