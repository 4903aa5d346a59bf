// SPDX-License-Identifier: Apache-2.0
// People in a room, for tests: they answer each question as it is asked, and can walk out at any.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ceremony/dialogue.h"
#include "ceremony/run.h"
#include "ceremony/sealed_log.h"
#include "tests/support/temp_dir.h"

namespace birthmark::ceremony {

inline SecretBytes TestSecret(std::string_view s) { return SecretBytes::Take(ToBytes(s)); }

class TestRoom : public Dialogue {
 public:
  std::string n = "3", k = "2";
  std::vector<std::string> continents = {"EU", "NA", "EU", "AS", "NA"};
  Digest script{}, transcript{};
  std::vector<std::string> bring;  // paths of share files, in the order in which they come
  std::map<std::string, std::string> changes;  // pseudonym: "leaves", "moves"
  int joining = 0;
  std::function<std::string(const std::string& prompt)> other;  // looked at first
  int leave_after = -1;  // questions after which nobody answers
  int asked = 0;
  std::string said;

  void Say(std::string_view text) override { said += std::string(text) + "\n"; }
  Result<std::string> Ask(const std::string& prompt) override {
    BM_TRY(SecretBytes s, AskSecret(prompt));
    return std::string(AsText(s.Read(SecretAccess{})));
  }
  Result<SecretBytes> AskSecret(const std::string& prompt) override {
    if (asked++ == leave_after) return Environment("test.left", "nobody answers: " + prompt);
    last_ = Answer(prompt);
    return TestSecret(last_);
  }

 private:
  std::string Answer(const std::string& p) {
    if (other) {
      if (std::string a = other(p); !a.empty()) return a;
    }
    auto has = [&](std::string_view s) { return p.find(s) != p.npos; };
    if (has("done, exception or stop?")) return "done";
    if (has("of your own copy")) {
      size_t group = std::stoul(p.substr(p.find("group ") + 6));
      return ToHex(has("the transcript of") ? transcript : script).substr(4 * (group - 1), 4);
    }
    if (has("n, how many")) return n;
    if (has("k, how many") || has("k again")) return k;
    if (has("continent")) return continents.at(seats_++ % continents.size());
    if (has("kept sealed")) return fmt::format("Person {}", ++people_);
    if (has("stays, moves or leaves")) {
      auto it = changes.find(p.substr(0, p.find(' ')));
      return it == changes.end() ? "stays" : it->second;
    }
    if (has("stays or moves")) return "stays";
    if (has("words on paper")) return "no";
    if (has("passphrase of this share")) {
      // A file lies in its holder's folder.
      return "passphrase of " + std::filesystem::path(path_).parent_path().filename().string();
    }
    if (p.starts_with("ke-")) return "passphrase of " + p.substr(0, p.find(':'));
    if (has("share file")) {
      if (bring.empty()) return "stop";
      path_ = bring.front();
      bring.erase(bring.begin());
      return path_;
    }
    if (has("joins?")) return joining-- > 0 ? "yes" : "no";
    if (has("type the key's id")) return p.substr(p.find('(') + 1, p.find(')') - p.find('(') - 1);
    if (has("withhold")) return "publish";
    if (has("remove them here, or keep")) return "keep";
    ADD_FAILURE() << "nobody knows an answer to: " << p;
    return "stop";
  }

  size_t seats_ = 0;
  int people_ = 0;
  std::string path_, last_;
};

// TestScript is a ceremony that makes keys.
inline ScriptKey TestKey(std::string id, Custody custody,
                         crypto::Algorithm algorithm = crypto::Algorithm::kEd25519) {
  ScriptKey k;
  k.id = std::move(id);
  k.pki = k.id.substr(0, k.id.find('-'));
  k.name = "Acme " + k.id;
  k.organization = "Acme";
  k.algorithm = algorithm;
  k.path_length = 1;
  k.lifetime.duration = std::chrono::hours(24 * 3650);
  k.custody = custody;
  return k;
}

// Usual gives a script its roles and steps and reads it back.
inline Script Usual(Script s) {
  s.roles = {Role::kAdministrator, Role::kWitness, Role::kExecutives};
  s.steps = UsualSteps(s);
  ParsedScript p = ParseScript(FormatScript(s));
  EXPECT_FALSE(p.findings.HasErrors()) << p.findings.ToString();
  return p.script ? *p.script : s;
}

inline Script TestScript(std::vector<ScriptKey> keys) {
  Script s;
  s.title = "Acme: test";
  s.manufacturer = "Acme";
  s.product = "bmc";
  s.keys = std::move(keys);
  return Usual(std::move(s));
}

template <class T>
std::string CodeIn(const T& r) {
  return r ? "accepted" : r.error().code;
}

}  // namespace birthmark::ceremony
