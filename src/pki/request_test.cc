// SPDX-License-Identifier: Apache-2.0
#include "pki/request.h"

#include "cbor/codec.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "pki/path.h"
#include "pki/pki_fixture.h"

namespace birthmark::pki {
namespace {

using crypto::Certificate;
using test::kNow;
using test::NewKey;
using test::TestName;
using test::TestPki;
using test::TestStamp;

RequestTerms Terms() {
  return {.workspace = "0193f0c2-acme",
          .name = "Acme Site CA 2",
          .level = 2,
          .lifetime_days = 7300,
          .path_len = 0,
          .rehearsal = true,
          .created = kNow};
}

// Spoil re-writes block `i` of a PEM file.
std::string Spoil(const std::string& text, size_t i,
                  const std::function<void(crypto::PemBlock&)>& f) {
  auto blocks = *crypto::ReadPem(text);
  f(blocks[i]);
  std::string out;
  for (const auto& b : blocks) out += crypto::WritePem(b.label, b.der);
  return out;
}

struct Case {
  TestPki pki;
  crypto::Signer& key = NewKey();
  std::string text = *MakeRequest(Terms(), TestName("Acme Site CA 2"), key);
  Request request = *CheckRequest(text);
  std::vector<Certificate> anchors = {pki.root};
};

TEST(Request, BothSidesSeeTheSameTerms) {
  Case c;
  const RequestTerms& t = c.request.terms;
  EXPECT_EQ(t.workspace, "0193f0c2-acme");
  EXPECT_EQ(t.name, "Acme Site CA 2");
  EXPECT_EQ(t.level, 2);
  EXPECT_EQ(t.lifetime_days, 7300);
  EXPECT_EQ(t.path_len, 0);
  EXPECT_TRUE(t.rehearsal);
  EXPECT_EQ(t.created, kNow);
  EXPECT_EQ(c.request.csr.key.spki_digest(), c.key.public_key().spki_digest());
  EXPECT_TRUE(ReadCsrPem(c.request.csr_pem));
}

TEST(Request, SignedRequestComesBackAsAnAuthority) {
  Case c;
  const std::string answer =
      *SignRequest(c.request, *c.pki.root_issuer, c.pki.marks, TestStamp(), c.anchors);
  const auto r = CheckResponse(answer, c.request, c.anchors, kNow);
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->certificate.path_len(), 0);
  EXPECT_EQ(r->certificate.not_after(), kNow + std::chrono::days(7300));
  EXPECT_EQ(r->certificate.subject(), "OU=REHEARSAL,CN=Acme Site CA 2,O=Acme Light");
  EXPECT_EQ(r->signed_at, kNow);
  ASSERT_EQ(r->above.size(), 1u);
  EXPECT_EQ(r->above[0].digest(), c.pki.root.digest());
  EXPECT_TRUE(Issuer::Make(r->certificate, c.key));
}

TEST(Request, WithoutALifetimeItHasNoEnd) {
  Case c;
  RequestTerms t = Terms();
  t.lifetime_days.reset();
  const Request r = *CheckRequest(*MakeRequest(t, TestName("x"), c.key));
  const auto answer = *SignRequest(r, *c.pki.root_issuer, c.pki.marks, TestStamp(), {});
  EXPECT_EQ(FormatDate(CheckResponse(answer, r, c.anchors, kNow)->certificate.not_after()),
            "9999-12-31");
}

TEST(Request, AnEndEntityGetsTheUseItAskedForAndIsNoAuthority) {
  Case c;
  RequestTerms t = Terms();
  t.profile = "disclosure";
  const Request r = *CheckRequest(*MakeRequest(t, TestName("Acme Disclosures"), c.key));
  EXPECT_EQ(r.terms.profile, "disclosure");
  const auto answer = *SignRequest(r, *c.pki.root_issuer, c.pki.marks, TestStamp(), c.anchors);
  const auto response = CheckResponse(answer, r, c.anchors, kNow);
  ASSERT_TRUE(response) << response.error().ToString();
  EXPECT_FALSE(response->certificate.is_ca());
  EXPECT_TRUE(BuildPath(response->certificate, {}, c.anchors, kNow, Purpose::kDisclosure));
  EXPECT_FALSE(BuildPath(response->certificate, {}, c.anchors, kNow, Purpose::kCodeSigning));
  t.profile = "person";
  EXPECT_EQ(MakeRequest(t, TestName("x"), c.key).error().code, "request.terms");
}

TEST(CheckResponse, AnAuthorityWhereAnEndEntityWasAskedForIsRefused) {
  Case c;
  RequestTerms t = Terms();
  t.profile = "code-signing";
  const Request r = *CheckRequest(*MakeRequest(t, TestName("Acme Signer"), c.key));
  Contents contents{.subject = TestName("Acme Signer"), .key = c.key.public_key(), .path_len = 0};
  const Certificate authority =
      *Issue(*c.pki.root_issuer, SubordinateProfile(), c.pki.marks, TestStamp(), contents);
  EXPECT_EQ(CheckResponse(authority.ToPem(), r, c.anchors, kNow).error().code, "response.profile");
}

TEST(Request, AnyChangedOctetIsRefused) {
  Case c;
  const auto blocks = *crypto::ReadPem(c.text);
  for (size_t b = 0; b < blocks.size(); ++b) {
    for (size_t i = 0; i < blocks[b].der.size(); ++i) {
      EXPECT_FALSE(CheckRequest(Spoil(c.text, b, [&](auto& x) { x.der[i] ^= 0x01; })))
          << "block " << b << " octet " << i;
    }
  }
}

TEST(Request, StatementOfAnotherCsrIsRefused) {
  Case c;
  const auto other = *crypto::ReadPem(*MakeRequest(Terms(), TestName("x"), NewKey()));
  auto swapped = Spoil(c.text, 0, [&](auto& b) { b.der = other[0].der; });
  EXPECT_EQ(CheckRequest(swapped).error().code, "request.csr");
}

TEST(Request, StatementMustBeSignedByTheKeyThatAsks) {
  Case c;
  auto forged = Spoil(c.text, 1, [&](crypto::PemBlock& b) {
    const auto file = *cbor::Decode(b.der);
    const Bytes statement = *file.Find("statement")->AsBytes();
    Bytes message = ToBytes(std::string("birthmark authority request 1") + '\0');
    message.insert(message.end(), statement.begin(), statement.end());
    b.der =
        cbor::Encode(cbor::Map{{"statement", statement}, {"signature", *NewKey().Sign(message)}});
  });
  EXPECT_EQ(CheckRequest(forged).error().code, "request.signature");
}

// Resign writes a statement by hand and signs it as the context in docs/formats/request.md says.
std::string Resign(const std::string& text, crypto::Signer& key,
                   const std::function<void(cbor::Map&)>& change) {
  return Spoil(text, 1, [&](crypto::PemBlock& b) {
    const auto file = *cbor::Decode(b.der);
    auto map = *cbor::Decode(*file.Find("statement")->AsBytes())->AsMap();
    change(map);
    const Bytes statement = cbor::Encode(map);
    Bytes message = ToBytes(std::string("birthmark authority request 1") + '\0');
    message.insert(message.end(), statement.begin(), statement.end());
    b.der = cbor::Encode(cbor::Map{{"statement", statement}, {"signature", *key.Sign(message)}});
  });
}

TEST(Request, SignedButWrongTermsAreRefused) {
  Case c;
  auto code = [&](const char* key, cbor::Value value) {
    const auto text = Resign(c.text, c.key, [&](cbor::Map& m) {
      for (auto& [k, v] : m) {
        if (k == cbor::Value(key)) v = value;
      }
    });
    const auto r = CheckRequest(text);
    return r ? std::string("taken") : r.error().code;
  };
  EXPECT_EQ(code("level", 2), "taken");
  EXPECT_EQ(code("level", 1), "request.terms");
  EXPECT_EQ(code("level", int64_t{1} << 40), "request.terms");
  EXPECT_EQ(code("name", ""), "request.terms");
  EXPECT_EQ(code("lifetime_days", 0), "request.terms");
  EXPECT_EQ(code("path_len", 1), "request.csr");
  EXPECT_EQ(code("version", 2), "request.malformed");
  EXPECT_EQ(code("level", "2"), "request.malformed");
  const auto extra = Resign(c.text, c.key, [](cbor::Map& m) { m.emplace_back("zz", 1); });
  EXPECT_EQ(CheckRequest(extra).error().code, "request.malformed");
}

TEST(Request, BadTermsAreNotWritten) {
  auto& key = NewKey();
  RequestTerms t = Terms();
  t.level = 1;
  EXPECT_EQ(MakeRequest(t, TestName("x"), key).error().code, "request.terms");
  t = Terms();
  t.workspace = "\xff";
  EXPECT_EQ(MakeRequest(t, TestName("x"), key).error().code, "request.terms");
}

TEST(Request, HostileFilesAreRefused) {
  EXPECT_EQ(CheckRequest("").error().code, "request.malformed");
  EXPECT_EQ(CheckRequest(std::string(kMaxRequestBytes + 1, '-')).error().code, "request.too-large");
  Case c;
  const auto first = c.text.find("-----BEGIN BIRTHMARK");
  EXPECT_EQ(CheckRequest(c.text.substr(0, first)).error().code, "request.malformed");
  EXPECT_EQ(CheckRequest(c.text.substr(first)).error().code, "request.malformed");
  EXPECT_EQ(CheckRequest(c.text + c.text).error().code, "request.malformed");
}

TEST(SignRequest, RehearsalAndProductionDoNotMix) {
  Case c;
  TestPki production{ProductionMarks()};
  EXPECT_EQ(SignRequest(c.request, *production.root_issuer, production.marks, TestStamp(), {})
                .error()
                .code,
            "request.rehearsal");
  RequestTerms t = Terms();
  t.rehearsal = false;
  const Request r = *CheckRequest(*MakeRequest(t, TestName("x"), c.key));
  EXPECT_EQ(SignRequest(r, *c.pki.root_issuer, c.pki.marks, TestStamp(), {}).error().code,
            "request.rehearsal");
  EXPECT_TRUE(SignRequest(r, *production.root_issuer, production.marks, TestStamp(), {}));
}

TEST(SignRequest, AnIssuerWithoutRoomRefuses) {
  Case c;
  EXPECT_EQ(SignRequest(c.request, *c.pki.sub_issuer, c.pki.marks, TestStamp(), {}).error().code,
            "pki.path-length");
}

TEST(CheckResponse, AResponseForAnotherRequestIsRefused) {
  Case c;
  // The same key asked twice: key and name fit, the request does not.
  RequestTerms t = Terms();
  t.lifetime_days = 1;
  const Request other = *CheckRequest(*MakeRequest(t, TestName("Acme Site CA 2"), c.key));
  const auto answer = *SignRequest(other, *c.pki.root_issuer, c.pki.marks, TestStamp(), {});
  EXPECT_EQ(CheckResponse(answer, c.request, c.anchors, kNow).error().code,
            "response.other-request");
}

TEST(CheckResponse, OtherKeyOtherRootOtherCertificateAreRefused) {
  Case c;
  const auto answer = *SignRequest(c.request, *c.pki.root_issuer, c.pki.marks, TestStamp(), {});
  auto code = [&](const std::string& text, const std::vector<Certificate>& anchors) {
    const auto r = CheckResponse(text, c.request, anchors, kNow);
    return r ? std::string("accepted") : r.error().code;
  };
  EXPECT_EQ(code(answer, c.anchors), "accepted");
  EXPECT_EQ(code(answer, {TestPki().root}), "path.none");
  const auto again = *SignRequest(c.request, *c.pki.root_issuer, c.pki.marks, TestStamp(), {});
  EXPECT_EQ(code(Spoil(answer, 0, [&](auto& b) { b.der = crypto::ReadPem(again)->front().der; }),
                 c.anchors),
            "response.certificate");
  EXPECT_EQ(code(c.pki.sub.ToPem(), c.anchors), "response.other-key");
  const auto leaf =
      *c.pki.Leaf(PersonProfile(), {.subject = TestName("x"), .key = c.key.public_key()});
  EXPECT_EQ(code(leaf.ToPem(), c.anchors), "response.not-authority");
  EXPECT_EQ(code(c.text, c.anchors), "request.malformed");
  EXPECT_EQ(
      code(crypto::WritePem("BIRTHMARK RESPONSE", crypto::ReadPem(answer)->back().der), c.anchors),
      "request.malformed");
  EXPECT_EQ(code(answer + crypto::WritePem("BIRTHMARK RESPONSE", Bytes{0xa0}), c.anchors),
            "request.malformed");
  EXPECT_EQ(code(std::string(kMaxRequestBytes + 1, 'x'), c.anchors), "request.too-large");
}

TEST(CheckResponse, ACertificateFromAnotherToolIsTakenForWhatItIs) {
  Case c;
  const auto cert = *pki::Issue(
      *c.pki.root_issuer, SubordinateProfile(), c.pki.marks, TestStamp(),
      {.subject = TestName("renamed by the root"), .key = c.key.public_key(), .path_len = 0});
  const auto r = CheckResponse(cert.ToPem(), c.request, c.anchors, kNow);
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_FALSE(r->signed_at);
}

TEST(CheckResponse, AShorterPathLengthThanAskedForIsRefused) {
  TestPki pki;
  auto& root_key = NewKey();
  const auto root = *SelfSign(root_key, RootProfile(), pki.marks, TestStamp(),
                              {.subject = TestName("deep"), .path_len = 5});
  RequestTerms t = Terms();
  t.path_len = 2;
  auto& key = NewKey();
  const Request r = *CheckRequest(*MakeRequest(t, TestName("x"), key));
  const auto cert =
      *pki::Issue(*Issuer::Make(root, root_key), SubordinateProfile(), pki.marks, TestStamp(),
                  {.subject = TestName("x"), .key = key.public_key(), .path_len = 1});
  const Certificate anchors[] = {root};
  EXPECT_EQ(CheckResponse(cert.ToPem(), r, anchors, kNow).error().code, "response.path-length");
}

}  // namespace
}  // namespace birthmark::pki
