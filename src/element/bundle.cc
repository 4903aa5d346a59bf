// SPDX-License-Identifier: Apache-2.0
#include "element/bundle.h"

#include "attest/bundle.h"
#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"

namespace birthmark::element {

Result<Bytes> BundleOf(Element& element, std::string_view slot, ByteView nonce) {
  BM_TRY(Evidence e, element.Attest(slot, nonce));
  BM_TRY(Endorsement who, element.Endorse());
  attest::Bundle bundle;
  bundle.certs = who.certificates;
  // A verifier takes the first statement it understands: the one that says more comes first.
  if (!e.creation.empty()) {
    bundle.statements.push_back(attest::EncodeTpmStatement({.attest = e.creation,
                                                            .signature = e.creation_signature,
                                                            .public_area = e.public_area,
                                                            .creation_data = e.creation_data,
                                                            .ak_public_area = who.ak_public}));
  }
  bundle.statements.push_back(attest::EncodeTpmStatement({.attest = e.certify,
                                                          .signature = e.certify_signature,
                                                          .public_area = e.public_area,
                                                          .creation_data = {},
                                                          .ak_public_area = who.ak_public}));
  return attest::EncodeBundle(bundle);
}

Result<Bytes> RequestOf(Element& element, std::string_view slot, ByteView subject,
                        ByteView bundle) {
  BM_TRY(std::optional<Bytes> spki, element.PublicKey(slot));
  if (!spki) return Refused("element.missing", "the slot has no key", "make one first");
  // RFC 2986 section 4.
  Bytes info;
  crypto::DerWriter(info).Sequence([&](crypto::DerWriter& w) {
    w.Unsigned(uint64_t{0});
    w.Raw(subject);
    w.Raw(*spki);
    w.Nest(crypto::der::Context(0, true), [&](crypto::DerWriter& a) {
      if (!bundle.empty()) a.Raw(attest::EncodeAttribute(bundle));
    });
  });
  BM_TRY(Bytes raw, element.Sign(slot, crypto::Sha256(info)));
  BM_TRY(Bytes signature, crypto::EcdsaRawToDer(raw));
  Bytes out;
  crypto::DerWriter(out).Sequence([&](crypto::DerWriter& w) {
    w.Raw(info);
    w.Sequence([](crypto::DerWriter& a) { a.Oid("1.2.840.10045.4.3.2"); });  // ecdsa-with-SHA256
    w.BitString(signature);
  });
  return out;
}

}  // namespace birthmark::element
