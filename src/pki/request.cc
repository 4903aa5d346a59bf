// SPDX-License-Identifier: Apache-2.0
#include "pki/request.h"

#include <fmt/format.h>

#include <algorithm>

#include "cbor/reflect.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "pki/path.h"

namespace birthmark::pki {
namespace {

using crypto::Certificate;

constexpr std::string_view kCsrLabel = "CERTIFICATE REQUEST";
constexpr std::string_view kRequestLabel = "BIRTHMARK REQUEST";
constexpr std::string_view kResponseLabel = "BIRTHMARK RESPONSE";
// kContext keeps the signature from meaning anything elsewhere; its last octet is a zero.
constexpr std::string_view kContext{"birthmark authority request 1\0", 30};
constexpr int64_t kVersion = 1;
constexpr int kMaxLevel = 16;
constexpr int64_t kMaxLifetimeDays = 366 * 1000;
constexpr size_t kMaxText = 256;

struct Requestable {
  std::string_view profile;
  Purpose purpose;
};
constexpr Requestable kRequestable[] = {{"disclosure", Purpose::kDisclosure},
                                        {"code-signing", Purpose::kCodeSigning},
                                        {"update-signing", Purpose::kUpdateSigning},
                                        {"ocsp-responder", Purpose::kOcspResponder}};

const Requestable* FindRequestable(std::string_view profile) {
  const auto* it = std::ranges::find(kRequestable, profile, &Requestable::profile);
  return it == std::end(kRequestable) ? nullptr : it;
}

// The structs on file, docs/formats/request.md.
struct Statement {
  Digest csr{};
  std::optional<std::string> pki;
  std::string name;
  int64_t level = 0;
  int64_t created = 0;  // ms since 1970
  std::optional<std::string> profile;
  int64_t version = 0;
  int64_t path_len = 0;
  bool rehearsal = false;
  std::string workspace;
  std::optional<int64_t> lifetime_days;
  template <class V>
  void Fields(V& v) {
    v("csr", csr);
    v("pki", pki);
    v("name", name);
    v("level", level);
    v("created", created);
    v("profile", profile);
    v("version", version);
    v("path_len", path_len);
    v("rehearsal", rehearsal);
    v("workspace", workspace);
    v("lifetime_days", lifetime_days);
  }
};
struct SignedStatement {
  Bytes signature, statement;
  template <class V>
  void Fields(V& v) {
    v("signature", signature);
    v("statement", statement);
  }
};
struct ResponseStatement {
  Digest request{};
  int64_t version = 0;
  int64_t signed_at = 0;  // ms since 1970
  Digest certificate{};
  template <class V>
  void Fields(V& v) {
    v("request", request);
    v("version", version);
    v("signed_at", signed_at);
    v("certificate", certificate);
  }
};

std::unexpected<Error> Malformed(std::string_view why) {
  return Refused("request.malformed", std::string(why));
}

Bytes ToSign(ByteView statement) {
  Bytes out = ToBytes(kContext);
  out.insert(out.end(), statement.begin(), statement.end());
  return out;
}

Status CheckTerms(const RequestTerms& t) {
  auto bad = [](std::string_view why) { return Refused("request.terms", std::string(why)); };
  for (const std::string& s : {t.workspace, t.name}) {
    if (s.empty() || s.size() > kMaxText || !IsUtf8(s)) {
      return bad(fmt::format("workspace and name take 1 to {} octets of text", kMaxText));
    }
  }
  if (t.pki.size() > kMaxText || !IsUtf8(t.pki)) {
    return bad(fmt::format("a PKI's id takes at most {} octets of text", kMaxText));
  }
  if (t.level < 2 || t.level > kMaxLevel) {
    return bad(fmt::format("level {}; a request is for level 2 to {}", t.level, kMaxLevel));
  }
  if (t.path_len < 0 || t.path_len > kMaxLevel) return bad("a path length out of range");
  if (!t.profile.empty() && FindRequestable(t.profile) == nullptr) {
    return bad(
        fmt::format("\"{}\" is no end entity that an offline authority certifies", t.profile));
  }
  if (t.lifetime_days && (*t.lifetime_days < 1 || *t.lifetime_days > kMaxLifetimeDays)) {
    return bad(fmt::format("a lifetime of {} days", *t.lifetime_days));
  }
  return {};
}

Result<std::vector<crypto::PemBlock>> ReadBlocks(std::string_view text) {
  if (text.size() > kMaxRequestBytes) {
    return Refused("request.too-large", fmt::format("a file of {} octets; {} are allowed",
                                                    text.size(), kMaxRequestBytes));
  }
  auto blocks = crypto::ReadPem(text, kMaxPathCertificates + 1);
  if (!blocks) return Malformed(blocks.error().message);
  return blocks;
}

// ReadExact refuses a map with keys that this version does not know: they would be signed unseen.
template <class T>
Result<T> ReadExact(ByteView data) {
  auto read = cbor::FromCbor<T>(data, {.depth = 4, .items = 64});
  if (!read) return Malformed(read.error().message);
  if (!std::ranges::equal(cbor::ToCbor(*read), data))
    return Malformed("a statement with other keys");
  return read;
}

Status CheckCertificate(const Certificate& cert, const Request& request) {
  const auto& key = cert.public_key();
  if (!key || key->spki_digest() != request.csr.key.spki_digest()) {
    return Refused("response.other-key", "the certificate is for another key than the request's",
                   "give the response to this request");
  }
  if (!request.terms.profile.empty()) {
    if (!cert.is_ca()) return {};  // its use is checked with its path
    return Refused("response.profile", "the certificate is an authority's",
                   "have it signed again, with the extensions of the request's profile");
  }
  if (!cert.is_ca()) return Refused("response.not-authority", "the certificate is no authority's");
  if (cert.path_len() && *cert.path_len() < request.terms.path_len) {
    return Refused("response.path-length",
                   fmt::format("the certificate's path length is {}, {} was asked for",
                               *cert.path_len(), request.terms.path_len),
                   "have it signed again, with the basicConstraints of the request");
  }
  return {};
}

}  // namespace

Result<std::string> MakeRequest(const RequestTerms& t, const Name& subject,
                                crypto::Signer& signer) {
  BM_CHECK(CheckTerms(t));
  std::optional<AuthorityRequest> authority;
  if (t.profile.empty()) authority = AuthorityRequest{t.path_len};
  BM_TRY(Bytes csr, BuildCsr(subject, signer, authority));
  const Statement s{.csr = crypto::Sha256(csr),
                    .pki = t.pki.empty() ? std::nullopt : std::optional(t.pki),
                    .name = t.name,
                    .level = t.level,
                    .created = Millis(t.created),
                    .profile = t.profile.empty() ? std::nullopt : std::optional(t.profile),
                    .version = kVersion,
                    .path_len = t.path_len,
                    .rehearsal = t.rehearsal,
                    .workspace = t.workspace,
                    .lifetime_days = t.lifetime_days};
  SignedStatement file;
  file.statement = cbor::ToCbor(s);
  BM_TRY(file.signature, signer.Sign(ToSign(file.statement)));
  return crypto::WritePem(kCsrLabel, csr) + crypto::WritePem(kRequestLabel, cbor::ToCbor(file));
}

Result<Request> CheckRequest(std::string_view text) {
  BM_TRY(std::vector<crypto::PemBlock> blocks, ReadBlocks(text));
  if (blocks.size() != 2 || blocks[0].label != kCsrLabel || blocks[1].label != kRequestLabel) {
    return Malformed(
        fmt::format("a request file has a {} and a {} block", kCsrLabel, kRequestLabel));
  }
  Request r;
  BM_TRY(r.csr, ReadCsr(blocks[0].der));
  r.csr_pem = crypto::WritePem(kCsrLabel, blocks[0].der);
  BM_TRY(SignedStatement file, ReadExact<SignedStatement>(blocks[1].der));
  BM_TRY(Statement s, ReadExact<Statement>(file.statement));
  if (s.version != kVersion) {
    return Malformed(
        fmt::format("a request of version {}; this reads version {}", s.version, kVersion));
  }
  if (s.csr != crypto::Sha256(r.csr.der)) {
    return Refused("request.csr", "the statement speaks of another CSR than the one in the file");
  }
  if (!r.csr.key.Verify(ToSign(file.statement), file.signature)) {
    return Refused("request.signature", "the statement is not signed by the key that asks");
  }
  if (!std::in_range<int>(s.level) || !std::in_range<int>(s.path_len)) {
    return Refused("request.terms", "a level or path length out of range");
  }
  r.terms = {.workspace = s.workspace,
             .name = s.name,
             .level = static_cast<int>(s.level),
             .lifetime_days = s.lifetime_days,
             .path_len = static_cast<int>(s.path_len),
             .profile = s.profile.value_or(""),
             .pki = s.pki.value_or(""),
             .rehearsal = s.rehearsal,
             .created = TimeFromMillis(s.created)};
  BM_CHECK(CheckTerms(r.terms));
  BM_TRY(auto authority, ReadAuthorityRequest(r.csr));
  if (authority.has_value() != r.terms.profile.empty()) {
    return Refused("request.csr", "the CSR and the statement differ in whether it is an authority");
  }
  if (authority && authority->path_len != r.terms.path_len) {
    return Refused("request.csr", "the CSR asks for another path length than the statement");
  }
  r.digest = crypto::Sha256(file.statement);
  return r;
}

Result<std::string> SignRequest(const Request& request, const Issuer& issuer, const Marks& marks,
                                const Stamp& stamp, std::span<const Certificate> above) {
  const bool rehearsal =
      std::ranges::find(marks.policies, oid::kRehearsalPolicy) != marks.policies.end();
  if (rehearsal != request.terms.rehearsal) {
    return Refused("request.rehearsal",
                   request.terms.rehearsal ? "a rehearsal's request at a production authority"
                                           : "a production request at a rehearsal's authority",
                   "rehearsal and production never sign for each other");
  }
  const Profile* profile = &SubordinateProfile();
  Contents contents{.subject = request.csr.subject, .key = request.csr.key};
  if (request.terms.profile.empty()) {
    contents.path_len = request.terms.path_len;
  } else {
    profile = FindProfile(request.terms.profile);  // CheckRequest knows it
  }
  if (request.terms.lifetime_days) {
    contents.not_after = stamp.at + std::chrono::days(*request.terms.lifetime_days);
  }
  BM_TRY(Certificate cert, Issue(issuer, *profile, marks, stamp, contents));
  const ResponseStatement s{.request = request.digest,
                            .version = kVersion,
                            .signed_at = Millis(stamp.at),
                            .certificate = cert.digest()};
  std::string out = cert.ToPem();
  for (const Certificate& c : above) out += c.ToPem();
  return out + crypto::WritePem(kResponseLabel, cbor::ToCbor(s));
}

Result<Response> CheckResponse(std::string_view text, const Request& request,
                               std::span<const Certificate> anchors, Time at) {
  BM_TRY(std::vector<crypto::PemBlock> blocks, ReadBlocks(text));
  std::vector<Certificate> chain;
  std::optional<ResponseStatement> statement;
  for (const crypto::PemBlock& b : blocks) {
    if (b.label == kResponseLabel && !statement) {
      BM_TRY(statement, ReadExact<ResponseStatement>(b.der));
    } else if (b.label == "CERTIFICATE") {
      BM_TRY(Certificate c, Certificate::FromDer(b.der));
      chain.push_back(std::move(c));
    } else {
      return Malformed(fmt::format("a {} block in a response", b.label));
    }
  }
  if (chain.empty()) return Malformed("a response without a certificate");

  Response r{.certificate = std::move(chain.front()), .above = {}, .signed_at = {}};
  r.above.assign(std::make_move_iterator(chain.begin() + 1), std::make_move_iterator(chain.end()));
  if (statement) {
    if (statement->version != kVersion) {
      return Malformed(fmt::format("a response of version {}; this reads version {}",
                                   statement->version, kVersion));
    }
    if (statement->request != request.digest) {
      return Refused("response.other-request", "the response answers another request",
                     "look for the response with this request's digest");
    }
    if (statement->certificate != r.certificate.digest()) {
      return Refused("response.certificate",
                     "the first certificate is not the one that was signed");
    }
    r.signed_at = TimeFromMillis(statement->signed_at);
  }
  BM_CHECK(CheckCertificate(r.certificate, request));
  BM_CHECK(BuildPath(r.certificate, r.above, anchors, at,
                     request.terms.profile.empty()
                         ? Purpose::kAuthority
                         : FindRequestable(request.terms.profile)->purpose));
  return r;
}

}  // namespace birthmark::pki
