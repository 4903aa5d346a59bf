// SPDX-License-Identifier: Apache-2.0
// Messages and bodies as octets: what openssl's client writes is read, what is not DER is not.
#include "enroll/cmp/message.h"

#include <gtest/gtest.h>

#include "enroll/cmp/protect.h"
#include "enroll/cmp/reply.h"
#include "enroll/cmp/request.h"
#include "enroll/cmp/test_client.h"
#include "enroll/cmp/transactions.h"
#include "pki/name.h"
#include "pki/profile.h"

namespace birthmark::enroll::cmp::test {
namespace {

// ir as `openssl cmp` 3.0.22 wrote it: -cmd ir -ref tok1 -secret file:s.txt with the secret
// "secret", -subject /O=Acme/serialNumber=U1.
const Bytes& OpensslIr() {
  static const Bytes der = *FromHex(
      "308201b63081b6020102a41e301c310d300b060355040a0c0441636d65310b3009060355040513025531"
      "a40e300c310a300806035504030c0178a011180f32303236313132323032313131335aa13e303c06092a"
      "864886f67d07420d302f041059f93f54bddaa374c4b42f9ba2ae203b300b060960864801650304020102"
      "0201f4300a06082b06010505080102a2060404746f6b31a4120410d563586586bbe117ac3163d88fb6e2"
      "55a51204107f769f149cb23533e17e1c8b02200cc7a081e13081de3081db308180020100307ba51e301c"
      "310d300b060355040a0c0441636d65310b3009060355040513025531a659301306072a8648ce3d020106"
      "082a8648ce3d03010703420004b24606725869fa7daf8b47be96e209f2cbde83465491c1ddbaacd4b054"
      "15947f774151b7e45cdf1590fd6cbef3123daeee6e22807e2631cf66cf7b0b9773b61da156300a06082a"
      "8648ce3d0403020348003045022100a923e9706235a209247dd6f5edd429d374ef95cbf7d5ce9eb9ca82"
      "83439a0b01022011c9c0aa2f2ddc14d2e5f533f01066685d6b985471ae88bb45c5da8d77c0e864a01703"
      "150084e92648870b3956300e8e888466ac2af4038e21");
  return der;
}

TEST(CmpMessage, ReadsWhatOpensslWrites) {
  auto m = ReadMessage(OpensslIr());
  ASSERT_TRUE(m) << m.error().ToString();
  EXPECT_EQ(m->type, Body::kIr);
  EXPECT_EQ(m->header.version, 2);
  EXPECT_EQ(AsText(m->header.sender_kid), "tok1");
  EXPECT_EQ(m->header.transaction_id.size(), 16u);
  EXPECT_EQ(m->header.sender_nonce.size(), 16u);
  EXPECT_EQ(FormatTime(*m->header.time), "2026-11-22T02:11:13.000Z");
  EXPECT_FALSE(m->header.implicit_confirm);
  EXPECT_TRUE(m->extra_certs.empty());

  auto pbm = ReadPbm(m->header.protection_algorithm);
  ASSERT_TRUE(pbm);
  EXPECT_EQ(pbm->iterations, 500u);
  EXPECT_EQ(pbm->mac, Hash::kSha1);
  const SecretBytes key = PbmKey(*pbm, SecretBytes::Take(ToBytes("secret")));
  const Bytes mac = HmacOf(pbm->mac, key.Read(SecretAccess{}), ProtectedPart(m->protected_part));
  EXPECT_TRUE(EqualSecret(mac, m->protection));

  auto r = ReadCertRequest(m->body);
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_EQ(r->proof, Proof::kSignature);
  EXPECT_EQ(*pki::Name::FromDer(r->wanted.subject)->Find("serialNumber"), "U1");
  auto public_key = crypto::PublicKey::FromSpki(r->wanted.spki);
  ASSERT_TRUE(public_key);
  EXPECT_TRUE(VerifySignature(r->signature_algorithm, *public_key, r->request, r->signature));
}

TEST(CmpMessage, NoCutOrLengthenedMessageIsRead) {
  const Bytes& whole = OpensslIr();
  for (size_t n = 0; n < whole.size(); ++n)
    EXPECT_FALSE(ReadMessage(ByteView(whole).first(n))) << n;
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(ReadMessage(longer));
  EXPECT_EQ(ReadMessage(Bytes(kMaxMessage + 1)).error().code, "cmp.too-large");
}

TEST(CmpMessage, ProtectionAndItsAlgorithmComeTogether) {
  TestClient c("tok1", "x");
  c.NewTransaction();
  c.unprotected = true;
  auto m = ReadMessage(c.Write(Body::kGenm, GeneralBody({})));
  ASSERT_TRUE(m);
  EXPECT_TRUE(m->protection.empty());
  c.unprotected = false;
  const Bytes with = c.Write(Body::kGenm, GeneralBody({}));
  m = ReadMessage(with);
  Bytes without;
  crypto::DerWriter(without).Element(crypto::der::kSequence, m->protected_part);
  EXPECT_FALSE(ReadMessage(without));
}

TEST(CmpMessage, IntegersHaveTheirSign) {
  const auto read = [](Bytes b) {
    crypto::DerReader r(b);
    return SignedInteger(r);
  };
  EXPECT_EQ(*read({0x02, 0x01, 0xff}), -1);
  EXPECT_EQ(*read({0x02, 0x01, 0x00}), 0);
  EXPECT_EQ(*read({0x02, 0x02, 0x00, 0x80}), 128);
  EXPECT_EQ(*read({0x02, 0x04, 0x80, 0x00, 0x00, 0x00}), INT32_MIN);
  EXPECT_FALSE(read({0x02, 0x00}));
  EXPECT_FALSE(read({0x02, 0x02, 0x00, 0x7f}));
  EXPECT_FALSE(read({0x02, 0x02, 0xff, 0x80}));
  EXPECT_FALSE(read({0x02, 0x05, 1, 0, 0, 0, 0}));
}

TEST(CmpMessage, FailureBitsAreNamedBits) {
  // X.690 section 11.2.2: trailing zero bits are left out.
  EXPECT_EQ(ToHex(StatusInfo(PkiStatus::kRejection, "", FailBit::kBadAlg)),
            "3007020102030207"
            "80");
  EXPECT_EQ(ToHex(StatusInfo(PkiStatus::kRejection, "", FailBit::kBadPop)),
            "3008020102030306"
            "0040");
  EXPECT_EQ(ToHex(StatusInfo(PkiStatus::kRejection, "", FailBit::kDuplicateCertReq)),
            "300a020102030505"
            "00000020");
  EXPECT_EQ(ToHex(StatusInfo(PkiStatus::kAccepted)), "3003020100");
}

TEST(CmpMessage, HmacIsThatOfRfc4231) {
  // RFC 4231 section 4.3, test case 2; RFC 2202 section 3, test case 2.
  const ByteView key = AsBytes("Jefe"), text = AsBytes("what do ya want for nothing?");
  EXPECT_EQ(ToHex(HmacOf(Hash::kSha256, key, text)),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(ToHex(HmacOf(Hash::kSha512, key, text)),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
  EXPECT_EQ(ToHex(HmacOf(Hash::kSha1, key, text)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  // RFC 4231 section 4.7: a key longer than a block.
  EXPECT_EQ(ToHex(HmacOf(Hash::kSha256, Bytes(131, 0xaa),
                         AsBytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(CmpMessage, PbmKeyIsTheSameByBothRoads) {
  // SHA-384 goes through EVP, SHA-256 by the short road; both are the hash iterated.
  const Bytes salt = {1, 2, 3};
  const Bytes start = {'p', 'w', 1, 2, 3};
  for (Hash h : {Hash::kSha256, Hash::kSha384}) {
    Bytes expected = start;
    for (int i = 0; i < 100; ++i) expected = HashOf(h, expected);
    const SecretBytes key = PbmKey({salt, h, 100, Hash::kSha256}, SecretBytes::Take(ToBytes("pw")));
    EXPECT_TRUE(EqualSecret(key.Read(SecretAccess{}), expected));
  }
}

TEST(CmpMessage, RequestsAreReadStrictly) {
  auto key = std::move(*crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  const Bytes one = CertReqBody({.serial = "U-1", .key = key.get()});
  auto r = ReadCertRequest(one);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->wanted.spki.size(), key->public_key().spki().size());
  EXPECT_EQ(
      ReadCertRequest(CertReqBody({.serial = "U-1", .key = key.get(), .times = 2})).error().code,
      "cmp.bad-request");
  const Bytes central = CertReqBody({.serial = "U-1"});
  r = ReadCertRequest(central);
  ASSERT_TRUE(r);
  EXPECT_TRUE(r->wanted.spki.empty());
  EXPECT_EQ(r->proof, Proof::kNone);
  // RFC 9483 section 4.1.6: an algorithm without a key asks for one of that kind.
  Bytes empty_key = {0x30, 0x1f, 0x30, 0x1d, 0x30, 0x1b, 0x02, 0x01, 0x00, 0x30, 0x16,
                     0xa6, 0x14, 0x30, 0x0f, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                     0x02, 0x01, 0x06, 0x04, 0x2b, 0x81, 0x04, 0x22, 0x03, 0x01, 0x00};
  r = ReadCertRequest(empty_key);
  ASSERT_TRUE(r) << r.error().ToString();
  EXPECT_TRUE(r->wanted.spki.empty());
  // Fields of a template stand in their order, each once.
  const Bytes twice = {0x30, 0x0f, 0x30, 0x0d, 0x30, 0x0b, 0x02, 0x01, 0x00,
                       0x30, 0x06, 0x81, 0x01, 0x05, 0x81, 0x01, 0x05};
  EXPECT_EQ(ReadCertRequest(twice).error().code, "cmp.bad-data-format");
}

TEST(CmpMessage, AnAttestationInATemplateIsNoWish) {
  auto key = std::move(*crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  const auto extension = [](std::string_view type) {
    Bytes e;
    crypto::DerWriter(e).Sequence([&](crypto::DerWriter& w) {
      w.Oid(type);
      w.OctetString(Bytes{0x30, 0x00});
    });
    return e;
  };
  const auto read = [&](std::vector<Bytes> extensions) {
    const Bytes body = CertReqBody({.serial = "U-1", .key = key.get(), .extensions = extensions});
    auto r = ReadCertRequest(body);
    if (!r) return r.error().code;
    return ToHex(r->wanted.attestation) + (r->wanted.wishes ? " and wishes" : "");
  };
  const Bytes attestation = extension(pki::oid::kAttestation), other = extension("2.5.29.15");
  EXPECT_EQ(read({attestation}), "3000");
  EXPECT_EQ(read({other, attestation}), "3000 and wishes");
  EXPECT_EQ(read({other}), " and wishes");
  EXPECT_EQ(read({attestation, attestation}), "cmp.bad-data-format");
}

TEST(CmpMessage, ReasonsOfRevocation) {
  TestDesk desk;
  for (int reason : {0, 1, 6, 8, 9, 10}) {
    const Bytes body = RevocationBody(desk.issuer(), reason);
    auto r = ReadRevocation(body);
    ASSERT_TRUE(r);
    EXPECT_EQ(r->reason, reason);
    EXPECT_TRUE(std::ranges::equal(r->which.serial, desk.issuer().serial()));
  }
  EXPECT_EQ(ReadRevocation(RevocationBody(desk.issuer(), {}))->reason, 0);
  for (int reason : {7, 11, 200})
    EXPECT_FALSE(ReadRevocation(RevocationBody(desk.issuer(), reason)));
}

TEST(CmpMessage, AnEmptyConfirmationDeclines) {
  auto c = ReadConfirmation(Bytes{0x30, 0x00});
  ASSERT_TRUE(c);
  EXPECT_FALSE(c->accepted);
  EXPECT_FALSE(ReadConfirmation(Bytes{0x30, 0x02, 0x30, 0x00}));
}

TEST(CmpMessage, TransactionFilesComeBack) {
  auto key = std::move(*crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  Transaction t;
  t.state = Transaction::State::kWaiting;
  t.key.fill(3);
  t.who.fill(4);
  t.nonce = Bytes(16, 9);
  t.until = TimeFromMillis(1'790'000'000'000);
  t.product = "bulb";
  t.ask.type = Body::kP10cr;
  t.ask.serial = "U-1";
  t.ask.proof = "csr-signature";
  t.ask.key = key->public_key();
  t.implicit_confirm = true;
  Bytes file = EncodeTransaction(t);
  auto back = DecodeTransaction(file);
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_EQ(EncodeTransaction(*back), file);
  EXPECT_EQ(back->ask.key.spki_digest(), t.ask.key.spki_digest());
  EXPECT_EQ(back->ask.id(), -1);
  for (size_t i = 0; i < file.size(); ++i) {
    file[i] ^= 0x10;
    EXPECT_FALSE(DecodeTransaction(file)) << i;
    file[i] ^= 0x10;
  }
}

}  // namespace
}  // namespace birthmark::enroll::cmp::test
