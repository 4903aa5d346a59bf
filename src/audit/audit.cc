// SPDX-License-Identifier: Apache-2.0
#include "audit/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "audit/facts.h"
#include "audit/lists.h"
#include "audit/shared.h"
#include "audit/state.h"
#include "audit/weak.h"
#include "base/files.h"
#include "base/progress.h"
#include "crypto/digest.h"

namespace birthmark::audit {
namespace {

// At about 13 KiB for each 2048 bits this is near 3.3 GiB.
constexpr size_t kMaxBatchBits = size_t{1} << 29;
// Finding the other key of a pair costs a look at every modulus; beyond these the hit says less.
constexpr size_t kMaxPartnersNamed = 256;
constexpr size_t kMaxNamesListed = 5;

struct WeakRsa {
  const char* code;
  std::string detail;
};

std::optional<WeakRsa> CheckModulus(const mpz_class& n) {
  if (HasRocaFingerprint(n)) {
    return WeakRsa{"audit.roca",
                   "the modulus has the fingerprint of ROCA (CVE-2017-15361): it can be factored"};
  }
  if (auto p = TinyFactor(n)) {
    return WeakRsa{"audit.tiny-factor", fmt::format("the modulus is divisible by {}", *p)};
  }
  if (HasClosePrimes(n)) {
    return WeakRsa{"audit.close-primes",
                   "the primes are so close that Fermat's method factors the modulus"};
  }
  return std::nullopt;
}

// FIPS 186-5 section A.1.1: the exponent is odd and 2^16 < e < 2^256.
std::string WhyExponentIsWeak(const mpz_class& e) {
  if (e < 2) return "the exponent is below 2: what is encrypted stays as it was";
  if (mpz_even_p(e.get_mpz_t()) != 0) return "the exponent is even";
  if (BitsOf(e) < 17) return fmt::format("the exponent is {}, below 65537", e.get_str());
  if (BitsOf(e) > 256) return "the exponent is above 2^256, as a chosen private exponent makes it";
  return "";
}

// Key is one key of the batch under all its names.
struct Key {
  KeyFacts facts;
  std::vector<const Subject*> subjects;
};

class Auditor {
 public:
  Auditor(const Intake& intake, const Options& options) : intake_(intake), options_(options) {}

  Result<Report> Run() {
    BM_TRY(lists_, WeakLists::Read(options_.weak_lists));
    report_.lists = lists_.used();
    report_.absent = lists_.Absent();
    std::optional<FileLock> lock;
    if (options_.state.empty()) {
      report_.absent.push_back("earlier batches: no kept state was given");
    } else {
      fs::path name = options_.state;
      BM_TRY(lock, FileLock::Take(name += ".lock", "audit.state-locked"));
      BM_TRY(state_, LoadState(options_.state));
    }
    for (const KnownKey& k : state_.keys) known_[k.key].push_back(&k);
    report_.earlier = known_.size();
    for (const Unreadable& u : intake_.unreadable)
      report_.hits.push_back({"audit.unreadable", {}, u.place, u.place, u.why});
    BM_CHECK(Collect());
    for (const Key& k : keys_) CheckDuplicate(k);
    BM_CHECK(CheckSharedFactors());
    CheckSignatures();
    if (!options_.state.empty()) BM_CHECK(Keep());
    return std::move(report_);
  }

 private:
  static std::string Called(const std::string& name, const std::string& place) {
    return name.empty() ? place : name;
  }

  void Hit(const char* code, const Digest& spki, const Subject& s, std::string detail) {
    report_.hits.push_back({code, spki, Called(s.name, s.place), s.place, std::move(detail)});
  }
  void Hit(const char* code, const Key& key, std::string detail) {
    Hit(code, key.facts.spki, *key.subjects.front(), std::move(detail));
  }

  // Collect brings together the subjects of one key and looks at each key alone.
  Status Collect() {
    std::map<Digest, size_t> at;
    std::set<Digest> spkis;
    std::map<std::string, uint64_t> unexamined;
    Progress progress("looking at keys", intake_.subjects.size(), options_.progress);
    for (const Subject& s : intake_.subjects) {
      progress.Advance();
      BM_TRY(KeyFacts facts, Examine(s.spki));
      ++report_.keys;
      const auto [it, is_new] = at.try_emplace(facts.key, keys_.size());
      if (spkis.insert(facts.spki).second) CheckSpki(facts, s);
      if (is_new) {
        if (facts.unexamined) ++unexamined[facts.kind];
        CheckNumbers(facts, s);
        keys_.push_back({std::move(facts), {}});
      }
      keys_[it->second].subjects.push_back(&s);
    }
    report_.different = keys_.size();
    for (const auto& [kind, n] : unexamined) {
      report_.absent.push_back(fmt::format(
          "{} keys of the algorithm {}: only duplicates and lists were looked at", n, kind));
    }
    return {};
  }

  // One modulus or point may come in several SPKIs, each of which can be wrong in its own way.
  void CheckSpki(const KeyFacts& f, const Subject& s) {
    if (!f.invalid.empty()) Hit("audit.invalid", f.spki, s, f.invalid);
    if (std::string list = lists_.Find(f); !list.empty())
      Hit("audit.listed", f.spki, s, "a known weak key: " + list);
    if (!f.rsa) return;
    if (std::string why = WhyExponentIsWeak(f.rsa->exponent); !why.empty())
      Hit("audit.exponent", f.spki, s, std::move(why));
  }

  void CheckNumbers(const KeyFacts& f, const Subject& s) {
    if (!f.weak.empty()) Hit("audit.size", f.spki, s, f.weak);
    if (!f.rsa) return;
    if (auto weak = CheckModulus(f.rsa->modulus)) Hit(weak->code, f.spki, s, weak->detail);
  }

  // A key is a duplicate when two names stand for it. Keys without a name are compared by place,
  // and only among themselves: a public key in a file beside its certificate is no second unit.
  void CheckDuplicate(const Key& key) {
    std::set<std::string> names, places;
    size_t named = 0;
    const auto add = [&](const std::string& name, const std::string& place) {
      if (name.empty()) {
        places.insert(place);
      } else {
        names.insert(name);
        ++named;
      }
    };
    for (const Subject* s : key.subjects) add(s->name, s->place);
    if (auto it = known_.find(key.facts.key); it != known_.end()) {
      for (const KnownKey* k : it->second) add(k->name, k->place);
    }
    report_.again += named - names.size();
    if (options_.group_keys.contains(key.facts.spki)) return;
    const std::set<std::string>& who = names.size() > 1 ? names : places;
    if (who.size() < 2) return;
    std::string list;
    size_t n = 0;
    for (const std::string& w : who) {
      if (n++ == kMaxNamesListed) break;
      list += (list.empty() ? "" : ", ") + w;
    }
    if (who.size() > kMaxNamesListed)
      list += fmt::format(" and {} more", who.size() - kMaxNamesListed);
    Hit("audit.duplicate", key, fmt::format("one key stands for {}: {}", who.size(), list));
  }

  Status CheckSharedFactors() {
    std::vector<const Key*> keys;
    std::vector<mpz_class> moduli;
    size_t bits = 0;
    // What was kept stands for other keys only: those that came again are taken out of the product.
    mpz_class again = 1;
    for (const Key& k : keys_) {
      if (!k.facts.rsa) continue;
      keys.push_back(&k);
      moduli.push_back(k.facts.rsa->modulus);
      bits += BitsOf(moduli.back());
      if (known_.contains(k.facts.key)) again *= moduli.back();
    }
    report_.rsa = keys.size();
    if (bits > kMaxBatchBits) {
      return Refused("audit.too-many",
                     fmt::format("{} RSA keys at once; {} bits of moduli are allowed", keys.size(),
                                 kMaxBatchBits),
                     "audit them in parts, with one --state");
    }
    Progress progress("shared factors", 1, options_.progress);
    mpz_class others = std::move(state_.product);
    if (mpz_divisible_p(others.get_mpz_t(), again.get_mpz_t()) == 0)
      return Refused("audit.state", "the kept product lacks keys that it should have");
    if (again != 1) mpz_divexact(others.get_mpz_t(), others.get_mpz_t(), again.get_mpz_t());
    SharedFactors found = FindSharedFactors(moduli, others);
    state_.product = others * found.product;
    progress.Advance();
    size_t named = 0;
    for (size_t i = 0; i < keys.size(); ++i) {
      if (found.common[i] == 1) continue;
      std::string partner =
          ++named <= kMaxPartnersNamed ? Partner(i, keys, moduli, found.common[i]) : "another key";
      Hit("audit.shared-factor", *keys[i],
          fmt::format("the modulus shares a prime with {}: both can be factored", partner));
    }
    return {};
  }

  std::string Partner(size_t i, const std::vector<const Key*>& keys,
                      const std::vector<mpz_class>& moduli, const mpz_class& common) const {
    for (size_t j = 0; j < moduli.size(); ++j) {
      if (j == i || gcd(common, moduli[j]) == 1) continue;
      const Subject& s = *keys[j]->subjects.front();
      return fmt::format("{} ({})", Called(s.name, s.place), s.place);
    }
    for (const KnownKey& k : state_.keys) {
      if (k.modulus.empty() || k.key == keys[i]->facts.key) continue;
      if (gcd(common, ToNumber(k.modulus)) != 1)
        return fmt::format("{} of an earlier batch ({})", Called(k.name, k.place), k.place);
    }
    return "another key";
  }

  // Two signatures with one r over different octets were made with one nonce. The same document
  // again is no second signature.
  void CheckSignatures() {
    struct Use {
      Digest signed_part, signer;
      std::string name;
    };
    std::map<Digest, std::vector<Use>> uses;  // by r
    const auto add = [&](const SeenSignature& s, const std::string& name) {
      std::vector<Use>& all = uses[s.r];
      const bool is_new = std::ranges::find(all, s.signed_part, &Use::signed_part) == all.end();
      if (is_new) all.push_back({s.signed_part, s.signer, name});
    };
    for (const KnownSignature& s : state_.signatures) add(s.signature, s.name);
    for (const Subject& s : intake_.subjects) {
      if (!s.signature) continue;
      ++report_.signatures;
      add(*s.signature, Called(s.name, s.place));
    }
    std::set<Digest> told;
    for (const Subject& s : intake_.subjects) {
      if (!s.signature) continue;
      const std::vector<Use>& all = uses[s.signature->r];
      if (all.size() < 2 || !told.insert(s.signature->signed_part).second) continue;
      const Use& other = all[0].signed_part == s.signature->signed_part ? all[1] : all[0];
      Hit("audit.repeated-nonce", crypto::Sha256(s.spki), s,
          fmt::format("its ECDSA signature and that of {} have the same r, under {}", other.name,
                      other.signer == s.signature->signer
                          ? "one key, which anybody can now work out"
                          : "two keys: their nonces do not vary"));
    }
  }

  // Keep adds the new names, keys and signatures to what later batches are compared with.
  Status Keep() {
    std::vector<KnownKey> keys;
    for (const Key& key : keys_) {
      auto it = known_.find(key.facts.key);
      std::set<std::pair<std::string, std::string>> have;
      const auto id = [](const std::string& name, const std::string& place) {
        return std::pair(name, name.empty() ? place : std::string());
      };
      if (it != known_.end()) {
        for (const KnownKey* k : it->second) have.insert(id(k->name, k->place));
      }
      bool first = it == known_.end();
      for (const Subject* s : key.subjects) {
        if (!have.insert(id(s->name, s->place)).second) continue;
        keys.push_back({s->name, s->place, key.facts.key,
                        first && key.facts.rsa ? ToOctets(key.facts.rsa->modulus) : Bytes()});
        first = false;
      }
    }
    std::set<std::pair<Digest, Digest>> have;
    for (const KnownSignature& s : state_.signatures)
      have.insert({s.signature.r, s.signature.signed_part});
    for (const Subject& s : intake_.subjects) {
      if (s.signature && have.insert({s.signature->r, s.signature->signed_part}).second)
        state_.signatures.push_back({Called(s.name, s.place), *s.signature});
    }
    known_.clear();
    std::ranges::move(keys, std::back_inserter(state_.keys));
    return SaveState(state_, options_.state);
  }

  const Intake& intake_;
  const Options& options_;
  WeakLists lists_;
  State state_;
  std::map<Digest, std::vector<const KnownKey*>> known_;
  std::vector<Key> keys_;
  Report report_;
};

}  // namespace

std::optional<Hit> CheckKey(const crypto::PublicKey& key) {
  using enum crypto::Algorithm;
  if (key.algorithm() != kRsa2048 && key.algorithm() != kRsa3072 && key.algorithm() != kRsa4096)
    return std::nullopt;
  auto facts = Examine(key.spki());
  if (!facts || !facts->rsa) return std::nullopt;
  auto weak = CheckModulus(facts->rsa->modulus);
  if (!weak) return std::nullopt;
  return Hit{weak->code, key.spki_digest(), "", "", std::move(weak->detail)};
}

Result<Report> Audit(const Intake& intake, const Options& options) {
  return Auditor(intake, options).Run();
}

}  // namespace birthmark::audit
