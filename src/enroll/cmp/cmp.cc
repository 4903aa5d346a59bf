// SPDX-License-Identifier: Apache-2.0
#include "enroll/cmp/cmp.h"

#include <algorithm>
#include <string_view>

#include "enroll/cmp/exchange.h"

namespace birthmark::enroll::cmp {
namespace {

constexpr std::string_view kRoot = "/.well-known/cmp";
constexpr size_t kMaxProduct = 64;

// RFC 9483 section 6.1: a path may end in the operation. What follows a request (certConf, pollReq,
// error) takes the same path.
struct Operation {
  std::string_view label;
  Body body;
};
constexpr Operation kOperations[] = {
    {"initialization", Body::kIr},  {"certification", Body::kCr},
    {"keyupdate", Body::kKur},      {"pkcs10", Body::kP10cr},
    {"revocation", Body::kRr},      {"getcacerts", Body::kGenm},
    {"getrootupdate", Body::kGenm}, {"getcertreqtemplate", Body::kGenm},
};

bool IsOperation(std::string_view label) {
  return std::ranges::any_of(kOperations, [&](const Operation& o) { return o.label == label; });
}

bool Accepts(Body b, const std::string& operation) {
  if (operation.empty() || b == Body::kCertConf || b == Body::kPollReq || b == Body::kError)
    return true;
  return std::ranges::any_of(
      kOperations, [&](const Operation& o) { return o.label == operation && o.body == b; });
}

bool IsLabel(std::string_view s) {
  return !s.empty() && s.size() <= kMaxProduct && s != "." && s != ".." &&
         std::ranges::all_of(s, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.' || c == '~';
         });
}

struct Target {
  std::string product, operation;
};

// /.well-known/cmp[/p/<product>][/<operation>], with slashes at its end as clients leave them.
std::optional<Target> TargetOf(std::string_view path) {
  if (!path.starts_with(kRoot)) return std::nullopt;
  path.remove_prefix(kRoot.size());
  while (path.ends_with('/')) path.remove_suffix(1);
  Target t;
  if (path.starts_with("/p/")) {
    path.remove_prefix(3);
    const std::string_view product = path.substr(0, path.find('/'));
    if (!IsLabel(product)) return std::nullopt;
    t.product = product;
    path.remove_prefix(product.size());
  }
  if (path.empty()) return t;
  if (path.front() != '/' || !IsOperation(path.substr(1))) return std::nullopt;
  t.operation = path.substr(1);
  return t;
}

bool IsCmpType(std::string_view type) {
  constexpr std::string_view kWanted = "application/pkixcmp";
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return std::ranges::equal(type, kWanted, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
  });
}

HttpResponse Bare(int status) {
  HttpResponse r;
  r.status = status;
  return r;
}

}  // namespace

Result<std::unique_ptr<Cmp>> Cmp::Make(Desk& desk, Options options) {
  auto core = std::make_shared<Core>(desk, std::move(options));
  BM_CHECK(core->transactions.Load());
  return std::unique_ptr<Cmp>(new Cmp(std::move(core)));
}

Cmp::~Cmp() = default;

size_t Cmp::open() const { return core_->transactions.open(); }

void Cmp::Handle(HttpRequest request, Reply reply) {
  const auto target = TargetOf(request.path);
  if (!target) return reply(Bare(404));
  // RFC 9811 section 3.1.
  if (request.method != "POST") {
    HttpResponse r = Bare(405);
    r.headers.emplace_back("Allow", "POST");
    return reply(std::move(r));
  }
  if (!IsCmpType(request.content_type)) return reply(Bare(415));
  if (request.body.size() > kMaxMessage) return reply(Bare(413));
  std::make_shared<Exchange>(core_, std::move(request.body), target->product, request.peer.address,
                             std::move(reply))
      ->Run(Accepts, target->operation);
}

}  // namespace birthmark::enroll::cmp
