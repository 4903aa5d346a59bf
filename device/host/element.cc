// SPDX-License-Identifier: Apache-2.0
#include "device/host/element.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include "cbor/codec.h"
#include "element/bundle.h"
#include "element/parts/parts.h"

namespace birthmark {
namespace {

struct Driver {
  element::Part part;
  std::string why;
};

Driver* Of(void* ctx) { return static_cast<Driver*>(ctx); }
element::Element& ElementOf(void* ctx) { return *Of(ctx)->part.element; }

bool Fails(void* ctx, const Error& e) {
  Of(ctx)->why = e.code + ": " + e.message;
  return false;
}

bool Give(void* ctx, ByteView from, uint8_t* out, size_t capacity, size_t* size) {
  if (from.size() > capacity) {
    Of(ctx)->why = "element.failed: the answer is larger than the device's buffer";
    return false;
  }
  std::copy(from.begin(), from.end(), out);
  *size = from.size();
  return true;
}

bool MakeKey(void* ctx, const char* slot, bool restart, uint8_t point[BM_ELEMENT_POINT]) {
  auto spki = ElementOf(ctx).Make(slot, restart);
  if (!spki) return Fails(ctx, spki.error());
  std::memcpy(point, spki->data() + spki->size() - BM_ELEMENT_POINT, BM_ELEMENT_POINT);
  return true;
}

bool SignDigest(void* ctx, const char* slot, const uint8_t digest[32], uint8_t signature[64]) {
  Digest d;
  std::copy_n(digest, d.size(), d.begin());
  auto raw = ElementOf(ctx).Sign(slot, d);
  if (!raw) return Fails(ctx, raw.error());
  std::copy_n(raw->begin(), 64, signature);
  return true;
}

bool PutCertificate(void* ctx, const char* slot, const uint8_t* der, size_t size) {
  Status s = ElementOf(ctx).StoreCertificate(slot, {der, size});
  return s ? true : Fails(ctx, s.error());
}

bool GetCertificate(void* ctx, const char* slot, uint8_t* out, size_t capacity, size_t* size) {
  auto der = ElementOf(ctx).ReadCertificate(slot);
  return der ? Give(ctx, *der, out, capacity, size) : Fails(ctx, der.error());
}

bool AttestKey(void* ctx, const char* slot, const uint8_t* nonce, size_t nonce_size, uint8_t* out,
               size_t capacity, size_t* size) {
  auto bundle = element::BundleOf(ElementOf(ctx), slot, {nonce, nonce_size});
  return bundle ? Give(ctx, *bundle, out, capacity, size) : Fails(ctx, bundle.error());
}

Result<cbor::Map> Info(element::Element& e) {
  BM_TRY(element::Description about, e.Describe());
  cbor::Map map = {{"kind", about.kind},
                   {"manufacturer", about.manufacturer},
                   {"model", about.model},
                   {"firmware", about.firmware}};
  if (about.kind != "tpm2") return map;
  BM_TRY(element::Endorsement who, e.Endorse());
  map.emplace_back("ek_public", who.ek_public);
  map.emplace_back("ak_public", who.ak_public);
  map.emplace_back("certificates", cbor::Array(who.certificates.begin(), who.certificates.end()));
  return map;
}

Result<cbor::Map> Facts(element::Element& e, const char* slot) {
  BM_TRY(std::vector<element::Fact> facts, e.Facts(slot));
  cbor::Map all;
  for (const element::Fact& f : facts) all.emplace_back(f.name, f.value);
  return cbor::Map{{"facts", std::move(all)}};
}

Result<cbor::Map> Activate(element::Element& e, ByteView args) {
  BM_TRY(cbor::Value asked, cbor::Decode(args));
  const cbor::Value* credential = asked.Find("credential");
  const cbor::Value* secret = asked.Find("secret");
  if (credential == nullptr || secret == nullptr || !credential->AsBytes() || !secret->AsBytes())
    return Refused("element.refused", "activation needs \"credential\" and \"secret\"");
  BM_TRY(SecretBytes opened, e.Activate(*credential->AsBytes(), *secret->AsBytes()));
  ByteView octets = opened.Read(SecretAccess());
  return cbor::Map{{"secret", Bytes(octets.begin(), octets.end())}};
}

bool Ask(void* ctx, bm_element_ask what, const char* slot, const uint8_t* args, size_t args_size,
         uint8_t* out, size_t capacity, size_t* size) {
  element::Element& e = ElementOf(ctx);
  Result<cbor::Map> answer = what == BM_ELEMENT_INFO    ? Info(e)
                             : what == BM_ELEMENT_FACTS ? Facts(e, slot)
                                                        : Activate(e, {args, args_size});
  if (!answer) return Fails(ctx, answer.error());
  return Give(ctx, cbor::Encode(cbor::Value(std::move(*answer))), out, capacity, size);
}

const char* Why(void* ctx) { return Of(ctx)->why.c_str(); }

std::optional<Driver> the_driver;
bm_element the_element;

}  // namespace
}  // namespace birthmark

extern "C" const bm_element* element_open(const char* uri, const char** wrong) {
  using namespace birthmark;
  static std::string said;
  auto part = element::OpenPart(uri);
  if (!part) {
    said = part.error().code + ": " + part.error().message;
    *wrong = said.c_str();
    return nullptr;
  }
  the_driver.emplace(Driver{std::move(*part), ""});
  the_element = {.ctx = &*the_driver,
                 .make = MakeKey,
                 .sign = SignDigest,
                 .put_certificate = PutCertificate,
                 .get_certificate = GetCertificate,
                 .attest = AttestKey,
                 .ask = Ask,
                 .why = Why};
  return &the_element;
}

extern "C" void element_close(void) { birthmark::the_driver.reset(); }
