// SPDX-License-Identifier: Apache-2.0
#include "app/revocation_http.h"

#include <algorithm>
#include <ctime>

#include "app/crls.h"
#include "crypto/digest.h"
#include "keystore/keystore.h"
#include "pki/crl.h"

namespace birthmark::app {
namespace {

constexpr size_t kMaxLists = 4096;  // mapped at once
constexpr int64_t kCrlMaxAge = 3600;

enroll::HttpResponse Plain(int status, std::string note) {
  enroll::HttpResponse r;
  r.status = status;
  r.note = std::move(note);
  return r;
}

// HTTP's dates, RFC 9110 section 5.6.7.
std::string HttpDate(Time t) {
  const time_t seconds = std::chrono::system_clock::to_time_t(t);
  struct tm tm{};
  gmtime_r(&seconds, &tm);
  char text[40];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
  return text;
}

// What caches are told, RFC 5019 section 6.2.
void CacheFor(enroll::HttpResponse& r, Time from, Time until, Time now, int64_t at_most,
              std::string tag) {
  const int64_t left = std::chrono::duration_cast<std::chrono::seconds>(until - now).count();
  r.headers = {{"Cache-Control", fmt::format("max-age={}, public, no-transform, must-revalidate",
                                             std::clamp<int64_t>(left, 0, at_most))},
               {"Last-Modified", HttpDate(from)},
               {"Expires", HttpDate(until)},
               {"ETag", fmt::format("\"{}\"", tag)}};
}

}  // namespace

void OcspHandler::Handle(enroll::HttpRequest request, enroll::Reply reply) {
  std::string_view rest(request.path);
  if (!rest.starts_with(kOcspPath)) return reply(Plain(404, "no such path"));
  rest.remove_prefix(std::min(rest.size(), kOcspPath.size() + 1));
  const size_t slash = rest.find('/');
  const std::string ca(rest.substr(0, slash));
  if (!keystore::IsKeyId(ca)) return reply(Plain(404, "no authority is named"));
  Bytes question;
  const bool get = request.method == "GET" || request.method == "HEAD";
  if (get) {
    auto decoded = slash == rest.npos ? std::nullopt : FromBase64(rest.substr(slash + 1));
    if (!decoded || decoded->empty()) return reply(Plain(400, "no question in the path"));
    question = std::move(*decoded);
  } else if (request.method == "POST") {
    if (request.content_type != kOcspRequestType)
      return reply(Plain(415, "the body is no " + std::string(kOcspRequestType)));
    question = std::move(request.body);
  } else {
    enroll::HttpResponse r = Plain(405, "POST or GET");
    r.headers = {{"Allow", "GET, HEAD, POST"}};
    return reply(std::move(r));
  }
  enroll::HttpResponse r;
  const OcspAnswered answer = desk_.Answer(ca, question, &r.note);
  r.content_type = kOcspResponseType;
  r.shared = *answer.der;
  r.keep = answer.der;
  if (answer.cacheable && get) {
    // A cache may keep it for half of its time: then it is made anew here as well.
    const int64_t half = std::chrono::duration_cast<std::chrono::seconds>(
                             (answer.next_update - answer.this_update) / 2)
                             .count();
    const Digest digest = crypto::Sha256(*answer.der);
    CacheFor(r, answer.this_update, answer.next_update, clock_.Now(), half,
             ToHex(ByteView(digest).first(8)));
  } else {
    r.headers = {{"Cache-Control", "no-store"}};
  }
  reply(std::move(r));
}

Result<CrlHandler::Shown> CrlHandler::ListOf(const std::string& name) {
  const fs::path file = CrlPath(layout_, "x").parent_path() / name;
  std::error_code ec;
  const auto written = fs::last_write_time(file, ec);
  if (ec) return Refused("crl.none", name + ": no such list");
  std::lock_guard lock(mutex_);
  auto it = shown_.find(name);
  if (it != shown_.end() && it->second.written == written) return it->second;
  Shown s{.file = nullptr,
          .written = written,
          .number = 0,
          .this_update = {},
          .next_update = {},
          .tag = ""};
  BM_TRY(s.file, MappedFile::Open(file, pki::kMaxCrlBytes));
  if (name.ends_with(".crl")) {
    BM_TRY(pki::Crl list, pki::ReadCrl(s.file->view()));
    s.number = list.number.value_or(0);
    s.this_update = list.this_update;
    s.next_update = list.next_update.value_or(list.this_update);
  }
  s.tag = ToHex(ByteView(crypto::Sha256(s.file->view())).first(8));
  if (it != shown_.end() && s.number < it->second.number) {
    // Somebody put an older list there; the newer one goes on being given out.
    it->second.written = written;
    return it->second;
  }
  if (shown_.size() >= kMaxLists) shown_.clear();
  shown_[name] = s;
  return s;
}

void CrlHandler::Handle(enroll::HttpRequest request, enroll::Reply reply) {
  if (request.method != "GET" && request.method != "HEAD") {
    enroll::HttpResponse r = Plain(405, "GET alone");
    r.headers = {{"Allow", "GET, HEAD"}};
    return reply(std::move(r));
  }
  std::string_view rest(request.path);
  rest.remove_prefix(std::min(rest.size(), kCrlPath.size() + 1));
  const std::string name(rest);
  const bool der = name.ends_with(".crl"), pem = name.ends_with(".pem");
  if ((!der && !pem) || !keystore::IsKeyId(name.substr(0, name.size() - 4)))
    return reply(Plain(404, "no such list"));
  auto list = ListOf(name);
  if (!list) return reply(Plain(404, list.error().ToString()));
  enroll::HttpResponse r;
  // RFC 2585 section 4.
  r.content_type = der ? "application/pkix-crl" : "application/x-pem-file";
  r.shared = list->file->view();
  r.keep = list->file;
  if (der) CacheFor(r, list->this_update, list->next_update, clock_.Now(), kCrlMaxAge, list->tag);
  reply(std::move(r));
}

}  // namespace birthmark::app
