// SPDX-License-Identifier: Apache-2.0
// The record: all that may leave a ceremony. One signed file with the certificates and responses it
// made, the facts of how keys are kept, a commitment to the sealed log, and what that log attests
// of split keys. No field could hold k, n, a name, a place of a share, a vector of commitments or a
// count of people. Leaves out the ceremony (run.h) and its sealed log (sealed_log.h). Values;
// thread-safe functions. Source: docs/formats/ceremony.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "cbor/reflect.h"
#include "crypto/cert.h"
#include "crypto/key.h"
#include "ledger/events.h"
#include "ledger/events_custody.h"
#include "plan/plan.h"

namespace birthmark::ceremony {

inline constexpr size_t kMaxRecordBytes = 512 * 1024;  // fits an event
inline constexpr std::string_view kRecordType = "application/birthmark-ceremony+cbor";
inline constexpr std::string_view kStatementType = "application/birthmark-split-statement+cbor";
inline constexpr std::string_view kEndorsementType = "application/birthmark-endorsement+cbor";
inline constexpr std::string_view kRecordSuffix = ".birthmark-record";

// Kind is what a ceremony is for.
enum class Kind { kMake, kSign, kHealth, kRecover, kReshare, kDestroy };
std::string_view ToText(Kind k);
bool FromText(std::string_view s, Kind& k);

// Custody is how a key is kept, in the plan's words: "software", "pkcs11", "tpm2", "split",
// "threshold".
using plan::Custody;
// IsShared is true where people hold shares.
constexpr bool IsShared(Custody c) { return c == Custody::kSplit || c == Custody::kThreshold; }

// CustodyLog is the sealed log's name and key.
struct CustodyLog {
  Bytes key;           // SubjectPublicKeyInfo, Ed25519
  std::string origin;  // name in its checkpoints
  bool operator==(const CustodyLog&) const = default;
  template <class V>
  void Fields(V& v) {
    v("key", key);
    v("origin", origin);
  }
};

// Endorsement is what a key signs once, when it is made: this log speaks for how I am kept.
struct Endorsement {
  int64_t at = 0;
  std::string key;  // id
  CustodyLog log;
  Digest spki{};  // of the key that signs
  bool rehearsal = true;
  template <class V>
  void Fields(V& v) {
    v("at", at);
    v("key", key);
    v("log", log);
    v("spki", spki);
    v("rehearsal", rehearsal);
  }
};

// RecordKey is one key that the ceremony made or worked with.
struct RecordKey {
  std::string id;    // "identity-1.1"
  std::string pki;   // "identity"
  std::string name;  // of the authority
  Digest spki{};
  ledger::KeyFacts facts;
  uint32_t level = 1;
  std::string store;  // scheme: "file", "pkcs11", "tpm2", "split", "frost"
  Custody custody = Custody::kSoftware;
  std::string algorithm;             // crypto::ToText
  std::optional<int64_t> destroyed;  // when, where this ceremony ended it
  Bytes certificate;                 // DER
  Bytes endorsement;                 // COSE_Sign1 over an Endorsement, by this key
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("pki", pki);
    v("name", name);
    v("spki", spki);
    v("facts", facts);
    v("level", level);
    v("store", store);
    v("custody", custody);
    v("algorithm", algorithm);
    v("destroyed", destroyed);
    v("certificate", certificate);
    v("endorsement", endorsement);
  }
};

// SignedWhat says what a key signed in the ceremony beside its endorsement.
enum class SignedWhat { kCertificate, kResponse, kCrl };
std::string_view ToText(SignedWhat w);
bool FromText(std::string_view s, SignedWhat& w);

// SignedItem is one use of a key: a certificate of an authority of the same ceremony, the response
// to a carried request, a CRL.
struct SignedItem {
  int64_t at = 0;
  std::string key;   // id of the signer
  std::string name;  // what was carried: "identity-2.1"
  SignedWhat what = SignedWhat::kResponse;
  Bytes result;                   // DER of a certificate or CRL, text of a response
  std::optional<Digest> request;  // of a response: pki::Request::digest
  template <class V>
  void Fields(V& v) {
    v("at", at);
    v("key", key);
    v("name", name);
    v("what", what);
    v("result", result);
    v("request", request);
  }
};

// Record is what is signed, by the custody log's key.
struct Record {
  std::string id;  // UUID of the ceremony
  int64_t to = 0;
  CustodyLog log;
  int64_t from = 0;
  std::vector<RecordKey> keys;
  Kind kind = Kind::kMake;
  std::optional<Digest> plan;  // digest of the plan the file was written from
  Digest script{};             // SHA-256 of the reviewed file
  std::vector<SignedItem> signed_items;
  std::string product;
  std::string program;  // "birthmark 0.4.0"
  bool rehearsal = true;
  Digest commitment{};            // to the sealed log: salted, of one size always
  std::vector<Bytes> statements;  // COSE_Sign1 over ledger::SplitStatement each
  std::string manufacturer;
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("to", to);
    v("log", log);
    v("from", from);
    v("keys", keys);
    v("kind", kind);
    v("plan", plan);
    v("script", script);
    v("signed", signed_items);
    v("product", product);
    v("program", program);
    v("rehearsal", rehearsal);
    v("commitment", commitment);
    v("statements", statements);
    v("manufacturer", manufacturer);
  }

  // Find gives a key by its id; null when there is none.
  const RecordKey* Find(std::string_view key_id) const;
};

// SignRecord gives the file's bytes; `log_key` is the custody log's. Errors: those of the signer,
// record.too-large, and those of CheckRecord, since nothing leaves that a reader would refuse.
Result<Bytes> SignRecord(const Record& record, crypto::Signer& log_key);
// ReadRecord decodes strictly, without judging. Errors: record.malformed, record.too-large.
Result<Record> ReadRecord(ByteView file);

// CheckedRecord is a record of which everything that can be checked without the sealed log was.
struct CheckedRecord {
  Record record;
  Digest digest{};                                 // SHA-256 of the file
  std::vector<crypto::Certificate> certificates;   // of record.keys, in their order
  std::vector<ledger::CeremonyAttested> attested;  // of record.statements, in their order
  std::vector<ledger::SplitStatement> statements;  // the same, read
};
// CheckRecord verifies the file under the custody log's key that it names, each endorsement of that
// key under the endorsing key, certificates against keys, and statements. Trust comes from the
// caller's knowing a certificate: see CheckedRecord::certificates. Errors: record.malformed,
// record.too-large, record.signature, record.certificate, record.endorsement, record.statement,
// record.rehearsal, record.signed.
Result<CheckedRecord> CheckRecord(ByteView file);

// SignStatement and CheckStatement make and read one attested statement. CheckStatement follows the
// way from the split key to the statement. Errors of CheckStatement: record.endorsement,
// record.statement.
Result<Bytes> SignStatement(const ledger::SplitStatement& statement, crypto::Signer& log_key);
Result<ledger::SplitStatement> CheckStatement(const ledger::CeremonyAttested& attested,
                                              const crypto::PublicKey& split_key);
// SignEndorsement is made by the key itself, CheckEndorsement checks it. Errors: those of the
// signer; record.endorsement.
Result<Bytes> SignEndorsement(const Endorsement& endorsement, crypto::Signer& key);
Result<Endorsement> CheckEndorsement(ByteView endorsement, const crypto::PublicKey& key);

}  // namespace birthmark::ceremony
