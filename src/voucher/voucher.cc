// SPDX-License-Identifier: Apache-2.0
#include "voucher/voucher.h"

#include <fmt/format.h>

#include "voucher/fields.h"

namespace birthmark::voucher {
namespace {

constexpr std::string_view kAssertions[] = {"verified", "logged", "proximity", "agent-proximity"};

const Field kFields[] = {
    {"assertion", 1, 1, &Statement::assertion},
    {"created-on", 2, 2, &Statement::created_on},
    {"domain-cert-revocation-checks", 3, 3, &Statement::domain_cert_revocation_checks},
    {"expires-on", 4, 4, &Statement::expires_on},
    {"idevid-issuer", 5, 5, &Statement::idevid_issuer},
    {"last-renewal-date", 6, 6, &Statement::last_renewal_date},
    {"nonce", 7, 7, &Statement::nonce},
    {"pinned-domain-cert", 8, 8, &Statement::pinned_domain_cert},
    {"pinned-domain-pubk", 9, 17, &Statement::pinned_domain_pubk},
    {"pinned-domain-pubk-sha256", 10, 18, &Statement::pinned_domain_pubk_sha256},
    {"prior-signed-voucher-request", 0, 9, &Statement::prior_signed_request},
    {"proximity-registrar-cert", 0, 10, &Statement::proximity_registrar_cert},
    {"proximity-registrar-pubk-sha256", 0, 11, &Statement::proximity_registrar_pubk_sha256},
    {"proximity-registrar-pubk", 0, 12, &Statement::proximity_registrar_pubk},
    {"serial-number", 11, 13, &Statement::serial_number},
};

// Digits is what stands at `at`, `n` digits long; -1 when it is none.
int Digits(std::string_view s, size_t at, size_t n) {
  int value = 0;
  for (size_t i = at; i < at + n; ++i) {
    if (i >= s.size() || s[i] < '0' || s[i] > '9') return -1;
    value = value * 10 + (s[i] - '0');
  }
  return value;
}

}  // namespace

std::string_view ToText(Kind k) { return k == Kind::kVoucher ? "voucher" : "voucher-request"; }

std::string_view ToText(Assertion a) { return kAssertions[static_cast<size_t>(a)]; }

bool FromText(std::string_view s, Assertion& a) {
  for (size_t i = 0; i < std::size(kAssertions); ++i) {
    if (s != kAssertions[i]) continue;
    a = static_cast<Assertion>(i);
    return true;
  }
  return false;
}

std::span<const Field> Fields() { return kFields; }

Status CheckMembers(const Statement& s) {
  auto bad = [](std::string_view name, std::string_view why) {
    return Refused("voucher.member", fmt::format("\"{}\" {}", name, why));
  };
  if (s.serial_number.empty()) return bad("serial-number", "is missing");
  if (s.serial_number.size() > kMaxSerial) return bad("serial-number", "is longer than 64 octets");
  if (!s.nonce.empty() && (s.nonce.size() < kMinNonce || s.nonce.size() > kMaxNonce))
    return bad("nonce", "has not 8 to 32 octets");
  for (const Bytes* hash : {&s.pinned_domain_pubk_sha256, &s.proximity_registrar_pubk_sha256}) {
    if (!hash->empty() && hash->size() != 32) return bad("a SHA-256", "has not 32 octets");
  }
  // RFC 8366 section 5.3: one of the two tells a pledge that a voucher is meant for now.
  if (s.kind == Kind::kVoucher && s.expires_on && !s.nonce.empty())
    return bad("expires-on", "stands beside a nonce");
  return {};
}

std::optional<Time> ReadDate(std::string_view text) {
  // A bare date is no date-and-time.
  if (text.size() < 20 || text[10] != 'T') return std::nullopt;
  if (text.back() == 'Z') return ParseTime(text);
  const size_t at = text.size() - 6;
  const int hours = Digits(text, at + 1, 2), minutes = Digits(text, at + 4, 2);
  if ((text[at] != '+' && text[at] != '-') || text[at + 3] != ':' || hours < 0 || hours > 23 ||
      minutes < 0 || minutes > 59) {
    return std::nullopt;
  }
  std::optional<Time> local = ParseTime(std::string(text.substr(0, at)) + "Z");
  if (!local) return std::nullopt;
  const auto offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return text[at] == '+' ? *local - offset : *local + offset;
}

std::string NonceText(const Statement& s) {
  return s.nonce_text.empty() ? ToBase64(s.nonce) : s.nonce_text;
}

bool NonceIs(const Statement& s, std::string_view typed) {
  if (s.nonce.empty() || typed.empty()) return false;
  return typed == NonceText(s) || FromHex(typed) == s.nonce || FromBase64(typed) == s.nonce;
}

}  // namespace birthmark::voucher
