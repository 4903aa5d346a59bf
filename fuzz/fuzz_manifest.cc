// SPDX-License-Identifier: Apache-2.0
// Whatever stands in a manifest, it is split within its bounds, and an element is a part or refused
// by name. What begins with no bracket is taken as a payload and signed, so that what lies behind
// the signature is reached, too.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "crypto/ecdsa_form.h"
#include "crypto/software_signer.h"
#include "fuzz/fuzz.h"
#include "manifest/microchip.h"
#include "manifest/strict_json.h"
#include "pki/issue.h"

namespace {

using namespace birthmark;

struct Signer {
  Signer() {
    SystemClock clock;
    SystemRng rng;
    pki::SerialSource serials(clock, rng, clock.Now());
    key = std::move(*crypto::SoftwareSigner::FromP256Scalar(SecretBytes::Take(Bytes(32, 0x17))));
    pki::Contents contents;
    contents.subject = *pki::Name::Make({{"CN", "Fuzz Signer"}});
    contents.key = key->public_key();
    contents.path_len = 0;
    certificate =
        *pki::SelfSign(*key, pki::RootProfile(), pki::RehearsalMarks(), *serials.Next(), contents);
    now = clock.Now();
    head = manifest::ToBase64Url(AsBytes(fmt::format(
        R"({{"alg":"ES256","kid":"{}","x5t#S256":"{}"}})",
        manifest::ToBase64Url(*certificate.ski()), manifest::ToBase64Url(certificate.digest()))));
  }
  // Element signs a payload; its identifier outside the signature is the one inside, if any.
  std::string Element(ByteView payload) const {
    std::string uid = "00";
    if (auto json = manifest::ParseStrict(AsText(payload)))
      if (const std::string* found = manifest::Text(*json, "uniqueId")) uid = *found;
    std::string body = manifest::ToBase64Url(payload);
    Bytes raw = *crypto::EcdsaDerToRaw(*key->Sign(AsBytes(head + "." + body)), 32);
    return nlohmann::json::array({{{"payload", body},
                                   {"protected", head},
                                   {"header", {{"uniqueId", uid}}},
                                   {"signature", manifest::ToBase64Url(raw)}}})
        .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  std::unique_ptr<crypto::SoftwareSigner> key;
  crypto::Certificate certificate;
  std::string head;
  Time now{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Signer signer;
  std::string text(AsText({data, size}));
  const bool whole = text.starts_with('[');
  if (!whole) text = signer.Element({data, size});
  size_t at = 0;
  manifest::Source source = [&](std::span<char> out) -> Result<size_t> {
    // In small pieces, so that elements cross their borders.
    size_t n = std::min({out.size(), text.size() - at, size_t{61}});
    std::copy_n(text.begin() + static_cast<ptrdiff_t>(at), n, out.begin());
    at += n;
    return n;
  };
  auto reader = manifest::MicrochipReader::Make(
      source, signer.certificate, manifest::ChainChecker({signer.certificate}, signer.now), {});
  FUZZ_CHECK(reader.has_value());
  for (uint64_t number = 1;; ++number) {
    auto item = (*reader)->Next();
    if (!item) {
      FUZZ_CHECK(item.error().code.starts_with("manifest."));
      break;
    }
    if (!*item) break;
    FUZZ_CHECK((*item)->number == number && !(*item)->name.empty());
    const Result<manifest::Part>& part = (*item)->part;
    if (!part) {
      FUZZ_CHECK(part.error().code.starts_with("manifest."));
      continue;
    }
    FUZZ_CHECK(!whole || number > 0);
    FUZZ_CHECK(part->uid.size() >= 8 && FromHex(part->uid).has_value());
    FUZZ_CHECK(part->spki.empty() == (part->key == Digest{}));
    FUZZ_CHECK(part->cert.empty() || !part->spki.empty());
  }
  if (auto bytes = manifest::FromBase64Url(AsText({data, size})))
    FUZZ_CHECK(manifest::ToBase64Url(*bytes) == AsText({data, size}));
  return 0;
}
