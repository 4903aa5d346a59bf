// SPDX-License-Identifier: Apache-2.0
#include "ceremony/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cbor/cose.h"
#include "crypto/digest.h"
#include "pki/profile.h"

namespace birthmark::ceremony {
namespace {

constexpr std::string_view kKinds[] = {"make", "sign", "health", "recover", "reshare", "destroy"};
constexpr std::string_view kSigned[] = {"certificate", "response", "crl"};
constexpr cbor::Limits kRecordLimits{.depth = 8, .items = 20'000};
constexpr size_t kMaxPart = 64 * 1024;  // an endorsement, a statement
// An answer of more spare shares than there can be holders is no answer (custody::kMaxHolders).
constexpr uint32_t kMaxExtra = 253;
constexpr uint32_t kContinents = 7;

template <class E, size_t N>
bool FromWords(const std::string_view (&words)[N], std::string_view s, E& out) {
  for (size_t i = 0; i < N; ++i) {
    if (words[i] != s) continue;
    out = static_cast<E>(i);
    return true;
  }
  return false;
}

// SignTyped signs a payload of one of our types with any key.
Result<Bytes> SignTyped(std::string_view type, ByteView payload, crypto::Signer& key) {
  cbor::CoseSigning what;
  what.headers.type = cbor::Value(type);
  BM_TRY(cbor::CoseSign1 m, cbor::SignCose(what, payload, key));
  return cbor::EncodeCose(m);
}

// OpenTyped reads such a message; its signature is checked by the caller, who may need the payload
// to know the key. Nothing unsigned may ride along: that would be a place to hide a number in.
Result<cbor::CoseSign1> OpenTyped(std::string_view type, ByteView data, size_t max,
                                  const char* code) {
  if (data.size() > max) return Refused("record.too-large", "a part of the record is too large");
  auto m = cbor::ParseCose(data, {.max_bytes = max});
  if (!m) return Refused(code, "is no signed message: " + m.error().message);
  if (m->headers.TypeText() != type)
    return Refused(code, fmt::format("is not of the type {}", type));
  if (!m->unprotected.empty() || !m->payload)
    return Refused(code, "carries an unsigned header or lacks its payload");
  return m;
}

// ReadExact reads a struct whose encoding holds nothing beside its fields: an unknown key in a
// record could say what a record must not.
template <cbor::Reflected T>
Result<T> ReadExact(ByteView data, const char* code) {
  auto x = cbor::FromCbor<T>(data, kRecordLimits);
  if (!x) return Refused(code, x.error().message);
  if (cbor::ToCbor(*x) != Bytes(data.begin(), data.end()))
    return Refused(code, "holds fields that a record does not have");
  return x;
}

bool IsRehearsal(const crypto::Certificate& c) {
  return std::ranges::find(c.policies(), pki::oid::kRehearsalPolicy) != c.policies().end();
}

Result<ledger::SplitStatement> ReadStatement(ByteView statement, const crypto::PublicKey& log_key) {
  BM_TRY(cbor::CoseSign1 m, OpenTyped(kStatementType, statement, kMaxPart, "record.statement"));
  if (!cbor::VerifyCose(m, log_key))
    return Refused("record.statement", "a statement is not signed by the custody log's key");
  BM_TRY(auto s, ReadExact<ledger::SplitStatement>(*m.payload, "record.statement"));
  if (s.use != "recover" && s.use != "use")
    return Refused("record.statement", "a statement speaks of neither recovering nor using");
  if (s.extra > kMaxExtra || s.continents > kContinents)
    return Refused("record.statement", "a statement's numbers are outside what is possible");
  return s;
}

// CheckKey checks one key of a record by itself.
Result<crypto::Certificate> CheckKey(const RecordKey& k, const Record& r) {
  auto bad = [&](const char* code, std::string_view what) {
    return Refused(code, fmt::format("key {}: {}", k.id, what));
  };
  auto c = crypto::Certificate::FromDer(k.certificate);
  if (!c) return bad("record.certificate", c.error().message);
  const auto& key = c->public_key();
  if (!key || key->spki_digest() != k.spki)
    return bad("record.certificate", "its certificate is of another key");
  if (crypto::ToText(key->algorithm()) != k.algorithm)
    return bad("record.certificate", "its certificate is of another algorithm");
  if (!c->is_ca() || (k.level == 1 && !c->IsSignedBy(*key)))
    return bad("record.certificate", "its certificate is no authority's of its level");
  if (IsRehearsal(*c) != r.rehearsal)
    return bad("record.rehearsal", "rehearsal and production are mixed");
  BM_TRY(Endorsement e, CheckEndorsement(k.endorsement, *key));
  if (e.key != k.id || !(e.log == r.log) || e.rehearsal != r.rehearsal)
    return bad("record.endorsement", "it endorses another custody log");
  return *c;
}

// CheckIssued looks for the issuer of each authority below a root among the record's own keys,
// where it is there.
Status CheckIssued(const CheckedRecord& checked) {
  for (const SignedItem& item : checked.record.signed_items) {
    const RecordKey* signer = checked.record.Find(item.key);
    if (signer == nullptr)
      return Refused(
          "record.signed",
          fmt::format("{} is signed by {}, which the record does not name", item.name, item.key));
    if (item.what == SignedWhat::kResponse && !item.request)
      return Refused("record.signed", item.name + " answers no request");
    if (item.what != SignedWhat::kCertificate) continue;
    auto c = crypto::Certificate::FromDer(item.result);
    auto ca = crypto::Certificate::FromDer(signer->certificate);
    if (!c || !ca || !ca->public_key() || !c->IsSignedBy(*ca->public_key()))
      return Refused("record.signed", fmt::format("{} is not signed by {}", item.name, item.key));
  }
  return {};
}

}  // namespace

std::string_view ToText(Kind k) { return kKinds[static_cast<size_t>(k)]; }
bool FromText(std::string_view s, Kind& k) { return FromWords(kKinds, s, k); }
std::string_view ToText(SignedWhat w) { return kSigned[static_cast<size_t>(w)]; }
bool FromText(std::string_view s, SignedWhat& w) { return FromWords(kSigned, s, w); }

const RecordKey* Record::Find(std::string_view key_id) const {
  auto it = std::ranges::find(keys, key_id, &RecordKey::id);
  return it == keys.end() ? nullptr : &*it;
}

Result<Bytes> SignStatement(const ledger::SplitStatement& statement, crypto::Signer& log_key) {
  return SignTyped(kStatementType, cbor::ToCbor(statement), log_key);
}

Result<ledger::SplitStatement> CheckStatement(const ledger::CeremonyAttested& attested,
                                              const crypto::PublicKey& split_key) {
  BM_TRY(Endorsement e, CheckEndorsement(attested.endorsement, split_key));
  auto log_key = crypto::PublicKey::FromSpki(attested.log_key);
  if (!log_key || e.log.key != attested.log_key)
    return Refused("record.endorsement", "the split key endorses another custody log");
  BM_TRY(ledger::SplitStatement s, ReadStatement(attested.statement, *log_key));
  if (s.set != e.key || s.rehearsal != e.rehearsal)
    return Refused("record.statement", "the statement is about another key");
  return s;
}

Result<Bytes> SignEndorsement(const Endorsement& endorsement, crypto::Signer& key) {
  return SignTyped(kEndorsementType, cbor::ToCbor(endorsement), key);
}

Result<Endorsement> CheckEndorsement(ByteView endorsement, const crypto::PublicKey& key) {
  BM_TRY(cbor::CoseSign1 m,
         OpenTyped(kEndorsementType, endorsement, kMaxPart, "record.endorsement"));
  if (!cbor::VerifyCose(m, key))
    return Refused("record.endorsement", "the endorsement is not signed by the key it is of");
  BM_TRY(Endorsement e, ReadExact<Endorsement>(*m.payload, "record.endorsement"));
  if (e.spki != key.spki_digest())
    return Refused("record.endorsement", "the endorsement names another key");
  return e;
}

Result<Bytes> SignRecord(const Record& record, crypto::Signer& log_key) {
  BM_TRY(Bytes file, SignTyped(kRecordType, cbor::ToCbor(record), log_key));
  BM_CHECK(CheckRecord(file));
  return file;
}

Result<Record> ReadRecord(ByteView file) {
  if (file.size() > kMaxRecordBytes) {
    return Refused(
        "record.too-large",
        fmt::format("the record has {} octets, more than any ceremony writes", file.size()));
  }
  BM_TRY(cbor::CoseSign1 m, OpenTyped(kRecordType, file, kMaxRecordBytes, "record.malformed"));
  return ReadExact<Record>(*m.payload, "record.malformed");
}

Result<CheckedRecord> CheckRecord(ByteView file) {
  CheckedRecord out;
  BM_TRY(out.record, ReadRecord(file));
  const Record& r = out.record;
  out.digest = crypto::Sha256(file);
  auto log_key = crypto::PublicKey::FromSpki(r.log.key);
  if (!log_key || log_key->algorithm() != crypto::Algorithm::kEd25519)
    return Refused("record.malformed", "the custody log's key is no Ed25519 key");
  BM_TRY(cbor::CoseSign1 m, cbor::ParseCose(file, {.max_bytes = kMaxRecordBytes}));
  if (!cbor::VerifyCose(m, *log_key)) {
    return Refused("record.signature", "the record was changed after its custody log signed it",
                   "carry it from the offline machine again");
  }
  if (r.keys.empty() || r.from > r.to)
    return Refused("record.malformed", "the record names no key, or ends before it began");
  std::set<std::string_view> ids;
  for (const RecordKey& k : r.keys) {
    if (!ids.insert(k.id).second)
      return Refused("record.malformed", fmt::format("key {} stands twice in the record", k.id));
    BM_TRY(crypto::Certificate c, CheckKey(k, r));
    out.certificates.push_back(std::move(c));
  }
  BM_CHECK(CheckIssued(out));
  std::set<std::pair<std::string, std::string>> said;
  for (const Bytes& bytes : r.statements) {
    BM_TRY(ledger::SplitStatement s, ReadStatement(bytes, *log_key));
    const RecordKey* k = r.Find(s.set);
    if (k == nullptr || !IsShared(k->custody) || s.ceremony != r.id || s.rehearsal != r.rehearsal ||
        (s.use == "use" && k->custody != Custody::kThreshold) ||
        !said.emplace(s.set, s.use).second) {
      return Refused("record.statement",
                     fmt::format("a statement about {} does not belong to this record", s.set));
    }
    out.attested.push_back(
        {.log_key = r.log.key, .statement = bytes, .endorsement = k->endorsement});
    out.statements.push_back(std::move(s));
  }
  return out;
}

}  // namespace birthmark::ceremony
