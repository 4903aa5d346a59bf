// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/csrattrs.h"

#include <algorithm>

#include "crypto/der.h"
#include "pki/profile.h"

namespace birthmark::enroll::est {
namespace {

namespace der = crypto::der;
using crypto::DerElement;
using crypto::DerReader;
using crypto::DerWriter;

constexpr std::string_view kTemplate = "1.2.840.113549.1.9.16.2.61";
constexpr std::string_view kExtensionReqTemplate = "1.2.840.113549.1.9.16.2.62";
constexpr std::string_view kEcPublicKey = "1.2.840.10045.2.1";
constexpr std::string_view kRsaEncryption = "1.2.840.113549.1.1.1";
constexpr std::string_view kOrganization = "2.5.4.10";
constexpr std::string_view kSerialNumber = "2.5.4.5";
constexpr size_t kMaxBytes = 16 * 1024;
constexpr size_t kMaxItems = 64;

std::unexpected<Error> Bad(std::string_view why) {
  return Refused("est.csrattrs", "CSR attributes: " + std::string(why));
}

// KeyKind is a key algorithm in the words of both forms.
struct KeyKind {
  std::string_view text, type, curve;  // a curve is the type's parameter
  uint64_t bits;                       // an RSA modulus, which the list form names
  std::string_view signature;
};
constexpr KeyKind kKinds[] = {
    {"ecdsa-p256", kEcPublicKey, "1.2.840.10045.3.1.7", 0, "1.2.840.10045.4.3.2"},
    {"ecdsa-p384", kEcPublicKey, "1.3.132.0.34", 0, "1.2.840.10045.4.3.3"},
    {"rsa-2048", kRsaEncryption, "", 2048, "1.2.840.113549.1.1.11"},
    {"rsa-3072", kRsaEncryption, "", 3072, "1.2.840.113549.1.1.11"},
    {"rsa-4096", kRsaEncryption, "", 4096, "1.2.840.113549.1.1.11"},
    {"ed25519", "1.3.101.112", "", 0, "1.3.101.112"},
};

void WriteAttribute(DerWriter& w, std::string_view type,
                    const std::function<void(DerWriter&)>& values) {
  w.Sequence([&](DerWriter& attribute) {
    attribute.Oid(type);
    attribute.Nest(der::kSet, values);
  });
}

void WriteExtension(DerWriter& w, std::string_view oid,
                    const std::function<void(DerWriter&)>& value) {
  w.Sequence([&](DerWriter& extension) {
    extension.Oid(oid);
    extension.Nest(der::kOctetString, value);
  });
}

// The device's name as hardware (RFC 4108 section 5). An empty serial number is the client's to
// fill in: RFC 9908 section 3.4 shows the same with an empty iPAddress.
void WriteHardwareName(DerWriter& w, ByteView type, std::string_view serial) {
  WriteExtension(w, pki::oid::kSubjectAltName, [&](DerWriter& value) {
    value.Sequence([&](DerWriter& names) {
      names.Nest(der::Context(0, true), [&](DerWriter& other) {
        other.Oid(pki::oid::kHardwareModuleName);
        other.Nest(der::Context(0, true), [&](DerWriter& hardware) {
          hardware.Sequence([&](DerWriter& module) {
            module.Element(der::kOid, type);
            module.OctetString(AsBytes(serial));
          });
        });
      });
    });
  });
}

void WriteUrls(DerWriter& w, const RequestTemplate& t) {
  for (auto [oid, url] :
       {std::pair(pki::oid::kMasaUrl, &t.masa_url), {pki::oid::kMudUrl, &t.mud_url}}) {
    if (url->empty()) continue;
    WriteExtension(w, oid, [&](DerWriter& value) { value.Text(der::kIa5String, *url); });
  }
}

void WriteSubject(DerWriter& w, const RequestTemplate& t) {
  auto one = [&](std::string_view oid, uint8_t tag, const std::string& value) {
    w.Nest(der::kSet, [&](DerWriter& relative) {
      relative.Sequence([&](DerWriter& attribute) {
        attribute.Oid(oid);
        if (!value.empty()) attribute.Text(tag, value);
      });
    });
  };
  if (!t.organization.empty()) one(kOrganization, der::kUtf8String, t.organization);
  one(kSerialNumber, der::kPrintableString, t.serial_number);
}

void WriteTemplate(DerWriter& w, const RequestTemplate& t, const KeyKind& kind, ByteView hardware) {
  // RFC 9908 section 3.4: extensionReqTemplate only where something is left to fill in.
  const bool partial = t.serial_number.empty() && !hardware.empty();
  w.Sequence([&](DerWriter& request) {
    request.Unsigned(0);
    request.Sequence([&](DerWriter& subject) { WriteSubject(subject, t); });
    request.Nest(der::Context(0, true), [&](DerWriter& key) {
      key.Sequence([&](DerWriter& algorithm) {
        algorithm.Oid(kind.type);
        if (!kind.curve.empty()) algorithm.Oid(kind.curve);
        if (kind.bits != 0) algorithm.Null();  // RFC 3279 section 2.3.1
      });
      // The size of an RSA key is told by a placeholder key of that size.
      if (kind.bits != 0) {
        Bytes placeholder, modulus(kind.bits / 8, 0xff);
        DerWriter(placeholder).Sequence([&](DerWriter& rsa) {
          rsa.Unsigned(modulus);
          rsa.Unsigned(65537);
        });
        key.BitString(placeholder);
      }
    });
    request.Nest(der::Context(1, true), [&](DerWriter& attributes) {
      if (hardware.empty() && t.masa_url.empty() && t.mud_url.empty()) return;
      WriteAttribute(attributes, partial ? kExtensionReqTemplate : pki::oid::kExtensionRequest,
                     [&](DerWriter& values) {
                       values.Sequence([&](DerWriter& extensions) {
                         if (!hardware.empty())
                           WriteHardwareName(extensions, hardware, t.serial_number);
                         WriteUrls(extensions, t);
                       });
                     });
    });
  });
}

}  // namespace

Result<Bytes> WriteCsrAttrs(const RequestTemplate& t) {
  auto kind = std::ranges::find(kKinds, t.key_algorithm, &KeyKind::text);
  if (kind == std::end(kKinds)) return Bad("there is no key algorithm \"" + t.key_algorithm + "\"");
  Bytes hardware;
  if (!t.hardware_type.empty()) {
    auto oid = crypto::OidFromText(t.hardware_type);
    if (!oid) return Bad("the hardware type is no OID: " + t.hardware_type);
    hardware = std::move(*oid);
  }
  // The list has no way to leave a value open, so it names what is known alone.
  const bool whole_name = !hardware.empty() && !t.serial_number.empty();
  Bytes out;
  DerWriter(out).Sequence([&](DerWriter& list) {
    WriteAttribute(list, kind->type, [&](DerWriter& values) {
      if (!kind->curve.empty()) values.Oid(kind->curve);
      if (kind->bits != 0) values.Unsigned(kind->bits);
    });
    list.Oid(kSerialNumber);
    if (whole_name || !t.masa_url.empty() || !t.mud_url.empty()) {
      WriteAttribute(list, pki::oid::kExtensionRequest, [&](DerWriter& values) {
        values.Sequence([&](DerWriter& extensions) {
          if (whole_name) WriteHardwareName(extensions, hardware, t.serial_number);
          WriteUrls(extensions, t);
        });
      });
    }
    list.Oid(kind->signature);
    WriteAttribute(list, kTemplate,
                   [&](DerWriter& values) { WriteTemplate(values, t, *kind, hardware); });
  });
  return out;
}

namespace {

Result<std::vector<WantedExtension>> ReadExtensions(ByteView whole, bool values_may_lack) {
  DerReader outer(whole);
  BM_TRY(DerReader list, outer.Enter());
  BM_CHECK(outer.End());
  std::vector<WantedExtension> out;
  while (!list.AtEnd()) {
    if (out.size() == kMaxItems) return Bad("too many extensions");
    BM_TRY(DerReader one, list.Enter());
    WantedExtension e;
    BM_TRY(e.oid, one.Oid());
    if (one.NextIs(der::kBoolean)) {
      BM_TRY(e.critical, one.Boolean());
      if (!e.critical) return Bad("a default value is encoded");
    }
    if (!one.AtEnd() || !values_may_lack) {
      BM_TRY(ByteView value, one.Expect(der::kOctetString));
      e.value = Bytes(value.begin(), value.end());
    }
    BM_CHECK(one.End());
    if (std::ranges::find(out, e.oid, &WantedExtension::oid) != out.end()) {
      return Bad("an extension stands twice");
    }
    out.push_back(std::move(e));
  }
  if (out.empty()) return Bad("an empty list of extensions");
  return out;
}

Result<std::vector<WantedName>> ReadSubject(DerReader names) {
  std::vector<WantedName> out;
  while (!names.AtEnd()) {
    BM_TRY(DerReader relative, names.Enter(der::kSet));
    if (relative.AtEnd()) return Bad("an empty relative name");
    while (!relative.AtEnd()) {
      if (out.size() == kMaxItems) return Bad("too many names");
      BM_TRY(DerReader one, relative.Enter());
      WantedName n;
      BM_TRY(n.oid, one.Oid());
      if (!one.AtEnd()) {
        BM_TRY(DerElement value, one.Next());
        n.value = std::string(AsText(value.content));
      }
      BM_CHECK(one.End());
      out.push_back(std::move(n));
    }
  }
  return out;
}

// One attribute: its type, and its values whole.
Result<CsrAttrs::Attribute> ReadAttribute(DerReader attribute) {
  CsrAttrs::Attribute a;
  BM_TRY(a.type, attribute.Oid());
  BM_TRY(DerReader values, attribute.Enter(der::kSet));
  BM_CHECK(attribute.End());
  while (!values.AtEnd()) {
    if (a.values.size() == kMaxItems) return Bad("too many values");
    BM_TRY(DerElement value, values.Next());
    a.values.emplace_back(value.whole.begin(), value.whole.end());
  }
  return a;
}

Result<CsrTemplate> ReadTemplate(ByteView whole) {
  CsrTemplate t;
  DerReader outer(whole);
  BM_TRY(DerReader request, outer.Enter());
  BM_CHECK(outer.End());
  BM_TRY(uint64_t version, request.SmallUnsigned());
  if (version != 0) return Bad("a template of another version");
  if (request.NextIs(der::kSequence)) {
    t.has_subject = true;
    BM_TRY(DerReader names, request.Enter());
    BM_TRY(t.subject, ReadSubject(names));
  }
  if (request.NextIs(der::Context(0, true))) {
    BM_TRY(DerReader key, request.Enter(der::Context(0, true)));
    BM_TRY(DerElement algorithm, key.Next());
    if (algorithm.tag != der::kSequence) return Bad("a key without an algorithm");
    t.key_algorithm.assign(algorithm.whole.begin(), algorithm.whole.end());
    if (key.NextIs(der::kBitString)) BM_CHECK(key.BitStringOctets());
    BM_CHECK(key.End());
  }
  BM_TRY(DerReader attributes, request.Enter(der::Context(1, true)));
  BM_CHECK(request.End());
  bool seen = false;
  while (!attributes.AtEnd()) {
    BM_TRY(DerReader one, attributes.Enter());
    BM_TRY(CsrAttrs::Attribute a, ReadAttribute(one));
    const bool open = a.type == kExtensionReqTemplate;
    if (!open && a.type != pki::oid::kExtensionRequest) continue;
    // RFC 9908 section 3.4: one of the two, once, with one value.
    if (seen || a.values.size() != 1) return Bad("extensions are asked for twice");
    seen = true;
    BM_TRY(t.extensions, ReadExtensions(a.values.front(), open));
    t.extensions_complete =
        std::ranges::all_of(t.extensions, [](const auto& e) { return e.value.has_value(); });
  }
  return t;
}

}  // namespace

Result<CsrAttrs> ReadCsrAttrs(ByteView data) {
  if (data.size() > kMaxBytes) return Bad("longer than 16 KiB");
  CsrAttrs out;
  auto walk = [&]() -> Status {
    BM_CHECK(crypto::CheckDer(data));
    DerReader file(data);
    BM_TRY(DerReader list, file.Enter());
    BM_CHECK(file.End());
    while (!list.AtEnd()) {
      if (out.oids.size() + out.attributes.size() == kMaxItems) return Bad("too many");
      if (list.NextIs(der::kOid)) {
        BM_TRY(std::string oid, list.Oid());
        out.oids.push_back(std::move(oid));
        continue;
      }
      BM_TRY(DerReader one, list.Enter());
      BM_TRY(CsrAttrs::Attribute a, ReadAttribute(one));
      const bool request = a.type == pki::oid::kExtensionRequest, form = a.type == kTemplate;
      if ((request || form) && a.values.size() != 1) return Bad(a.type + " has one value");
      if (request) {
        if (!out.extensions.empty()) return Bad("extensions are asked for twice");
        BM_TRY(out.extensions, ReadExtensions(a.values.front(), false));
      }
      if (form) {
        if (out.request_template) return Bad("two templates");
        BM_TRY(out.request_template, ReadTemplate(a.values.front()));
      }
      out.attributes.push_back(std::move(a));
    }
    return {};
  };
  if (auto ok = walk(); !ok) {
    if (ok.error().code != "est.csrattrs") return Bad(ok.error().message);
    return std::unexpected(std::move(ok).error());
  }
  return out;
}

}  // namespace birthmark::enroll::est
