// SPDX-License-Identifier: Apache-2.0
// OCSP requests and responses of both sides, with OpenSSL as the oracle.
#include "pki/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "pki/pki_fixture.h"

namespace birthmark::pki {
namespace {

using namespace test;
using OcspReqPtr = crypto::Owned<OCSP_REQUEST, OCSP_REQUEST_free>;
using OcspRespPtr = crypto::Owned<OCSP_RESPONSE, OCSP_RESPONSE_free>;
using OcspBasicPtr = crypto::Owned<OCSP_BASICRESP, OCSP_BASICRESP_free>;

struct Ocsp : testing::Test {
  TestPki pki;
  SoftwareSigner& key = NewKey();
  Certificate leaf = *pki.Leaf(IDevIdProfile(), DeviceContents());
  OcspIssuer issuer{pki.sub};
  Certificate responder =
      *pki.Leaf(OcspResponderProfile(), {.subject = TestName("Answers"), .key = key.public_key()});

  Bytes Ask(const EVP_MD* hash, bool nonce, int times = 1) {
    OcspReqPtr request(OCSP_REQUEST_new());
    for (int i = 0; i < times; ++i)
      OCSP_request_add0_id(request.get(), OCSP_cert_to_id(hash, leaf.x509(), pki.sub.x509()));
    if (nonce) OCSP_request_add1_nonce(request.get(), nullptr, 16);
    uint8_t* out = nullptr;
    const int n = i2d_OCSP_REQUEST(request.get(), &out);
    Bytes der(out, out + n);
    OPENSSL_free(out);
    return der;
  }
  OcspResponder Responder() { return *OcspResponder::Make(responder, key); }
};

TEST_F(Ocsp, ReadsWhatOpenSslAsks) {
  for (const EVP_MD* hash : {EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512()}) {
    const Bytes der = Ask(hash, true, 2);
    auto request = ReadOcspRequest(der);
    ASSERT_TRUE(request) << request.error().ToString();
    ASSERT_EQ(request->certs.size(), 2u);
    EXPECT_TRUE(issuer.Matches(request->certs[0]));
    EXPECT_FALSE(OcspIssuer(pki.root).Matches(request->certs[0]));
    EXPECT_TRUE(std::ranges::equal(request->certs[0].serial, leaf.serial()));
    EXPECT_EQ(request->nonce.size(), 18u);
  }
  EXPECT_EQ(MakeOcspRequest(issuer, leaf.serial()), Ask(EVP_sha1(), false));
}

TEST_F(Ocsp, OpenSslBelievesEachAnswer) {
  const Bytes asked = Ask(EVP_sha1(), true);
  auto request = ReadOcspRequest(asked);
  ASSERT_TRUE(request);
  struct {
    OcspState state;
    int status;
  } cases[] = {{OcspState::kGood, V_OCSP_CERTSTATUS_GOOD},
               {OcspState::kRevoked, V_OCSP_CERTSTATUS_REVOKED},
               {OcspState::kUnknown, V_OCSP_CERTSTATUS_UNKNOWN}};
  for (const auto& c : cases) {
    const OcspAnswer answer{.cert_id = request->certs[0].whole,
                            .state = c.state,
                            .revoked_at = kNow - std::chrono::hours(1),
                            .reason = CrlReason::kKeyCompromise};
    auto der = Responder().Sign({&answer, 1}, kNow, kNow + std::chrono::hours(1), request->nonce);
    ASSERT_TRUE(der) << der.error().ToString();
    const uint8_t* p = der->data();
    OcspRespPtr response(d2i_OCSP_RESPONSE(nullptr, &p, static_cast<long>(der->size())));
    ASSERT_TRUE(response);
    EXPECT_EQ(p, der->data() + der->size());
    uint8_t* again = nullptr;
    const int n = i2d_OCSP_RESPONSE(response.get(), &again);
    EXPECT_EQ(Bytes(again, again + n), *der);  // the same encoder's work
    OPENSSL_free(again);
    EXPECT_EQ(OCSP_response_status(response.get()), OCSP_RESPONSE_STATUS_SUCCESSFUL);
    OcspBasicPtr basic(OCSP_response_get1_basic(response.get()));
    ASSERT_TRUE(basic);
    const uint8_t* q = asked.data();
    OcspReqPtr theirs(d2i_OCSP_REQUEST(nullptr, &q, static_cast<long>(asked.size())));
    EXPECT_EQ(OCSP_check_nonce(theirs.get(), basic.get()), 1);
    crypto::Owned<X509_STORE, X509_STORE_free> store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), pki.root.x509());
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store.get()),
                               std::chrono::system_clock::to_time_t(kNow));
    std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> with(
        sk_X509_new_null(), [](STACK_OF(X509) * s) { sk_X509_free(s); });
    sk_X509_push(with.get(), pki.sub.x509());
    EXPECT_EQ(OCSP_basic_verify(basic.get(), with.get(), store.get(), 0), 1)
        << crypto::OpenSslError("test", "verify").ToString();
    crypto::Owned<OCSP_CERTID, OCSP_CERTID_free> id(
        OCSP_cert_to_id(EVP_sha1(), leaf.x509(), pki.sub.x509()));
    int status = -1, reason = -1;
    ASN1_GENERALIZEDTIME *revoked = nullptr, *from = nullptr, *until = nullptr;
    ASSERT_EQ(
        OCSP_resp_find_status(basic.get(), id.get(), &status, &reason, &revoked, &from, &until), 1);
    EXPECT_EQ(status, c.status);
    if (c.state == OcspState::kRevoked) EXPECT_EQ(reason, OCSP_REVOKED_STATUS_KEYCOMPROMISE);
    EXPECT_NE(until, nullptr);
  }
}

TEST_F(Ocsp, AnswersWithoutNextUpdateNonceOrReason) {
  const Bytes id = issuer.CertId(leaf.serial());
  const OcspAnswer answer{.cert_id = id, .state = OcspState::kRevoked, .revoked_at = kNow};
  auto der = Responder().Sign({&answer, 1}, kNow, std::nullopt, {});
  ASSERT_TRUE(der);
  const uint8_t* p = der->data();
  OcspRespPtr response(d2i_OCSP_RESPONSE(nullptr, &p, static_cast<long>(der->size())));
  ASSERT_TRUE(response);
  EXPECT_EQ(p, der->data() + der->size());
  const uint8_t* none = nullptr;
  const Bytes error = EncodeOcspError(OcspError::kUnauthorized);
  none = error.data();
  OcspRespPtr refused(d2i_OCSP_RESPONSE(nullptr, &none, static_cast<long>(error.size())));
  ASSERT_TRUE(refused);
  EXPECT_EQ(OCSP_response_status(refused.get()), OCSP_RESPONSE_STATUS_UNAUTHORIZED);
}

TEST_F(Ocsp, ResponderCertificatesAreShortOfNothing) {
  EXPECT_TRUE(responder.Extension(oid::kOcspNoCheck));
  EXPECT_FALSE(responder.Extension(oid::kCrlDistributionPoints));
  EXPECT_EQ(OcspResponder::Make(leaf, key).error().code, "pki.issuer-key");
  const Certificate wrong =
      *pki.Leaf(EnrolmentRaProfile(), {.subject = TestName("RA"), .key = key.public_key()});
  EXPECT_EQ(OcspResponder::Make(wrong, key).error().code, "ocsp.responder");
}

TEST_F(Ocsp, RefusesBadRequestsByName) {
  const Bytes good = Ask(EVP_sha1(), true);
  for (size_t n = 0; n < good.size(); ++n)
    EXPECT_EQ(ReadOcspRequest(ByteView(good).first(n)).error().code, "ocsp.malformed") << n;
  Bytes more = good;
  more.push_back(0);
  EXPECT_EQ(ReadOcspRequest(more).error().code, "ocsp.malformed");
  EXPECT_EQ(ReadOcspRequest(Bytes(kMaxOcspRequest + 1)).error().code, "ocsp.too-large");
  EXPECT_EQ(ReadOcspRequest(Ask(EVP_md5(), false)).error().code, "ocsp.hash");
  EXPECT_EQ(ReadOcspRequest(Ask(EVP_sha1(), false, 33)).error().code, "ocsp.malformed");

  auto with_extension = [&](const char* oid, bool critical, Bytes value) {
    const Bytes plain = MakeOcspRequest(issuer, leaf.serial());
    crypto::DerReader outer(plain);
    auto request = *outer.Enter();
    auto tbs = *request.Enter();
    Bytes out;
    crypto::DerWriter(out).Sequence([&](crypto::DerWriter& r) {
      r.Sequence([&](crypto::DerWriter& t) {
        t.Raw(tbs.rest());
        t.Nest(crypto::der::Context(2, true), [&](crypto::DerWriter& e) {
          e.Sequence([&](crypto::DerWriter& list) {
            list.Sequence([&](crypto::DerWriter& one) {
              one.Oid(oid);
              if (critical) one.Boolean(true);
              one.OctetString(value);
            });
          });
        });
      });
    });
    return ReadOcspRequest(out);
  };
  EXPECT_TRUE(with_extension("1.2.3.4", false, {5, 0}));
  EXPECT_EQ(with_extension("1.2.3.4", true, {5, 0}).error().code, "ocsp.critical");
  const std::string nonce(oid::kOcspNonce);
  EXPECT_TRUE(with_extension(nonce.c_str(), false, {4, 1, 7}));
  EXPECT_EQ(with_extension(nonce.c_str(), false, {4, 0}).error().code, "ocsp.nonce");
  Bytes longer{4, 0x81, 129};
  longer.resize(longer.size() + 129);
  EXPECT_EQ(with_extension(nonce.c_str(), false, longer).error().code, "ocsp.nonce");
}

}  // namespace
}  // namespace birthmark::pki
