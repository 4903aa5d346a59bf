// SPDX-License-Identifier: Apache-2.0
#include "app/share_rounds.h"

#include <algorithm>
#include <charconv>

#include "custody/share_file.h"
#include "custody/sharing.h"

namespace birthmark::app {
namespace {

Result<uint16_t> SmallNumber(std::string_view text) {
  uint16_t n = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (failed == std::errc() && end == text.data() + text.size()) return n;
  return Refused("dkg.numbers", "that is no number of people",
                 "two whole numbers up to 255: first n, how many machines, then k, how many sign");
}

Result<custody::SigningRequest> ReadSigningRequest(const fs::path& file) {
  BM_TRY(const std::string text, ReadTextFile(file, custody::kMaxMessageFile));
  return custody::FromArmor<custody::SigningRequest>(text);
}

}  // namespace

Result<KeyNumbers> AskKeyNumbers(std::optional<int> fd, bool rehearsal) {
  if (fd && !rehearsal)
    return Refused("dkg.numbers", "in production a person types the numbers, at the terminal",
                   "leave --numbers-fd out");
  KeyNumbers out;
  if (fd) {
    BM_TRY(const SecretBytes both, keystore::PassphraseFromFd(*fd));
    const std::string_view text = AsText(both.Read(SecretAccess()));
    const size_t end = std::min(text.find('\n'), text.size());
    BM_TRY(out.count, SmallNumber(text.substr(0, end)));
    BM_TRY(out.threshold, SmallNumber(text.substr(std::min(end + 1, text.size()))));
  } else {
    BM_TRY(const SecretBytes n,
           keystore::PassphraseFromTerminal("n, how many machines make the key: ", true));
    BM_TRY(out.count, SmallNumber(AsText(n.Read(SecretAccess()))));
    BM_TRY(const SecretBytes k,
           keystore::PassphraseFromTerminal("k, how many of them sign together: ", true));
    BM_TRY(out.threshold, SmallNumber(AsText(k.Read(SecretAccess()))));
  }
  BM_CHECK(custody::CheckNumbers(out.threshold, out.count));
  return out;
}

Result<custody::DkgTerms> MakeKeyTerms(const std::string& name, bool rehearsal, KeyNumbers numbers,
                                       Rng& rng) {
  custody::DkgTerms terms{.set = Bytes(custody::kSetIdSize),
                          .name = name,
                          .parties = custody::RandomIndices(numbers.count, rng),
                          .rehearsal = rehearsal,
                          .threshold = numbers.threshold};
  rng.Fill(terms.set);
  if (name.empty())
    return Refused("dkg.name", "the key to be made has no name", "name it, such as identity-1.1");
  BM_CHECK(custody::CheckTerms(terms));
  return terms;
}

Result<custody::DkgTerms> ReadKeyTerms(const fs::path& file) {
  BM_TRY(const std::string text, ReadTextFile(file, custody::kMaxMessageFile));
  BM_TRY(custody::DkgTerms terms, custody::FromArmor<custody::DkgTerms>(text));
  BM_CHECK(custody::CheckTerms(terms));
  return terms;
}

Result<custody::Joined> JoinWith(const custody::JoinAsked& asked,
                                 keystore::PassphraseSource passphrase, Rng& rng) {
  passphrase.prompt =
      asked.terms ? "New passphrase of the share to come: " : "Passphrase of the share: ";
  passphrase.twice = asked.terms.has_value();
  BM_TRY(const SecretBytes secret, keystore::ReadPassphrase(passphrase));
  return custody::Join(asked, secret, rng);
}

Result<custody::SigningRequest> RequestSignature(const fs::path& message, const fs::path& made,
                                                 const fs::path& commitments) {
  BM_TRY(const Bytes octets, ReadFile(message, custody::kMaxMessage));
  BM_TRY(const custody::MadeApart key, custody::ReadMade(made));
  BM_TRY(std::vector<custody::SigningCommitment> all,
         custody::ReadMessages<custody::SigningCommitment>(commitments, ".commitment"));
  return custody::MakeRequest(octets, std::move(all), key.set);
}

Result<Bytes> CombineSignature(const fs::path& request, const fs::path& made,
                               const fs::path& parts) {
  BM_TRY(const custody::SigningRequest asked, ReadSigningRequest(request));
  BM_TRY(const custody::MadeApart key, custody::ReadMade(made));
  BM_TRY(const std::vector<custody::PartialSignature> all,
         custody::ReadMessages<custody::PartialSignature>(parts, ".part"));
  return custody::Aggregate(asked, all, key.set);
}

}  // namespace birthmark::app
