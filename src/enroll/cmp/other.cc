// SPDX-License-Identifier: Apache-2.0
// Revocation requests and general messages.
#include "enroll/cmp/exchange.h"
#include "enroll/cmp/reply.h"
#include "enroll/cmp/request.h"
#include "enroll/cmp/rules.h"

namespace birthmark::enroll::cmp {

void Exchange::OnRevoke() {
  auto r = ReadRevoke(message_, sender_.caller, product_);
  if (!r) {
    const std::string& code = r.error().code;
    if (code == "cmp.bad-data-format" || code == "cmp.bad-request") return Fail(r.error());
    return Answer(Body::kRp, RevRep(Rejection(r.error())));
  }
  // A revocation played again is refused: a hold may have been lifted since.
  auto t = core_->transactions.Begin(key_, who_, sender_);
  if (!t) return Fail(t.error());
  (*t)->message = hash_;
  auto self = shared_from_this();
  core_->desk.Revoke(std::move(*r), [self, t = *t](Status ok) {
    if (!ok) self->Note(ok.error());
    self->core_->transactions.End(t, ok || FailBitOf(ok.error()) != FailBit::kSystemFailure);
    self->Answer(Body::kRp, RevRep(ok ? StatusInfo(PkiStatus::kAccepted) : Rejection(ok.error())));
  });
}

// What nobody here knows an answer to is left out (RFC 9810 section 5.3.19).
Result<Bytes> Exchange::Answers() {
  BM_TRY(std::vector<Question> questions, ReadQuestions(message_.body));
  Bytes answers;
  for (const Question& q : questions) {
    Bytes answer;
    if (Is(q.type, oid::kCaCerts)) {
      BM_TRY(Authorities a, core_->desk.AuthoritiesOf(product_));
      Bytes list, value;
      for (const Bytes& c : a.certificates) list.insert(list.end(), c.begin(), c.end());
      crypto::DerWriter(value).Element(crypto::der::kSequence, list);
      answer = InfoTypeAndValue(oid::kCaCerts, value);
    } else if (Is(q.type, oid::kRootCaCert)) {
      // RFC 9483 section 4.3.2: no value says that there is no newer root.
      answer = InfoTypeAndValue(oid::kRootCaKeyUpdate, {});
    } else if (Is(q.type, oid::kCertReqTemplate)) {
      BM_TRY(RequestTemplate t, core_->desk.TemplateOf(product_, sender_.caller));
      BM_TRY(Bytes value, CertReqTemplate(t));
      answer = InfoTypeAndValue(oid::kCertReqTemplate, value);
    } else if (Is(q.type, oid::kSignKeyPairTypes)) {
      BM_TRY(RequestTemplate t, core_->desk.TemplateOf(product_, sender_.caller));
      BM_TRY(Bytes value, KeyPairTypes(t));
      answer = InfoTypeAndValue(oid::kSignKeyPairTypes, value);
    }
    answers.insert(answers.end(), answer.begin(), answer.end());
  }
  Bytes out;
  crypto::DerWriter(out).Element(crypto::der::kSequence, answers);
  return out;
}

void Exchange::OnGeneral() {
  auto answers = Answers();
  if (!answers) return Fail(answers.error());
  Answer(Body::kGenp, *answers);
}

}  // namespace birthmark::enroll::cmp
