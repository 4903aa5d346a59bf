// SPDX-License-Identifier: Apache-2.0
// What a file of trust anchors says: facts that anybody recomputes from the file's bytes alone,
// because they go into the ledger as evidence. Leaves out judgement and the time of day
// (inspect.h). Values; thread-compatible. Written down in docs/formats/anchors.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace birthmark::anchors {

// FileKind is what a file of anchors turned out to be, found from its content and never from its
// name.
enum class FileKind {
  kCertificate,        // one X.509 certificate
  kCertificateBundle,  // two or more
  kPublicKey,          // bare SubjectPublicKeyInfo
  kKeyPins,            // sha256//… digests of SubjectPublicKeyInfo, as curl takes them
  kDnssecAnchors,      // DNSKEY and DS records of the root, or root-anchors.xml
  kOpenpgpKeyring,     // OpenPGP certificates, binary or armoured
};
std::string_view ToText(FileKind k);
bool FromText(std::string_view s, FileKind& k);

// EntryForm is the form one anchor has inside the file.
enum class EntryForm {
  kCertificate,
  kBareKey,
  kKeyDigest,
  kDnskey,
  kDs,
  kOpenpgpKey,
  kOpenpgpSubkey
};
std::string_view ToText(EntryForm f);
bool FromText(std::string_view s, EntryForm& f);

// AnchorEntry is one anchor in a file.
struct AnchorEntry {
  EntryForm form = EntryForm::kCertificate;
  std::string label;  // subject, record or user id; for people
  std::string
      algorithm;  // "rsa-2048", "ecdsa-p256", "ed25519", …; "rsa" when no size is in the file
  // fingerprint identifies the anchor within its form: SHA-256 of the certificate, of the SPKI or
  // the DS digest; the OpenPGP fingerprint.
  Bytes fingerprint;
  std::optional<uint32_t> key_bits;
  std::optional<Digest> spki_digest;
  std::optional<Bytes> key_id;           // subjectKeyIdentifier, or the OpenPGP key id
  std::optional<uint32_t> key_tag;       // DNSSEC
  std::optional<std::string> signature;  // how the entry itself is signed: "rsa-pkcs1-sha256"
  std::optional<bool> self_signed;       // issued to itself and the signature verifies
  std::optional<bool> ca;                // basicConstraints
  std::optional<uint32_t> path_length;
  std::optional<std::string>
      uses;  // OpenPGP: "sign", "certify sign", …; DNSKEY: "ksk", "revoked", …
  // Units: seconds since 1970-01-01T00:00:00Z.
  std::optional<int64_t> not_before;
  std::optional<int64_t> not_after;

  template <class V>
  void Fields(V& v) {
    v("ca", ca);
    v("form", form);
    v("uses", uses);
    v("label", label);
    v("key_id", key_id);
    v("key_tag", key_tag);
    v("key_bits", key_bits);
    v("algorithm", algorithm);
    v("not_after", not_after);
    v("signature", signature);
    v("not_before", not_before);
    v("fingerprint", fingerprint);
    v("path_length", path_length);
    v("self_signed", self_signed);
    v("spki_digest", spki_digest);
  }
  bool operator==(const AnchorEntry&) const = default;
};

// FactNote is something the file's bytes show by themselves, whatever the time: a broken
// self-signature, a DS record that does not fit its DNSKEY, an entry twice.
struct FactNote {
  std::string code;
  std::string text;
  template <class V>
  void Fields(V& v) {
    v("code", code);
    v("text", text);
  }
  bool operator==(const FactNote&) const = default;
};

// AnchorFacts is the whole file, entries in the file's order.
struct AnchorFacts {
  FileKind kind = FileKind::kCertificate;
  uint64_t size = 0;  // Units: bytes.
  Digest digest{};    // SHA-256 of the file
  // set_digest does not change when entries are reordered, repeated or commented: see SetDigest.
  Digest set_digest{};
  std::vector<AnchorEntry> entries;
  std::vector<FactNote> notes;

  template <class V>
  void Fields(V& v) {
    v("kind", kind);
    v("size", size);
    v("notes", notes);
    v("digest", digest);
    v("entries", entries);
    v("set_digest", set_digest);
  }
  bool operator==(const AnchorFacts&) const = default;
};

// AlgorithmCount is one bar of a histogram of key algorithms.
struct AlgorithmCount {
  std::string name;
  uint64_t count = 0;
  template <class V>
  void Fields(V& v) {
    v("name", name);
    v("count", count);
  }
  bool operator==(const AlgorithmCount&) const = default;
};

// AnchorSummary is the file in a few lines: what a disclosure says of a bundle of a hundred
// anchors.
struct AnchorSummary {
  FileKind kind = FileKind::kCertificate;
  uint64_t count = 0;  // distinct entries
  Digest digest{};
  Digest set_digest{};
  std::vector<AlgorithmCount> algorithms;  // by name
  std::optional<int64_t> first_expiry;     // Units: s since 1970. Absent when no entry has a date.
  std::optional<int64_t> last_expiry;
  template <class V>
  void Fields(V& v) {
    v("kind", kind);
    v("count", count);
    v("digest", digest);
    v("algorithms", algorithms);
    v("set_digest", set_digest);
    v("last_expiry", last_expiry);
    v("first_expiry", first_expiry);
  }
  bool operator==(const AnchorSummary&) const = default;
};

// SetDigest is SHA-256 over the deterministic CBOR array of [form, fingerprint] pairs, sorted by
// their encoding, each once.
Digest SetDigest(const std::vector<AnchorEntry>& entries);
// Summarize counts distinct entries only.
AnchorSummary Summarize(const AnchorFacts& facts);
// ExpiredAt counts the entries whose not_after lies before `at`.
size_t ExpiredAt(const AnchorFacts& facts, Time at);

}  // namespace birthmark::anchors
