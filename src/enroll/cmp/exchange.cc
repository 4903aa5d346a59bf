// SPDX-License-Identifier: Apache-2.0
#include "enroll/cmp/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/ids.h"
#include "crypto/digest.h"
#include "enroll/cmp/reply.h"

namespace birthmark::enroll::cmp {
namespace {

constexpr size_t kNonce = 16, kLeastTransactionId = 8;
constexpr char kType[] = "application/pkixcmp";  // RFC 9811 section 3.3

// A credential's own space of transactions: nobody meets another's.
Digest KeyOf(const Digest& who, const std::string& product, ByteView transaction_id) {
  const Digest p = crypto::Sha256(AsBytes(product));
  return crypto::Sha256(who, p, transaction_id);
}

// One answer for a secret that is wrong and a token that is not there.
std::unexpected<Error> WrongMac() {
  return Refused("cmp.bad-message-check", "the message is not protected by a secret known here");
}

bool IsReference(ByteView kid) {
  return !kid.empty() && IsUtf8(AsText(kid)) &&
         std::ranges::none_of(kid, [](uint8_t b) { return b < 0x20 || b == 0x7f; });
}

HttpResponse Plain(int status) {
  HttpResponse r;
  r.status = status;
  return r;
}

}  // namespace

Exchange::Exchange(std::shared_ptr<Core> core, Bytes data, std::string product, std::string address,
                   Reply reply)
    : core_(std::move(core)),
      data_(std::move(data)),
      product_(std::move(product)),
      address_(std::move(address)),
      reply_(std::move(reply)),
      nonce_(kNonce) {
  thread_local SystemRng rng;
  rng.Fill(nonce_);
}

void Exchange::Note(const Error& e) {
  note_ = e.code + ": " + e.message;
  if (FailBitOf(e) == FailBit::kSystemFailure) core_->Log(e, address_);
}

void Exchange::Run(bool (*accepts)(Body, const std::string&), const std::string& operation) {
  auto ra = core_->RaOf(product_);
  if (!ra) {
    // An unknown product is a path that is not there.
    const bool unknown = ra.error().code == "enroll.bad-request";
    if (!unknown) Note(ra.error());
    return reply_(Plain(unknown ? 404 : 503));
  }
  ra_ = std::move(*ra);
  auto message = ReadMessage(data_);
  // RFC 9811 section 3.1: what is no CMP message is answered by HTTP alone.
  if (!message) return reply_(Plain(message.error().code == "cmp.too-large" ? 413 : 400));
  message_ = std::move(*message);
  hash_ = crypto::Sha256(data_);
  if (auto ok = Authenticate(); !ok) return Fail(ok.error());
  authentic_ = true;
  if (auto ok = CheckHeader(); !ok) return Fail(ok.error());
  if (!accepts(message_.type, operation)) {
    return Fail(Refused("cmp.bad-request", "this path serves other requests").error());
  }
  Dispatch();
}

Status Exchange::Authenticate() {
  if (message_.protection.empty()) {
    return Refused("cmp.bad-message-check", "the message is not protected",
                   "protect it with a token's secret or a certificate");
  }
  auto id = ReadAlgorithm(message_.header.protection_algorithm);
  if (!id) return Refused("cmp.bad-data-format", id.error().message);
  mac_ = Is(id->oid, oid::kPbm) || Is(id->oid, oid::kPbmac1);
  return mac_ ? AuthenticateMac() : AuthenticateSignature();
}

Status Exchange::AuthenticateMac() {
  mac_ = false;  // until it is: nobody gets a MAC to guess at who has not shown one
  BM_TRY(pbm_, ReadPbm(message_.header.protection_algorithm));
  const ByteView kid = message_.header.sender_kid;
  if (!IsReference(kid)) return WrongMac();
  who_ = crypto::Sha256(AsBytes("mac"), kid);
  key_ = KeyOf(who_, product_, message_.header.transaction_id);
  sender_.secret = core_->transactions.SenderOf(key_).secret;
  const std::string reference(AsText(kid));
  bool known = sender_.secret != nullptr;
  if (!known) {
    auto secret = core_->desk.TokenSecret(reference);
    known = secret.has_value();
    // An unknown token takes the time of a known one.
    SecretBytes nothing(16);
    sender_.secret =
        std::make_shared<const SecretBytes>(known ? std::move(*secret) : std::move(nothing));
  }
  mac_key_ = PbmKey(pbm_, *sender_.secret);
  const Bytes mac =
      HmacOf(pbm_.mac, mac_key_.Read(SecretAccess{}), ProtectedPart(message_.protected_part));
  if (!EqualSecret(mac, message_.protection) || !known) return WrongMac();
  mac_ = true;
  sender_.caller = {Caller::Kind::kToken, reference, std::nullopt};
  return {};
}

Status Exchange::AuthenticateSignature() {
  const auto untrusted = [](std::string why) {
    return Refused("cmp.signer-not-trusted", std::move(why));
  };
  // RFC 9483 section 3.3: the first of extraCerts protects the message.
  if (message_.extra_certs.empty())
    return untrusted("extraCerts does not hold the certificate that protects the message");
  auto certificate = core_->Decode(message_.extra_certs.front());
  if (!certificate) return untrusted("the first of extraCerts is no certificate");
  if (!certificate->public_key()) return untrusted(certificate->public_key().error().message);
  const auto& usage = certificate->key_usage();
  if (usage && std::ranges::find(*usage, "digitalSignature") == usage->end())
    return untrusted("the protecting certificate is not for signatures");
  BM_CHECK(VerifySignature(message_.header.protection_algorithm, *certificate->public_key(),
                           ProtectedPart(message_.protected_part), message_.protection));
  who_ = crypto::Sha256(AsBytes("signature"), certificate->digest());
  key_ = KeyOf(who_, product_, message_.header.transaction_id);
  // A confirmation follows within minutes; whose certificate it is has just been asked.
  if (message_.type == Body::kCertConf) {
    sender_ = core_->transactions.SenderOf(key_);
    if (sender_.caller.kind != Caller::Kind::kNobody) return {};
  }
  std::vector<crypto::Certificate> others;
  for (size_t i = 1; i < message_.extra_certs.size(); ++i) {
    auto other = core_->Decode(message_.extra_certs[i]);
    if (!other) return untrusted("one of extraCerts is no certificate");
    others.push_back(std::move(*other));
  }
  auto caller = core_->desk.CallerOf(*certificate, others);
  if (!caller) {
    if (caller.error().code != "enroll.not-authorised")
      return std::unexpected(std::move(caller).error());
    return untrusted("the protecting certificate is not one that is known here");
  }
  sender_.caller = std::move(*caller);
  sender_.caller.certificate = std::move(*certificate);
  return {};
}

Status Exchange::CheckHeader() const {
  const Header& h = message_.header;
  // RFC 9810 section 7.
  if (h.version != 2 && h.version != 3)
    return Refused("cmp.unsupported-version", "pvno 2 and 3 are spoken here");
  // RFC 9483 section 3.1.
  if (h.transaction_id.size() < kLeastTransactionId)
    return Refused("cmp.bad-request", "transactionID is missing or shorter than 8 octets");
  if (h.sender_nonce.size() < kNonce)
    return Refused("cmp.bad-sender-nonce", "senderNonce is missing or shorter than 16 octets");
  const auto window = core_->options.time_window;
  if (h.time && window.count() > 0 &&
      std::chrono::abs(core_->clock.Now() - *h.time) > std::chrono::milliseconds(window)) {
    return Refused("cmp.bad-time",
                   fmt::format("messageTime is off by more than {} s", window.count()),
                   "set the client's clock");
  }
  return {};
}

void Exchange::Dispatch() {
  switch (message_.type) {
    case Body::kIr:
    case Body::kCr:
    case Body::kP10cr:
    case Body::kKur:
      return OnRequest();
    case Body::kCertConf:
      return OnConfirm();
    case Body::kPollReq:
      return OnPoll();
    case Body::kError:
      return OnClientError();
    case Body::kRr:
      return OnRevoke();
    case Body::kGenm:
      return OnGeneral();
    default:
      return Fail(Refused("cmp.bad-request", "a body that is not served here").error());
  }
}

Result<Bytes> Exchange::Build(Body type, ByteView content, const Extra& extra) {
  const Header& h = message_.header;
  ReplyParts r;
  r.version = extra.version != 0 ? extra.version : h.version == 3 ? 3 : 2;
  r.sender = ra_->name();
  r.recipient = h.sender;
  r.time = core_->clock.Now();
  r.transaction_id = h.transaction_id;
  r.sender_nonce = nonce_;
  r.recipient_nonce = h.sender_nonce;
  r.implicit_confirm = extra.implicit_confirm;
  r.confirm_until = extra.confirm_until;
  r.type = type;
  r.content = content;
  std::vector<ByteView> certs;
  const auto add = [&](const std::vector<Bytes>& more) {
    for (const Bytes& c : more) {
      if (std::ranges::none_of(certs, [&](ByteView o) { return std::ranges::equal(o, c); }))
        certs.push_back(c);
    }
  };
  if (mac_) {
    // RFC 9810 section 5.1.3.1 recommends one set of parameters for a whole transaction; the
    // client's own save us a second derivation.
    r.sender_kid = h.sender_kid;
    const Bytes part = HeaderAndBody(r, h.protection_algorithm);
    add(extra.certificates);
    return Whole(part, HmacOf(pbm_.mac, mac_key_.Read(SecretAccess{}), ProtectedPart(part)), certs);
  }
  if (ra_->certificate().ski()) r.sender_kid = *ra_->certificate().ski();
  const Bytes part = HeaderAndBody(r, ra_->algorithm());
  BM_TRY(Bytes signature, ra_->Sign(ProtectedPart(part)));
  certs.push_back(ra_->certificate().der());
  add(ra_->above());
  add(extra.certificates);
  return Whole(part, signature, certs);
}

void Exchange::Send(Bytes message) {
  HttpResponse r;
  r.content_type = kType;
  // RFC 9811 section 3.4: nothing between us keeps it.
  r.headers.emplace_back("Cache-Control", "no-store");
  r.body = std::move(message);
  r.note = note_;
  reply_(std::move(r));
}

void Exchange::Answer(Body type, ByteView content, const Extra& extra) {
  auto message = Build(type, content, extra);
  if (!message) {
    Note(message.error());
    return reply_(Plain(500));
  }
  Send(std::move(*message));
}

void Exchange::Fail(const Error& e) {
  Note(e);
  Answer(Body::kError, ErrorContent(Rejection(e)));
}

}  // namespace birthmark::enroll::cmp
