// SPDX-License-Identifier: Apache-2.0
// CSR attributes: what a server wants to find in a request (RFC 7030 section 4.5, RFC 9908).
// Written in both forms, the list for old clients and the template for new ones; read strictly.
// Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "enroll/desk.h"

namespace birthmark::enroll::est {

// WriteCsrAttrs is what a unit's request should hold, as CsrAttrs. A serial number that the desk
// does not know is left for the client to fill in. Errors: est.csrattrs (an OID or a key kind of
// the template that is none).
Result<Bytes> WriteCsrAttrs(const RequestTemplate& t);

// WantedExtension is an extension to ask for; without a value the client fills it in.
struct WantedExtension {
  std::string oid;
  bool critical = false;
  std::optional<Bytes> value;
};

// WantedName is an attribute of the subject; without a value the client fills it in.
struct WantedName {
  std::string oid;
  std::optional<std::string> value;
};

// CsrTemplate is a CertificationRequestInfoTemplate (RFC 9908 section 3.4).
struct CsrTemplate {
  bool has_subject = false;
  std::vector<WantedName> subject;
  Bytes key_algorithm;              // AlgorithmIdentifier; empty: any
  bool extensions_complete = true;  // every extension has its value
  std::vector<WantedExtension> extensions;
};

// CsrAttrs is a list as it came.
struct CsrAttrs {
  std::vector<std::string> oids;  // bare ones
  struct Attribute {
    std::string type;
    std::vector<Bytes> values;
  };
  std::vector<Attribute> attributes;        // all, known and unknown
  std::vector<WantedExtension> extensions;  // of the list's own extensionRequest
  std::optional<CsrTemplate> request_template;
};

// ReadCsrAttrs reads them; unknown OIDs and attributes are kept (RFC 7030 section 4.5.2).
// Errors: est.csrattrs.
Result<CsrAttrs> ReadCsrAttrs(ByteView der);

}  // namespace birthmark::enroll::est
