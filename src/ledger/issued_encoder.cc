// SPDX-License-Identifier: Apache-2.0
#include "ledger/issued_encoder.h"

#include "cbor/codec.h"

namespace birthmark::ledger {
namespace {

constexpr std::string_view kSubject = "unit:";
// What stands in `recorded` until the writer of the log sets it, as EncodeEvent has it: eight
// octets.
constexpr int64_t kUnstamped = int64_t{1} << 32;

template <class F>
Bytes Run(F&& write) {
  Bytes out;
  cbor::Writer w(out);
  write(w);
  return out;
}

}  // namespace

IssuedEncoder::IssuedEncoder(const EventContext& context, Common common)
    : common_(std::move(common)), station_(context.station.value_or("")) {
  // An absent field of the context has no entry; nine others are always there.
  const size_t entries = 9 + (context.plan ? 1 : 0) + (context.station ? 1 : 0);
  to_at_ = Run([&](cbor::Writer& w) {
    w.MapHead(entries);
    w.Text("at");
  });
  to_der_ = Run([&](cbor::Writer& w) {
    w.Text("id");
    w.ByteString(Uuid{});  // the writer of the log sets it
    w.Text("body");
    w.MapHead(8);
    w.Text("ca");
    w.Text(common_.ca);
    w.Text("cert");
  });
  to_spki_ = Run([&](cbor::Writer& w) {
    w.Text("slot");
    w.Text(common_.slot);
    w.Text("spki");
  });
  to_unit_ = Run([&](cbor::Writer& w) { w.Text("unit"); });
  to_serial_ = Run([&](cbor::Writer& w) {
    w.Text("proof");
    w.Text(common_.proof);
    w.Text("method");
    w.Text(common_.method);
    w.Text("serial");
  });
  to_subject_ = Run([&](cbor::Writer& w) {
    if (context.plan) {
      w.Text("plan");
      w.ByteString(*context.plan);
    }
    w.Text("type");
    w.Text(IdentityIssued::kType);
    w.Text("actor");
    w.Text(context.actor);
    w.Text("clock");
    w.Text(context.clock);
    w.Text("schema");
    w.Uint(1);
    if (context.station) {
      w.Text("station");
      w.Text(*context.station);
    }
    w.Text("subject");
  });
  to_end_ = Run([&](cbor::Writer& w) {
    w.Text("recorded");
    w.Int(kUnstamped);
  });
}

Result<NewEvent> IssuedEncoder::Encode(const Certificate& c) const {
  // A head takes nine octets at most; six values are written here.
  const size_t most = to_at_.size() + to_der_.size() + to_spki_.size() + to_unit_.size() +
                      to_serial_.size() + to_subject_.size() + to_end_.size() + c.der.size() +
                      c.spki.size() + 2 * c.unit.size() + kSubject.size() + c.serial.size() + 6 * 9;
  NewEvent out;
  out.encoded.reserve(most);
  cbor::Writer w(out.encoded);
  w.Raw(to_at_);
  w.Int(Millis(c.at));
  w.Raw(to_der_);
  w.ByteString(c.der);
  w.Raw(to_spki_);
  w.ByteString(c.spki);
  w.Raw(to_unit_);
  w.Text(c.unit);
  w.Raw(to_serial_);
  w.ByteString(c.serial);
  w.Raw(to_subject_);
  w.Head(3, kSubject.size() + c.unit.size());
  w.Raw(AsBytes(kSubject));
  w.Raw(AsBytes(c.unit));
  w.Raw(to_end_);
  if (out.encoded.size() > kMaxEventBytes) {
    return Refused("ledger.event-large",
                   fmt::format("a {} event is larger than 1 MiB", IdentityIssued::kType));
  }
  IdentityRow row;
  row.serial.assign(c.serial.begin(), c.serial.end());
  row.spki = c.spki;
  row.unit = c.unit;
  row.slot = common_.slot;
  row.ca = common_.ca;
  row.method = common_.method;
  row.station = station_;
  row.issued_at = row.state_at = Millis(c.at);
  out.changes.emplace_back(std::move(row));
  return out;
}

}  // namespace birthmark::ledger
