// SPDX-License-Identifier: Apache-2.0
#include "enroll/scep/scep.h"

#include <fmt/format.h>
#include <openssl/objects.h>

#include "crypto/digest.h"
#include "enroll/est/codec.h"
#include "enroll/scep/memory.h"
#include "enroll/scep/message.h"
#include "enroll/scep/payload.h"
#include "enroll/scep/pending.h"
#include "enroll/scep/query.h"

namespace birthmark::enroll::scep {
namespace {

// RFC 8894 section 3.5.2. Known clients look for the single words even where SCEPStandard says the
// same, and one takes AES and SHA-256 only when it finds SHA-384 as well.
constexpr std::string_view kCapabilities =
    "AES\nPOSTPKIOperation\nRenewal\nSHA-256\nSHA-384\nSHA-512\nSCEPStandard\n";

HttpResponse Plain(int status, std::string_view text, std::string note) {
  HttpResponse r;
  r.status = status;
  r.content_type = "text/plain; charset=utf-8";
  r.body = ToBytes(fmt::format("{}\n", text));
  r.note = std::move(note);
  if (status == 503) r.headers.emplace_back("Retry-After", "60");
  return r;
}

HttpResponse Refusal(int status, const Error& e) {
  return Plain(status, e.message, e.code + ": " + e.message);
}

// The factory's own trouble is nothing for the other side to read.
HttpResponse Trouble(const Error& e) {
  return Plain(500, "the factory cannot answer now", e.code + ": " + e.message);
}

// What the desk says when it has no authority to answer with.
HttpResponse NoAuthority(const Error& e) {
  if (e.code == "enroll.wait") return Refusal(503, e);
  return e.code == "enroll.bad-request" || e.code == "enroll.unknown" ? Refusal(404, e)
                                                                      : Trouble(e);
}

HttpResponse PkiMessage(Bytes body, std::string note) {
  HttpResponse r;
  r.content_type = "application/x-pki-message";
  r.body = std::move(body);
  r.note = std::move(note);
  return r;
}

// Authority is what every message needs of the desk.
struct Authority {
  Ra ra;
  Authorities authorities;
};
Result<Authority> AuthorityOf(Desk& desk, const std::string& product) {
  BM_TRY(Ra ra, desk.RsaRa(product));
  BM_TRY(Authorities authorities, desk.AuthoritiesOf(product));
  return Authority{std::move(ra), std::move(authorities)};
}

// What the desk refuses is a FAILURE; what is the factory's own trouble is not the client's.
std::optional<FailInfo> InfoOf(const Error& e) {
  if (e.code == "enroll.unknown") return FailInfo::kBadCertId;
  if (e.code == "enroll.not-authorised" || e.code == "enroll.locked" ||
      e.code == "enroll.bad-request" || e.code == "name.value") {
    return FailInfo::kBadRequest;
  }
  return std::nullopt;
}

std::vector<Bytes> AboveRa(const Authorities& a, const Ra& ra) {
  if (ra.certificate.digest() == a.issuer.digest()) return {};
  return {Bytes(a.issuer.der().begin(), a.issuer.der().end())};
}

}  // namespace

class Scep::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Desk& desk, const Clock& clock, ScepOptions options)
      : desk_(desk),
        clock_(clock),
        options_(std::move(options)),
        pending_(options_.pending, clock) {}

  void Handle(HttpRequest request, Reply reply);

 private:
  // Transaction is what an answer needs until the desk has decided.
  struct Transaction {
    std::string product;
    Message message;
    Digest key{};     // of the key a certificate is wanted for
    Digest digest{};  // of the message, with its product
    Ra ra;
    std::vector<Bytes> above_ra;
    std::optional<PendingRequest> waiting;  // how it is kept when the desk lets it wait
    Reply reply;
  };
  using TransactionPtr = std::shared_ptr<Transaction>;

  void Operation(const std::string& product, const HttpRequest& request, ByteView body,
                 Reply reply);
  HttpResponse CaCert(const std::string& product);
  void Enrol(TransactionPtr t);
  void Poll(TransactionPtr t);
  void Ask(TransactionPtr t, Enrolment e);
  void Decided(TransactionPtr t, const Result<Granted>& granted);
  std::optional<Failure> Authorise(const Transaction& t, const CertRequest& request, Enrolment& e);
  std::optional<Failure> AuthoriseToken(const CertRequest& request, Enrolment& e);
  void Fail(Transaction& t, Failure failure);
  void Send(Transaction& t, const CertRep& answer, std::string note);

  Desk& desk_;
  const Clock& clock_;
  const ScepOptions options_;
  PendingStore pending_;
  AnswerMemory memory_;
};

Scep::Scep(Desk& desk, const Clock& clock, ScepOptions options)
    : core_(std::make_shared<Core>(desk, clock, std::move(options))) {}
Scep::~Scep() = default;

void Scep::Handle(HttpRequest request, Reply reply) {
  core_->Handle(std::move(request), std::move(reply));
}

void Scep::Core::Handle(HttpRequest request, Reply reply) {
  const std::string_view path = request.path;
  if (!path.starts_with(options_.prefix) ||
      path.find('/', options_.prefix.size()) != std::string_view::npos) {
    return reply(Plain(404, "there is nothing of SCEP here", "scep.path"));
  }
  const std::string product(path.substr(options_.prefix.size()));
  const bool get = request.method == "GET", post = request.method == "POST";
  auto query = ReadQuery(request.query);
  if (!query) return reply(Refusal(400, query.error()));

  // RFC 8894 section 4.2: the three questions; GetNextCACert is not offered.
  if (query->operation == "PKIOperation" && post) {
    return Operation(product, request, request.body, std::move(reply));
  }
  if (query->operation == "PKIOperation" && get) {
    auto message = MessageOf(*query);
    if (!message) return reply(Refusal(400, message.error()));
    return Operation(product, request, *message, std::move(reply));
  }
  if (!get) {
    HttpResponse r = Plain(405, "ask with GET, or post a PKIOperation", "scep.method");
    r.headers.emplace_back("Allow", "GET, POST");
    return reply(std::move(r));
  }
  if (query->operation == "GetCACert") return reply(CaCert(product));
  if (query->operation == "GetCACaps") {
    HttpResponse caps;
    caps.content_type = "text/plain";
    caps.body = ToBytes(kCapabilities);
    return reply(std::move(caps));
  }
  reply(Plain(400, "the operations are GetCACaps, GetCACert and PKIOperation", "scep.query"));
}

// RFC 8894 section 4.2.1.2: the RA's certificate and those above it, to the root.
HttpResponse Scep::Core::CaCert(const std::string& product) {
  auto authority = AuthorityOf(desk_, product);
  if (!authority) return NoAuthority(authority.error());
  std::vector<ByteView> all{authority->ra.certificate.der()};
  for (const Bytes& c : authority->authorities.certificates) all.push_back(c);
  HttpResponse r;
  r.content_type = "application/x-x509-ca-ra-cert";
  r.body = est::CertsOnly(all);
  return r;
}

void Scep::Core::Operation(const std::string& product, const HttpRequest& request, ByteView body,
                           Reply reply) {
  if (body.size() > kMaxMessageBytes) {
    return reply(Plain(413, "the message is too large", "scep.malformed"));
  }
  auto authority = AuthorityOf(desk_, product);
  if (!authority) return reply(NoAuthority(authority.error()));
  auto t = std::make_shared<Transaction>();
  t->product = product;
  t->ra = authority->ra;
  t->above_ra = AboveRa(authority->authorities, t->ra);
  t->reply = std::move(reply);
  const uint8_t between = 0;
  t->digest = crypto::Sha256(AsBytes(product), ByteView(&between, 1), body);
  if (auto before = memory_.Answered(t->digest)) {
    return t->reply(PkiMessage(std::move(*before), "answered as before"));
  }
  auto message = ReadMessage(body, t->ra, request.peer.encrypted);
  if (!message) return t->reply(Refusal(400, message.error()));
  t->message = std::move(*message);
  if (t->message.failure) return Fail(*t, *t->message.failure);
  switch (t->message.type) {
    case MessageType::kPkcsReq:
    case MessageType::kRenewalReq:
      return Enrol(std::move(t));
    case MessageType::kCertPoll:
      return Poll(std::move(t));
    default:
      // RFC 8894 sections 3.3.4 and 3.3.5 leave both to LDAP and distribution points.
      return Fail(*t, {FailInfo::kBadRequest, "GetCert and GetCRL are not served here"});
  }
}

// A first certificate: the message is signed by a self-signed certificate of the very key that the
// request is for (RFC 8894 section 2.3). Anything else is a renewal, whichever of the two types it
// says: old clients send PKCSReq (section 3.3.1.2).
std::optional<Failure> Scep::Core::Authorise(const Transaction& t, const CertRequest& request,
                                             Enrolment& e) {
  const Message& m = t.message;
  const auto& key = *m.signer.public_key();
  if (m.signer.IsSelfIssued()) {
    if (m.type == MessageType::kRenewalReq) {
      return Failure{FailInfo::kBadRequest, "a renewal is signed with the certificate it renews"};
    }
    if (key.spki_digest() != request.csr.key.spki_digest() || !m.signer.IsSignedBy(key)) {
      return Failure{FailInfo::kBadMessageCheck, "the signer's key is not the request's"};
    }
    return AuthoriseToken(request, e);
  }
  // A first request stands on its token and on the PKCS #10's own signature, so that old clients
  // may sign the message around it over SHA-1. A renewal stands on the message's signature alone.
  if (m.hash == NID_sha1) {
    return Failure{FailInfo::kBadAlg, "a renewal must be signed over SHA-256, SHA-384 or SHA-512"};
  }
  auto caller = desk_.CallerOf(m.signer, m.others);
  if (!caller || caller->kind != Caller::Kind::kDevice) {
    return Failure{FailInfo::kBadRequest, "the signer's certificate is no unit's of ours"};
  }
  e.caller = std::move(*caller);
  e.renewal = true;
  if (e.serial.empty()) e.serial = m.signer.subject_serial_number().value_or("");
  return std::nullopt;
}

std::optional<Failure> Scep::Core::AuthoriseToken(const CertRequest& request, Enrolment& e) {
  const Failure refused{FailInfo::kBadRequest,
                        "the challengePassword is not that of a valid token"};
  if (!request.challenge) return refused;
  auto proof = SplitToken(*request.challenge);
  if (!proof) return refused;
  auto secret = desk_.TokenSecret(proof->id);
  if (!secret || secret->empty() || !(*secret == proof->secret)) return refused;
  e.caller.kind = Caller::Kind::kToken;
  e.caller.id = std::move(proof->id);
  return std::nullopt;
}

void Scep::Core::Enrol(TransactionPtr t) {
  Failure why;
  auto request = ReadCertRequest(t->message.content, why);
  t->message.content.Clear();
  if (!request) return Fail(*t, std::move(why));
  t->key = request->csr.key.spki_digest();
  if (memory_.BelongsToOther(t->message.transaction, t->key)) {
    return Fail(*t, {FailInfo::kBadRequest, "the transactionID is that of another key"});
  }
  const Bytes spki(request->csr.key.spki().begin(), request->csr.key.spki().end());
  if (auto other = pending_.Find(t->product, t->message.transaction);
      other && other->spki != spki) {
    return Fail(*t, {FailInfo::kBadRequest, "the transactionID is that of another key"});
  }
  Enrolment e;
  e.product = t->product;
  e.via = "scep";
  e.serial = request->serial;
  e.key = request->csr.key;
  e.attestation = request->csr.attestation;
  if (auto failure = Authorise(*t, *request, e)) return Fail(*t, std::move(*failure));
  const ByteView signer = t->message.signer.der();
  t->waiting = PendingRequest{spki,
                              e.renewal ? Bytes() : ToBytes(e.caller.id),
                              Bytes(signer.begin(), signer.end()),
                              request->csr.subject.der(),
                              e.serial,
                              t->product,
                              Millis(clock_.Now()),
                              t->message.transaction,
                              e.attestation.empty() ? std::nullopt : std::optional(e.attestation)};
  Ask(std::move(t), std::move(e));
}

// RFC 8894 section 3.3.3: the poll has the transaction's id, and is signed as the request was.
void Scep::Core::Poll(TransactionPtr t) {
  const Failure unknown{FailInfo::kBadCertId, "no request of this transaction waits"};
  auto subject = ReadPolledSubject(t->message.content.Read(SecretAccess{}));
  if (!subject) return Fail(*t, {FailInfo::kBadRequest, subject.error().message});
  auto waiting = pending_.Find(t->product, t->message.transaction);
  if (!waiting || waiting->subject != *subject) return Fail(*t, unknown);
  auto signer = crypto::Certificate::FromDer(waiting->signer);
  auto key = crypto::PublicKey::FromSpki(waiting->spki);
  if (!signer || !signer->public_key() || !key) return Fail(*t, unknown);
  if (signer->public_key()->spki_digest() != t->message.signer.public_key()->spki_digest()) {
    return Fail(*t, unknown);
  }
  Enrolment e;
  e.product = t->product;
  e.via = "scep";
  e.serial = waiting->serial;
  e.key = *key;
  e.attestation = waiting->attestation.value_or(Bytes());
  e.renewal = waiting->token.empty();
  if (e.renewal) {
    // Asked again, for it may have been revoked since.
    auto caller = desk_.CallerOf(*signer, t->message.others);
    if (!caller) return Fail(*t, {FailInfo::kBadRequest, "the certificate is not valid any more"});
    e.caller = std::move(*caller);
  } else {
    e.caller.kind = Caller::Kind::kToken;
    e.caller.id = std::string(AsText(waiting->token));
  }
  t->key = key->spki_digest();
  t->waiting = std::move(waiting);
  Ask(std::move(t), std::move(e));
}

void Scep::Core::Ask(TransactionPtr t, Enrolment e) {
  desk_.Enrol(std::move(e), [core = shared_from_this(), t = std::move(t)](Result<Granted> granted) {
    core->Decided(t, granted);
  });
}

void Scep::Core::Decided(TransactionPtr t, const Result<Granted>& granted) {
  const std::string& transaction = t->message.transaction;
  if (!granted && granted.error().code == "enroll.wait") {
    if (Status kept = pending_.Put(*t->waiting); !kept) return t->reply(Trouble(kept.error()));
    return Send(*t, {transaction, t->message.nonce, std::nullopt, {}, &t->message}, "enroll.wait");
  }
  if (!granted) {
    auto info = InfoOf(granted.error());
    if (!info) return t->reply(Trouble(granted.error()));
    pending_.Drop(t->product, transaction);
    return Fail(*t, {*info, granted.error().message});
  }
  // The file of a request that waited stays until it expires: its answer may get lost, and the next
  // poll gets the same certificate.
  std::vector<ByteView> all{granted->certificate};
  for (const Bytes& c : granted->above) all.push_back(c);
  Send(*t, {transaction, t->message.nonce, std::nullopt, est::CertsOnly(all), &t->message}, "");
}

void Scep::Core::Fail(Transaction& t, Failure failure) {
  std::string note =
      fmt::format("scep.failure {}: {}", static_cast<int>(failure.info), failure.text);
  Send(t, {t.message.transaction, t.message.nonce, std::move(failure), {}, nullptr},
       std::move(note));
}

void Scep::Core::Send(Transaction& t, const CertRep& answer, std::string note) {
  auto body = WriteCertRep(answer, t.ra, t.above_ra);
  if (!body) return t.reply(Trouble(body.error()));
  if (!answer.certificates.empty()) {
    memory_.Remember(t.digest, t.message.transaction, t.key, *body);
  }
  t.reply(PkiMessage(std::move(*body), std::move(note)));
}

}  // namespace birthmark::enroll::scep
