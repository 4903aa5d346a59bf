// SPDX-License-Identifier: Apache-2.0
#include "audit/state.h"

#include <fmt/format.h>

#include <algorithm>

#include "audit/facts.h"
#include "base/files.h"
#include "crypto/digest.h"

namespace birthmark::audit {
namespace {

constexpr std::string_view kHead = "birthmark audit state 1\n";
constexpr size_t kMaxText = 4096;
// Product and moduli are compared modulo this prime, 2^61 - 1: a cheap test that they belong
// together.
constexpr unsigned long kCheckPrime = 2305843009213693951UL;

std::unexpected<Error> Bad(std::string_view why) {
  return Refused("audit.state", fmt::format("not a kept state of an audit: {}", why),
                 "restore it from a backup, or audit the earlier batches again with a new file");
}

struct Writer {
  Bytes out;
  void Number(uint64_t n, int octets) {
    for (int i = octets - 1; i >= 0; --i) out.push_back(static_cast<uint8_t>(n >> (8 * i)));
  }
  void Raw(ByteView b) { out.insert(out.end(), b.begin(), b.end()); }
  void Sized(ByteView b, int octets) {
    Number(b.size(), octets);
    Raw(b);
  }
  void Text(std::string_view s) { Sized(AsBytes(s.substr(0, kMaxText)), 2); }
};

struct Reader {
  ByteView rest;
  bool good = true;
  ByteView Take(size_t n) {
    if (n > rest.size()) good = false;
    if (!good) return {};
    ByteView b = rest.first(n);
    rest = rest.subspan(n);
    return b;
  }
  uint64_t Number(size_t octets) {
    uint64_t n = 0;
    for (uint8_t b : Take(octets)) n = n << 8 | b;
    return n;
  }
  ByteView Sized(size_t octets) { return Take(Number(octets)); }
  std::string Text() {
    ByteView b = Sized(2);
    if (b.size() > kMaxText) good = false;
    return std::string(AsText(b));
  }
  Digest Hash() {
    Digest d{};
    std::ranges::copy(Take(d.size()), d.begin());
    return d;
  }
};

unsigned long Modulo(const mpz_class& n, unsigned long m) { return mpz_fdiv_ui(n.get_mpz_t(), m); }

}  // namespace

Bytes EncodeState(const State& state) {
  Writer w;
  w.Raw(AsBytes(kHead));
  w.Number(state.keys.size(), 4);
  for (const KnownKey& k : state.keys) {
    w.Text(k.name);
    w.Text(k.place);
    w.Raw(k.key);
    w.Sized(k.modulus, 2);
  }
  w.Number(state.signatures.size(), 4);
  for (const KnownSignature& s : state.signatures) {
    w.Text(s.name);
    w.Raw(s.signature.r);
    w.Raw(s.signature.signed_part);
    w.Raw(s.signature.signer);
  }
  w.Sized(ToOctets(state.product), 4);
  w.Raw(crypto::Sha256(w.out));
  return std::move(w.out);
}

Result<State> DecodeState(ByteView data) {
  constexpr size_t kDigest = std::tuple_size_v<Digest>;
  if (data.size() < kHead.size() + kDigest || !AsText(data).starts_with(kHead))
    return Bad("it does not begin as one");
  const ByteView body = data.first(data.size() - kDigest);
  if (!std::ranges::equal(crypto::Sha256(body), data.last(kDigest)))
    return Bad("it was changed or cut short");
  Reader r{body.subspan(kHead.size())};
  State state;
  mpz_class check = 1;
  for (uint64_t n = r.Number(4); n > 0 && r.good; --n) {
    KnownKey k;
    k.name = r.Text();
    k.place = r.Text();
    k.key = r.Hash();
    const ByteView modulus = r.Sized(2);
    if (modulus.size() * 8 > kMaxModulusBits) return Bad("a modulus is too large");
    k.modulus.assign(modulus.begin(), modulus.end());
    if (!modulus.empty()) check = check * Modulo(ToNumber(modulus), kCheckPrime) % kCheckPrime;
    state.keys.push_back(std::move(k));
  }
  for (uint64_t n = r.Number(4); n > 0 && r.good; --n) {
    KnownSignature s;
    s.name = r.Text();
    s.signature.r = r.Hash();
    s.signature.signed_part = r.Hash();
    s.signature.signer = r.Hash();
    state.signatures.push_back(std::move(s));
  }
  state.product = ToNumber(r.Sized(4));
  if (!r.good || !r.rest.empty()) return Bad("its parts do not add up");
  if (state.product == 0 || check != Modulo(state.product, kCheckPrime)) {
    return Bad("the product is not that of its moduli");
  }
  return state;
}

Result<State> LoadState(const fs::path& path) {
  std::error_code ec;
  if (!fs::exists(path, ec) && !ec) return State{};
  BM_TRY(Bytes data, ReadFile(path, kMaxStateBytes));
  auto state = DecodeState(data);
  if (!state) return std::unexpected(std::move(state.error()).Context(path.string()));
  return state;
}

Status SaveState(const State& state, const fs::path& path) {
  const Bytes data = EncodeState(state);
  if (data.size() > kMaxStateBytes) {
    return Refused("audit.state", "the kept state would be larger than 2 GiB",
                   "begin a new file; keep the old one and audit a batch against each");
  }
  return WriteFileAtomic(path, data);
}

}  // namespace birthmark::audit
