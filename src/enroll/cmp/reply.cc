// SPDX-License-Identifier: Apache-2.0
#include "enroll/cmp/reply.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "crypto/der.h"
#include "pki/name.h"

namespace birthmark::enroll::cmp {
namespace {

using crypto::DerWriter;
namespace der = crypto::der;

struct Code {
  std::string_view code;
  FailBit bit;
};
constexpr Code kCodes[] = {
    {"cmp.bad-alg", FailBit::kBadAlg},
    {"cmp.bad-message-check", FailBit::kBadMessageCheck},
    {"cmp.bad-request", FailBit::kBadRequest},
    {"cmp.bad-time", FailBit::kBadTime},
    {"cmp.bad-cert-id", FailBit::kBadCertId},
    {"cmp.bad-data-format", FailBit::kBadDataFormat},
    {"cmp.bad-pop", FailBit::kBadPop},
    {"cmp.cert-confirmed", FailBit::kCertConfirmed},
    {"cmp.bad-recipient-nonce", FailBit::kBadRecipientNonce},
    {"cmp.unaccepted-policy", FailBit::kUnacceptedPolicy},
    {"cmp.bad-sender-nonce", FailBit::kBadSenderNonce},
    {"cmp.bad-template", FailBit::kBadCertTemplate},
    {"cmp.signer-not-trusted", FailBit::kSignerNotTrusted},
    {"cmp.transaction-in-use", FailBit::kTransactionIdInUse},
    {"cmp.unsupported-version", FailBit::kUnsupportedVersion},
    {"cmp.not-authorised", FailBit::kNotAuthorized},
    {"cmp.unavailable", FailBit::kSystemUnavail},
    {"enroll.not-authorised", FailBit::kNotAuthorized},
    {"enroll.locked", FailBit::kDuplicateCertReq},
    {"enroll.bad-request", FailBit::kBadCertTemplate},
    {"enroll.unknown", FailBit::kBadCertId},
    {"enroll.wait", FailBit::kSystemUnavail},
};

constexpr size_t kMaxText = 300;

void Explicit(DerWriter& w, int n, const std::function<void(DerWriter&)>& fill) {
  w.Nest(der::Context(n, true), fill);
}

void ExplicitOctets(DerWriter& w, int n, ByteView octets) {
  if (octets.empty()) return;
  Explicit(w, n, [&](DerWriter& o) { o.OctetString(octets); });
}

std::string GeneralizedTime(Time t) {
  return fmt::format("{:%Y%m%d%H%M%S}Z", std::chrono::floor<std::chrono::seconds>(t));
}

void WriteId(DerWriter& w, int id) {
  const uint8_t octet = static_cast<uint8_t>(id);
  w.Element(der::kInteger, {&octet, 1});  // 0 or -1
}

// AlgorithmIdentifier of a public key, or nothing for RSA, which asks for its length instead.
Result<Bytes> KeyAlgorithm(std::string_view name) {
  crypto::Algorithm a;
  if (!crypto::FromText(name, a)) return Internal("cmp.failure", "a template of no known key");
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    switch (a) {
      case crypto::Algorithm::kEcdsaP256:
        w.Oid("1.2.840.10045.2.1");
        w.Oid("1.2.840.10045.3.1.7");
        break;
      case crypto::Algorithm::kEcdsaP384:
        w.Oid("1.2.840.10045.2.1");
        w.Oid("1.3.132.0.34");
        break;
      case crypto::Algorithm::kEd25519:
        w.Element(der::kOid, oid::kEd25519);
        break;
      default:
        w.Oid("1.2.840.113549.1.1.1");
        w.Null();
    }
  });
  return out;
}

// Relative names of a template may have no value: the client fills them in (RFC 9483
// section 4.3.3).
Bytes EmptyAttribute(std::string_view type) {
  Bytes out;
  DerWriter(out).Nest(der::kSet, [&](DerWriter& set) {
    set.Sequence([&](DerWriter& attribute) {
      attribute.Oid(type);
      attribute.Text(der::kPrintableString, "");
    });
  });
  return out;
}

}  // namespace

FailBit FailBitOf(const Error& e) {
  for (const Code& c : kCodes) {
    if (c.code == e.code) return c.bit;
  }
  return FailBit::kSystemFailure;
}

Bytes StatusInfo(PkiStatus status, std::string_view text, std::optional<FailBit> bit) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Unsigned(static_cast<uint64_t>(status));
    if (!text.empty()) w.Sequence([&](DerWriter& lines) { lines.Utf8(text); });
    if (bit) {
      // X.690 section 11.2.2: a list of named bits ends with its last one.
      const int n = static_cast<int>(*bit);
      Bytes bits(static_cast<size_t>(n / 8 + 1));
      bits.back() = static_cast<uint8_t>(0x80 >> (n % 8));
      w.BitString(bits, 7 - n % 8);
    }
  });
  return out;
}

Bytes Rejection(const Error& e) {
  const FailBit bit = FailBitOf(e);
  std::string text = bit == FailBit::kSystemFailure
                         ? "the factory has a fault of its own; its operator's log says more"
                         : e.message;
  if (text.size() > kMaxText || !IsUtf8(text)) text = "refused";
  return StatusInfo(PkiStatus::kRejection, text, bit);
}

Bytes CertRep(int id, ByteView status_info, const Issued* issued) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    if (issued != nullptr && !issued->ca_pubs.empty()) {
      Explicit(w, 1, [&](DerWriter& tagged) {
        tagged.Sequence([&](DerWriter& list) {
          for (const Bytes& c : issued->ca_pubs) list.Raw(c);
        });
      });
    }
    w.Sequence([&](DerWriter& responses) {
      responses.Sequence([&](DerWriter& response) {
        WriteId(response, id);
        response.Raw(status_info);
        if (issued == nullptr) return;
        response.Sequence([&](DerWriter& pair) {
          Explicit(pair, 0, [&](DerWriter& c) { c.Raw(issued->certificate); });
          if (issued->encrypted_key.empty()) return;
          // EncryptedKey's envelopedData is [0] IMPLICIT.
          Bytes enveloped(issued->encrypted_key.begin(), issued->encrypted_key.end());
          enveloped[0] = der::Context(0, true);
          Explicit(pair, 0, [&](DerWriter& k) { k.Raw(enveloped); });
        });
      });
    });
  });
  return out;
}

Bytes ErrorContent(ByteView status_info) {
  Bytes out;
  DerWriter(out).Element(der::kSequence, status_info);
  return out;
}

Bytes RevRep(ByteView status_info) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) { w.Element(der::kSequence, status_info); });
  return out;
}

Bytes PollRep(int id, int64_t check_after_seconds) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Sequence([&](DerWriter& one) {
      WriteId(one, id);
      one.Unsigned(static_cast<uint64_t>(check_after_seconds));
    });
  });
  return out;
}

Bytes InfoTypeAndValue(ByteView type, ByteView value) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Element(der::kOid, type);
    w.Raw(value);
  });
  return out;
}

Result<Bytes> CertReqTemplate(const RequestTemplate& t) {
  Bytes names;
  if (!t.organization.empty()) {
    BM_TRY(Bytes o, pki::EncodeRelativeName({"O", t.organization}));
    names = std::move(o);
  }
  Bytes serial = EmptyAttribute("2.5.4.5");
  if (!t.serial_number.empty()) {
    BM_TRY(serial, pki::EncodeRelativeName({"serialNumber", t.serial_number}));
  }
  names.insert(names.end(), serial.begin(), serial.end());
  BM_TRY(Bytes algorithm, KeyAlgorithm(t.key_algorithm));
  const bool rsa = t.key_algorithm.starts_with("rsa-");
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Sequence([&](DerWriter& wanted) {
      Explicit(wanted, 5, [&](DerWriter& subject) { subject.Element(der::kSequence, names); });
    });
    w.Sequence([&](DerWriter& key_spec) {
      key_spec.Sequence([&](DerWriter& control) {
        control.Element(der::kOid, rsa ? oid::kRsaKeyLen : oid::kAlgId);
        if (rsa) {
          control.Unsigned(std::stoull(t.key_algorithm.substr(4)));
        } else {
          control.Raw(algorithm);
        }
      });
    });
  });
  return out;
}

Result<Bytes> KeyPairTypes(const RequestTemplate& t) {
  BM_TRY(Bytes algorithm, KeyAlgorithm(t.key_algorithm));
  Bytes out;
  DerWriter(out).Element(der::kSequence, algorithm);
  return out;
}

Bytes HeaderAndBody(const ReplyParts& r, ByteView protection_algorithm) {
  Bytes out;
  DerWriter w(out);
  w.Sequence([&](DerWriter& h) {
    h.Unsigned(static_cast<uint64_t>(r.version));
    h.Raw(r.sender);
    h.Raw(r.recipient);
    Explicit(h, 0, [&](DerWriter& t) { t.Text(der::kGeneralizedTime, GeneralizedTime(r.time)); });
    Explicit(h, 1, [&](DerWriter& a) { a.Raw(protection_algorithm); });
    ExplicitOctets(h, 2, r.sender_kid);
    ExplicitOctets(h, 4, r.transaction_id);
    ExplicitOctets(h, 5, r.sender_nonce);
    ExplicitOctets(h, 6, r.recipient_nonce);
    if (!r.implicit_confirm && !r.confirm_until) return;
    Explicit(h, 8, [&](DerWriter& infos) {
      infos.Sequence([&](DerWriter& list) {
        list.Sequence([&](DerWriter& one) {
          one.Element(der::kOid,
                      r.implicit_confirm ? oid::kImplicitConfirm : oid::kConfirmWaitTime);
          if (r.implicit_confirm) {
            one.Null();
          } else {
            one.Text(der::kGeneralizedTime, GeneralizedTime(*r.confirm_until));
          }
        });
      });
    });
  });
  w.Element(der::Context(static_cast<int>(r.type), true), r.content);
  return out;
}

Bytes Whole(ByteView header_and_body, ByteView protection, const std::vector<ByteView>& certs) {
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& w) {
    w.Raw(header_and_body);
    Explicit(w, 0, [&](DerWriter& p) { p.BitString(protection); });
    if (certs.empty()) return;
    Explicit(w, 1, [&](DerWriter& tagged) {
      tagged.Sequence([&](DerWriter& list) {
        for (ByteView c : certs) list.Raw(c);
      });
    });
  });
  return out;
}

Bytes DirectoryName(ByteView name) {
  Bytes out;
  DerWriter(out).Element(der::Context(4, true), name);
  return out;
}

}  // namespace birthmark::enroll::cmp
