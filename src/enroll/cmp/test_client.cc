// SPDX-License-Identifier: Apache-2.0
#include "enroll/cmp/test_client.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <condition_variable>
#include <mutex>

#include "base/ids.h"
#include "crypto/der.h"
#include "enroll/cmp/protect.h"
#include "enroll/cmp/reply.h"
#include "enroll/cmp/request.h"
#include "pki/name.h"

namespace birthmark::enroll::cmp::test {
namespace {

using crypto::DerElement;
using crypto::DerReader;
using crypto::DerWriter;
namespace der = crypto::der;

void Explicit(DerWriter& w, int n, const std::function<void(DerWriter&)>& fill) {
  w.Nest(der::Context(n, true), fill);
}

Bytes Random(size_t n) {
  thread_local SystemRng rng;
  Bytes out(n);
  rng.Fill(out);
  return out;
}

void Integer(DerWriter& w, int v) {
  const uint8_t octet = static_cast<uint8_t>(v);
  w.Element(der::kInteger, {&octet, 1});
}

Bytes OneRequest(const CertAsk& a) {
  Bytes request;
  DerWriter(request).Sequence([&](DerWriter& w) {
    w.Unsigned(0);
    w.Sequence([&](DerWriter& t) {
      if (!a.serial.empty()) {
        const pki::Name name = *pki::Name::Make({{"O", "Acme Light"}, {"serialNumber", a.serial}});
        Explicit(t, 5, [&](DerWriter& subject) { subject.Raw(name.der()); });
      }
      if (a.key != nullptr) {
        Bytes spki(a.key->public_key().spki().begin(), a.key->public_key().spki().end());
        spki[0] = der::Context(6, true);
        t.Raw(spki);
      }
      if (a.extensions.empty()) return;
      t.Nest(der::Context(9, true), [&](DerWriter& list) {
        for (const Bytes& e : a.extensions) list.Raw(e);
      });
    });
    if (a.old) {
      w.Sequence([&](DerWriter& controls) {
        controls.Sequence([&](DerWriter& one) {
          one.Element(der::kOid, oid::kOldCertId);
          one.Sequence([&](DerWriter& id) {
            Explicit(id, 4, [&](DerWriter& n) { n.Raw(a.old->issuer_der()); });
            id.Unsigned(a.old->serial());
          });
        });
      });
    }
  });
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Raw(request);
    if (a.key == nullptr || a.popo < 0) return;
    if (a.popo == 0) return w.Element(der::Context(0, false), {});
    crypto::SoftwareSigner& key = a.proof_key != nullptr ? *a.proof_key : *a.key;
    w.Nest(der::Context(1, true), [&](DerWriter& p) {
      p.Raw(SignatureAlgorithm(key.algorithm()));
      p.BitString(*key.Sign(request));
    });
  });
  return out;
}

// Status and failure out of PKIStatusInfo.
void ReadStatus(DerReader r, Got& g) {
  g.status = static_cast<int>(r.SmallUnsigned().value_or(99));
  if (r.NextIs(der::kSequence)) (void)r.Next();
  if (!r.NextIs(der::kBitString)) return;
  const ByteView bits = r.Expect(der::kBitString).value();
  const size_t last = (bits.size() - 1) * 8 - bits[0] - 1;
  g.fail = static_cast<FailBit>(last);
}

void ReadCertRep(DerReader r, Got& g) {
  if (r.NextIs(der::Context(1, true))) {
    DerReader tagged = r.Enter(der::Context(1, true)).value();
    DerReader list = tagged.Enter().value();
    const DerElement first = list.Next().value();
    g.ca_pub.assign(first.whole.begin(), first.whole.end());
  }
  DerReader responses = r.Enter().value();
  DerReader one = responses.Enter().value();
  (void)one.Expect(der::kInteger);
  ReadStatus(one.Enter().value(), g);
  if (one.AtEnd()) return;
  DerReader pair = one.Enter().value();
  DerReader certificate = pair.Enter(der::Context(0, true)).value();
  const DerElement c = certificate.Next().value();
  g.certificate.assign(c.whole.begin(), c.whole.end());
  if (pair.AtEnd()) return;
  DerReader key = pair.Enter(der::Context(0, true)).value();
  const DerElement enveloped = key.Next().value();
  g.encrypted_key.assign(enveloped.whole.begin(), enveloped.whole.end());
  g.encrypted_key[0] = der::kSequence;
}

}  // namespace

Bytes CertReqBody(const CertAsk& a) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    for (int i = 0; i < a.times; ++i) w.Raw(OneRequest(a));
  });
  return out;
}

Bytes CertConfBody(ByteView certificate, int id, bool accept) {
  Bytes hash(32);
  if (!certificate.empty()) {
    const CertFacts facts = ReadCertFacts(certificate).value();
    hash = CertHash(certificate, facts.signature_algorithm, {}).value();
  }
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Sequence([&](DerWriter& one) {
      one.OctetString(hash);
      Integer(one, id);
      if (!accept) one.Raw(StatusInfo(PkiStatus::kRejection));
    });
  });
  return out;
}

Bytes PollBody(int id) {
  Bytes out;
  DerWriter(out).Sequence(
      [&](DerWriter& w) { w.Sequence([&](DerWriter& one) { Integer(one, id); }); });
  return out;
}

Bytes RevocationBody(const crypto::Certificate& c, std::optional<int> reason) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Sequence([&](DerWriter& one) {
      one.Sequence([&](DerWriter& t) {
        Bytes serial = c.serial();
        if (serial[0] >= 0x80) serial.insert(serial.begin(), 0);
        t.Element(der::Context(1, false), serial);
        Explicit(t, 3, [&](DerWriter& n) { n.Raw(c.issuer_der()); });
      });
      if (!reason) return;
      const Bytes value = {0x0a, 0x01, static_cast<uint8_t>(*reason)};
      one.Sequence([&](DerWriter& extensions) {
        extensions.Sequence([&](DerWriter& e) {
          e.Element(der::kOid, oid::kCrlReason);
          e.OctetString(value);
        });
      });
    });
  });
  return out;
}

Bytes GeneralBody(const std::vector<Bytes>& types) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    for (const Bytes& t : types) w.Raw(InfoTypeAndValue(t, {}));
  });
  return out;
}

TestClient::TestClient(const TestDesk::Credential& c)
    : signer_(std::move(*crypto::SoftwareSigner::FromEvp(c.key.get()))) {
  certificates_.push_back(c.certificate);
  certificates_.insert(certificates_.end(), c.above.begin(), c.above.end());
}

void TestClient::NewTransaction() {
  transaction_id = Random(16);
  recipient_nonce.clear();
}

Bytes TestClient::Write(Body type, ByteView content) {
  const Time now = time ? *time : SystemClock().Now();
  Bytes algorithm;
  const Bytes salt = Random(16);
  if (signer_) {
    algorithm = SignatureAlgorithm(signer_->algorithm());
  } else {
    DerWriter(algorithm).Sequence([&](DerWriter& w) {
      w.Element(der::kOid, oid::kPbm);
      w.Sequence([&](DerWriter& p) {
        p.OctetString(salt);
        p.Sequence([](DerWriter& a) { a.Element(der::kOid, oid::kSha256); });
        p.Unsigned(iterations);
        p.Sequence([](DerWriter& a) { a.Element(der::kOid, oid::kHmacSha1); });
      });
    });
  }
  const Bytes name = DirectoryName(pki::Name::Make({{"CN", "client"}})->der());
  const auto octets = [](DerWriter& w, int n, ByteView b) {
    if (!b.empty()) Explicit(w, n, [&](DerWriter& o) { o.OctetString(b); });
  };
  Bytes part;
  DerWriter w(part);
  w.Sequence([&](DerWriter& h) {
    h.Unsigned(static_cast<uint64_t>(version));
    h.Raw(name);
    h.Raw(name);
    Explicit(h, 0, [&](DerWriter& t) {
      t.Text(der::kGeneralizedTime,
             fmt::format("{:%Y%m%d%H%M%S}Z", std::chrono::floor<std::chrono::seconds>(now)));
    });
    if (!unprotected) Explicit(h, 1, [&](DerWriter& a) { a.Raw(algorithm); });
    octets(h, 2, AsBytes(reference_));
    octets(h, 4, transaction_id);
    octets(h, 5, Random(nonce_size));
    octets(h, 6, recipient_nonce);
    if (!implicit_confirm && profile.empty()) return;
    Explicit(h, 8, [&](DerWriter& infos) {
      infos.Sequence([&](DerWriter& list) {
        if (implicit_confirm) list.Raw(InfoTypeAndValue(oid::kImplicitConfirm, Bytes{5, 0}));
        if (profile.empty()) return;
        Bytes names;
        DerWriter(names).Sequence([&](DerWriter& n) { n.Utf8(profile); });
        list.Raw(InfoTypeAndValue(oid::kCertProfile, names));
      });
    });
  });
  w.Element(der::Context(static_cast<int>(type), true), content);
  std::vector<ByteView> certs;
  Bytes protection;
  const Bytes covered = ProtectedPart(part);
  if (signer_) {
    protection = *signer_->Sign(covered);
    if (with_certificates) {
      for (const crypto::Certificate& c : certificates_) certs.push_back(c.der());
    }
  } else {
    const Pbm pbm{salt, Hash::kSha256, iterations, Hash::kSha1};
    const SecretBytes key = PbmKey(pbm, SecretBytes::Take(ToBytes(secret_)));
    protection = HmacOf(Hash::kSha1, key.Read(SecretAccess{}), covered);
  }
  if (flip >= 0) part[static_cast<size_t>(flip) % part.size()] ^= 1;
  if (!unprotected) return Whole(part, protection, certs);
  Bytes out;
  DerWriter(out).Element(der::kSequence, part);
  return out;
}

Got TestClient::Read(HttpResponse response) {
  Got g;
  g.http = response.status;
  if (response.body.empty()) return g;
  g.data = std::move(response.body);
  g.message = ReadMessage(g.data).value();
  g.type = g.message.type;
  const AlgorithmId id = ReadAlgorithm(g.message.header.protection_algorithm).value();
  const Bytes covered = ProtectedPart(g.message.protected_part);
  g.by_mac = Is(id.oid, oid::kPbm);
  if (g.by_mac) {
    const Pbm pbm = ReadPbm(g.message.header.protection_algorithm).value();
    const SecretBytes key = PbmKey(pbm, SecretBytes::Take(ToBytes(secret_)));
    g.is_protected =
        EqualSecret(HmacOf(pbm.mac, key.Read(SecretAccess{}), covered), g.message.protection);
  } else {
    auto c = crypto::Certificate::FromDer(g.message.extra_certs.at(0));
    g.is_protected = VerifySignature(g.message.header.protection_algorithm, *c->public_key(),
                                     covered, g.message.protection)
                         .has_value();
  }
  DerReader file(g.message.body);
  if (g.type == Body::kIp || g.type == Body::kCp || g.type == Body::kKup)
    ReadCertRep(file.Enter().value(), g);
  if (g.type == Body::kError) {
    DerReader content = file.Enter().value();
    ReadStatus(content.Enter().value(), g);
  }
  if (g.type == Body::kRp) {
    DerReader content = file.Enter().value();
    DerReader list = content.Enter().value();
    ReadStatus(list.Enter().value(), g);
  }
  return g;
}

HttpResponse Post(Handler& handler, Bytes body, const std::string& path) {
  HttpRequest r;
  r.method = "POST";
  r.path = path;
  r.content_type = "application/pkixcmp";
  r.body = std::move(body);
  struct Slot {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<HttpResponse> response;
  };
  auto slot = std::make_shared<Slot>();
  handler.Handle(std::move(r), [slot](HttpResponse response) {
    std::lock_guard lock(slot->mutex);
    slot->response = std::move(response);
    slot->came.notify_all();
  });
  std::unique_lock lock(slot->mutex);
  slot->came.wait(lock, [&] { return slot->response.has_value(); });
  return std::move(*slot->response);
}

Got TestClient::Ask(Handler& handler, Body type, ByteView content) {
  if (transaction_id.empty()) NewTransaction();
  Got g = Read(Post(handler, Write(type, content)));
  if (!g.data.empty()) {
    const ByteView nonce = g.message.header.sender_nonce;
    recipient_nonce.assign(nonce.begin(), nonce.end());
  }
  return g;
}

}  // namespace birthmark::enroll::cmp::test
