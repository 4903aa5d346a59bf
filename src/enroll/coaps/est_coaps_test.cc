// SPDX-License-Identifier: Apache-2.0
// EST-coaps as values: operations, formats, refusals, and the messages of RFC 9148's appendix.
#include "enroll/coaps/est_coaps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "cbor/codec.h"
#include "enroll/est/codec.h"
#include "enroll/est/csrattrs.h"
#include "enroll/test_desk.h"
#include "pki/csr.h"
#include "tests/support/vectors.h"

namespace birthmark::enroll::coaps {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class EstCoapsTest : public testing::Test {
 protected:
  EstCoapsTest() { peer_ = PeerWith(desk_.Station("st-1")); }

  static Peer PeerWith(const TestDesk::Credential& c) {
    Peer p;
    p.certificate = c.certificate;
    return p;
  }
  static Whole Get(const std::string& operation, std::optional<int> accept = {}) {
    Whole w;
    w.path = {".well-known", "est", operation};
    w.accept = accept;
    return w;
  }
  static Whole Post(const std::string& operation, Bytes body, std::optional<int> accept = {}) {
    Whole w = Get(operation, accept);
    w.method = Code::kPost;
    w.format = kPkcs10;
    w.body = std::move(body);
    return w;
  }
  Response Ask(const Whole& w) {
    std::optional<Response> got;
    est_.Serve(w, peer_, [&](Response r) {
      EXPECT_FALSE(got) << "two replies";
      got = std::move(r);
    });
    return got.value_or(Response{});
  }
  static Bytes Csr(crypto::SoftwareSigner& key, const std::string& serial) {
    return *pki::BuildCsr(*pki::Name::Make({{"O", "Acme Light"}, {"serialNumber", serial}}), key);
  }

  TestDesk desk_;
  EstCoaps est_{desk_, {.products = {"bulb"}, .retry_after_s = 30}};
  Peer peer_;
  std::unique_ptr<crypto::SoftwareSigner> key_ =
      *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
};

TEST_F(EstCoapsTest, Crts) {
  for (auto accept : {std::optional<int>(), std::optional<int>(kCertsOnly)}) {
    Response r = Ask(Get("crts", accept));
    EXPECT_EQ(r.code, Code::kContent);
    EXPECT_EQ(r.format, kCertsOnly);
    auto all = est::ReadCertsOnly(r.payload);
    ASSERT_TRUE(all);
    EXPECT_THAT(*all, SizeIs(2));
  }
  Response one = Ask(Get("crts", kPkixCert));
  EXPECT_EQ(one.format, kPkixCert);
  EXPECT_EQ(crypto::Certificate::FromDer(one.payload)->digest(), desk_.root().digest());
}

TEST_F(EstCoapsTest, Att) {
  Response r = Ask(Get("att"));
  EXPECT_EQ(r.code, Code::kContent);
  EXPECT_EQ(r.format, kCsrAttrs);
  EXPECT_TRUE(est::ReadCsrAttrs(r.payload));
}

TEST_F(EstCoapsTest, SenAndSren) {
  Response r = Ask(Post("sen", Csr(*key_, "SN-1")));
  ASSERT_EQ(r.code, Code::kChanged) << r.note;
  auto issued = est::ReadCertsOnly(r.payload);
  ASSERT_TRUE(issued);
  ASSERT_THAT(*issued, SizeIs(1));
  EXPECT_EQ(issued->front().subject_serial_number(), "SN-1");
  EXPECT_EQ(desk_.enrolments.back().via, "est-coaps");

  auto device = desk_.Device("SN-2");
  peer_ = PeerWith(device);
  Response renewed = Ask(Post("sren", Csr(*key_, "SN-2"), kPkixCert));
  ASSERT_EQ(renewed.code, Code::kChanged) << renewed.note;
  EXPECT_EQ(crypto::Certificate::FromDer(renewed.payload)->public_key()->spki_digest(),
            key_->public_key().spki_digest());
  EXPECT_TRUE(desk_.enrolments.back().renewal);
  // Not for another unit, and a device does not enrol a second time.
  EXPECT_EQ(Ask(Post("sren", Csr(*key_, "SN-3"))).code, Code::kForbidden);
  EXPECT_EQ(Ask(Post("sen", Csr(*key_, "SN-2"))).code, Code::kConflict);
}

// RFC 9148 section 4.8: CBOR array of formats and bodies.
TEST_F(EstCoapsTest, SkgAndSkc) {
  for (const std::string op : {"skg", "skc"}) {
    Response r = Ask(Post(op, Csr(*key_, "SN-" + op), kMultipartCore));
    ASSERT_EQ(r.code, Code::kChanged) << r.note;
    EXPECT_TRUE(r.secret);
    EXPECT_EQ(r.format, kMultipartCore);
    auto value = cbor::Decode(r.payload);
    ASSERT_TRUE(value);
    const auto& items = *value->AsArray();
    ASSERT_THAT(items, SizeIs(4));
    EXPECT_EQ(*items[0].AsUint(), static_cast<uint64_t>(kPkcs8));
    auto key = crypto::SoftwareSigner::FromPkcs8(SecretBytes::Take(Bytes(*items[1].AsBytes())));
    ASSERT_TRUE(key);
    const Bytes& body = *items[3].AsBytes();
    const bool bare = op == "skc";
    EXPECT_EQ(*items[2].AsUint(), static_cast<uint64_t>(bare ? kPkixCert : kCertsOnly));
    const crypto::Certificate c =
        bare ? *crypto::Certificate::FromDer(body) : est::ReadCertsOnly(body)->front();
    EXPECT_EQ(c.public_key()->spki_digest(), (*key)->public_key().spki_digest());
  }
}

TEST_F(EstCoapsTest, WaitingIsServiceUnavailable) {
  desk_.wait = 1;
  Response r = Ask(Post("sen", Csr(*key_, "SN-1")));
  EXPECT_EQ(r.code, Code::kUnavailable);
  EXPECT_EQ(r.max_age, 30u);
  EXPECT_EQ(Ask(Post("sen", Csr(*key_, "SN-1"))).code, Code::kChanged);
}

TEST_F(EstCoapsTest, Refusals) {
  EXPECT_EQ(Ask(Get("nothing")).code, Code::kNotFound);
  EXPECT_EQ(Ask(Get("sen")).code, Code::kMethodNotAllowed);
  EXPECT_EQ(Ask(Post("crts", {})).code, Code::kMethodNotAllowed);
  EXPECT_EQ(Ask(Get("crts", kText)).code, Code::kNotAcceptable);
  EXPECT_EQ(Ask(Post("skg", Csr(*key_, "SN-1"), kCertsOnly)).code, Code::kNotAcceptable);
  Whole untyped = Post("sen", Csr(*key_, "SN-1"));
  untyped.format = std::nullopt;
  EXPECT_EQ(Ask(untyped).code, Code::kUnsupportedFormat);
  EXPECT_EQ(Ask(Post("sen", ToBytes("hello"))).code, Code::kBadRequest);
  Whole labelled = Get("crts");
  labelled.path = {".well-known", "est", "lamp", "crts"};
  EXPECT_EQ(Ask(labelled).code, Code::kNotFound);
  labelled.path[2] = "sen";  // an operation's name is no label
  EXPECT_EQ(Ask(labelled).code, Code::kNotFound);
  Bytes csr = Csr(*key_, "SN-1");
  csr.back() ^= 1;
  EXPECT_EQ(Ask(Post("sen", csr)).code, Code::kBadRequest);
  EXPECT_TRUE(desk_.enrolments.empty());

  desk_.refusal = Error{ErrorKind::kEnvironment, "disk.full", "inside", ""};
  Response trouble = Ask(Post("sen", Csr(*key_, "SN-1")));
  EXPECT_EQ(trouble.code, Code::kServerError);
  EXPECT_THAT(std::string(AsText(trouble.payload)), testing::Not(HasSubstr("inside")));
}

TEST_F(EstCoapsTest, StrangersGetNothing) {
  for (const auto& c : {desk_.Foreign("st-1"), desk_.Expired("st-2")}) {
    peer_ = PeerWith(c);
    EXPECT_EQ(Ask(Get("crts")).code, Code::kForbidden);
    EXPECT_EQ(Ask(Post("sen", Csr(*key_, "SN-1"))).code, Code::kForbidden);
  }
  peer_ = Peer{};
  EXPECT_EQ(Ask(Get("att")).code, Code::kForbidden);
  EXPECT_TRUE(desk_.enrolments.empty());
}

// RFC 9148 section 4.1, RFC 6690 section 4.1.
TEST_F(EstCoapsTest, Discovery) {
  auto links = [&](std::vector<std::string> queries) {
    Whole w;
    w.path = {".well-known", "core"};
    w.queries = std::move(queries);
    Response r = Ask(w);
    EXPECT_EQ(r.format, kLinkFormat);
    return std::string(AsText(r.payload));
  };
  EXPECT_THAT(links({"rt=ace.est*"}),
              testing::AllOf(HasSubstr("</.well-known/est/sen>;rt=\"ace.est.sen\";ct=\"281 287\""),
                             HasSubstr("</.well-known/est/bulb/skg>;rt=\"ace.est.skg\";ct=62")));
  EXPECT_EQ(links({"rt=ace.est.att", "href=/.well-known/est/bulb*"}),
            "</.well-known/est/bulb/att>;rt=\"ace.est.att\";ct=285");
  EXPECT_EQ(links({"rt=core.*"}), "");
  EXPECT_EQ(links({"if=x"}), "");
}

Bytes Vector(const char* name) {
  return *ReadFile(test::VectorsDir() / "rfc9148" / "der" / name, 64 * 1024);
}

// The appendix's messages, as others write them: certificates, requests, a key.
TEST(EstCoapsVectors, AreRead) {
  if (!test::VectorsPresent("rfc9148")) return;
  for (const char* name : {"line1924.der", "line2029.der", "line2151.der"}) {
    auto all = est::ReadCertsOnly(Vector(name));
    ASSERT_TRUE(all) << name << all.error().ToString();
    ASSERT_THAT(*all, SizeIs(1));
  }
  for (const char* name : {"line1974.der", "line2086.der"}) {
    auto csr = pki::ReadCsr(Vector(name));
    EXPECT_TRUE(csr) << name << csr.error().ToString();
  }
  EXPECT_TRUE(crypto::SoftwareSigner::FromPkcs8(SecretBytes::Take(Vector("line2144.der"))));
}

}  // namespace
}  // namespace birthmark::enroll::coaps
