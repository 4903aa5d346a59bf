// SPDX-License-Identifier: Apache-2.0
// Requests and responses carried to an offline authority and back (docs/formats/request.md): text
// files of PEM blocks, so that openssl reads the same file. Leaves out how they are carried and the
// ledger. Free functions; thread-safe where their Signer is.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "pki/csr.h"
#include "pki/issue.h"
#include "pki/profile.h"

namespace birthmark::pki {

inline constexpr size_t kMaxRequestBytes = 64 * 1024;

// RequestTerms is what is asked for, in words that both sides can list.
struct RequestTerms {
  std::string workspace;                 // the id of the workspace that asks
  std::string name;                      // what people call the authority
  int level = 2;                         // its level, the root's being 1
  std::optional<int64_t> lifetime_days;  // absent: no well-defined end
  int path_len = 0;                      // of an authority
  // The end-entity profile asked for (pki::Profile::id): "disclosure", "code-signing",
  // "update-signing" or "ocsp-responder", of which the manufacturer itself keeps the key. Empty: an
  // authority.
  std::string profile;
  std::string pki;  // which of the plan's PKIs; empty: not said
  bool rehearsal = true;
  Time created{};
};

// Request is a request that was checked.
struct Request {
  RequestTerms terms;
  Csr csr;
  Digest digest{};  // SHA-256 of the statement, which names the CSR by its digest
  std::string csr_pem;
};

// MakeRequest asks for a subordinate's certificate, or an end entity's. The statement is signed by
// the key that asks. Errors: request.terms; those of the Signer.
Result<std::string> MakeRequest(const RequestTerms& terms, const Name& subject,
                                crypto::Signer& signer);

// CheckRequest reads a request and checks both signatures and that statement and CSR agree.
// Errors: request.malformed, request.too-large, request.signature, request.csr (the statement is of
// another CSR), request.terms; those of ReadCsr.
Result<Request> CheckRequest(std::string_view text);

// SignRequest issues what a checked request asks for and writes the response. `above` is the chain
// from the issuer's own certificate towards its root. Errors: request.rehearsal (a rehearsal
// request at a production root or the reverse) and those of Issue.
Result<std::string> SignRequest(const Request& request, const Issuer& issuer, const Marks& marks,
                                const Stamp& stamp, std::span<const crypto::Certificate> above);

// Response is an accepted answer.
struct Response {
  crypto::Certificate certificate;
  std::vector<crypto::Certificate> above;  // as carried, the issuer first
  std::optional<Time> signed_at;           // what the issuer said; absent from another tool
};

// CheckResponse reads what came back: our own response, or bare certificates from another tool, the
// authority's first. Refused unless it answers this very request and leads to one of `anchors`.
// Errors: request.malformed, request.too-large, response.other-request, response.other-key,
// response.certificate (not the one the statement names), response.not-authority,
// response.path-length, response.profile (an authority's where an end entity's was asked for);
// those of Certificate::FromDer and BuildPath.
Result<Response> CheckResponse(std::string_view text, const Request& request,
                               std::span<const crypto::Certificate> anchors, Time at);

}  // namespace birthmark::pki
