// SPDX-License-Identifier: Apache-2.0
// Vouchers and requests: both encodings, both signatures, the samples of others, bad input.
#include "voucher/voucher.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/software_signer.h"
#include "tests/support/vectors.h"
#include "voucher/cms.h"
#include "voucher/verify.h"

namespace birthmark::voucher {
namespace {

Bytes FileOf(const std::string& name) { return *ReadFile(test::VectorsDir() / name, 1 << 20); }

crypto::Certificate CertificateOf(const std::string& name) {
  return crypto::Certificate::ManyFromPem(AsText(FileOf(name))).value().front();
}

// HexFile reads a .hex file, whose lines are broken.
Bytes HexFile(const std::string& name) {
  std::string text;
  for (uint8_t c : FileOf("cbrski/cose-examples/" + name)) {
    if (std::isxdigit(c) != 0) text.push_back(static_cast<char>(c));
  }
  return FromHex(text).value();
}

Time At(std::string_view text) { return ReadDate(text).value(); }

bool Says(const Judged& j, std::string_view code) { return j.findings.Has(code); }

// Signed is a small PKI: an anchor, and a MASA under it.
struct TestMasa {
  std::unique_ptr<crypto::SoftwareSigner> root, key;
  crypto::Certificate anchor, own;

  explicit TestMasa(std::string_view name = "MASA Root") {
    root = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
    key = *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
    anchor = Make(name, name, root->public_key(), true);
    own = Make("MASA", name, key->public_key(), false);
  }
  crypto::Certificate Make(std::string_view cn, std::string_view issuer,
                           const crypto::PublicKey& subject, bool ca) {
    using crypto::DerWriter;
    namespace der = crypto::der;
    auto name = [](DerWriter& w, std::string_view text) {
      w.Sequence([&](DerWriter& n) {
        n.Nest(der::kSet, [&](DerWriter& s) {
          s.Sequence([&](DerWriter& a) {
            a.Oid("2.5.4.3");
            a.Utf8(text);
          });
        });
      });
    };
    auto algorithm = [](DerWriter& w) {
      w.Sequence([](DerWriter& a) { a.Oid("1.2.840.10045.4.3.2"); });
    };
    Bytes tbs;
    DerWriter(tbs).Sequence([&](DerWriter& w) {
      w.Nest(der::Context(0, true), [](DerWriter& v) { v.Unsigned(uint64_t{2}); });
      w.Unsigned(uint64_t{ca ? 1U : 2U});
      algorithm(w);
      name(w, issuer);
      w.Sequence([](DerWriter& v) {
        v.Validity(At("2026-01-01T00:00:00Z"));
        v.Validity(At("2030-01-01T00:00:00Z"));
      });
      name(w, cn);
      w.Raw(subject.spki());
      if (!ca) return;
      w.Nest(der::Context(3, true), [](DerWriter& e) {
        e.Sequence([](DerWriter& list) {
          list.Sequence([](DerWriter& x) {
            x.Oid("2.5.29.19");
            x.Boolean(true);
            x.OctetString(FromHex("30030101ff").value());
          });
        });
      });
    });
    Bytes out;
    DerWriter(out).Sequence([&](DerWriter& w) {
      w.Raw(tbs);
      algorithm(w);
      w.BitString(root->Sign(tbs).value());
    });
    return crypto::Certificate::FromDer(out).value();
  }
};

Statement Sample(const TestMasa& masa) {
  Statement s;
  s.assertion = Assertion::kProximity;
  s.created_on = At("2026-06-01T10:00:00Z");
  s.serial_number = "BMC-0001";
  s.nonce = Bytes(16, 0x5a);
  s.pinned_domain_cert.assign(masa.anchor.der().begin(), masa.anchor.der().end());
  return s;
}

TEST(Voucher, BothEncodingsGiveBackWhatWentIn) {
  TestMasa masa;
  Statement voucher = Sample(masa);
  voucher.domain_cert_revocation_checks = false;
  voucher.idevid_issuer = {4, 2, 1, 2};
  Statement request;
  request.kind = Kind::kRequest;
  request.assertion = Assertion::kProximity;
  request.serial_number = "BMC-0002";
  request.nonce = Bytes(8, 1);
  request.prior_signed_request = Bytes(200, 7);
  request.proximity_registrar_pubk_sha256 = Bytes(32, 9);
  for (const Statement& s : {voucher, request}) {
    auto json = ReadJson(AsBytes(WriteJson(s)));
    ASSERT_TRUE(json) << json.error().ToString();
    EXPECT_EQ(WriteJson(*json), WriteJson(s));
    auto item = ReadCbor(WriteCbor(s));
    ASSERT_TRUE(item) << item.error().ToString();
    EXPECT_EQ(WriteCbor(*item), WriteCbor(s));
    EXPECT_EQ(WriteJson(*item), WriteJson(s));
  }
}

TEST(Voucher, DatesHaveOffsets) {
  EXPECT_EQ(At("2021-04-13T17:43:24.589-04:00"), At("2021-04-13T21:43:24.589Z"));
  EXPECT_EQ(At("2021-04-13T17:43:24+05:30"), At("2021-04-13T12:13:24Z"));
  for (const char* bad : {"2021-04-13", "2021-04-13T17:43:24", "2021-04-13T17:43:24.5-0400",
                          "2021-04-13T17:43:24-24:00", "2021-04-13T17:43:24*04:00", ""}) {
    EXPECT_FALSE(ReadDate(bad)) << bad;
  }
}

TEST(Voucher, BadContentIsRefusedByName) {
  auto code = [](std::string_view json) {
    auto r = ReadJson(AsBytes(json));
    return r ? std::string("read") : r.error().code;
  };
  EXPECT_EQ(code("{}"), "voucher.malformed");
  EXPECT_EQ(code("[1"), "voucher.malformed");
  EXPECT_EQ(code(R"({"ietf-voucher:other":{}})"), "voucher.malformed");
  EXPECT_EQ(code(R"({"ietf-voucher:voucher":{"serial-number":"a"},"x":1})"), "voucher.malformed");
  EXPECT_EQ(code(R"({"ietf-voucher:voucher":{"serial-number":"a","serial-number":"b"}})"),
            "voucher.malformed");
  EXPECT_EQ(code(R"({"ietf-voucher:voucher":{}})"), "voucher.member");
  EXPECT_EQ(code(R"({"ietf-voucher:voucher":{"serial-number":"a","nonce":"AAAA"}})"),
            "voucher.member");
  EXPECT_EQ(code(R"({"ietf-voucher:voucher":{"serial-number":"a","assertion":"maybe"}})"),
            "voucher.member");
  EXPECT_EQ(code(R"({"ietf-voucher:voucher":{"serial-number":"a","created-on":"2021-04-13"}})"),
            "voucher.member");
  EXPECT_EQ(code(R"({"ietf-voucher:voucher":{"serial-number":"a","nonce":"AAAAAAAAAAAAAAAA",)"
                 R"("expires-on":"2030-01-01T00:00:00Z"}})"),
            "voucher.member");
  auto item = [](std::string_view hex) {
    auto r = ReadCbor(FromHex(hex).value());
    return r ? std::string("read") : r.error().code;
  };
  EXPECT_EQ(item("a0"), "voucher.malformed");
  EXPECT_EQ(item("a1190993a0"), "voucher.member");        // no serial number
  EXPECT_EQ(item("a1190993a1016161"), "voucher.member");  // an assertion that is a text
  EXPECT_EQ(item("a1190993a101186361"), "cbor.trailing");
  EXPECT_EQ(item("a1190994a10b6161"), "voucher.malformed");  // another SID
  EXPECT_EQ(item("a1190993a20b6161182a01"), "read");         // one more is kept by name
  for (std::string_view bytes : {std::string_view("hello"), std::string_view("0\x80"),
                                 std::string_view("\xd2\x84"), std::string_view("")}) {
    EXPECT_FALSE(Open(AsBytes(bytes)));
  }
}

TEST(Voucher, SignedBothWaysAndJudged) {
  TestMasa masa, other("Another Root");
  const Statement s = Sample(masa);
  const Time at = At("2026-06-01T10:00:01Z");
  const std::vector<crypto::Certificate> anchors{masa.anchor};
  for (Form form : {Form::kCms, Form::kCose}) {
    SCOPED_TRACE(ToText(form));
    Bytes bytes = Sign(s, form, {masa.own}, at, *masa.key).value();
    Message m = Open(bytes).value();
    EXPECT_EQ(m.form, form);
    Judged good = Judge(m, anchors, {.at = at, .serial = "BMC-0001", .nonce = ToBase64(s.nonce)});
    EXPECT_TRUE(good.holds()) << good.findings.ToString();
    EXPECT_EQ(good.path.size(), 2u);

    EXPECT_TRUE(
        Says(Judge(m, anchors, {.at = at, .serial = "BMC-0002", .nonce = ""}), "voucher.serial"));
    EXPECT_TRUE(Says(Judge(m, anchors, {.at = at, .serial = "", .nonce = "00112233445566778899"}),
                     "voucher.nonce"));
    EXPECT_TRUE(Says(Judge(m, std::vector{other.anchor}, {.at = at, .serial = "", .nonce = ""}),
                     "voucher.unknown-masa"));
    EXPECT_TRUE(
        Says(Judge(m, anchors, {.at = At("2031-01-01T00:00:00Z"), .serial = "", .nonce = ""}),
             "voucher.certificate-date"));
    EXPECT_TRUE(
        Says(Judge(m, anchors, {.at = At("2026-05-01T00:00:00Z"), .serial = "", .nonce = ""}),
             "voucher.not-yet"));
    // Whatever octet changes: what still holds says the same (CMS leaves a few unsigned, as its
    // version number).
    for (size_t i = 0; i < bytes.size(); i += 7) {
      Bytes changed = bytes;
      changed[i] ^= 1;
      auto opened = Open(changed);
      if (!opened || !Judge(*opened, anchors, {.at = at, .serial = "", .nonce = ""}).holds())
        continue;
      EXPECT_EQ(WriteJson(opened->statement), WriteJson(m.statement)) << i;
    }
  }
  Statement ends = s;
  ends.nonce.clear();
  ends.expires_on = At("2026-06-15T00:00:00Z");
  Message m = Open(Sign(ends, Form::kCose, {masa.own}, at, *masa.key).value()).value();
  EXPECT_TRUE(Judge(m, anchors, {.at = at, .serial = "", .nonce = ""}).holds());
  EXPECT_TRUE(Says(Judge(m, anchors, {.at = *ends.expires_on, .serial = "", .nonce = ""}),
                   "voucher.expired"));
  EXPECT_TRUE(
      Says(Judge(m, anchors, {.at = at, .serial = "", .nonce = "AAAA"}), "voucher.nonceless"));
  ends.pinned_domain_cert.clear();
  m = Open(Sign(ends, Form::kCms, {masa.own}, at, *masa.key).value()).value();
  EXPECT_TRUE(Says(Judge(m, anchors, {.at = at, .serial = "", .nonce = ""}), "voucher.pin"));
}

TEST(Voucher, DetachedCmsNeedsItsContent) {
  TestMasa masa;
  const Bytes content = ToBytes("{\"ietf-mud:mud\":{}}");
  Bytes bytes = SignCms(content,
                        {.content_type = std::string(kMudType),
                         .chain = {masa.own},
                         .at = At("2026-06-01T00:00:00Z"),
                         .detached = true},
                        *masa.key)
                    .value();
  EXPECT_EQ(ReadCms(bytes)->content_type, kMudType);
  EXPECT_TRUE(CheckCms(bytes, {}, ByteView(content)));
  EXPECT_FALSE(CheckCms(bytes, {}, AsBytes("another")));
  EXPECT_EQ(Open(bytes).error().code, "voucher.content-type");
}

TEST(VoucherVectors, CmsSamplesOfOthersVerify) {
  if (!test::VectorsPresent("rfc8995") || !test::VectorsPresent("rfc8366")) return;
  const crypto::Certificate vendor = CertificateOf("rfc8995/examples/vendor.crt");
  const crypto::Certificate masa = CertificateOf("rfc8995/examples/masa.crt");
  struct Case {
    std::string file;
    crypto::Certificate anchor;
    Time at;
    Kind kind;
  };
  const Time in2021 = At("2021-04-14T00:00:00Z"), in2022 = At("2022-07-11T00:00:00Z");
  const std::string a = "rfc8995/examples/", b = "rfc8366/examples/", n = "_00-D0-E5-F2-00-02";
  for (const Case& c : {Case{a + "voucher" + n + ".pkcs", vendor, in2021, Kind::kVoucher},
                        {a + "voucher" + n + ".pkcs", masa, in2021, Kind::kVoucher},
                        {a + "vr" + n + ".pkcs", vendor, in2021, Kind::kRequest},
                        {a + "parboiled_vr" + n + ".pkcs",
                         CertificateOf(a + "ownerca_secp384r1.crt"), in2021, Kind::kRequest},
                        {b + "voucher" + n + ".pkcs", vendor, in2022, Kind::kVoucher},
                        {b + "voucher" + n + ".b64", vendor, in2022, Kind::kVoucher},
                        {b + "vr" + n + ".pkcs", vendor, in2022, Kind::kRequest}}) {
    SCOPED_TRACE(c.file);
    auto m = Open(FileOf(c.file));
    ASSERT_TRUE(m) << m.error().ToString();
    EXPECT_EQ(m->statement.kind, c.kind);
    EXPECT_EQ(m->statement.serial_number, "00-D0-E5-F2-00-02");
    EXPECT_EQ(m->content_type, kIdData);
    Judged j = Judge(*m, std::vector{c.anchor},
                     {.at = c.at, .serial = "00-D0-E5-F2-00-02", .nonce = NonceText(m->statement)});
    EXPECT_TRUE(j.holds()) << j.findings.ToString();
    EXPECT_TRUE(Says(Judge(*m, std::vector{c.anchor},
                           {.at = At("2031-01-01T00:00:00Z"), .serial = "", .nonce = ""}),
                     "voucher.certificate-date"));
  }
  Message parboiled = Open(FileOf(a + "parboiled_vr" + n + ".pkcs")).value();
  Message prior = Open(parboiled.statement.prior_signed_request).value();
  EXPECT_EQ(prior.statement.nonce, parboiled.statement.nonce);
  EXPECT_EQ(SignerOf(prior)->subject_serial_number(), "00-D0-E5-F2-00-02");
}

TEST(VoucherVectors, CoseSamplesOfOthersVerify) {
  if (!test::VectorsPresent("cbrski")) return;
  auto certificate = [](const std::string& name) {
    return CertificateOf("cbrski/cose-examples/" + name + ".pem");
  };
  const Time at = At("2026-06-01T00:00:00Z");
  Message voucher = Open(HexFile("voucher.hex")).value();
  EXPECT_EQ(voucher.statement.assertion, Assertion::kProximity);
  EXPECT_EQ(voucher.statement.serial_number, "JADA123456789");
  Judged j = Judge(voucher, std::vector{certificate("masa_ca")},
                   {.at = at, .serial = "JADA123456789", .nonce = "57eed786ad404907"});
  EXPECT_TRUE(j.holds()) << j.findings.ToString();
  EXPECT_TRUE(Says(
      Judge(voucher, std::vector{certificate("domain_ca")}, {.at = at, .serial = "", .nonce = ""}),
      "voucher.unknown-masa"));

  Message pledge = Open(HexFile("pvr.hex")).value();
  EXPECT_EQ(pledge.statement.kind, Kind::kRequest);
  EXPECT_TRUE(SignerOf(pledge, std::vector{certificate("pledge")}));
  Message registrar = Open(HexFile("rvr.hex")).value();
  EXPECT_TRUE(SignerOf(registrar));
  EXPECT_EQ(registrar.certificates.size(), 2u);
  Message prior = Open(registrar.statement.prior_signed_request).value();
  EXPECT_EQ(prior.bytes, pledge.bytes);
  EXPECT_EQ(ToHex(registrar.statement.idevid_issuer),
            "041830168014cb8d98ca74c51b58dde7acef869a9443a8d666a6");
}

}  // namespace
}  // namespace birthmark::voucher
