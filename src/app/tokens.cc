// SPDX-License-Identifier: Apache-2.0
#include "app/tokens.h"

namespace birthmark::app {
namespace {

// kAlphabet is RFC 4648 base32 in small letters: easy to read out, the same in a URL and a shell.
constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";

SecretBytes RandomText(size_t letters, Rng& rng) {
  SecretBytes out(letters);
  std::span<uint8_t> text = out.Write(SecretAccess());
  rng.Fill(text);
  for (uint8_t& c : text) c = static_cast<uint8_t>(kAlphabet[c & 31]);
  return out;
}

}  // namespace

std::string TokenSecretName(const std::string& id) { return "token-" + id; }

Result<std::map<std::string, Token>> TokensOf(ledger::LogReader& reader) {
  std::map<std::string, Token> out;
  BM_TRY(std::vector<uint64_t> issued, reader.registry().EventsOfType(ledger::TokenIssued::kType));
  for (uint64_t seq : issued) {
    BM_TRY(ledger::Event event, reader.EventAt(seq));
    BM_TRY(ledger::TokenIssued body, ledger::BodyOf<ledger::TokenIssued>(event));
    std::string id = body.id;
    out[id] = {.issued = std::move(body)};
  }
  BM_TRY(std::vector<uint64_t> used, reader.registry().EventsOfType(ledger::TokenUsed::kType));
  for (uint64_t seq : used) {
    BM_TRY(ledger::Event event, reader.EventAt(seq));
    BM_TRY(ledger::TokenUsed body, ledger::BodyOf<ledger::TokenUsed>(event));
    ++out[body.id].used;
  }
  BM_TRY(std::vector<uint64_t> revoked,
         reader.registry().EventsOfType(ledger::TokenRevoked::kType));
  for (uint64_t seq : revoked) {
    BM_TRY(ledger::Event event, reader.EventAt(seq));
    BM_TRY(ledger::TokenRevoked body, ledger::BodyOf<ledger::TokenRevoked>(event));
    out[body.id].revoked = true;
  }
  return out;
}

Result<std::vector<NewToken>> IssueTokens(Factory& f, const TokenOptions& options,
                                          const Clock& clock) {
  const plan::Product& product = f.adopted.plan.product;
  std::optional<std::string> unit;
  if (!options.serial.empty()) {
    if (!product.serial_list && !plan::NumberOf(product.serial_pattern, options.serial)) {
      return Refused("token.serial",
                     fmt::format("{} is no serial number of {}", options.serial, product.id),
                     fmt::format("the plan's pattern is {}", product.serial_pattern));
    }
    unit = product.id + "/" + options.serial;
  }
  std::vector<NewToken> out;
  ledger::Submission events;
  Time now = clock.Now();
  for (uint64_t i = 0; i < options.count; ++i) {
    SecretBytes id = RandomText(10, f.rng);
    NewToken token{.id = std::string(AsText(id.Read(SecretAccess()))),
                   .secret = RandomText(32, f.rng)};  // 160 bits
    BM_CHECK(f.keys.online->PutSecret(TokenSecretName(token.id), token.secret));
    ledger::TokenIssued body{.id = token.id,
                             .unit = unit,
                             .uses = options.uses,
                             .expires = Millis(now + options.life),
                             .product = product.id};
    BM_TRY(ledger::NewEvent e,
           ledger::Prepare(ledger::MakeEvent(f.context, now, "token:" + token.id, body)));
    events.push_back(std::move(e));
    out.push_back(std::move(token));
  }
  BM_CHECK(f.log->Append(std::move(events)));
  return out;
}

Status RevokeToken(Factory& f, const std::string& id, const std::string& reason,
                   const Clock& clock) {
  BM_TRY(auto reader, f.NewReader());
  BM_TRY(auto tokens, TokensOf(*reader));
  if (!tokens.contains(id)) {
    return Refused("token.unknown", "there is no token " + id, "see `birthmark token list WS`");
  }
  BM_CHECK(f.log->Append(ledger::MakeEvent(f.context, clock.Now(), "token:" + id,
                                           ledger::TokenRevoked{.id = id, .reason = reason})));
  return f.keys.online->DropSecret(TokenSecretName(id));
}

}  // namespace birthmark::app
