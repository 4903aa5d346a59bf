// SPDX-License-Identifier: Apache-2.0
#include "enroll/coaps/est_coaps.h"

#include <algorithm>

#include "cbor/codec.h"
#include "enroll/coaps/operations.h"
#include "enroll/est/codec.h"
#include "enroll/est/csrattrs.h"
#include "enroll/est/enrolment.h"

namespace birthmark::enroll::coaps {
namespace {

using Kind = Operation::Kind;

Response Refusal(Code code, std::string_view text, std::string note) {
  Response r;
  r.code = code;
  r.payload = ToBytes(text);  // a diagnostic payload has no format (RFC 7252 section 5.5.2)
  r.note = std::move(note);
  return r;
}

// RFC 9148 section 4.5 gives HTTP's words their places in CoAP.
Response FromError(const Error& e, uint32_t retry_after_s) {
  if (e.code == "enroll.wait") {
    Response r = Refusal(Code::kUnavailable, e.message, e.code);
    r.max_age = retry_after_s;
    return r;
  }
  const std::string note = e.code + ": " + e.message;
  if (e.code == "enroll.not-authorised" || e.code == "est.other-name") {
    return Refusal(Code::kForbidden, e.message, note);
  }
  if (e.code == "enroll.unknown") return Refusal(Code::kNotFound, e.message, note);
  if (e.code == "enroll.locked") return Refusal(Code::kConflict, e.message, note);
  if (e.code == "enroll.bad-request" || e.code == "name.value" || e.code.starts_with("csr.") ||
      e.code.starts_with("est.")) {
    return Refusal(Code::kBadRequest, e.message, note);
  }
  // The factory's own trouble is nothing for the other side to read.
  return Refusal(Code::kServerError, "the factory cannot answer now", note);
}

// For a GET the label is all that can be wrong.
Response FromGetError(const Error& e, uint32_t retry_after_s) {
  if (e.code != "enroll.bad-request") return FromError(e, retry_after_s);
  return Refusal(Code::kNotFound, e.message, e.code + ": " + e.message);
}

Response Good(Code code, int format, Bytes payload) {
  Response r;
  r.code = code;
  r.format = format;
  r.payload = std::move(payload);
  return r;
}

Response OneCertificate(Code code, int format, ByteView der) {
  return Good(code, format,
              format == kPkixCert ? Bytes(der.begin(), der.end()) : est::CertsOnly({&der, 1}));
}

// RFC 9148 section 4.8 and RFC 8710: the key in the clear, then its certificate, as certs-only for
// skg and bare for skc.
Response KeyAndCertificate(Kind kind, const GrantedKey& granted) {
  const ByteView der = granted.granted.certificate;
  const ByteView key = granted.private_key.Read(SecretAccess{});
  Response r;
  r.code = Code::kChanged;
  r.format = kMultipartCore;
  r.secret = true;
  r.copy = granted.copy;
  const Bytes certificate =
      kind == Kind::kSkc ? Bytes(der.begin(), der.end()) : est::CertsOnly({&der, 1});
  r.payload.reserve(key.size() + certificate.size() + 32);  // so that no copy is left behind
  cbor::Writer w(r.payload);
  w.ArrayHead(4);
  w.Uint(kPkcs8);
  w.ByteString(key);
  w.Uint(kind == Kind::kSkc ? kPkixCert : kCertsOnly);
  w.ByteString(certificate);
  return r;
}

}  // namespace

EstCoaps::EstCoaps(Desk& desk, EstCoapsOptions options)
    : desk_(desk), options_(std::move(options)), authenticator_(desk) {}

void EstCoaps::Serve(const Whole& request, const Peer& peer, Reply reply) {
  const uint32_t retry = options_.retry_after_s;
  if (request.path == std::vector<std::string>{".well-known", "core"}) {
    if (request.method != Code::kGet) {
      return reply(Refusal(Code::kMethodNotAllowed, "ask with GET", "coaps.method"));
    }
    return reply(Discover(request.queries, options_.products));
  }
  const auto route = ReadRoute(request.path);
  if (!route) return reply(Refusal(Code::kNotFound, "there is nothing of EST here", "coaps.path"));
  const Operation& operation = *route->operation;
  if (request.method != operation.method) {
    return reply(Refusal(Code::kMethodNotAllowed,
                         operation.method == Code::kGet ? "ask with GET" : "ask with POST",
                         "coaps.method"));
  }
  const int format = request.accept.value_or(operation.accepted.front());
  if (std::ranges::find(operation.accepted, format) == operation.accepted.end()) {
    return reply(Refusal(Code::kNotAcceptable, "not a format of this resource", "coaps.accept"));
  }

  if (!peer.certificate) {
    return reply(Refusal(Code::kForbidden, "a client certificate is needed", "coaps.nobody"));
  }
  auto caller = authenticator_.ByCertificate(*peer.certificate, peer.others);
  if (!caller) return reply(FromError(caller.error(), retry));

  if (operation.kind == Kind::kCrts) {
    auto authorities = desk_.AuthoritiesOf(route->product);
    if (!authorities) return reply(FromGetError(authorities.error(), retry));
    // A single certificate is the one that everything is checked against: the last.
    if (format == kPkixCert) {
      return reply(OneCertificate(Code::kContent, format, authorities->certificates.back()));
    }
    const std::vector<ByteView> views(authorities->certificates.begin(),
                                      authorities->certificates.end());
    return reply(Good(Code::kContent, kCertsOnly, est::CertsOnly(views)));
  }
  if (operation.kind == Kind::kAtt) {
    auto wanted = desk_.TemplateOf(route->product, *caller);
    auto body = wanted ? est::WriteCsrAttrs(*wanted) : std::unexpected(wanted.error());
    if (!body) return reply(FromGetError(body.error(), retry));
    return reply(Good(Code::kContent, kCsrAttrs, std::move(*body)));
  }

  if (request.format != kPkcs10) {
    return reply(Refusal(Code::kUnsupportedFormat, "the body must be of content format 286",
                         "coaps.content-format"));
  }
  est::Asking asking;
  asking.kind = operation.kind == Kind::kSen    ? est::Kind::kEnrol
                : operation.kind == Kind::kSren ? est::Kind::kRenew
                                                : est::Kind::kServerKey;
  asking.product = route->product;
  asking.via = "est-coaps";
  asking.csr = request.body;
  asking.binding = {peer.tls_unique, peer.tls_exporter};
  asking.caller = std::move(*caller);
  auto enrolment = est::ReadEnrolment(std::move(asking));
  if (!enrolment) return reply(FromError(enrolment.error(), retry));
  if (operation.kind == Kind::kSkg || operation.kind == Kind::kSkc) {
    return desk_.EnrolServerKey(
        std::move(*enrolment),
        [retry, kind = operation.kind, reply = std::move(reply)](Result<GrantedKey> granted) {
          reply(granted ? KeyAndCertificate(kind, *granted) : FromError(granted.error(), retry));
        });
  }
  desk_.Enrol(std::move(*enrolment),
              [retry, format, reply = std::move(reply)](Result<Granted> granted) {
                reply(granted ? OneCertificate(Code::kChanged, format, granted->certificate)
                              : FromError(granted.error(), retry));
              });
}

}  // namespace birthmark::enroll::coaps
