// SPDX-License-Identifier: Apache-2.0
// The outside of a CMS seed file: heads are read, content is passed over, so the size of the file
// does not matter.
#include <fmt/format.h>

#include <algorithm>

#include "crypto/der.h"
#include "seed/cms.h"

namespace birthmark::seed {
namespace {

using crypto::DerWriter;

constexpr size_t kMaxField = 64 * 1024;  // of what stands before and after the content
constexpr std::string_view kEnveloped = "1.2.840.113549.1.7.3";
constexpr std::string_view kAuthEnveloped = "1.2.840.113549.1.9.16.1.23";
constexpr std::string_view kSKeyPackage = "1.2.840.113549.1.9.16.1.25";

struct ContentCipher {
  std::string_view oid;
  bool authenticated;
};
// RFC 3565 section 4.1 and RFC 5084 section 3.2.
constexpr ContentCipher kCiphers[] = {
    {"2.16.840.1.101.3.4.1.2", false},  {"2.16.840.1.101.3.4.1.22", false},
    {"2.16.840.1.101.3.4.1.42", false}, {"2.16.840.1.101.3.4.1.6", true},
    {"2.16.840.1.101.3.4.1.26", true},  {"2.16.840.1.101.3.4.1.46", true},
};

std::string OidOf(ByteView element) {
  crypto::DerReader r(element);
  auto oid = r.Oid();
  return oid ? *oid : "a malformed object identifier";
}

class Survey {
 public:
  explicit Survey(Input& in)
      : in_(in), ber_([this](std::span<uint8_t> out) -> Result<size_t> {
          BM_TRY(size_t n, in_.ReadAt(pulled_, out));
          pulled_ += n;
          return n;
        }) {}

  Result<CmsEnvelope> Run();

 private:
  Status Envelope();
  Status EncryptedContent();
  Status Content();
  Status After();
  // Ended takes the end-of-contents octets of what has an indefinite length.
  Status Ended(const BerHead& head);
  Result<bool> NextIs(uint8_t tag) {
    BM_TRY(uint8_t next, ber_.PeekTag());
    return next == tag;
  }

  Input& in_;
  uint64_t pulled_ = 0;
  BerStream ber_;
  CmsEnvelope out_;
  Bytes version_, recipients_, content_type_, cipher_, mac_;
};

Status Survey::Ended(const BerHead& head) {
  if (!head.indefinite) return {};
  BM_TRY(BerHead end, ber_.Head());
  if (end.tag != 0 || end.length != 0) {
    return Refused("seed.malformed", "an element without its end-of-contents octets");
  }
  return {};
}

Status Survey::Content() {
  BM_TRY(BerHead head, ber_.Head());
  out_.content_at = ber_.at();
  if (head.tag == crypto::der::Context(0, false)) {
    BM_CHECK(ber_.Skip(head.length));
    out_.content_end = ber_.at();
    return {};
  }
  if (head.tag != crypto::der::Context(0, true)) {
    return Refused("seed.malformed", "an envelope without encrypted content",
                   "content that lies in another file is not taken");
  }
  out_.pieces = true;
  uint64_t end = ber_.at() + head.length;
  for (;;) {
    if (!head.indefinite && ber_.at() >= end) break;
    BM_TRY(uint8_t tag, ber_.PeekTag());
    if (head.indefinite && tag == 0) break;
    BM_TRY(BerHead piece, ber_.Expect(crypto::der::kOctetString, "encrypted content"));
    BM_CHECK(ber_.Skip(piece.length));
  }
  out_.content_end = ber_.at();
  if (!head.indefinite && ber_.at() != end) {
    return Refused("seed.malformed", "encrypted content whose pieces do not fill it");
  }
  return Ended(head);
}

Status Survey::EncryptedContent() {
  BM_TRY(BerHead head, ber_.Expect(crypto::der::kSequence, "EncryptedContentInfo"));
  uint64_t end = ber_.at() + head.length;
  BM_TRY(content_type_, ber_.Whole(64, "the type of the content"));
  if (OidOf(content_type_) != kSKeyPackage) {
    return Refused(
        "seed.format",
        fmt::format("what is encrypted is {}, no SymmetricKeyPackage", OidOf(content_type_)),
        "RFC 6031 names the type id-ct-KP-sKeyPackage");
  }
  BM_TRY(cipher_, ber_.Whole(256, "the cipher of the content"));
  crypto::DerReader alg(cipher_);
  auto inside = alg.Enter();
  std::string oid = inside ? inside->Oid().value_or("?") : "?";
  const auto* found = std::find_if(std::begin(kCiphers), std::end(kCiphers),
                                   [&](const ContentCipher& c) { return c.oid == oid; });
  if (found == std::end(kCiphers) || found->authenticated != out_.authenticated) {
    return Refused("seed.algorithm", fmt::format("content encrypted with {}", oid),
                   "AES-CBC is taken in EnvelopedData, AES-GCM in AuthEnvelopedData");
  }
  BM_CHECK(Content());
  if (!head.indefinite && ber_.at() != end) {
    return Refused("seed.malformed", "EncryptedContentInfo of another length than it says");
  }
  return Ended(head);
}

Status Survey::After() {
  if (out_.authenticated) {
    BM_TRY(bool attributes, NextIs(crypto::der::Context(1, true)));
    if (attributes) {
      return Refused("seed.algorithm", "authenticated attributes (authAttrs)",
                     "they cannot be checked here; ask for a file without");
    }
    BM_TRY(mac_, ber_.Whole(16, "the tag of the content"));
    if (mac_.size() != 18 || mac_[0] != crypto::der::kOctetString) {
      // RFC 5084 section 3.2 lets it be shorter; then less is proven.
      return Refused("seed.algorithm", "a tag of the content that is not 128 bits long");
    }
  }
  return {};
}

Status Survey::Envelope() {
  BM_TRY(BerHead head, ber_.Expect(crypto::der::kSequence, "the envelope"));
  uint64_t end = ber_.at() + head.length;
  BM_TRY(version_, ber_.Whole(8, "the envelope's version"));
  BM_TRY(bool originator, NextIs(crypto::der::Context(0, true)));
  // The originator's certificates are of no use here: ECDH keys stand with the recipients.
  if (originator) {
    BM_TRY([[maybe_unused]] Bytes passed, ber_.Whole(kMaxField, "originatorInfo"));
  }
  BM_TRY(recipients_, ber_.Whole(kMaxField, "recipientInfos"));
  if (recipients_[0] != crypto::der::kSet) {
    return Refused("seed.malformed", "an envelope without recipients");
  }
  BM_CHECK(EncryptedContent());
  BM_CHECK(After());
  for (;;) {
    if (!head.indefinite && ber_.at() >= end) break;
    BM_TRY(uint8_t tag, ber_.PeekTag());
    if (head.indefinite && tag == 0) break;
    // unprotectedAttrs, unauthAttrs: said by nobody in particular, so not looked at.
    if (tag != crypto::der::Context(1, true) && tag != crypto::der::Context(2, true)) {
      return Refused("seed.malformed", "something unknown at the end of the envelope");
    }
    BM_TRY([[maybe_unused]] Bytes passed, ber_.Whole(kMaxField, "attributes"));
  }
  if (!head.indefinite && ber_.at() != end) {
    return Refused("seed.malformed", "an envelope of another length than it says");
  }
  return Ended(head);
}

Result<CmsEnvelope> Survey::Run() {
  BM_TRY(BerHead info, ber_.Expect(crypto::der::kSequence, "ContentInfo"));
  BM_TRY(Bytes type, ber_.Whole(64, "ContentInfo's type"));
  BM_TRY(BerHead content, ber_.Expect(crypto::der::Context(0, true), "ContentInfo's content"));
  std::string oid = OidOf(type);
  if (oid == kSKeyPackage) {
    out_.plain = true;
    out_.content_at = ber_.at();
    BM_TRY(BerHead package, ber_.Expect(crypto::der::kSequence, "SymmetricKeyPackage"));
    if (package.indefinite) return Refused("seed.malformed", "a package of unstated length");
    BM_CHECK(ber_.Skip(package.length));
    out_.content_end = ber_.at();
  } else if (oid == kEnveloped || oid == kAuthEnveloped) {
    out_.authenticated = oid == kAuthEnveloped;
    BM_CHECK(Envelope());
  } else {
    return Refused("seed.format", fmt::format("CMS content of type {}", oid),
                   "ask for EnvelopedData or AuthEnvelopedData that holds a "
                   "SymmetricKeyPackage");
  }
  BM_CHECK(Ended(content));
  BM_CHECK(Ended(info));
  BM_TRY(bool at_end, ber_.AtEnd());
  if (!at_end) return Refused("seed.malformed", "octets after the end of the CMS structure");
  if (out_.plain) return std::move(out_);
  DerWriter w(out_.head);
  w.Sequence([&](DerWriter& ci) {
    ci.Raw(type);
    ci.Nest(crypto::der::Context(0, true), [&](DerWriter& explicit0) {
      explicit0.Sequence([&](DerWriter& env) {
        env.Raw(version_);
        env.Raw(recipients_);
        env.Sequence([&](DerWriter& eci) {
          eci.Raw(content_type_);
          eci.Raw(cipher_);
        });
        env.Raw(mac_);
      });
    });
  });
  return std::move(out_);
}

}  // namespace

Result<CmsEnvelope> SurveyCms(Input& in) { return Survey(in).Run(); }

}  // namespace birthmark::seed
