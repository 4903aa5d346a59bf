// SPDX-License-Identifier: Apache-2.0
// YANG in CBOR (RFC 9254 section 4): a container is a map under its SID, its members stand under
// their distance from it.
#include <fmt/format.h>

#include "cbor/codec.h"
#include "voucher/fields.h"

namespace birthmark::voucher {
namespace {

std::unexpected<Error> BadItem(std::string_view name) {
  return Refused("voucher.member", fmt::format("\"{}\" is of a wrong type", name));
}

struct Taker {
  Statement& s;
  const Field& f;
  const cbor::Value& v;

  Status operator()(std::optional<Assertion> Statement::* m) const {
    const uint64_t* n = v.AsUint();
    if (n == nullptr || *n > static_cast<uint64_t>(Assertion::kAgentProximity))
      return BadItem(f.name);
    s.*m = static_cast<Assertion>(*n);
    return {};
  }
  Status operator()(std::optional<Time> Statement::* m) const {
    if (v.AsText() != nullptr) s.*m = ReadDate(*v.AsText());
    if (!(s.*m)) return BadItem(f.name);
    return {};
  }
  Status operator()(std::optional<bool> Statement::* m) const {
    if (v.AsBool() == nullptr) return BadItem(f.name);
    s.*m = *v.AsBool();
    return {};
  }
  Status operator()(Bytes Statement::* m) const {
    if (v.AsBytes() == nullptr || v.AsBytes()->empty()) return BadItem(f.name);
    s.*m = *v.AsBytes();
    return {};
  }
  Status operator()(std::string Statement::* m) const {
    if (v.AsText() == nullptr) return BadItem(f.name);
    s.*m = *v.AsText();
    return {};
  }
};

struct Giver {
  const Statement& s;
  cbor::Map& out;
  int number;
  void Put(cbor::Value v) const { out.emplace_back(cbor::Value(number), std::move(v)); }

  void operator()(std::optional<Assertion> Statement::* m) const {
    if (s.*m) Put(cbor::Value(static_cast<uint64_t>(*(s.*m))));
  }
  void operator()(std::optional<Time> Statement::* m) const {
    if (s.*m) Put(cbor::Value(FormatTime(*(s.*m))));
  }
  void operator()(std::optional<bool> Statement::* m) const {
    if (s.*m) Put(cbor::Value(*(s.*m)));
  }
  void operator()(Bytes Statement::* m) const {
    if (!(s.*m).empty()) Put(cbor::Value(s.*m));
  }
  void operator()(std::string Statement::* m) const {
    if (!(s.*m).empty()) Put(cbor::Value(s.*m));
  }
};

}  // namespace

Result<Statement> ReadCbor(ByteView item) {
  if (item.size() > kMaxMessage)
    return Refused("voucher.malformed", "the content is larger than 128 KiB");
  BM_TRY(cbor::Value top, cbor::Decode(item, {.depth = 8, .items = 1000}));
  const cbor::Map* outer = top.AsMap();
  const uint64_t* sid =
      outer == nullptr || outer->size() != 1 ? nullptr : outer->front().first.AsUint();
  if (sid == nullptr || (*sid != kVoucherSid && *sid != kRequestSid) ||
      outer->front().second.AsMap() == nullptr) {
    return Refused("voucher.malformed",
                   "no map of one container under SID 2451 (voucher) or 2501 (request)");
  }
  Statement s;
  s.kind = *sid == kVoucherSid ? Kind::kVoucher : Kind::kRequest;
  for (const auto& [key, value] : *outer->front().second.AsMap()) {
    const std::optional<int64_t> number = key.AsInt();
    if (!number) return Refused("voucher.malformed", "a member's number is no number");
    const Field* field = nullptr;
    for (const Field& f : Fields()) {
      if (Number(f, s.kind) != 0 && Number(f, s.kind) == *number) field = &f;
    }
    if (field == nullptr) {
      s.others.push_back(fmt::format("SID {}+{}", *sid, *number));
      continue;
    }
    BM_CHECK(std::visit(Taker{s, *field, value}, field->member));
  }
  BM_CHECK(CheckMembers(s));
  return s;
}

Bytes WriteCbor(const Statement& s) {
  cbor::Map members;
  for (const Field& f : Fields()) {
    if (Number(f, s.kind) != 0) std::visit(Giver{s, members, Number(f, s.kind)}, f.member);
  }
  cbor::Map top;
  top.emplace_back(cbor::Value(s.kind == Kind::kVoucher ? kVoucherSid : kRequestSid),
                   cbor::Value(std::move(members)));
  return cbor::Encode(cbor::Value(std::move(top)));
}

}  // namespace birthmark::voucher
