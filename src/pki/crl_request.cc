// SPDX-License-Identifier: Apache-2.0
#include "pki/crl_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/reflect.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "pki/profile.h"

namespace birthmark::pki {
namespace {

constexpr std::string_view kCrlRequestLabel = "BIRTHMARK CRL REQUEST", kCrlLabel = "X509 CRL";
constexpr std::string_view kSignatureLabel = "BIRTHMARK REQUEST SIGNATURE";
constexpr int64_t kCrlVersion = 1;
constexpr size_t kMaxCrlText = 256;
constexpr int64_t kLastSecond = 253'402'300'799;  // 99991231235959Z

// The structs on file, docs/formats/request.md.
struct EntryOnFile {
  int64_t at = 0;  // s since 1970
  uint8_t reason = 0;
  Bytes serial;
  template <class V>
  void Fields(V& v) {
    v("at", at);
    v("reason", reason);
    v("serial", serial);
  }
};
struct CrlStatement {
  std::string ca;
  uint64_t upto = 0;
  int64_t first = 0;  // s since 1970
  Digest issuer{};
  uint64_t number = 0;
  std::vector<EntryOnFile> entries;
  uint32_t reserve = 0;
  int64_t version = 0;
  int64_t lifetime = 0;  // s
  bool rehearsal = true;
  std::string workspace;
  std::string distribution_point;
  template <class V>
  void Fields(V& v) {
    v("ca", ca);
    v("upto", upto);
    v("first", first);
    v("issuer", issuer);
    v("number", number);
    v("entries", entries);
    v("reserve", reserve);
    v("version", version);
    v("lifetime", lifetime);
    v("rehearsal", rehearsal);
    v("workspace", workspace);
    v("distribution_point", distribution_point);
  }
};

// RequestSignature is the second block of a file.
struct RequestSignature {
  Bytes key;  // SubjectPublicKeyInfo
  Bytes signature;
  template <class V>
  void Fields(V& v) {
    v("key", key);
    v("signature", signature);
  }
};

std::unexpected<Error> NoCrlRequest(std::string_view why) {
  return Refused("crl.request", fmt::format("not a request for revocation lists: {}", why),
                 "`birthmark crl build WS --ca ID` writes one");
}

int64_t ToSeconds(Time t) { return Millis(std::chrono::floor<std::chrono::seconds>(t)) / 1000; }
Time FromSeconds(int64_t s) { return TimeFromMillis(s * 1000); }

// SignedWords is what the asking side signs: a digest under words that no other signature begins
// with.
Bytes SignedWords(const Digest& request) {
  Bytes out = ToBytes("birthmark crl request 1");
  out.push_back(0);
  out.insert(out.end(), request.begin(), request.end());
  return out;
}

Result<Digest> CheckRequestSignature(const crypto::PemBlock& block, const Digest& request) {
  auto s = cbor::FromCbor<RequestSignature>(block.der, {.depth = 2, .items = 8});
  if (!s || !std::ranges::equal(cbor::ToCbor(*s), block.der))
    return NoCrlRequest("its signature does not read");
  BM_TRY(crypto::PublicKey key, crypto::PublicKey::FromSpki(s->key));
  if (!key.Verify(SignedWords(request), s->signature))
    return Refused("crl.request-signature", "the request is not what the key with it signed",
                   "it was changed on the way: carry it again");
  return key.spki_digest();
}

Status CheckCrlRequest(const CrlRequest& r) {
  for (const std::string& s : {r.workspace, r.ca}) {
    if (s.empty() || s.size() > kMaxCrlText || !IsUtf8(s))
      return NoCrlRequest(
          fmt::format("workspace and authority take 1 to {} octets of text", kMaxCrlText));
  }
  if (r.distribution_point.size() > 4 * kMaxCrlText || !IsUtf8(r.distribution_point))
    return NoCrlRequest("a distribution point that is too long");
  if (r.reserve > kMaxCrlReserve)
    return NoCrlRequest(fmt::format("a reserve of more than {} lists", kMaxCrlReserve));
  if (r.number < 1 || r.number > INT64_MAX - kMaxCrlReserve)
    return NoCrlRequest("a list's number out of range");
  const int64_t seconds = r.lifetime.count() / 1000;
  if (seconds < 1 || seconds > kLastSecond) return NoCrlRequest("a lifetime out of range");
  if (ToSeconds(r.first) < 0 || ToSeconds(r.first) > kLastSecond ||
      seconds > (kLastSecond - ToSeconds(r.first)) / (int64_t{r.reserve} + 1))
    return NoCrlRequest("a date or a reserve out of range");
  if (r.entries.size() > kMaxCrlRequestEntries)
    return NoCrlRequest("too many entries to be carried");
  for (const CrlRequest::Entry& e : r.entries) {
    // RFC 5280 section 4.1.2.2: positive, 20 octets at most. removeFromCRL is of delta lists.
    if (e.serial.empty() || e.serial.size() > 20 || e.reason == CrlReason::kRemoveFromCrl ||
        !CrlReasonOf(static_cast<uint8_t>(e.reason)) || ToSeconds(e.at) < 0 ||
        ToSeconds(e.at) > kLastSecond)
      return NoCrlRequest("an entry that no list can have");
  }
  return {};
}

CrlStatement ToFile(const CrlRequest& r) {
  CrlStatement s{.ca = r.ca,
                 .upto = r.upto,
                 .first = ToSeconds(r.first),
                 .issuer = r.issuer,
                 .number = r.number,
                 .entries = {},
                 .reserve = r.reserve,
                 .version = kCrlVersion,
                 .lifetime = r.lifetime.count() / 1000,
                 .rehearsal = r.rehearsal,
                 .workspace = r.workspace,
                 .distribution_point = r.distribution_point};
  for (const CrlRequest::Entry& e : r.entries)
    s.entries.push_back({ToSeconds(e.at), static_cast<uint8_t>(e.reason), e.serial});
  return s;
}

CrlTerms TermsOf(const CrlRequest& r, const IssuerIdentity& issuer, uint32_t n) {
  return {.issuer = issuer,
          .number = r.number + n,
          .this_update = r.At(n),
          .next_update = r.At(n) + r.lifetime,
          .distribution_point = r.distribution_point};
}

bool BeginsWith(std::string_view text, std::string_view label) {
  const size_t at = text.find("-----BEGIN ");
  return at != text.npos && text.substr(at).starts_with(fmt::format("-----BEGIN {}-----", label));
}

}  // namespace

Result<std::string> WriteCrlRequest(const CrlRequest& request, crypto::Signer* asker) {
  BM_CHECK(CheckCrlRequest(request));
  std::string out = crypto::WritePem(kCrlRequestLabel, cbor::ToCbor(ToFile(request)));
  if (asker == nullptr) return out;
  const ByteView spki = asker->public_key().spki();
  RequestSignature s{.key = Bytes(spki.begin(), spki.end()), .signature = {}};
  BM_TRY(s.signature, asker->Sign(SignedWords(CrlRequestDigest(request))));
  return out + crypto::WritePem(kSignatureLabel, cbor::ToCbor(s));
}

bool IsCrlRequest(std::string_view text) { return BeginsWith(text, kCrlRequestLabel); }
bool IsCrlResponse(std::string_view text) { return BeginsWith(text, kCrlLabel); }

Digest CrlRequestDigest(const CrlRequest& request) {
  return crypto::Sha256(cbor::ToCbor(ToFile(request)));
}

Result<CrlRequest> ReadCrlRequest(std::string_view text) {
  if (text.size() > kMaxCrlRequestBytes) {
    return NoCrlRequest(
        fmt::format("a file of {} octets; {} are allowed", text.size(), kMaxCrlRequestBytes));
  }
  auto blocks = crypto::ReadPem(text, 2);
  if (!blocks) return NoCrlRequest(blocks.error().message);
  if (blocks->empty() || blocks->front().label != kCrlRequestLabel ||
      (blocks->size() > 1 && blocks->back().label != kSignatureLabel))
    return NoCrlRequest("it has other blocks");
  const Bytes& der = blocks->front().der;
  auto s = cbor::FromCbor<CrlStatement>(der, {.depth = 6, .items = 16 * kMaxCrlRequestEntries});
  if (!s) return NoCrlRequest(s.error().message);
  if (s->version != kCrlVersion || !std::ranges::equal(cbor::ToCbor(*s), der))
    return NoCrlRequest("another version, or other keys");
  auto fits = [](int64_t seconds) { return seconds >= 0 && seconds <= kLastSecond; };
  if (!fits(s->first) || !fits(s->lifetime))
    return NoCrlRequest("a date or a reserve out of range");
  CrlRequest r{.workspace = s->workspace,
               .ca = s->ca,
               .issuer = s->issuer,
               .rehearsal = s->rehearsal,
               .number = s->number,
               .reserve = s->reserve,
               .first = FromSeconds(s->first),
               .lifetime = std::chrono::seconds(s->lifetime),
               .upto = s->upto,
               .distribution_point = s->distribution_point,
               .entries = {},
               .asker = std::nullopt};
  for (const EntryOnFile& e : s->entries) {
    std::optional<CrlReason> reason = CrlReasonOf(e.reason);
    if (!reason || !fits(e.at)) return NoCrlRequest("an entry that no list can have");
    r.entries.push_back({e.serial, FromSeconds(e.at), *reason});
  }
  BM_CHECK(CheckCrlRequest(r));
  if (blocks->size() > 1) {
    BM_TRY(r.asker, CheckRequestSignature(blocks->back(), crypto::Sha256(der)));
  }
  return r;
}

Result<std::vector<Bytes>> SignCrls(const CrlRequest& request, const crypto::Certificate& authority,
                                    crypto::Signer& signer) {
  const auto& key = authority.public_key();
  if (!key || key->spki_digest() != request.issuer) {
    return Refused("crl.other-request", "the request is for another authority's lists",
                   "open the key of " + request.ca);
  }
  const bool rehearsal =
      std::ranges::find(authority.policies(), oid::kRehearsalPolicy) != authority.policies().end();
  if (rehearsal != request.rehearsal) {
    return Refused("request.rehearsal",
                   request.rehearsal ? "a rehearsal's request at a production authority"
                                     : "a production request at a rehearsal's authority",
                   "rehearsal and production never sign for each other");
  }
  BM_TRY(Issuer issuer, Issuer::Make(authority, signer));
  const CrlSource entries = [&](const std::function<Status(const CrlEntry&)>& entry) -> Status {
    for (const CrlRequest::Entry& e : request.entries)
      BM_CHECK(entry({.serial = e.serial, .at = e.at, .reason = e.reason}));
    return {};
  };
  std::vector<Bytes> out;
  for (uint32_t n = 0; n <= request.reserve; ++n) {
    BM_TRY(Bytes der, SignCrl(TermsOf(request, issuer.identity(), n), entries, signer));
    out.push_back(std::move(der));
  }
  return out;
}

std::string WriteCrlResponse(std::span<const Bytes> lists) {
  std::string out;
  for (const Bytes& der : lists) out += crypto::WritePem(kCrlLabel, der);
  return out;
}

Result<std::vector<Bytes>> CheckCrlResponse(std::string_view text, const CrlRequest& request,
                                            const crypto::Certificate& authority) {
  auto other = [](std::string_view what) {
    return Refused("crl.other-request", fmt::format("the lists answer another request: {}", what),
                   "look for the response to the request that waits");
  };
  auto blocks = crypto::ReadPem(text, kMaxCrlReserve + 1);
  if (!blocks) {
    return Refused("crl.request", "not revocation lists: " + blocks.error().message,
                   "give the response that came back");
  }
  if (blocks->size() != size_t{request.reserve} + 1) return other("another number of lists");
  const auto& key = authority.public_key();
  if (!key || key->spki_digest() != request.issuer) return other("another issuer");
  std::vector<Bytes> out;
  for (uint32_t n = 0; n < blocks->size(); ++n) {
    crypto::PemBlock& block = (*blocks)[n];
    if (block.label != kCrlLabel) {
      return Refused("crl.request", fmt::format("a {} block among the lists", block.label));
    }
    size_t at = 0;
    bool same = true;
    BM_TRY(Crl list, ReadCrl(block.der, [&](const CrlEntry& e) -> Status {
             if (at >= request.entries.size())
               return Refused("crl.other-request", "more than any request asks for");
             const CrlRequest::Entry& want = request.entries[at++];
             same = same && std::ranges::equal(e.serial, want.serial) && e.reason == want.reason &&
                    ToSeconds(e.at) == ToSeconds(want.at);
             return {};
           }));
    if (!list.IsSignedBy(*key)) {
      return Refused("crl.signature", "a list is not signed by its authority",
                     "give the response that came back");
    }
    if (list.number != request.number + n) return other("other numbers");
    if (ToSeconds(list.this_update) != ToSeconds(request.At(n)) || !list.next_update ||
        ToSeconds(*list.next_update) != ToSeconds(request.At(n) + request.lifetime))
      return other("other dates");
    if (!same || at != request.entries.size() ||
        list.distribution_point != request.distribution_point)
      return other("other entries");
    out.push_back(std::move(block.der));
  }
  return out;
}

}  // namespace birthmark::pki
