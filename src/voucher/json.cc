// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "voucher/fields.h"

namespace birthmark::voucher {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kContainers[] = {"ietf-voucher:voucher", "ietf-voucher-request:voucher"};

std::unexpected<Error> BadMember(std::string_view name, std::string_view why) {
  return Refused("voucher.member", fmt::format("\"{}\" {}", name, why));
}

// OnceEach sees a document's keys go by and remembers whether one came twice: which of the two is
// meant differs from parser to parser (RFC 8259 section 4).
class OnceEach {
 public:
  bool operator()(int, ordered_json::parse_event_t event, ordered_json& value) {
    using Event = ordered_json::parse_event_t;
    if (event == Event::object_start) seen_.emplace_back();
    if (event == Event::object_end && !seen_.empty()) seen_.pop_back();
    if (event == Event::key && !seen_.back().insert(value.get<std::string>()).second) twice_ = true;
    return true;
  }
  bool twice() const { return twice_; }

 private:
  std::vector<std::set<std::string>> seen_;
  bool twice_ = false;
};

// Octets reads a binary leaf: base64, as RFC 7951 section 6.6 says, or the alphabet for URLs
// without padding, which real MASAs write.
std::optional<Bytes> Octets(const std::string& text) {
  if (auto plain = FromBase64(text)) return plain;
  std::string other = text;
  for (char& c : other) c = c == '-' ? '+' : c == '_' ? '/' : c;
  other.append((4 - other.size() % 4) % 4, '=');
  return FromBase64(other);
}

struct Reader {
  Statement& s;
  const Field& f;
  const ordered_json& v;

  Status operator()(std::optional<Assertion> Statement::* m) const {
    Assertion a{};
    if (!v.is_string() || !FromText(v.get<std::string>(), a))
      return BadMember(f.name, "is no assertion that is known");
    s.*m = a;
    return {};
  }
  Status operator()(std::optional<Time> Statement::* m) const {
    if (v.is_string()) s.*m = ReadDate(v.get<std::string>());
    if (!(s.*m)) return BadMember(f.name, "is no date and time");
    return {};
  }
  Status operator()(std::optional<bool> Statement::* m) const {
    // The examples of RFC 8366 section 5.2 write it as a text.
    if (v.is_boolean()) s.*m = v.get<bool>();
    if (v == "true" || v == "false") s.*m = v == "true";
    if (!(s.*m)) return BadMember(f.name, "is neither true nor false");
    return {};
  }
  Status operator()(Bytes Statement::* m) const {
    std::optional<Bytes> octets;
    if (v.is_string()) octets = Octets(v.get<std::string>());
    if (!octets || octets->empty()) return BadMember(f.name, "is no base64");
    s.*m = std::move(*octets);
    if (m == &Statement::nonce) s.nonce_text = v.get<std::string>();
    return {};
  }
  Status operator()(std::string Statement::* m) const {
    if (!v.is_string()) return BadMember(f.name, "is no text");
    s.*m = v.get<std::string>();
    return {};
  }
};

struct Writer {
  const Statement& s;
  const Field& f;
  ordered_json& out;
  void Put(ordered_json v) const { out[std::string(f.name)] = std::move(v); }

  void operator()(std::optional<Assertion> Statement::* m) const {
    if (s.*m) Put(ToText(*(s.*m)));
  }
  void operator()(std::optional<Time> Statement::* m) const {
    if (s.*m) Put(FormatTime(*(s.*m)));
  }
  void operator()(std::optional<bool> Statement::* m) const {
    if (s.*m) Put(*(s.*m));
  }
  void operator()(Bytes Statement::* m) const {
    if (!(s.*m).empty()) Put(m == &Statement::nonce ? NonceText(s) : ToBase64(s.*m));
  }
  void operator()(std::string Statement::* m) const {
    if (!(s.*m).empty()) Put(s.*m);
  }
};

}  // namespace

Result<Statement> ReadJson(ByteView text) {
  auto bad = [](std::string why) { return Refused("voucher.malformed", std::move(why)); };
  if (text.size() > kMaxMessage) return bad("the JSON is larger than 128 KiB");
  OnceEach once;
  ordered_json top = ordered_json::parse(text.begin(), text.end(), std::ref(once), false);
  if (top.is_discarded() || !top.is_object()) return bad("the content is no JSON object");
  if (once.twice()) return bad("a member stands twice");
  if (top.size() != 1) return bad("the object has not one member");
  Statement s;
  if (top.begin().key() == kContainers[1]) {
    s.kind = Kind::kRequest;
  } else if (top.begin().key() != kContainers[0]) {
    return bad("neither an ietf-voucher:voucher nor an ietf-voucher-request:voucher");
  }
  const ordered_json& members = *top.begin();
  if (!members.is_object()) return bad("the container is no object");
  for (const auto& [name, value] : members.items()) {
    const Field* field = nullptr;
    for (const Field& f : Fields()) {
      if (f.name == name && Number(f, s.kind) != 0) field = &f;
    }
    if (field == nullptr) {
      s.others.push_back(name);
      continue;
    }
    BM_CHECK(std::visit(Reader{s, *field, value}, field->member));
  }
  BM_CHECK(CheckMembers(s));
  return s;
}

std::string WriteJson(const Statement& s) {
  ordered_json members = ordered_json::object();
  for (const Field& f : Fields()) {
    if (Number(f, s.kind) != 0) std::visit(Writer{s, f, members}, f.member);
  }
  ordered_json top;
  top[std::string(kContainers[s.kind == Kind::kVoucher ? 0 : 1])] = std::move(members);
  return top.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace birthmark::voucher
