// SPDX-License-Identifier: Apache-2.0
// Rehearsal workspaces for tests: one is made for each plan text in a process, every test gets a
// copy. Anchors of third parties, whose files a machine may lack, are left out or made here. One
// thread.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "app/init.h"
#include "crypto/pem.h"
#include "device/tests/firmware.h"
#include "plan/examples.h"
#include "plan/parse.h"
#include "tests/support/temp_dir.h"

namespace birthmark::app {

inline void Replace(std::string& text, std::string_view from, std::string_view to) {
  size_t at = text.find(from);
  if (at == std::string::npos) {
    ADD_FAILURE() << "the example has no " << from;
    return;
  }
  text.replace(at, from.size(), to);
}

// PlanText is an example without the blocks that need others' files.
inline std::string PlanText(std::string_view example) {
  std::string_view all = plan::FindExample(example)->text;
  std::string out;
  while (!all.empty()) {
    size_t end = all.find("\n[[", 1);
    std::string_view block = all.substr(0, end);
    all.remove_prefix(block.size());
    bool others = false;
    for (const char* id : {"debian-archive", "dnssec"}) {
      others = others || block.find(std::string("id = \"") + id) != block.npos ||
               block.find(std::string("anchor:") + id) != block.npos;
    }
    if (!others) out += block;
  }
  if (example == "bmc") {
    Replace(out, "/etc/ssl/certs/ca-certificates.crt", "webpki.pem");
    Replace(out, "max-count = 50000", "max-count = 10");  // a test can fill a subordinate
  }
  return out;
}

inline plan::Plan MustParse(const std::string& text) {
  plan::Parsed parsed = plan::ParsePlan(text);
  if (!parsed.plan || parsed.findings.HasErrors()) {
    ADD_FAILURE() << parsed.findings.ToString();
    std::abort();
  }
  return std::move(*parsed.plan);
}

// Bench is a folder with passphrases and a plan's files.
class Bench {
 public:
  Bench() {
    Write("online", "a passphrase for the online keys\n");
    Write("offline", "another one for the offline keys\n");
    auto key = device::NewKey();
    Write("webpki.pem",
          crypto::WritePem("CERTIFICATE", device::MakeCertificate({.cn = "Public Root", .ca = true},
                                                                  *key, *key, "Public Root")));
  }
  fs::path operator/(std::string_view name) const { return dir_ / name; }
  const fs::path& path() const { return dir_.path(); }
  KeySource Keys() const {
    KeySource k;
    k.online.file = dir_ / "online";
    k.offline.file = dir_ / "offline";
    return k;
  }
  Result<InitResult> InitHere(const plan::Plan& plan, const fs::path& where) const {
    return Init({.workspace = where, .plan_file = dir_ / "plan.toml"}, plan, Keys(), SystemClock());
  }
  void Write(std::string_view name, std::string_view text) const {
    if (!WriteFileAtomic(dir_ / name, text, 0600)) std::abort();
  }

 private:
  test::TempDir dir_;
};

// CopyOf gives `bench` a workspace "ws" of this plan.
inline fs::path CopyOf(const Bench& bench, const std::string& plan_text) {
  static Bench made;
  static std::map<std::string, fs::path> known;
  auto it = known.find(plan_text);
  if (it == known.end()) {
    fs::path at = made / ("made-" + std::to_string(known.size()));
    auto r = made.InitHere(MustParse(plan_text), at);
    if (!r) {
      ADD_FAILURE() << r.error().ToString();
      std::abort();
    }
    it = known.emplace(plan_text, at).first;
  }
  fs::path to = bench / "ws";
  fs::copy(it->second, to, fs::copy_options::recursive);
  fs::copy(Layout(it->second).offline(), Layout(to).offline(), fs::copy_options::recursive);
  return to;
}

}  // namespace birthmark::app
