// SPDX-License-Identifier: Apache-2.0
// birthmark token new|list|revoke.
#include "app/tokens.h"
#include "cli/handlers.h"
#include "cli/keys.h"
#include "cli/table.h"
#include "cli/terminal.h"

namespace birthmark::cli {

Result<int> TokenNew(const Invocation& in) {
  app::TokenOptions options{.product = in.Get("--product"), .serial = in.Get("--unit")};
  BM_TRY(options.uses, in.Number("--uses", 1, 1, 1'000'000));
  BM_TRY(options.count, in.Number("--count", 1, 1, 10'000));
  BM_TRY(uint64_t hours, in.Number("--hours", 24, 1, 24 * 366));
  options.life = std::chrono::hours(hours);
  BM_TRY(app::KeySource keys, KeysFor(in));
  SystemClock clock;
  BM_TRY(auto factory,
         app::Factory::Open(in.Arg("WS"), keys, false, options.product, in.Get("--as"), clock));
  if (in.dry_run()) {
    Note(fmt::format("would make {} token(s) for {}, {} use(s) each", options.count,
                     factory->adopted.plan.product.id, options.uses));
    return 0;
  }
  BM_TRY(std::vector<app::NewToken> tokens, app::IssueTokens(*factory, options, clock));
  SecretBytes lines;
  for (const app::NewToken& t : tokens) {
    std::string_view secret = AsText(t.secret.Read(SecretAccess()));
    std::string line = in.json() ? fmt::format(R"({{"id": "{}", "secret": "{}"}})", t.id, secret)
                                 : fmt::format("{}:{}", t.id, secret);
    line += '\n';
    Bytes all(lines.Read(SecretAccess()).begin(), lines.Read(SecretAccess()).end());
    all.insert(all.end(), line.begin(), line.end());
    lines = SecretBytes::Take(std::move(all));
    Wipe(line.data(), line.size());
  }
  if (in.Has("--output")) {
    BM_CHECK(WriteFileAtomic(in.Get("--output"), lines.Read(SecretAccess()), 0600));
    Note(fmt::format("wrote {} ({} token(s), each ID:SECRET; the secrets are shown nowhere else)",
                     in.Get("--output"), tokens.size()));
  } else {
    Print(AsText(lines.Read(SecretAccess())));
  }
  return 0;
}

Result<int> TokenList(const Invocation& in) {
  BM_TRY(auto reader, app::OpenReader(in.Arg("WS")));
  BM_TRY(auto tokens, app::TokensOf(*reader));
  Table table({"token", "product", "unit", "uses", "used", "expires", "state"});
  Time now = SystemClock().Now();
  for (const auto& [id, t] : tokens) {
    std::string state = t.revoked                         ? "revoked"
                        : t.used >= t.issued.uses         ? "used"
                        : Millis(now) >= t.issued.expires ? "expired"
                                                          : "open";
    table.Add({id, t.issued.product, t.issued.unit.value_or("any"), std::to_string(t.issued.uses),
               std::to_string(t.used), FormatTime(TimeFromMillis(t.issued.expires)), state});
  }
  Print(table.Text(in.json()));
  return 0;
}

Result<int> TokenRevoke(const Invocation& in) {
  BM_TRY(app::KeySource keys, KeysFor(in));
  SystemClock clock;
  BM_TRY(auto factory, app::Factory::Open(in.Arg("WS"), keys, false, "", in.Get("--as"), clock));
  if (in.dry_run()) return 0;
  BM_CHECK(
      app::RevokeToken(*factory, in.Arg("TOKEN"), in.Get("--reason", "no longer needed"), clock));
  if (in.json()) {
    PrintLine(fmt::format(R"({{"token": {}, "state": "revoked"}})", JsonString(in.Arg("TOKEN"))));
  } else {
    PrintLine(in.Arg("TOKEN") + "  revoked");
  }
  return 0;
}

}  // namespace birthmark::cli
