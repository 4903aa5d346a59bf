// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/est.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "enroll/est/codec.h"
#include "enroll/est/csrattrs.h"
#include "enroll/est/enrolment.h"
#include "enroll/est/nonce.h"

namespace birthmark::enroll::est {
namespace {

constexpr std::string_view kCertsOnlyType = "application/pkcs7-mime; smime-type=certs-only";
constexpr std::string_view kCsrAttrsType = "application/csrattrs";
constexpr std::string_view kRequestType = "application/pkcs10";

struct OperationName {
  std::string_view name;
  Operation operation;
  std::string_view method;
};
constexpr OperationName kOperations[] = {
    {"cacerts", Operation::kCaCerts, "GET"},
    {"simpleenroll", Operation::kSimpleEnroll, "POST"},
    {"simplereenroll", Operation::kSimpleReenroll, "POST"},
    {"csrattrs", Operation::kCsrAttrs, "GET"},
    {"serverkeygen", Operation::kServerKeyGen, "POST"},
    {"fullcmc", Operation::kFullCmc, "POST"},
    {"nonce", Operation::kNonce, "GET"},
};

const OperationName* FindOperation(std::string_view name) {
  auto it = std::ranges::find(kOperations, name, &OperationName::name);
  return it == std::end(kOperations) ? nullptr : it;
}

std::string_view MethodOf(Operation o) {
  return std::ranges::find(kOperations, o, &OperationName::operation)->method;
}

HttpResponse Text(int status, std::string text, std::string note) {
  text += '\n';
  HttpResponse r;
  r.status = status;
  r.content_type = "text/plain; charset=utf-8";
  r.body = ToBytes(text);
  r.note = std::move(note);
  return r;
}

HttpResponse Refusal(int status, const Error& e) {
  std::string text = e.message;
  if (!e.fix.empty()) text += "\n" + e.fix;
  return Text(status, std::move(text), e.code + ": " + e.message);
}

// What the desk and the readers of a request refuse, in HTTP's words (RFC 7030 section 4.2.3).
HttpResponse FromError(const Error& e, const EstOptions& options) {
  if (e.code == "enroll.wait") {
    HttpResponse r = Text(202, e.message, e.code);
    r.headers.emplace_back("Retry-After", std::to_string(options.retry_after_s));
    return r;
  }
  if (e.code == "est.authorization") {
    HttpResponse r = Refusal(401, e);
    r.headers.emplace_back("WWW-Authenticate", "Basic realm=\"birthmark\", charset=\"UTF-8\"");
    return r;
  }
  if (e.code == "enroll.not-authorised" || e.code == "est.other-name") return Refusal(403, e);
  if (e.code == "enroll.unknown") return Refusal(404, e);
  if (e.code == "enroll.locked") return Refusal(409, e);
  if (e.code == "enroll.bad-request" || e.code == "name.value" || e.code.starts_with("csr.") ||
      e.code.starts_with("est.")) {
    return Refusal(400, e);
  }
  // The factory's own trouble is nothing for the other side to read.
  return Text(500, "the factory cannot answer now", e.code + ": " + e.message);
}

// The type without parameters, in any case (RFC 9110 section 8.3.1).
bool IsRequestType(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return std::ranges::equal(type, kRequestType,
                            [](unsigned char a, char b) { return std::tolower(a) == b; });
}

HttpResponse Good(std::string_view type, Bytes body) {
  HttpResponse r;
  r.content_type = type;
  r.body = std::move(body);
  return r;
}

}  // namespace

std::optional<Route> ReadRoute(std::string_view path) {
  Route route;
  const size_t prefix = path.find(kPrefix);
  if (prefix == std::string_view::npos) return std::nullopt;
  const std::string_view before = path.substr(0, prefix);
  path.remove_prefix(prefix + kPrefix.size());
  if (!path.starts_with('/')) return std::nullopt;
  path.remove_prefix(1);
  if (!before.empty()) {
    route.product = before.substr(1);
    if (!before.starts_with('/') || route.product.empty()) return std::nullopt;
  } else if (const size_t slash = path.find('/'); slash != std::string_view::npos) {
    route.product = path.substr(0, slash);
    path.remove_prefix(slash + 1);
    if (route.product.empty()) return std::nullopt;
  }
  // A label is one segment, and not the name of an operation (RFC 7030 section 3.2.2).
  if (route.product.contains('/') || FindOperation(route.product) != nullptr) return std::nullopt;
  const OperationName* o = FindOperation(path);
  if (o == nullptr) return std::nullopt;
  route.operation = o->operation;
  return route;
}

Est::Est(Desk& desk, EstOptions options)
    : desk_(desk), options_(options), authenticator_(desk, options.remember_caller) {}

void Est::Handle(HttpRequest request, Reply reply) {
  const auto route = ReadRoute(request.path);
  if (!route) return reply(Text(404, "there is nothing of EST here", "est.path"));
  const std::string_view method = MethodOf(route->operation);
  if (route->operation == Operation::kFullCmc) {
    return reply(Text(501, "fullcmc is not offered: use simpleenroll", "est.fullcmc"));
  }
  // A nonce is asked for by POST where there is something to say with it.
  if (request.method != method &&
      (route->operation != Operation::kNonce || request.method != "POST")) {
    HttpResponse r = Text(405, "this operation takes " + std::string(method), "est.method");
    r.headers.emplace_back("Allow", method);
    return reply(std::move(r));
  }
  const bool enrols = route->operation == Operation::kSimpleEnroll ||
                      route->operation == Operation::kSimpleReenroll ||
                      route->operation == Operation::kNonce;
  // RFC 7030 section 3.3: EST runs inside TLS.
  if (!request.peer.encrypted && (enrols || !options_.allow_plain_keygen)) {
    return reply(Text(403, "EST needs TLS", "est.plain"));
  }
  if (route->operation == Operation::kCaCerts) {
    auto authorities = desk_.AuthoritiesOf(route->product);
    if (!authorities) {
      // A GET holds no other request than its path.
      if (authorities.error().code == "enroll.bad-request") {
        return reply(Refusal(404, authorities.error()));
      }
      return reply(FromError(authorities.error(), options_));
    }
    const std::vector<ByteView> views(authorities->certificates.begin(),
                                      authorities->certificates.end());
    return reply(Good(kCertsOnlyType, ToBody(CertsOnly(views))));
  }
  auto caller = authenticator_.Who(request.peer, request.authorization);
  if (!caller) return reply(FromError(caller.error(), options_));
  if (route->operation == Operation::kCsrAttrs) {
    // RFC 7030 section 4.5: open to everybody; who is known gets the unit's own serial number.
    auto wanted = [&]() -> Result<Bytes> {
      BM_TRY(RequestTemplate t, desk_.TemplateOf(route->product, *caller));
      return WriteCsrAttrs(t);
    }();
    if (!wanted && wanted.error().code == "enroll.bad-request") {
      return reply(Refusal(404, wanted.error()));
    }
    if (!wanted) return reply(FromError(wanted.error(), options_));
    return reply(Good(kCsrAttrsType, ToBody(*wanted)));
  }
  if (caller->kind == Caller::Kind::kNobody) {
    return reply(FromError({ErrorKind::kNegative, "est.authorization",
                            "who asks? there is neither a client certificate nor a token",
                            "send a client certificate, or a token by HTTP Basic"},
                           options_));
  }
  if (route->operation == Operation::kNonce)
    return reply(Nonce(*route, request, std::move(*caller)));
  if (!IsRequestType(request.content_type)) {
    return reply(Text(415, "the body must be " + std::string(kRequestType), "est.content-type"));
  }
  Enroll(*route, std::move(request), std::move(*caller), std::move(reply));
}

HttpResponse Est::Nonce(const Route& route, const HttpRequest& request, Caller caller) {
  auto given = [&]() -> Result<GivenNonce> {
    NonceRequest asked;
    if (request.method == "POST") {
      BM_TRY(asked, ReadNonceRequest(request.body));
    }
    asked.product = route.product;
    asked.caller = std::move(caller);
    return desk_.AttestationNonce(asked);
  }();
  // The draft's word for "not now" is 503, not RFC 7030's 202.
  if (!given && given.error().code == "enroll.wait") return Refusal(503, given.error());
  if (!given) return FromError(given.error(), options_);
  return Good(kNonceType, WriteNonce(*given));
}

void Est::Enroll(const Route& route, HttpRequest request, Caller caller, Reply reply) {
  const Kind kind = route.operation == Operation::kServerKeyGen     ? Kind::kServerKey
                    : route.operation == Operation::kSimpleReenroll ? Kind::kRenew
                                                                    : Kind::kEnrol;
  auto read = [&]() -> Result<Enrolment> {
    BM_TRY(Bytes der, FromBody(request.body));
    return ReadEnrolment({kind,
                          route.product,
                          request.peer.encrypted ? "est" : "est-plain",
                          der,
                          {request.peer.tls_unique, request.peer.tls_exporter},
                          std::move(caller)});
  };
  auto enrolment = read();
  if (!enrolment) return reply(FromError(enrolment.error(), options_));
  if (route.operation == Operation::kServerKeyGen) {
    return desk_.EnrolServerKey(
        std::move(*enrolment),
        [options = options_, reply = std::move(reply)](Result<GrantedKey> granted) {
          if (!granted) return reply(FromError(granted.error(), options));
          const ByteView certificate = granted->granted.certificate;
          HttpResponse r =
              Good(kKeyAndCertificateType,
                   KeyAndCertificate(granted->private_key, CertsOnly({&certificate, 1})));
          r.secret = true;
          r.copy = std::move(granted->copy);
          reply(std::move(r));
        });
  }
  desk_.Enrol(std::move(*enrolment),
              [options = options_, reply = std::move(reply)](Result<Granted> granted) {
                if (!granted) return reply(FromError(granted.error(), options));
                // RFC 7030 section 4.2.3: the certificate alone; cacerts gives what is above it.
                const ByteView certificate = granted->certificate;
                reply(Good(kCertsOnlyType, ToBody(CertsOnly({&certificate, 1}))));
              });
}

}  // namespace birthmark::enroll::est
