// SPDX-License-Identifier: Apache-2.0
// Items and stores of a report: made once each, by fingerprint and by place.
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>

#include "anchors/x509_entry.h"
#include "crypto/openssl.h"
#include "scan/keylines.h"
#include "scan/scanner.h"

namespace birthmark::scan {
namespace {

std::string FileProtection(const Meta& meta) {
  std::string out;
  if (meta.mode) {
    if ((*meta.mode & 0002) != 0) {
      out = "a file that anybody can write";
    } else if (meta.uid != 0) {
      out = fmt::format("a file that user {} can write", meta.uid);
    } else if ((*meta.mode & 0020) != 0) {
      out = "a file that root and its group can write";
    } else {
      out = "a file that only root can write";
    }
  }
  for (const std::string* more : {&meta.extra, &meta.guard}) {
    if (more->empty()) continue;
    out += (out.empty() ? "" : "; ") + *more;
  }
  return out.empty() ? "not known" : out;
}

std::string FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? "" : std::string(path.substr(0, slash + 1));
}

// SpkiOf is the public half of a private key in DER, in any of the forms OpenSSL reads.
Bytes SpkiOf(ByteView der) {
  const uint8_t* p = der.data();
  const crypto::EvpKeyPtr key(d2i_AutoPrivateKey(nullptr, &p, static_cast<long>(der.size())));
  Bytes out;
  if (key) {
    uint8_t* spki = nullptr;
    const int n = i2d_PUBKEY(key.get(), &spki);
    const crypto::Owned<uint8_t, [](uint8_t* b) { OPENSSL_free(b); }> owner(spki);
    if (n > 0) out.assign(spki, spki + n);
  }
  ERR_clear_error();
  return out;
}

// OpensshPublic is the public blob in a private key of OpenSSH's own form, which is never
// encrypted. Source: OpenSSH PROTOCOL.key.
Bytes OpensshPublic(ByteView der) {
  constexpr std::string_view kMagic = "openssh-key-v1";
  if (!AsText(der).starts_with(kMagic)) return {};
  ByteView rest = der.subspan(std::min(der.size(), kMagic.size() + 1));
  auto number = [&]() -> uint32_t {
    if (rest.size() < 4) return UINT32_MAX;
    const uint32_t n = uint32_t{rest[0]} << 24 | uint32_t{rest[1]} << 16 | uint32_t{rest[2]} << 8 |
                       uint32_t{rest[3]};
    rest = rest.subspan(4);
    return n;
  };
  for (int i = 0; i < 3; ++i) {  // cipher, key derivation, its options
    const uint32_t n = number();
    if (n > rest.size()) return {};
    rest = rest.subspan(n);
  }
  if (number() == UINT32_MAX) return {};  // how many keys
  const uint32_t n = number();
  if (n > rest.size()) return {};
  return Bytes(rest.begin(), rest.begin() + n);
}

}  // namespace

size_t Scanner::EntryItem(anchors::AnchorEntry entry, std::string form, ByteView der) {
  const std::string key = form + ":" + std::string(AsText(entry.fingerprint));
  if (const auto it = items_.find(key); it != items_.end()) return it->second;
  Item item;
  item.facts = FactsOf(entry, options_.at);
  item.form = std::move(form);
  item.entry = std::move(entry);
  item.der.assign(der.begin(), der.end());
  report_.items.push_back(std::move(item));
  items_.emplace(key, report_.items.size() - 1);
  return report_.items.size() - 1;
}

std::optional<size_t> Scanner::CertificateItem(ByteView der) {
  const Digest digest = crypto::Sha256(der);
  const std::string form(anchors::ToText(anchors::EntryForm::kCertificate));
  if (const auto it = items_.find(form + ":" + std::string(AsText(digest))); it != items_.end()) {
    return it->second;
  }
  std::vector<anchors::FactNote> notes;
  auto entry = anchors::CertificateEntry(der, notes);
  if (!entry) return std::nullopt;
  const size_t item = EntryItem(std::move(*entry), form, der);
  for (anchors::FactNote& note : notes) {
    report_.items[item].facts.push_back({std::move(note.code), std::move(note.text)});
  }
  return item;
}

std::optional<size_t> Scanner::KeyItem(ByteView spki) {
  auto entry = anchors::BareKeyEntry(spki);
  if (!entry) return std::nullopt;
  return EntryItem(std::move(*entry), std::string(anchors::ToText(anchors::EntryForm::kBareKey)),
                   spki);
}

size_t Scanner::PrivateKeyItem(const Hit& hit) {
  anchors::AnchorEntry e;
  e.form = anchors::EntryForm::kBareKey;
  e.label = "private key";
  e.algorithm = "unknown";
  if (hit.label == "OPENSSH PRIVATE KEY") {
    const Bytes blob = OpensshPublic(hit.der);
    if (const auto key = ReadSshBlob(blob)) {
      e.algorithm = key->algorithm;
      e.key_bits = key->bits;
      const Digest d = crypto::Sha256(blob);
      e.fingerprint.assign(d.begin(), d.end());
    }
  } else if (const Bytes spki = hit.encrypted ? Bytes() : SpkiOf(hit.der); !spki.empty()) {
    if (auto read = anchors::BareKeyEntry(spki)) {
      e = std::move(*read);
      e.label = "private key of " + e.label;
    }
  }
  if (e.fingerprint.empty()) {
    // Nothing of a sealed key is told but that it is there: the digest of its octets keeps two
    // apart.
    const Digest d = crypto::Sha256(hit.der, AsBytes(hit.label));
    e.fingerprint.assign(d.begin(), d.end());
    e.label = hit.encrypted ? "private key, encrypted" : "private key of a kind we do not read";
  }
  return EntryItem(std::move(e), "private-key");
}

size_t Scanner::NewStore(const Where& where, const Meta& meta, const Place* place, std::string form,
                         std::string part) {
  const bool grouped = place != nullptr && place->grouped;
  std::string path = grouped ? FolderOf(where.path) : where.path;
  if (!part.empty()) path += "#" + part;
  const std::string key = fmt::format("{}!{}!{}", where.in, path, grouped ? place->rule : form);
  if (const auto it = stores_.find(key); it != stores_.end()) return it->second;
  Store s;
  s.in = where.in;
  s.path = std::move(path);
  s.form = grouped ? "folder" : std::move(form);
  s.protection = FileProtection(meta);
  if (place != nullptr) {
    s.kind = place->kind;
    s.verifies = place->verifies;
    s.certainty = place->certainty;
    s.reason = place->reason;
    s.rule = place->rule;
  } else {
    s.rule = "content";
    s.reason = "found by its content; no rule tells whether anything believes it";
  }
  if (meta.aside && place != nullptr) {
    s.aside = true;
    s.certainty = Certainty::kPresent;
    s.reason = "in an archive that only lies there; unpacked: " + s.reason;
  }
  report_.stores.push_back(std::move(s));
  stores_.emplace(key, report_.stores.size() - 1);
  return report_.stores.size() - 1;
}

void Scanner::Note(const Where& where, const Meta& meta, std::string form, Fact fact) {
  const size_t store = NewStore(where, meta, nullptr, std::move(form));
  report_.stores[store].reason = "found by its content";
  report_.stores[store].facts.push_back(std::move(fact));
}

void Scanner::AddMember(size_t store, size_t item, Role role, std::string place) {
  if (report_.stores[store].aside && role == Role::kAnchor) role = Role::kCertificate;
  if (!members_.insert({store, item, role}).second) return;
  report_.stores[store].members.push_back({item, role, std::move(place)});
}

}  // namespace birthmark::scan
