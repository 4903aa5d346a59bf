// SPDX-License-Identifier: Apache-2.0
#include "app/masa_http.h"

#include <nlohmann/json.hpp>

namespace birthmark::app {
namespace {

// Refusal says why in words and by name. What is ours alone to know stays in the log.
enroll::HttpResponse Refusal(const Error& e) {
  enroll::HttpResponse r;
  const bool theirs = e.kind == ErrorKind::kNegative;
  const bool unknown = e.code == "voucher.unknown-serial" || e.code == "voucher.not-owner";
  const bool malformed = e.code == "voucher.form" || e.code == "voucher.malformed" ||
                         e.code == "voucher.member" || e.code == "voucher.cms" ||
                         e.code == "voucher.kind" || e.code.starts_with("cbor.") ||
                         e.code.starts_with("cose.");
  // RFC 8995 section 5.6: 404 for a device that is not known, 403 where it is not permitted.
  r.status = !theirs ? 503 : unknown ? 404 : malformed ? 400 : 403;
  r.content_type = "application/json";
  nlohmann::ordered_json body;
  body["error"] = theirs ? e.code : "busy";
  body["message"] = theirs ? e.message : "come again";
  r.body =
      ToBytes(body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  r.headers = {{"Cache-Control", "no-store"}};
  r.note = e.ToString();
  return r;
}

enroll::HttpResponse Words(int status, std::string_view text) {
  enroll::HttpResponse r;
  r.status = status;
  r.content_type = "text/plain";
  r.body = ToBytes(text);
  return r;
}

}  // namespace

enroll::HttpResponse MasaHandler::Answer(const enroll::HttpRequest& request) {
  const std::string_view what = std::string_view(request.path).substr(kBrski.size());
  if (what != "/requestvoucher" && what != "/requestauditlog") return Words(404, "no such path\n");
  if (request.method != "POST") {
    enroll::HttpResponse r = Words(405, "only POST\n");
    r.headers = {{"Allow", "POST"}};
    return r;
  }
  if (request.content_type != voucher::kCmsType && request.content_type != voucher::kCoseType) {
    return Words(415,
                 "a voucher request is application/voucher-cms+json or "
                 "application/voucher+cose\n");
  }
  enroll::HttpResponse r;
  r.headers = {{"Cache-Control", "no-store"}};
  if (what == "/requestauditlog") {
    auto log = masa_.AuditLog(request.body);
    if (!log) return Refusal(log.error());
    ++counters_.logs;
    r.content_type = "application/json";
    r.body = ToBytes(*log);
    return r;
  }
  // The answer has the request's form unless the other one alone is asked for (RFC 8995 section
  // 5.6: Accept).
  std::optional<voucher::Form> form;
  const bool cms = request.accept.find(voucher::kCmsType) != std::string::npos;
  const bool cose = request.accept.find(voucher::kCoseType) != std::string::npos;
  if (cms != cose) form = cms ? voucher::Form::kCms : voucher::Form::kCose;
  auto grant = masa_.Issue(request.body, {}, form);
  if (!grant) {
    ++counters_.refused;
    return Refusal(grant.error());
  }
  ++counters_.issued;
  r.content_type = voucher::MediaType(grant->form);
  r.body = std::move(grant->voucher);
  r.note = grant->event.unit + " " + grant->event.assertion;
  return r;
}

void MasaHandler::Handle(enroll::HttpRequest request, enroll::Reply reply) {
  reply(Answer(request));
}

}  // namespace birthmark::app
