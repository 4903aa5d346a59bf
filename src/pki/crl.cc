// SPDX-License-Identifier: Apache-2.0
// Writing revocation lists. A list's length stands before its entries, and the whole is signed: so
// the entries go to a file first, then what is signed, then the list.
#include "pki/crl.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/mapped_file.h"
#include "crypto/digest.h"
#include "pki/cursor.h"
#include "pki/tbs.h"

namespace birthmark::pki {
namespace {

using crypto::DerWriter;
using internal::DerCursor;
using internal::DerHeaderSize;
using internal::DerSize;
using internal::DerTime;
namespace der = crypto::der;

constexpr uint8_t kReasonCode[] = {0x06, 0x03, 0x55, 0x1d, 0x15};
constexpr uint8_t kVersion2[] = {0x02, 0x01, 0x01};
constexpr size_t kListChunk = 256 * 1024;
constexpr size_t kMaxEntrySerial = 20;  // RFC 5280 section 4.1.2.2

std::unexpected<Error> BadTerms(std::string why) { return Refused("crl.terms", std::move(why)); }

Status CheckTerms(const CrlTerms& t, const crypto::Signer& signer) {
  if (t.issuer.key_id.empty()) return BadTerms("the issuer has no key identifier");
  if (signer.algorithm() != t.issuer.algorithm) {
    return Refused("pki.issuer-key", "the key is of another kind than the issuer's");
  }
  if (t.next_update <= t.this_update) return BadTerms("nextUpdate is not after thisUpdate");
  BM_CHECK(internal::CheckValidity(t.this_update, t.next_update));
  for (char c : t.distribution_point)
    if (c <= 0x20 || c >= 0x7f) return BadTerms("the distribution point is no URL");
  return {};
}

// EncodeEntry appends one entry. RFC 5280 section 5.3.1: the reason "unspecified" is left out.
Status EncodeEntry(const CrlEntry& e, Bytes& out) {
  if (e.serial.empty() || e.serial.size() > kMaxEntrySerial)
    return BadTerms(fmt::format("a serial number of {} octets", e.serial.size()));
  if (e.reason == CrlReason::kRemoveFromCrl)
    return BadTerms("removeFromCRL stands in delta lists alone: leave the entry out");
  const bool sign = (e.serial[0] & 0x80) != 0;
  const DerTime at(e.at);
  const bool reasoned = e.reason != CrlReason::kUnspecified;
  const size_t serial = e.serial.size() + (sign ? 1 : 0);
  constexpr size_t kEnumerated = 3;
  constexpr size_t kExtension = sizeof kReasonCode + DerSize(kEnumerated);
  const size_t content =
      DerSize(serial) + DerSize(at.size()) + (reasoned ? DerSize(DerSize(kExtension)) : 0);
  const size_t before = out.size();
  out.resize(before + DerSize(content));
  DerCursor c{out.data() + before};
  c.Header(der::kSequence, content);
  c.Header(der::kInteger, serial);
  if (sign) *c.p++ = 0;
  c.Raw(e.serial);
  at.Write(c);
  if (reasoned) {
    c.Header(der::kSequence, DerSize(kExtension));
    c.Header(der::kSequence, kExtension);
    c.Raw(kReasonCode);
    c.Header(der::kOctetString, kEnumerated);
    c.Header(0x0a, 1);
    *c.p++ = static_cast<uint8_t>(e.reason);
  }
  return {};
}

// Head is what stands before the entries in the TBSCertList, Tail what stands after them.
Bytes Head(const CrlTerms& t) {
  Bytes out;
  DerWriter w(out);
  w.Raw(kVersion2);
  w.Raw(internal::SignatureAlgorithm(t.issuer.algorithm));
  w.Raw(t.issuer.name.der());
  w.Validity(t.this_update);
  w.Validity(t.next_update);
  return out;
}
Bytes Tail(const CrlTerms& t) {
  Bytes out;
  auto extension = [](DerWriter& w, std::string_view oid, bool critical, const Bytes& value) {
    w.Sequence([&](DerWriter& e) {
      e.Oid(oid);
      if (critical) e.Boolean(true);
      e.OctetString(value);
    });
  };
  DerWriter(out).Nest(der::Context(0, true), [&](DerWriter& outer) {
    outer.Sequence([&](DerWriter& list) {
      Bytes aki, number, point;
      DerWriter(aki).Sequence(
          [&](DerWriter& a) { a.Element(der::Context(0, false), t.issuer.key_id); });
      extension(list, oid::kAuthorityKeyId, false, aki);
      DerWriter(number).Unsigned(t.number);
      extension(list, oid::kCrlNumber, false, number);
      if (t.distribution_point.empty()) return;
      DerWriter(point).Sequence([&](DerWriter& idp) {
        idp.Nest(der::Context(0, true), [&](DerWriter& name) {
          name.Nest(der::Context(0, true), [&](DerWriter& full) {
            full.Text(der::Context(6, false), t.distribution_point);
          });
        });
      });
      extension(list, oid::kIssuingDistributionPoint, true, point);
    });
  });
  return out;
}

Bytes HeaderOf(uint8_t tag, size_t content) {
  Bytes out(DerHeaderSize(content));
  DerCursor c{out.data()};
  c.Header(tag, content);
  return out;
}

// Frame is a list's parts around its entries.
struct Frame {
  Frame(const CrlTerms& t, size_t entries) : head(Head(t)), tail(Tail(t)) {
    // RFC 5280 section 5.1.2.6: no revokedCertificates when there are none.
    if (entries > 0) list = HeaderOf(der::kSequence, entries);
    const size_t content = head.size() + list.size() + entries + tail.size();
    outer = HeaderOf(der::kSequence, content);
  }
  Bytes outer, head, list, tail;  // `list` is the entries' header
};

Result<Bytes> SignList(ByteView tbs, crypto::Signer& signer) {
  BM_TRY(Bytes signature, signer.Sign(tbs));
  if (!signer.public_key().Verify(tbs, signature)) {
    return Fail(ErrorKind::kEnvironment, "pki.signature-fault",
                "the key signed, but the signature does not verify",
                "check the module that holds the key; nothing was issued");
  }
  return signature;
}

// ListFile is a file being written; an error is kept until Close.
class ListFile {
 public:
  explicit ListFile(fs::path path)
      : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wbe")) {}
  ~ListFile() {
    if (file_ != nullptr) std::fclose(file_);
  }
  ListFile(const ListFile&) = delete;
  ListFile& operator=(const ListFile&) = delete;
  void Write(ByteView b) {
    if (file_ != nullptr && !b.empty() && std::fwrite(b.data(), 1, b.size(), file_) != b.size())
      failed_ = true;
    octets_ += b.size();
  }
  Status Close(bool durable) {
    bool ok = file_ != nullptr && !failed_ && std::fflush(file_) == 0 &&
              (!durable || fsync(fileno(file_)) == 0);
    const int why = errno;
    if (file_ != nullptr) ok = std::fclose(file_) == 0 && ok;
    file_ = nullptr;
    if (ok) return {};
    return Environment("file.write", fmt::format("{}: {}", path_.string(), std::strerror(why)),
                       "make room, or name another folder");
  }
  size_t octets() const { return octets_; }

 private:
  fs::path path_;
  std::FILE* file_;
  bool failed_ = false;
  size_t octets_ = 0;
};

// Unfinished is a file that goes when its work is done or given up.
struct Unfinished {
  explicit Unfinished(fs::path p) : path(std::move(p)) {}
  ~Unfinished() {
    std::error_code ec;
    fs::remove(path, ec);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  fs::path path;
};

}  // namespace

std::string_view ToText(CrlReason r) {
  switch (r) {
    case CrlReason::kUnspecified:
      return "unspecified";
    case CrlReason::kKeyCompromise:
      return "keyCompromise";
    case CrlReason::kCaCompromise:
      return "cACompromise";
    case CrlReason::kAffiliationChanged:
      return "affiliationChanged";
    case CrlReason::kSuperseded:
      return "superseded";
    case CrlReason::kCessationOfOperation:
      return "cessationOfOperation";
    case CrlReason::kCertificateHold:
      return "certificateHold";
    case CrlReason::kRemoveFromCrl:
      return "removeFromCRL";
    case CrlReason::kPrivilegeWithdrawn:
      return "privilegeWithdrawn";
    case CrlReason::kAaCompromise:
      return "aACompromise";
  }
  return {};
}

std::optional<CrlReason> CrlReasonOf(uint8_t code) {
  if (code > 10 || code == 7) return std::nullopt;
  return static_cast<CrlReason>(code);
}

Status NoEntries(const std::function<Status(const CrlEntry&)>&) { return {}; }

Result<Bytes> SignCrl(const CrlTerms& t, const CrlSource& source, crypto::Signer& signer) {
  BM_CHECK(CheckTerms(t, signer));
  Bytes entries;
  BM_CHECK(source([&](const CrlEntry& e) -> Status {
    if (entries.size() > kMaxCrlInMemory) {
      return Refused("crl.too-large", "the list is too long to be kept in memory",
                     "write it to a file");
    }
    return EncodeEntry(e, entries);
  }));
  const Frame f(t, entries.size());
  Bytes tbs;
  for (const Bytes* part :
       {&f.outer, &f.head, &f.list, static_cast<const Bytes*>(&entries), &f.tail})
    tbs.insert(tbs.end(), part->begin(), part->end());
  BM_TRY(Bytes signature, SignList(tbs, signer));
  return internal::Assemble(tbs, signer.algorithm(), signature);
}

Result<WrittenCrl> SignCrlFile(const CrlTerms& t, const CrlSource& source, crypto::Signer& signer,
                               const fs::path& path) {
  BM_CHECK(CheckTerms(t, signer));
  WrittenCrl out;
  const Unfinished entries(path.string() + ".entries"), to_sign(path.string() + ".tbs");
  {
    ListFile file(entries.path);
    Bytes chunk;
    BM_CHECK(source([&](const CrlEntry& e) -> Status {
      BM_CHECK(EncodeEntry(e, chunk));
      ++out.count;
      if (chunk.size() < kListChunk) return {};
      file.Write(chunk);
      chunk.clear();
      return {};
    }));
    file.Write(chunk);
    BM_CHECK(file.Close(false));
  }
  auto write_parts = [](ListFile& file, ByteView all) {
    for (; !all.empty(); all = all.subspan(std::min(kListChunk, all.size())))
      file.Write(all.first(std::min(kListChunk, all.size())));
  };
  {
    BM_TRY(auto list, MappedFile::Open(entries.path, kMaxCrlBytes));
    const Frame f(t, list->view().size());
    ListFile file(to_sign.path);
    for (const Bytes* part : {&f.outer, &f.head, &f.list}) file.Write(*part);
    write_parts(file, list->view());
    file.Write(f.tail);
    BM_CHECK(file.Close(false));
  }
  BM_TRY(auto tbs, MappedFile::Open(to_sign.path, kMaxCrlBytes));
  BM_TRY(Bytes signature, SignList(tbs->view(), signer));
  Bytes end;
  DerWriter w(end);
  w.Raw(internal::SignatureAlgorithm(signer.algorithm()));
  w.BitString(signature);
  const Bytes header = HeaderOf(der::kSequence, tbs->view().size() + end.size());
  crypto::Sha256Hasher hash;
  hash.Update(header).Update(tbs->view()).Update(end);
  out.sha256 = hash.Finish();
  ListFile file(path);
  file.Write(header);
  write_parts(file, tbs->view());
  file.Write(end);
  out.octets = file.octets();
  BM_CHECK(file.Close(true));
  return out;
}

}  // namespace birthmark::pki
