// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/auth.h"

#include <algorithm>
#include <cctype>

#include "crypto/digest.h"

namespace birthmark::enroll::est {
namespace {

constexpr size_t kMaxKnown = 4096;
constexpr size_t kMaxHeader = 1024;

std::unexpected<Error> NoCredentials() {
  return Refused("est.authorization", "the Authorization header is not valid",
                 "send \"Basic\" and base64 of ID:SECRET of a token that can still be used");
}

bool StartsWithWord(std::string_view s, std::string_view lower) {
  return s.size() > lower.size() &&
         std::ranges::equal(s.substr(0, lower.size()), lower,
                            [](unsigned char a, char b) { return std::tolower(a) == b; });
}

}  // namespace

Result<BasicCredentials> ReadBasic(ByteView header) {
  std::string_view text = AsText(header);
  if (text.size() > kMaxHeader || !StartsWithWord(text, "basic ")) return NoCredentials();
  text.remove_prefix(6);
  while (text.starts_with(' ')) text.remove_prefix(1);
  auto decoded = FromBase64(text);
  if (!decoded) return NoCredentials();
  const SecretBytes both = SecretBytes::Take(std::move(*decoded));
  const ByteView octets = both.Read(SecretAccess());
  auto colon = std::ranges::find(octets, ':');
  // RFC 7617 section 2: neither part has control characters.
  if (colon == octets.begin() || colon == octets.end() || !IsUtf8(AsText(octets)) ||
      std::ranges::any_of(octets, [](uint8_t c) { return c < 0x20 || c == 0x7f; })) {
    return NoCredentials();
  }
  BasicCredentials out;
  out.id.assign(octets.begin(), colon);
  out.secret = SecretBytes::Take(Bytes(colon + 1, octets.end()));
  return out;
}

Result<Caller> Authenticator::ByToken(const SecretBytes& authorization) {
  BM_TRY(BasicCredentials given, ReadBasic(authorization.Read(SecretAccess())));
  auto secret = desk_.TokenSecret(given.id);
  if (!secret && secret.error().code != "enroll.not-authorised") {
    return std::unexpected(std::move(secret).error());
  }
  // Hashes have one length, so that the time of the comparison says nothing about the secret's.
  const Digest right = secret ? crypto::Sha256(secret->Read(SecretAccess())) : Digest{};
  const Digest said = crypto::Sha256(given.secret.Read(SecretAccess()));
  if (!EqualSecret(right, said) || !secret || secret->empty()) return NoCredentials();
  return Caller{Caller::Kind::kToken, std::move(given.id), std::nullopt};
}

Result<Caller> Authenticator::ByCertificate(const crypto::Certificate& c,
                                            const std::vector<crypto::Certificate>& others) {
  const auto now = now_();
  {
    std::lock_guard lock(mutex_);
    auto known = known_.find(c.digest());
    if (known != known_.end() && now < known->second.until) return known->second.caller;
  }
  BM_TRY(Caller caller, desk_.CallerOf(c, others));
  std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnown) {
    std::erase_if(known_, [&](const auto& k) { return k.second.until <= now; });
    if (known_.size() >= kMaxKnown) known_.clear();
  }
  known_.insert_or_assign(c.digest(), Known{caller, now + keep_});
  return caller;
}

Result<Caller> Authenticator::Who(const Peer& peer, const SecretBytes& authorization) {
  std::optional<Caller> token;
  if (!authorization.empty()) {
    BM_TRY(token, ByToken(authorization));
  }
  if (peer.certificate) return ByCertificate(*peer.certificate, peer.others);
  if (token) return std::move(*token);
  return Caller{};
}

}  // namespace birthmark::enroll::est
