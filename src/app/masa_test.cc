// SPDX-License-Identifier: Apache-2.0
// The MASA: who gets a voucher, who is refused and by which name, what the log then says.
#include "app/masa.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "app/masa_http.h"
#include "app/test_workspace.h"
#include "crypto/digest.h"
#include "pki/issue.h"
#include "voucher/verify.h"

namespace birthmark::app {
namespace {

using voucher::Form;
using voucher::Statement;

// Domain is somebody's network: its authority, a registrar, and one who is none.
struct Domain {
  explicit Domain(const std::string& name)
      : ca_der(device::MakeCertificate({.cn = name, .ca = true}, *ca, *ca, name)),
        registrar(
            crypto::Certificate::FromDer(device::MakeCertificate({.cn = name + " registrar",
                                                                  .key_usage = "digitalSignature",
                                                                  .eku = "1.3.6.1.5.5.7.3.28"},
                                                                 *key, *ca, name))
                .value()),
        plain(crypto::Certificate::FromDer(
                  device::MakeCertificate({.cn = name + " client", .eku = "1.3.6.1.5.5.7.3.2"},
                                          *key, *ca, name))
                  .value()),
        anchor(crypto::Certificate::FromDer(ca_der).value()) {}
  device::Key ca = device::NewKey(), key = device::NewKey();
  Bytes ca_der;
  crypto::Certificate registrar, plain, anchor;
};

struct MasaTest : testing::Test {
  Bench bench;
  ManualClock clock{SystemClock().Now() + std::chrono::hours(1)};
  fs::path ws = CopyOf(bench, PlanText("bmc"));
  std::unique_ptr<Factory> f = std::move(*Factory::Open(ws, bench.Keys(), false, "", "", clock));
  std::unique_ptr<Masa> masa = std::move(
      *Masa::Make({.workspace = ws,
                   .clock = clock,
                   .context = f->context,
                   .open_key = [this](const std::string& id) { return f->keys.online->Open(id); },
                   .append = [this](ledger::Submission s) -> Status {
                     BM_CHECK(f->log->Append(std::move(s)));
                     return {};
                   }}));
  device::Key device = device::NewKey();
  crypto::Certificate idevid = Born("BMC-0001", *device);
  Domain home{"Home"}, other{"Other"};

  template <class B>
  void Append(const std::string& subject, const B& body) {
    auto r = f->log->Append(ledger::MakeEvent(f->context, clock.Now(), subject, body));
    EXPECT_TRUE(r) << r.error().ToString();
  }
  // Born brings a unit into the log with an identity of this key.
  crypto::Certificate Born(const std::string& serial, crypto::SoftwareSigner& key) {
    auto reader = std::move(*OpenReader(ws));
    auto cas = reader->registry().CasOf("identity", 2).value();
    auto created = ledger::BodyOf<ledger::CaCreated>(reader->EventAt(cas.front().seq).value());
    auto signer = std::move(*f->keys.online->Open(cas.front().id));
    auto issuer = pki::Issuer::Make(crypto::Certificate::FromDer(created->cert).value(), *signer);
    const uint32_t pen = f->adopted.plan.product.enterprise_number;
    auto c = pki::Issue(
        *issuer, pki::IDevIdProfile(), f->marks, f->serials->Next().value(),
        {.subject = pki::Name::Make({{"O", "Acme"}, {"serialNumber", serial}}).value(),
         .key = key.public_key(),
         .hardware = pki::HardwareModule{fmt::format("1.3.6.1.4.1.{}.1.1", pen), ToBytes(serial)}});
    EXPECT_TRUE(c) << c.error().ToString();
    const std::string unit = "ridgeback-s1/" + serial;
    Append("unit:" + unit, ledger::UnitState{.unit = unit, .state = "shipped", .reason = ""});
    ledger::IdentityIssued body;
    body.ca = cas.front().id;
    body.cert.assign(c->der().begin(), c->der().end());
    body.slot = "idevid";
    body.spki = key.public_key().spki_digest();
    body.unit = unit;
    body.proof = "csr-signature";
    body.serial = c->serial();
    body.method = "avocado";
    Append("unit:" + unit, body);
    return *c;
  }

  Statement Asked(const Domain& near, uint8_t nonce = 1) const {
    Statement s;
    s.kind = voucher::Kind::kRequest;
    s.serial_number = "BMC-0001";
    s.nonce = Bytes(16, nonce);
    s.assertion = voucher::Assertion::kProximity;
    s.proximity_registrar_cert.assign(near.registrar.der().begin(), near.registrar.der().end());
    return s;
  }
  Statement Around(const Statement& pledge, Form form) const {
    Statement s;
    s.kind = voucher::Kind::kRequest;
    s.serial_number = pledge.serial_number;
    s.nonce = pledge.nonce;
    s.assertion = pledge.assertion;
    s.prior_signed_request = voucher::Sign(pledge, form, {idevid}, clock.Now(), *device).value();
    return s;
  }
  Bytes From(const Domain& d, const Statement& s, Form form = Form::kCms) const {
    return voucher::Sign(s, form, {d.registrar, d.anchor}, clock.Now(), *d.key).value();
  }
  Bytes Request(const Domain& d, uint8_t nonce, Form form = Form::kCms) const {
    return From(d, Around(Asked(d, nonce), form), form);
  }
  // Said is the name of the refusal, or the assertion.
  std::string Said(const Bytes& request, const MasaOrder& order = {}) {
    auto grant = masa->Issue(request, order);
    return grant ? grant->event.assertion : grant.error().code;
  }
  uint64_t Refusals() {
    return OpenReader(ws).value()->registry().EventsOfType(ledger::VoucherRefused::kType)->size();
  }
};

TEST_F(MasaTest, BothFormsHoldUnderThePlansAnchor) {
  auto reader = std::move(*OpenReader(ws));
  const crypto::Certificate root = SignersOf(*reader)->at("masa-pki").root.value();
  uint8_t nonce = 1;
  for (Form form : {Form::kCms, Form::kCose}) {
    auto grant = masa->Issue(Request(home, ++nonce, form));
    ASSERT_TRUE(grant) << grant.error().ToString();
    voucher::Message m = voucher::Open(grant->voucher).value();
    EXPECT_EQ(m.form, form);
    voucher::Judged j =
        voucher::Judge(m, std::vector{root},
                       {.at = clock.Now(), .serial = "BMC-0001", .nonce = ToHex(Bytes(16, nonce))});
    EXPECT_TRUE(j.holds()) << j.findings.ToString();
    EXPECT_EQ(j.path.size(), 2u) << "the plan's level";
    EXPECT_EQ(m.statement.pinned_domain_cert, home.ca_der);
    EXPECT_FALSE(m.statement.expires_on);
    EXPECT_EQ(grant->event.voucher, crypto::Sha256(grant->voucher));
  }
  EXPECT_EQ(masa->Issue(Request(home, ++nonce), {}, Form::kCose)->form, Form::kCose);
  Statement far = Asked(home, ++nonce);
  far.assertion.reset();
  far.proximity_registrar_cert.clear();
  EXPECT_EQ(Said(From(home, Around(far, Form::kCose))), "logged");
}

TEST_F(MasaTest, RefusedByName) {
  const Statement good = Around(Asked(home), Form::kCms);
  EXPECT_EQ(Said(voucher::Sign(good, Form::kCms, {home.plain, home.anchor}, clock.Now(), *home.key)
                     .value()),
            "voucher.registrar-eku");
  EXPECT_EQ(Said(voucher::Sign(Asked(home), Form::kCms, {idevid}, clock.Now(), *device).value()),
            "voucher.registrar-eku");
  auto with = [&](auto change) {
    Statement s = good;
    change(s);
    return Said(From(home, s));
  };
  EXPECT_EQ(with([](Statement& s) { s.serial_number = "BMC-0002"; }), "voucher.serial");
  EXPECT_EQ(with([](Statement& s) { s.nonce = Bytes(16, 9); }), "voucher.nonce");
  EXPECT_EQ(with([](Statement& s) { s.idevid_issuer = Bytes(20, 9); }), "voucher.idevid-issuer");
  EXPECT_EQ(with([](Statement& s) { s.prior_signed_request.clear(); }), "voucher.no-pledge");
  EXPECT_EQ(with([](Statement& s) { s.prior_signed_request = Bytes(9, 0x30); }), "voucher.cms");
  EXPECT_EQ(with([&](Statement& s) { s.prior_signed_request = From(home, good); }), "voucher.kind");
  EXPECT_EQ(with([](Statement& s) { s.kind = voucher::Kind::kVoucher; }), "voucher.kind");
  EXPECT_EQ(Said(From(other, good)), "voucher.proximity");
  Statement nameless = Asked(home);
  nameless.proximity_registrar_cert.clear();
  EXPECT_EQ(Said(From(home, Around(nameless, Form::kCms))), "voucher.proximity");
  // Another maker's device, and one with a certificate of ours that the log does not have.
  auto by = [&](const crypto::Certificate& c, crypto::Signer& key, Form form) {
    Statement s = good;
    s.prior_signed_request = voucher::Sign(Asked(home), form, {c}, clock.Now(), key).value();
    return Said(From(home, s));
  };
  EXPECT_EQ(by(home.registrar, *home.key, Form::kCms), "voucher.other-maker");
  device::Key second = device::NewKey();
  const crypto::Certificate neighbour = Born("BMC-0002", *second);
  EXPECT_EQ(by(neighbour, *second, Form::kCms), "voucher.unknown-serial");
  EXPECT_EQ(by(idevid, *second, Form::kCose), "voucher.signature");
  EXPECT_EQ(Refusals(), 5u) << "what our device had signed: serial, nonce, issuer, proximity twice";

  EXPECT_EQ(Said(From(home, good)), "proximity");
  EXPECT_EQ(Said(From(home, good)), "voucher.replayed");
  clock.Advance(std::chrono::hours(24 * 400));
  EXPECT_EQ(Said(Request(home, 20)), "voucher.registrar") << "its certificate has expired";
}

TEST_F(MasaTest, IdentitiesThatEndedCountForNothing) {
  auto state = [&](const std::string& word) {
    Append("unit:ridgeback-s1/BMC-0001", ledger::IdentityState{.slot = "idevid",
                                                               .unit = "ridgeback-s1/BMC-0001",
                                                               .state = word,
                                                               .reason = "",
                                                               .serial = idevid.serial()});
  };
  state("held");
  EXPECT_EQ(Said(Request(home, 1)), "voucher.revoked");
  state("issued");
  EXPECT_EQ(Said(Request(home, 1)), "proximity");
  Append("unit:ridgeback-s1/BMC-0001",
         ledger::UnitState{.unit = "ridgeback-s1/BMC-0001", .state = "scrapped", .reason = ""});
  EXPECT_EQ(Said(Request(home, 2)), "voucher.unit-state");
  state("revoked");
  EXPECT_EQ(Said(Request(home, 2)), "voucher.revoked");
}

TEST_F(MasaTest, AClaimIsOneDomainsUntilItIsHandedOver) {
  EXPECT_EQ(Said(Request(home, 1)), "proximity");
  EXPECT_EQ(Said(Request(other, 2)), "proximity") << "nobody claimed it: logged for all to see";
  EXPECT_EQ(Said(Request(home, 3), {.claim = true}), "verified");
  EXPECT_EQ(Said(Request(other, 4)), "voucher.owned");
  EXPECT_EQ(Said(Request(other, 4), {.claim = true}), "voucher.owned");
  EXPECT_EQ(Said(Request(home, 5)), "verified");
  EXPECT_EQ(Said(Request(other, 4), {.transfer = true, .dry_run = true}), "proximity");
  EXPECT_EQ(Said(Request(other, 4)), "voucher.owned") << "a dry run changed nothing";
  EXPECT_EQ(Said(Request(other, 4), {.transfer = true}), "proximity");
  EXPECT_EQ(Said(Request(home, 6)), "proximity") << "the claim went with the transfer";
  // Without a nonce, and without the device: by hand alone, and it ends.
  Statement bare;
  bare.kind = voucher::Kind::kRequest;
  bare.serial_number = "BMC-0001";
  EXPECT_EQ(Said(From(home, bare)), "voucher.no-pledge");
  auto grant = masa->Issue(From(home, bare), {.nonceless = true});
  ASSERT_TRUE(grant) << grant.error().ToString();
  EXPECT_EQ(grant->event.assertion, "logged");
  EXPECT_TRUE(grant->event.expires);
  EXPECT_TRUE(voucher::Open(grant->voucher)->statement.expires_on);
}

TEST_F(MasaTest, HttpAndTheAuditLog) {
  MasaHandler handler(*masa);
  auto post = [&](std::string path, const Bytes& body, std::string_view type,
                  std::string method = "POST") {
    enroll::HttpRequest request;
    request.method = std::move(method);
    request.path = std::string(kBrski) + path;
    request.content_type = type;
    request.body = body;
    enroll::HttpResponse out;
    handler.Handle(std::move(request), [&](enroll::HttpResponse r) { out = std::move(r); });
    return out;
  };
  const Bytes first = Request(home, 1);
  EXPECT_EQ(post("/requestauditlog", first, voucher::kCmsType).status, 404);
  enroll::HttpResponse r = post("/requestvoucher", first, voucher::kCmsType);
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.content_type, voucher::kCmsType);
  EXPECT_EQ(post("/requestvoucher", first, voucher::kCmsType).status, 403);
  EXPECT_EQ(post("/requestvoucher", Bytes(5, 1), voucher::kCmsType).status, 400);
  EXPECT_EQ(post("/requestvoucher", first, "text/plain").status, 415);
  EXPECT_EQ(post("/requestvoucher", first, voucher::kCmsType, "GET").status, 405);
  EXPECT_EQ(post("/other", first, voucher::kCmsType).status, 404);
  EXPECT_EQ(post("/requestvoucher", Request(other, 2, Form::kCose), voucher::kCoseType).status,
            200);
  r = post("/requestauditlog", first, voucher::kCmsType);
  ASSERT_EQ(r.status, 200);
  const auto log = nlohmann::json::parse(r.body);
  EXPECT_EQ(log["version"], 1);
  ASSERT_EQ(log["events"].size(), 2u);
  EXPECT_EQ(log["events"][1]["nonce"], ToBase64(Bytes(16, 1)));
  EXPECT_EQ(log["events"][1]["assertion"], "proximity");
  EXPECT_NE(log["events"][0]["domainID"], log["events"][1]["domainID"]);
  EXPECT_EQ(log["truncation"]["arbitrary"], 0);
  EXPECT_EQ(handler.counters().issued, 2u);
  EXPECT_EQ(handler.counters().refused, 2u);
}

}  // namespace
}  // namespace birthmark::app
