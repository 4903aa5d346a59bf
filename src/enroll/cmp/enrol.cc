// SPDX-License-Identifier: Apache-2.0
// From a request to a certificate in place: ir, cr, kur, p10cr, pollReq, certConf, error.
#include "enroll/cmp/envelope.h"
#include "enroll/cmp/exchange.h"
#include "enroll/cmp/reply.h"
#include "enroll/cmp/request.h"

namespace birthmark::enroll::cmp {
namespace {

// Errors that a certificate response carries; the others are of the message itself.
bool IsOfRequest(const Error& e) {
  return e.code != "cmp.bad-data-format" && e.code != "cmp.bad-request";
}

Body AnswerTo(Body b) {
  Ask ask;
  ask.type = b;
  return ask.answer();
}

int IdOf(Body b) {
  Ask ask;
  ask.type = b;
  return ask.id();
}

}  // namespace

void Exchange::OnRequest() {
  // A client that did not get our answer may send its message again, octet for octet.
  if (Bytes again = core_->transactions.Answered(key_, hash_); !again.empty())
    return Send(std::move(again));
  auto ask = ReadAsk(message_, sender_.caller);
  if (ask && ask->central && !mac_) {
    if (auto ok = CanReceive(*sender_.caller.certificate); !ok)
      ask = std::unexpected(std::move(ok).error());
  }
  if (!ask) {
    if (!IsOfRequest(ask.error())) return Fail(ask.error());
    Note(ask.error());
    return Answer(AnswerTo(message_.type), CertRep(IdOf(message_.type), Rejection(ask.error())));
  }
  auto t = core_->transactions.Begin(key_, who_, sender_);
  if (!t) return Fail(t.error());
  (*t)->product = product_;
  (*t)->ask = std::move(*ask);
  (*t)->implicit_confirm = message_.header.implicit_confirm;
  (*t)->until = core_->clock.Now() + core_->options.poll_limit;
  (*t)->message = hash_;
  Submit(*t);
}

void Exchange::Submit(const Transactions::Ptr& t) {
  Enrolment e;
  e.product = t->product;
  e.via = "cmp";
  e.caller = sender_.caller;
  e.serial = t->ask.serial;
  e.slot = t->ask.slot;
  e.proof = t->ask.proof;
  e.renewal = t->ask.renewal;
  e.attestation = t->ask.attestation;
  e.key = t->ask.key;
  auto self = shared_from_this();
  if (t->ask.central) {
    return core_->desk.EnrolServerKey(
        std::move(e), [self, t](Result<GrantedKey> r) { self->OnGranted(t, std::move(r)); });
  }
  core_->desk.Enrol(std::move(e), [self, t](Result<Granted> r) {
    self->OnGranted(t, r ? Result<GrantedKey>(GrantedKey{std::move(*r), {}})
                         : std::unexpected(std::move(r).error()));
  });
}

void Exchange::OnGranted(const Transactions::Ptr& t, Result<GrantedKey> r) {
  if (r) return Issue(t, *r);
  if (r.error().code == "enroll.wait") return Wait(t);
  Note(r.error());
  // One's own trouble passes: the same request may come again.
  core_->transactions.End(t, FailBitOf(r.error()) != FailBit::kSystemFailure);
  Answer(t->ask.answer(), CertRep(t->ask.id(), Rejection(r.error())));
}

// RFC 9483 section 4.1.6: for who knows the secret, or for the certificate that signed.
Result<Bytes> Exchange::Envelop(const SecretBytes& private_key, bool bare) {
  BM_TRY(SecretBytes signed_key,
         SignKey(private_key, {ra_->certificate(), ra_->above(), ra_->signer()}, bare));
  if (mac_) return EnvelopForSecret(signed_key, *sender_.secret);
  return EnvelopForCertificate(signed_key, *sender_.caller.certificate);
}

void Exchange::Issue(const Transactions::Ptr& t, const GrantedKey& granted) {
  const auto failed = [&](const Error& e) {
    core_->transactions.End(t, false);
    Fail(e);
  };
  Issued issued{granted.granted.certificate, {}, {}};
  Extra extra;
  extra.certificates = granted.granted.above;
  Bytes enveloped;
  if (t->ask.central) {
    auto e = Envelop(granted.private_key, t->ask.bare_key);
    if (!e) return failed(e.error());
    enveloped = std::move(*e);
    issued.encrypted_key = enveloped;
    extra.version = 3;  // RFC 9810 section 7: EnvelopedData is of version 3
  }
  // A root by caPubs is believed because of the shared secret (RFC 9810 section 5.3.4).
  if (t->ask.type == Body::kIr && mac_) {
    auto authorities = core_->desk.AuthoritiesOf(product_);
    if (!authorities) return failed(authorities.error());
    if (!authorities->certificates.empty())
      issued.ca_pubs.push_back(authorities->certificates.back());
  }
  auto facts = ReadCertFacts(issued.certificate);
  if (!facts) return failed(Internal("cmp.failure", "the desk issued no certificate").error());
  const bool same = t->ask.as_asked &&
                    (t->ask.subject.empty() || std::ranges::equal(t->ask.subject, facts->subject));
  const Bytes status = StatusInfo(same ? PkiStatus::kAccepted : PkiStatus::kGrantedWithMods);
  const Time now = core_->clock.Now();
  extra.implicit_confirm = t->implicit_confirm && core_->options.implicit_confirm;
  if (!extra.implicit_confirm) extra.confirm_until = now + core_->options.confirm_wait;
  auto message = Build(t->ask.answer(), CertRep(t->ask.id(), status, &issued), extra);
  if (!message) return failed(message.error());
  if (extra.implicit_confirm) {
    core_->transactions.End(t);
    return Send(std::move(*message));
  }
  t->state = Transaction::State::kConfirm;
  t->certificate = granted.granted.certificate;
  t->nonce = nonce_;
  t->until = *extra.confirm_until;
  t->message = hash_;
  t->reply = t->ask.central ? Bytes() : *message;
  if (auto ok = core_->transactions.Keep(t); !ok) return failed(ok.error());
  Send(std::move(*message));
}

// RFC 9483 section 4.4.
void Exchange::Wait(const Transactions::Ptr& t) {
  const bool first = t->state == Transaction::State::kNew;
  const Bytes content = first ? CertRep(t->ask.id(), StatusInfo(PkiStatus::kWaiting))
                              : PollRep(t->ask.id(), core_->options.check_after.count());
  auto message = Build(first ? t->ask.answer() : Body::kPollRep, content, Extra());
  if (message) {
    t->state = Transaction::State::kWaiting;
    t->nonce = nonce_;
    t->message = hash_;
    t->reply = *message;
    if (auto ok = core_->transactions.Keep(t); ok) return Send(std::move(*message));
  }
  core_->transactions.End(t, false);
  Fail(Internal("cmp.failure", "an enrolment that has to wait could not be put by").error());
}

void Exchange::OnPoll() {
  if (Bytes again = core_->transactions.Answered(key_, hash_); !again.empty())
    return Send(std::move(again));
  auto t = core_->transactions.Take(key_, sender_);
  if (!t) return Fail(t.error());
  const auto refuse = [&](const Error& e) {
    core_->transactions.Release(*t);
    Fail(e);
  };
  if ((*t)->state != Transaction::State::kWaiting)
    return refuse(Refused("cmp.bad-request", "this transaction does not wait").error());
  if (!std::ranges::equal((*t)->nonce, message_.header.recipient_nonce))
    return refuse(Refused("cmp.bad-recipient-nonce", "recipNonce is not our last nonce").error());
  auto id = ReadPoll(message_.body);
  if (!id) return refuse(id.error());
  if (*id != (*t)->ask.id() && *id != 0)
    return refuse(Refused("cmp.bad-request", "certReqId is not the one that waits").error());
  Submit(*t);
}

void Exchange::OnConfirm() {
  auto& transactions = core_->transactions;
  auto t = transactions.Take(key_, sender_);
  if (!t) {
    // pkiConf may have been lost: the same confirmation is answered again, another is too late.
    if (auto last = transactions.Ended(key_)) {
      if (*last == hash_) return Answer(Body::kPkiConf, Bytes{0x05, 0x00});
      return Fail(Refused("cmp.cert-confirmed", "this transaction is over").error());
    }
    return Fail(t.error());
  }
  const auto refuse = [&](const Error& e) {
    transactions.Release(*t);
    Fail(e);
  };
  if ((*t)->state != Transaction::State::kConfirm)
    return refuse(Refused("cmp.bad-request", "nothing waits for a confirmation").error());
  if (!std::ranges::equal((*t)->nonce, message_.header.recipient_nonce))
    return refuse(Refused("cmp.bad-recipient-nonce", "recipNonce is not our last nonce").error());
  auto accepted = CheckConfirmation(message_.body, (*t)->ask.id(), (*t)->certificate);
  if (!accepted) return refuse(accepted.error());
  auto facts = ReadCertFacts((*t)->certificate);
  if (!facts) return refuse(facts.error());
  auto self = shared_from_this();
  core_->desk.Confirm("cmp", sender_.caller, facts->serial, *accepted, [self, t = *t](Status ok) {
    auto& all = self->core_->transactions;
    if (!ok) {
      all.Release(t);
      return self->Fail(ok.error());
    }
    t->message = self->hash_;
    all.End(t);
    self->Answer(Body::kPkiConf, Bytes{0x05, 0x00});
  });
}

// A client that gives up (RFC 9483 section 3.6.4): it does not want its certificate.
void Exchange::OnClientError() {
  auto t = core_->transactions.Take(key_, sender_);
  if (!t) return Answer(Body::kPkiConf, Bytes{0x05, 0x00});
  auto self = shared_from_this();
  auto end = [self, t = *t](Status ok) {
    if (!ok) self->Note(ok.error());
    t->message = self->hash_;
    self->core_->transactions.End(t);
    self->Answer(Body::kPkiConf, Bytes{0x05, 0x00});
  };
  if ((*t)->state != Transaction::State::kConfirm) return end({});
  auto facts = ReadCertFacts((*t)->certificate);
  if (!facts) return end(std::unexpected(std::move(facts).error()));
  core_->desk.Confirm("cmp", sender_.caller, facts->serial, false, end);
}

}  // namespace birthmark::enroll::cmp
