// SPDX-License-Identifier: Apache-2.0
#include "anchors/read.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "anchors/dnssec.h"
#include "anchors/openpgp.h"
#include "anchors/x509_entry.h"
#include "crypto/digest.h"
#include "crypto/pem.h"

namespace birthmark::anchors {
namespace {

constexpr size_t kMaxEntries = 4096;

std::string_view TrimLeft(std::string_view s) {
  s.remove_prefix(std::min(s.find_first_not_of(" \t\r\n"), s.size()));
  return s;
}

bool IsPrintable(std::string_view s) {
  return std::ranges::all_of(
      s, [](char c) { return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c < 0x7f); });
}

// HasPemBlock looks for a BEGIN line at the start of a line.
bool HasPemBlock(std::string_view text) {
  return text.starts_with("-----BEGIN ") || text.find("\n-----BEGIN ") != std::string_view::npos;
}

void NoteRepeats(AnchorFacts& facts) {
  std::set<Bytes> seen;
  for (const AnchorEntry& e : facts.entries) {
    if (!seen.insert(e.fingerprint).second) {
      facts.notes.push_back({"anchors.entry-twice", fmt::format("{} is there twice", e.label)});
    }
  }
}

Result<AnchorFacts> ReadPemFile(std::string_view text) {
  auto blocks = crypto::ReadPem(text, kMaxEntries);
  if (!blocks) {
    return Refused("anchors.pem-malformed", "PEM: " + blocks.error().message,
                   "take the file from its publisher again");
  }
  AnchorFacts facts;
  for (const crypto::PemBlock& block : *blocks) {
    const size_t number = facts.entries.size() + 1;
    if (block.label.ends_with("PRIVATE KEY")) {
      return Refused("anchors.private-key", fmt::format("block {} is a private key", number),
                     "keep private keys apart from anchors, and treat this one as disclosed");
    }
    if (block.label != "CERTIFICATE" && block.label != "PUBLIC KEY") {
      return Refused(
          "anchors.unknown-format",
          fmt::format("block {} is a {}, which is no anchor we read", number, block.label),
          "give CERTIFICATE blocks, or one PUBLIC KEY block");
    }
    if (block.label != blocks->front().label ||
        (block.label == "PUBLIC KEY" && blocks->size() > 1)) {
      return Refused("anchors.mixed",
                     fmt::format("block {}: one file holds certificates, or one public "
                                 "key, not both and not two keys",
                                 number),
                     "one anchor file, one kind");
    }
    auto entry = block.label == "CERTIFICATE" ? CertificateEntry(block.der, facts.notes)
                                              : BareKeyEntry(block.der);
    if (!entry)
      return std::unexpected(std::move(entry).error().Context(fmt::format("block {}", number)));
    facts.entries.push_back(std::move(*entry));
  }
  if (blocks->front().label == "PUBLIC KEY") {
    facts.kind = FileKind::kPublicKey;
  } else {
    facts.kind = blocks->size() == 1 ? FileKind::kCertificate : FileKind::kCertificateBundle;
  }
  NoteRepeats(facts);
  return facts;
}

Result<AnchorFacts> ReadDerFile(ByteView data) {
  AnchorFacts facts;
  facts.kind = FileKind::kPublicKey;
  if (auto key = BareKeyEntry(data); key) {
    facts.entries.push_back(std::move(*key));
    return facts;
  }
  facts.kind = FileKind::kCertificate;
  BM_TRY(AnchorEntry entry, CertificateEntry(data, facts.notes));
  facts.entries.push_back(std::move(entry));
  return facts;
}

// ReadPins reads what curl's --pinnedpubkey takes: sha256//BASE64, several joined by ';'.
Result<AnchorFacts> ReadPins(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256//";
  auto malformed = [](size_t number) {
    return Refused("anchors.pin-malformed",
                   fmt::format("pin {} is not sha256// and 32 octets in base64", number),
                   "write sha256//BASE64, several joined by ';'");
  };
  AnchorFacts facts;
  facts.kind = FileKind::kKeyPins;
  text = TrimLeft(text);
  text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  for (bool more = true; more;) {
    const size_t number = facts.entries.size() + 1;
    const size_t end = text.find(';');
    more = end != std::string_view::npos;
    const std::string_view pin = text.substr(0, end);
    if (more) text.remove_prefix(end + 1);
    if (!pin.starts_with(kPrefix) || number > kMaxEntries) return malformed(number);
    const auto digest = FromBase64(pin.substr(kPrefix.size()));
    if (!digest || digest->size() != 32) return malformed(number);
    AnchorEntry e;
    e.form = EntryForm::kKeyDigest;
    e.label = pin;
    e.algorithm = "unknown";  // a digest does not tell
    e.fingerprint = *digest;
    e.spki_digest.emplace();
    std::ranges::copy(*digest, e.spki_digest->begin());
    facts.entries.push_back(std::move(e));
  }
  NoteRepeats(facts);
  return facts;
}

Result<AnchorFacts> ReadAny(ByteView data) {
  if (data[0] == 0x30) return ReadDerFile(data);
  // RFC 9580 section 4.2: the first octet of a packet has its highest bit set.
  if (data[0] & 0x80) return ReadOpenpgpKeyring(data);
  const std::string_view text = AsText(data);
  const std::string_view start = TrimLeft(text);
  if (start.starts_with("<")) return ReadRootAnchorsXml(text);
  if (start.starts_with("-----BEGIN PGP ")) return ReadOpenpgpKeyring(data);
  if (HasPemBlock(text)) return ReadPemFile(text);
  if (start.starts_with("sha256//")) return ReadPins(text);
  if (!start.empty() && IsPrintable(text)) return ReadDnsRecords(text);
  return Refused(
      "anchors.unknown-format", "this is no file of trust anchors that we read",
      "give certificates, a public key, sha256// pins, DNSKEY or DS records, root-anchors.xml "
      "or an OpenPGP keyring");
}

}  // namespace

Result<AnchorFacts> ReadAnchors(ByteView data) {
  if (data.empty())
    return Refused("anchors.empty", "the anchor file is empty", "give the anchor itself");
  if (data.size() > kMaxAnchorFile) {
    return Refused("anchors.too-large", fmt::format("the anchor file has {} octets; {} are allowed",
                                                    data.size(), kMaxAnchorFile));
  }
  BM_TRY(AnchorFacts facts, ReadAny(data));
  facts.size = data.size();
  facts.digest = crypto::Sha256(data);
  facts.set_digest = SetDigest(facts.entries);
  return facts;
}

Result<AnchorFacts> ReadAnchorFile(const fs::path& path) {
  BM_TRY(Bytes data, ReadFile(path, kMaxAnchorFile));
  return ReadAnchors(data);
}

}  // namespace birthmark::anchors
