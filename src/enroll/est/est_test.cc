// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/est.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/pem.h"
#include "enroll/est/codec.h"
#include "enroll/est/csrattrs.h"
#include "enroll/est/test_requests.h"
#include "enroll/test_desk.h"
#include "pki/profile.h"

namespace birthmark::enroll::est {
namespace {

using test::MakeRequest;
using test::NewSigner;
using testing::HasSubstr;
using testing::Not;

TEST(Route, PathsLeadToOperations) {
  auto route = ReadRoute("/.well-known/est/cacerts");
  ASSERT_TRUE(route);
  EXPECT_EQ(route->product, "");
  EXPECT_EQ(route->operation, Operation::kCaCerts);
  route = ReadRoute("/.well-known/est/bulb/simpleenroll");
  ASSERT_TRUE(route);
  EXPECT_EQ(route->product, "bulb");
  EXPECT_EQ(route->operation, Operation::kSimpleEnroll);
  route = ReadRoute("/bulb/.well-known/est/csrattrs");
  ASSERT_TRUE(route);
  EXPECT_EQ(route->product, "bulb");
  EXPECT_EQ(route->operation, Operation::kCsrAttrs);
  for (const char* none : {"/bulb/.well-known/est/bulb/cacerts", "//.well-known/est/cacerts",
                           "/a/b/.well-known/est/cacerts", "a/.well-known/est/cacerts",
                           "/cacerts/.well-known/est/cacerts", "", "/", "/.well-known/est",
                           "/.well-known/est/", "/.well-known/estcacerts", "/.well-known/est/bulb",
                           "/.well-known/est/bulb/", "/.well-known/est//cacerts",
                           "/.well-known/est/bulb/x/cacerts", "/.well-known/est/bulb/cacerts/",
                           "/.well-known/est/cacerts/cacerts", "/.well-known/est/bulb/CACERTS"}) {
    EXPECT_FALSE(ReadRoute(none)) << none;
  }
}

class EstTest : public testing::Test {
 protected:
  EstTest() { desk_.AddToken("tok-1", "secret"); }

  HttpRequest Request(const std::string& operation, Bytes csr = {}) {
    HttpRequest r;
    r.method = csr.empty() ? "GET" : "POST";
    r.path = "/.well-known/est/bulb/" + operation;
    if (!csr.empty()) {
      r.content_type = "application/pkcs10";
      r.body = ToBody(csr);
    }
    return r;
  }
  void AsToken(HttpRequest& r, const std::string& both = "tok-1:secret") {
    r.authorization = SecretBytes::Take(ToBytes("Basic " + ToBase64(AsBytes(both))));
  }
  HttpResponse Send(HttpRequest r) { return SendTo(est_, std::move(r)); }
  HttpResponse SendTo(Est& est, HttpRequest r) {
    std::optional<HttpResponse> got;
    est.Handle(std::move(r), [&](HttpResponse response) {
      EXPECT_FALSE(got) << "two replies";
      got = std::move(response);
    });
    EXPECT_TRUE(got) << "no reply";
    return got.value_or(HttpResponse{});
  }
  static crypto::Certificate Only(const HttpResponse& r) {
    EXPECT_EQ(r.status, 200) << AsText(r.body);
    EXPECT_EQ(r.content_type, "application/pkcs7-mime; smime-type=certs-only");
    auto list = ReadCertsOnly(*FromBody(r.body));
    EXPECT_TRUE(list && list->size() == 1);
    return list->at(0);
  }

  TestDesk desk_;
  Est est_{desk_};
};

TEST_F(EstTest, CaCertsAreForEverybody) {
  auto r = Send(Request("cacerts"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.content_type, "application/pkcs7-mime; smime-type=certs-only");
  auto list = ReadCertsOnly(*FromBody(r.body));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 2u);
  EXPECT_EQ(list->at(0).digest(), desk_.issuer().digest());
  EXPECT_EQ(list->at(1).digest(), desk_.root().digest());
  HttpRequest short_path = Request("cacerts");
  short_path.path = "/.well-known/est/cacerts";
  EXPECT_EQ(Send(std::move(short_path)).body, r.body);
  HttpRequest other = Request("cacerts");
  other.path = "/.well-known/est/lamp/cacerts";
  EXPECT_EQ(Send(std::move(other)).status, 404);
}

TEST_F(EstTest, ATokenEnrolsAUnitAndItsRetryGetsTheSame) {
  auto key = NewSigner();
  const Bytes csr = MakeRequest(*key);
  std::vector<Digest> got;
  for (int i = 0; i < 2; ++i) {
    HttpRequest r = Request("simpleenroll", csr);
    AsToken(r);
    auto certificate = Only(Send(std::move(r)));
    EXPECT_EQ(certificate.subject_serial_number(), "BMC-0001");
    EXPECT_EQ(certificate.public_key()->spki_digest(), key->public_key().spki_digest());
    got.push_back(certificate.digest());
  }
  EXPECT_EQ(got[0], got[1]);
  ASSERT_EQ(desk_.enrolments.size(), 2u);
  EXPECT_EQ(desk_.enrolments[0].via, "est");
  EXPECT_EQ(desk_.enrolments[0].caller.id, "tok-1");
  EXPECT_FALSE(desk_.enrolments[0].renewal);
}

TEST_F(EstTest, AnAttestationGoesToTheDeskAsItCame) {
  auto key = NewSigner();
  HttpRequest r = Request("simpleenroll",
                          MakeRequest(*key, {.attribute = std::string(pki::oid::kAttestation)}));
  AsToken(r);
  EXPECT_EQ(Send(std::move(r)).status, 200);
  ASSERT_EQ(desk_.enrolments.size(), 1u);
  EXPECT_EQ(desk_.enrolments[0].attestation, (Bytes{0x04, 0x01, 0x01}));
}

TEST_F(EstTest, NoncesAreForWhoIsKnown) {
  EXPECT_EQ(Send(Request("nonce")).status, 401);
  HttpRequest r = Request("nonce");
  AsToken(r);
  HttpResponse got = Send(std::move(r));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.content_type, "application/est-attestation-freshness+json");
  EXPECT_EQ(AsText(got.body), "{\"nonce\":\"bm9uY2U\",\"expiry\":600}\n");
  r = Request("nonce");
  r.method = "POST";
  r.body = ToBytes("{\"len\": 7}");
  AsToken(r);
  EXPECT_EQ(Send(std::move(r)).status, 400);
  r = Request("nonce");
  r.method = "PUT";
  AsToken(r);
  EXPECT_EQ(Send(std::move(r)).status, 405);
}

TEST_F(EstTest, AStationEnrolsByItsCertificate) {
  auto key = NewSigner();
  HttpRequest r = Request("simpleenroll", MakeRequest(*key));
  r.peer.certificate = desk_.Station("st-1").certificate;
  r.content_type = "Application/PKCS10 ; charset=us-ascii";
  r.transfer_encoding = "binary";  // has no say
  Only(Send(std::move(r)));
  EXPECT_EQ(desk_.enrolments.at(0).caller.kind, Caller::Kind::kStation);
}

TEST_F(EstTest, WithoutCredentialsOneIsAskedForThem) {
  auto key = NewSigner();
  for (const char* operation : {"simpleenroll", "simplereenroll", "serverkeygen"}) {
    auto r = Send(Request(operation, MakeRequest(*key)));
    EXPECT_EQ(r.status, 401) << operation;
    ASSERT_EQ(r.headers.size(), 1u);
    EXPECT_EQ(r.headers[0].first, "WWW-Authenticate");
    EXPECT_THAT(r.headers[0].second, testing::StartsWith("Basic realm="));
  }
  HttpRequest wrong = Request("simpleenroll", MakeRequest(*key));
  AsToken(wrong, "tok-1:wrong");
  auto r = Send(std::move(wrong));
  EXPECT_EQ(r.status, 401);
  EXPECT_THAT(std::string(AsText(r.body)) + r.note, Not(HasSubstr("wrong")));
  EXPECT_TRUE(desk_.enrolments.empty());
}

TEST_F(EstTest, WaitingIsAcceptedWithATimeAndTheSameRequestGetsThere) {
  auto key = NewSigner();
  const Bytes csr = MakeRequest(*key);
  desk_.wait = 2;
  for (int i = 0; i < 2; ++i) {
    HttpRequest r = Request("simpleenroll", csr);
    AsToken(r);
    auto response = Send(std::move(r));
    EXPECT_EQ(response.status, 202);
    ASSERT_EQ(response.headers.size(), 1u);
    EXPECT_EQ(response.headers[0], std::pair(std::string("Retry-After"), std::string("10")));
  }
  HttpRequest r = Request("simpleenroll", csr);
  AsToken(r);
  EXPECT_EQ(Only(Send(std::move(r))).subject_serial_number(), "BMC-0001");
}

TEST_F(EstTest, RefusalsHaveTheirStatus) {
  auto key = NewSigner();
  const Bytes csr = MakeRequest(*key);
  for (auto [code, status] : {std::pair("enroll.not-authorised", 403),
                              {"enroll.locked", 409},
                              {"enroll.bad-request", 400},
                              {"enroll.unknown", 404},
                              {"ledger.full", 500}}) {
    desk_.refusal = Error{ErrorKind::kNegative, code, "because of the disk /var/x", ""};
    HttpRequest r = Request("simpleenroll", csr);
    AsToken(r);
    auto response = Send(std::move(r));
    EXPECT_EQ(response.status, status) << code;
    EXPECT_THAT(response.content_type, testing::StartsWith("text/plain"));
    EXPECT_THAT(response.note, HasSubstr(code));
    // What is the factory's own business stays in its log.
    EXPECT_EQ(std::string(AsText(response.body)).contains("disk"), status != 500);
  }
}

TEST_F(EstTest, ASecondKeyAfterTheFirstIsRefused) {
  auto one = NewSigner(), two = NewSigner();
  HttpRequest r = Request("simpleenroll", MakeRequest(*one));
  AsToken(r);
  Only(Send(std::move(r)));
  r = Request("simpleenroll", MakeRequest(*two));
  AsToken(r);
  EXPECT_EQ(Send(std::move(r)).status, 409);
}

TEST_F(EstTest, BadRequestsAreRefused) {
  auto key = NewSigner();
  const Bytes csr = MakeRequest(*key);
  auto send = [&](const std::function<void(HttpRequest&)>& spoil) {
    HttpRequest r = Request("simpleenroll", csr);
    AsToken(r);
    spoil(r);
    return Send(std::move(r)).status;
  };
  EXPECT_EQ(send([](HttpRequest& r) { r.body = ToBytes("%%%"); }), 400);
  EXPECT_EQ(send([](HttpRequest& r) { r.body.clear(); }), 400);
  EXPECT_EQ(send([](HttpRequest& r) { r.body = ToBody(Bytes{0x30, 0x00}); }), 400);
  EXPECT_EQ(send([](HttpRequest& r) { r.body = ToBody(Bytes(40'000, 0x30)); }), 400);
  EXPECT_EQ(send([&](HttpRequest& r) {
              Bytes flipped = csr;
              flipped.back() ^= 1;
              r.body = ToBody(flipped);
            }),
            400);
  EXPECT_EQ(send([](HttpRequest& r) { r.content_type = "text/plain"; }), 415);
  EXPECT_EQ(send([](HttpRequest& r) { r.content_type = ""; }), 415);
  EXPECT_EQ(send([](HttpRequest& r) { r.method = "GET"; }), 405);
  EXPECT_EQ(send([](HttpRequest& r) { r.path = "/.well-known/est/bulb/nothing"; }), 404);
  EXPECT_EQ(send([](HttpRequest& r) { r.path = "/.well-known/est/bulb/fullcmc"; }), 501);
  EXPECT_EQ(send([](HttpRequest& r) { r.path = "/.well-known/est/lamp/simpleenroll"; }), 400);
  EXPECT_EQ(send([&](HttpRequest& r) { r.body = ToBody(MakeRequest(*key, {.serial = ""})); }), 400);
  EXPECT_EQ(send([&](HttpRequest& r) { r.peer.encrypted = false; }), 403);
}

TEST_F(EstTest, ATokenOfAUnitNeedsNoSerialNumberAndServesNoOther) {
  desk_.AddToken("tok-7", "secret", "BMC-0007");
  auto key = NewSigner();
  HttpRequest r = Request("simpleenroll", MakeRequest(*key, {.serial = ""}));
  AsToken(r, "tok-7:secret");
  EXPECT_EQ(Only(Send(std::move(r))).subject_serial_number(), "BMC-0007");
  r = Request("simpleenroll", MakeRequest(*key, {.serial = "BMC-0008"}));
  AsToken(r, "tok-7:secret");
  EXPECT_EQ(Send(std::move(r)).status, 403);
}

TEST_F(EstTest, ADeviceRenewsItsOwnAndNoOther) {
  auto device = desk_.Device("BMC-0001");
  auto fresh = NewSigner();
  auto send = [&](const std::string& operation, const test::RequestWish& wish) {
    HttpRequest r = Request(operation, MakeRequest(*fresh, wish));
    r.peer.certificate = device.certificate;
    return Send(std::move(r));
  };
  EXPECT_EQ(send("simplereenroll", {.serial = "BMC-0002"}).status, 403);
  EXPECT_EQ(send("simpleenroll", {}).status, 409);  // it has its identity
  EXPECT_EQ(send("simpleenroll", {.serial = "BMC-0002"}).status, 403);
  auto renewed = Only(send("simplereenroll", {}));
  EXPECT_NE(renewed.digest(), device.certificate.digest());
  EXPECT_EQ(renewed.subject(), device.certificate.subject());
  EXPECT_TRUE(desk_.enrolments.back().renewal);
}

TEST_F(EstTest, AStationRenewsForAUnitAndATokenDoesNot) {
  desk_.Device("BMC-0001");
  auto fresh = NewSigner();
  HttpRequest r = Request("simplereenroll", MakeRequest(*fresh));
  AsToken(r);
  EXPECT_EQ(Send(std::move(r)).status, 403);
  r = Request("simplereenroll", MakeRequest(*fresh));
  r.peer.certificate = desk_.Person("ann").certificate;
  EXPECT_EQ(Send(std::move(r)).status, 403);
  r = Request("simplereenroll", MakeRequest(*fresh));
  r.peer.certificate = desk_.Station("st-1").certificate;
  Only(Send(std::move(r)));
}

TEST_F(EstTest, ARequestOfAnotherConnectionIsRefused) {
  auto key = NewSigner();
  const Bytes unique = {1, 2, 3, 4}, other = {9, 9, 9};
  auto send = [&](const std::string& challenge, bool tls12) {
    HttpRequest r = Request("simpleenroll", MakeRequest(*key, {.challenge = challenge}));
    AsToken(r);
    (tls12 ? r.peer.tls_unique : r.peer.tls_exporter) = unique;
    return Send(std::move(r));
  };
  auto refused = send(ToBase64(other), true);
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.note, HasSubstr("est.binding"));
  EXPECT_EQ(send(ToBase64(other), false).status, 400);
  EXPECT_EQ(send(ToBase64(unique), true).status, 200);
  EXPECT_EQ(send(ToBase64(unique), false).status, 200);
}

TEST_F(EstTest, CsrAttrsKnowTheUnitOfTheirCaller) {
  auto serial = [&](HttpRequest r) {
    auto response = Send(std::move(r));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "application/csrattrs");
    auto read = ReadCsrAttrs(*FromBody(response.body));
    EXPECT_TRUE(read && read->request_template);
    return read->request_template->subject.at(1).value.value_or("(open)");
  };
  EXPECT_EQ(serial(Request("csrattrs")), "(open)");
  desk_.AddToken("tok-7", "secret", "BMC-0007");
  HttpRequest token = Request("csrattrs");
  AsToken(token, "tok-7:secret");
  EXPECT_EQ(serial(std::move(token)), "BMC-0007");
  HttpRequest device = Request("csrattrs");
  device.peer.certificate = desk_.Device("BMC-0001").certificate;
  EXPECT_EQ(serial(std::move(device)), "BMC-0001");
  HttpRequest wrong = Request("csrattrs");
  AsToken(wrong, "tok-7:other");
  EXPECT_EQ(Send(std::move(wrong)).status, 401);
}

// The parts of a multipart answer, decoded.
std::vector<Bytes> Parts(const HttpResponse& r) {
  std::vector<Bytes> out;
  const std::string text(AsText(r.body));
  for (size_t at = text.find("\r\n\r\n"); at != std::string::npos;
       at = text.find("\r\n\r\n", at + 4)) {
    out.push_back(*FromBase64(text.substr(at + 4, text.find("\r\n--", at) - at - 4)));
  }
  return out;
}

TEST_F(EstTest, ServerKeyGenGivesAKeyAndItsCertificate) {
  auto throwaway = NewSigner();
  HttpRequest r = Request("serverkeygen", MakeRequest(*throwaway));
  AsToken(r);
  auto response = Send(std::move(r));
  ASSERT_EQ(response.status, 200) << AsText(response.body);
  EXPECT_EQ(response.content_type, kKeyAndCertificateType);
  EXPECT_TRUE(response.secret);
  auto parts = Parts(response);
  ASSERT_EQ(parts.size(), 2u);
  auto key = crypto::SoftwareSigner::FromPkcs8(SecretBytes::Take(std::move(parts[0])));
  ASSERT_TRUE(key);
  auto certificate = ReadCertsOnly(parts[1])->at(0);
  EXPECT_EQ(certificate.public_key()->spki_digest(), (*key)->public_key().spki_digest());
  EXPECT_NE(certificate.public_key()->spki_digest(), throwaway->public_key().spki_digest());
  EXPECT_EQ(desk_.enrolments.back().via, "est");
}

TEST_F(EstTest, ServerKeyGenDoesNotPretendToEncrypt) {
  auto key = NewSigner();
  HttpRequest r =
      Request("serverkeygen", MakeRequest(*key, {.attribute = "1.2.840.113549.1.9.16.2.37"}));
  AsToken(r);
  auto response = Send(std::move(r));
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.note, HasSubstr("est.encrypted-key"));
}

TEST_F(EstTest, AKeyGoesOutInTheClearOnlyWhereThatIsAllowedAndIsAFact) {
  auto key = NewSigner();
  auto plain = [&](Est& est, const std::string& operation) {
    HttpRequest r =
        operation == "cacerts" ? Request(operation) : Request(operation, MakeRequest(*key));
    r.peer.encrypted = false;
    AsToken(r);
    return SendTo(est, std::move(r)).status;
  };
  EXPECT_EQ(plain(est_, "serverkeygen"), 403);
  EXPECT_EQ(plain(est_, "cacerts"), 403);
  Est open(desk_, {.allow_plain_keygen = true});
  EXPECT_EQ(plain(open, "simpleenroll"), 403);
  EXPECT_EQ(plain(open, "cacerts"), 200);
  EXPECT_EQ(plain(open, "serverkeygen"), 200);
  EXPECT_EQ(desk_.enrolments.back().via, "est-plain");
}

}  // namespace
}  // namespace birthmark::enroll::est
