// SPDX-License-Identifier: Apache-2.0
// Any octets as the signature of one root-anchors.xml: refused by name, or the file's own key. The
// corpus has one that is good, and some that are nearly so.
#include "anchors/explain.h"
#include "anchors/root_anchors.h"
#include "fuzz/fuzz.h"

namespace {

constexpr std::string_view kXml =
    "<TrustAnchor id=\"a\" source=\"b\"><Zone>.</Zone><KeyDigest id=\"K\" validFrom=\"2024-0"
    "7-18T00:00:00+00:00\"><KeyTag>38696</KeyTag><Algorithm>8</Algorithm><DigestType>2"
    "</DigestType><Digest>683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0F"
    "B2B16</Digest></KeyDigest></TrustAnchor>";
// A certificate that signs for this test alone; its key is not kept.
constexpr std::string_view kAuthority =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBzTCCAXOgAwIBAgIUVm30faZAYJPA1mzhsKFYKDoNPTQwCgYIKoZIzj0EAwIw\n"
    "OzEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkxIDAeBgkqhkiG9w0BCQEWEWtleXNA\n"
    "cm9vdC5leGFtcGxlMCAXDTI2MTEyMjEyNDY0OFoYDzIxMjYxMDI5MTI0NjQ4WjA7\n"
    "MRcwFQYDVQQDDA5UZXN0IGF1dGhvcml0eTEgMB4GCSqGSIb3DQEJARYRa2V5c0By\n"
    "b290LmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQBg+JXeCdyvjZr\n"
    "Xw853ynxJSPurEoAijG7b/0MVIc5wKbgWnSTQzSgcTGJMFGC8YF28p5N6dbEExUo\n"
    "wSREQmp4o1MwUTAdBgNVHQ4EFgQU2TW8bjR+boIiASdc6L/dkF9pHEQwHwYDVR0j\n"
    "BBgwFoAU2TW8bjR+boIiASdc6L/dkF9pHEQwDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
    "hkjOPQQDAgNIADBFAiEArhh1ExQzSXlHDgGh+Ly6yGDXVLXZGHYx6I6v3+QOsokC\n"
    "IHxv6DMDV1swKnv8f0QFejG0MJIfY6FPZ7GRcvWitP3z\n"
    "-----END CERTIFICATE-----\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  const auto facts =
      anchors::VerifyRootAnchors(AsBytes(kXml), {data, size}, AsBytes(kAuthority),
                                 TimeFromMillis(1'800'000'000'000), "keys@root.example");
  if (facts) {
    FUZZ_CHECK(facts->entries.size() == 1 && facts->entries[0].key_tag == 38696u);
  } else {
    FUZZ_CHECK(!anchors::ExplainCode(facts.error().code).empty());
  }
  return 0;
}
